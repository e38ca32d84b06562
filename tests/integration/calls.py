"""The real scripts called as functions: importing torch anew would cost seconds a call."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from accelerate.state import AcceleratorState, GradientState

from artimuse.data.demo import DemoSizes, write_demo_data

ROOT = Path(__file__).parents[2]
QUICKSTART = ROOT / "configs" / "quickstart.yaml"

SCALE = 0.02
"""Of the demo data: some tens of images and ten series."""
SIZES = DemoSizes().scaled(SCALE)

SMALL = (
    f"data.demo.scale={SCALE}",
    "data.workers=0",
    "model.scratch.image_size=56",
    "model.scratch.vision_width=32",
    "model.scratch.vision_layers=1",
    "model.scratch.vision_heads=2",
    "model.scratch.language_width=32",
    "model.scratch.language_layers=2",
    "model.scratch.vocabulary=400",
    "model.readout.hidden=16",
    "train.steps=2",
    "train.checkpoint_every=1",
    "train.threads=1",
)
"""Overrides of quickstart.yaml for a run of seconds; every part of it is still there."""


@dataclass(frozen=True, slots=True)
class Called:
    """What a script's main() returned and printed."""

    status: int
    out: str
    err: str


def load_script(name: str) -> ModuleType:
    """A module of scripts/, which is no package."""
    spec = importlib.util.spec_from_file_location(f"script_{name}", ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def call_script(name: str, *arguments: object) -> Called:
    """main(arguments) of a script in this process; importing torch anew would cost seconds a call."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = load_script(name).main([str(argument) for argument in arguments])
        except SystemExit as stopped:  # argparse: --help, or a call it refuses
            status = stopped.code
        finally:
            # accelerate keeps its state for the process; the next call is another run.
            AcceleratorState._reset_state(reset_partial_state=True)
            GradientState._reset_state()
    return Called(int(status or 0), out.getvalue(), err.getvalue())


def run_python(
    arguments: Sequence[object], *, timeout_s: float
) -> subprocess.CompletedProcess[str]:
    """A new Python process, from the repository's root."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=ROOT, capture_output=True, text=True, timeout=timeout_s, check=False,
        env=os.environ | {"HF_HUB_OFFLINE": "1"},
    )  # fmt: skip


def draw_small_data(folder: Path) -> Path:
    """The demo data of the small runs, drawn in this process."""
    write_demo_data(folder, seed=0, sizes=SIZES, processes=1)
    return folder


@dataclass(frozen=True, slots=True)
class SmallRun:
    """A finished small run: its folder, the arguments that made it, and what it printed."""

    folder: Path
    arguments: tuple[str, ...]
    called: Called
