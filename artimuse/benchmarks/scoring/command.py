"""`scripts/benchmark.py score`: its arguments, what it prints, and its JSON.

cpu: small models with a real one's proportions, minutes. gpu: the published models' sizes with random weights
in bf16, on one CUDA device. tiny: seconds, and the code that the others run.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import asdict
from pathlib import Path

import torch

from artimuse.benchmarks.presets import PRESETS
from artimuse.benchmarks.scoring.measure import SIZES, Row, scoring_rows
from artimuse.benchmarks.scoring.report import HEAD, line, summary
from artimuse.config import ConfigError
from artimuse.training.run import machine


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `score`, but for --json."""
    parser.add_argument("--preset", choices=tuple(PRESETS), default="cpu")
    parser.add_argument(
        "--models", nargs="+", default=[], metavar="NAME",
        help="of the preset's (default: those of ArtiMuse-10K's sizes)",
    )  # fmt: skip
    parser.add_argument("--repeats", type=int, default=5, help="of which both take turns")
    parser.add_argument("--threads", type=int, default=2, help="of torch, on the CPU")
    parser.add_argument(
        "--device", choices=("cpu", "cuda"), help="default: cuda for the preset gpu, else cpu"
    )


def score(args: argparse.Namespace) -> int:
    """Measure, print and write; 0, or SystemExit with one line of what is wrong."""
    preset = PRESETS[args.preset]
    device = args.device or ("cuda" if args.preset == "gpu" else "cpu")
    try:
        preset.chosen("all", args.models)
        if device == "cuda" and not torch.cuda.is_available():
            raise ConfigError(
                "--device cuda (the default of --preset gpu): expected a CUDA device, found none; use "
                "--preset cpu, or --preset tiny for its code on small shapes"
            )
    except ConfigError as error:
        raise SystemExit(f"error: {error}") from error
    rows: list[Row] = []
    print(HEAD, flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for row in scoring_rows(
            preset,
            Path(folder),
            repeats=args.repeats,
            threads=args.threads,
            device=device,
            models=args.models,
        ):
            rows.append(row)
            print(line(row), flush=True)
    print("\n".join(summary(rows)))
    if args.json is not None:
        record = machine(torch.device(device))
        record["hardware"]["threads"] = args.threads
        sizes = {"name": preset.name, "repeats": args.repeats, **asdict(SIZES[preset.name])}
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(
            json.dumps({**record, "preset": sizes, "rows": rows}, indent=2) + "\n", encoding="utf-8"
        )
    return 0
