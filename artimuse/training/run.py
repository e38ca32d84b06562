"""The run folder: `run.folder/run.name/`, which alone suffices to repeat or resume the run.

config.yaml      resolved configuration
run.json         commit, versions, hashes, seeds, hardware, counts, and whether the run is finished
stages/          01-text/, ...: the stages before this one, a run folder each, where the recipe has stages
metrics.jsonl    a row per logged step
tensorboard/, wandb/    the same rows, where run.trackers names them
bad_items.jsonl  what was left out of the data, and why
leaks.jsonl      images that are both trained and evaluated on, where there are any; minus-*.json lists them
checkpoints/     step-000200/, complete or absent
model/           the result
results/         predictions.jsonl, results.json
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
import yaml

from artimuse.config import Config, ConfigError, to_yaml
from artimuse.config.stages import FOLDER as STAGES
from artimuse.training.checkpoint_folder import sync

LIBRARIES = ("torch", "transformers", "peft", "accelerate", "numpy", "pillow", "safetensors")

# What may differ between a run and its continuation: where it is shown, and how fast it goes.
FREE_KEYS = ("run.trackers", "run.wandb_mode", "data.sources.licence", "data.cache", "data.workers",
             "data.check_images", "data.max_bad_frac",
             "train.checkpoint_every", "train.checkpoints_kept", "train.nonfinite_in_a_row",
             "train.threads", "train.activation_checkpointing", "train.text_chunk",
             "train.tree_attention", "train.onednn")  # fmt: skip
# What a run had that was begun before there was a choice.
EARLIER = {"train.layout": "tree"}


class RunFolder:
    """One run on disk.

    Args:
        config: the resolved configuration; its run section says where the folder is.
        recipe: what config.yaml holds: of a last stage, the recipe with all its stages. None is `config`.
    """

    def __init__(self, config: Config, recipe: Config | None = None) -> None:
        self.config, self.recipe = config, recipe or config
        self.path = config.run_folder

    @property
    def model(self) -> Path:
        return self.path / "model"

    @property
    def written(self) -> Path:
        return self.path / "config.yaml"

    @property
    def results(self) -> Path:
        return self.path / "results"

    @property
    def finished(self) -> bool:
        return self.read().get("finished", False)

    @property
    def started(self) -> bool:
        """Whether a step was ever taken: before that, a run that was refused is begun anew."""
        rows = self.path / "metrics.jsonl"
        logged = rows.exists() and rows.stat().st_size > 0
        # A run that was stopped early may have a checkpoint and no row yet (train.log_every).
        return logged or any((self.path / "checkpoints").glob("step-*"))

    def open(self, *, resume: bool) -> None:
        """Make the folder, or with `resume` continue in it.

        Raises:
            ConfigError: see `check`.
        """
        self.check(resume=resume)
        self.make()

    def check(self, *, resume: bool) -> None:
        """Whether this run may begin, or go on, in the folder; nothing is written.

        Raises:
            ConfigError: when the folder holds a run and `resume` is not given, or holds a run of another
                configuration, or something else.
        """
        if self.written.exists() and self.started:
            if not resume:
                state = "finished" if self.finished else "stopped"
                raise ConfigError(
                    f"{self.path}: holds a {state} run already; continue it with --resume, choose "
                    "another name with run.name=NAME, or delete the folder"
                )
            self._same_config()
            return
        known = {STAGES} if self.recipe.stages else set()
        found = {path.name for path in self.path.iterdir()} if self.path.exists() else set()
        if not self.written.exists() and found - known:
            raise ConfigError(
                f"{self.path}: expected a new folder or one of a run (with config.yaml), found other files"
            )

    def make(self) -> None:
        """Make the folder, where no step was taken in it yet."""
        if self.started:
            return
        # What was predicted before the first step belongs to the configuration of that attempt.
        shutil.rmtree(self.results, ignore_errors=True)
        self.path.mkdir(parents=True, exist_ok=True)
        write_atomic(self.written, to_yaml(self.recipe))

    def read(self) -> dict[str, Any]:
        """run.json, empty where there is none yet."""
        path = self.path / "run.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    def record(self, **entries: Any) -> None:
        """Add entries to run.json."""
        text = json.dumps(self.read() | entries, indent=2, ensure_ascii=False)
        write_atomic(self.path / "run.json", text + "\n")

    def finish(self) -> None:
        """Mark the run as finished, once its model is on the disk."""
        for path in (*self.model.rglob("*"), self.model):
            sync(path)
        self.record(finished=True)

    def _same_config(self) -> None:
        try:
            before = _flat(yaml.safe_load(self.written.read_text(encoding="utf-8")))
        except yaml.YAMLError as error:
            raise ConfigError(
                f"{self.written}: expected the configuration that the run was started with, found no YAML of "
                f"plain values: {error}"
            ) from error
        now = _flat(yaml.safe_load(to_yaml(self.recipe)))
        changed = [
            f"{key}: {before.get(key)!r} -> {now.get(key)!r}"
            for key in sorted(before.keys() | now.keys())
            if before.get(key, EARLIER.get(_of_a_run(key))) != now.get(key)
            and _of_a_run(key) not in FREE_KEYS
        ]
        if changed:
            raise ConfigError(
                f"{self.path}: cannot resume with another configuration; changed: {'; '.join(changed)}. "
                f"Continue with --config {self.written}, or start a new run with run.name=NAME"
            )


def _of_a_run(key: str) -> str:
    """`train.threads` of `stages.1.train.threads`, and `data.sources.licence` of any source's."""
    return re.sub(r"^stages\.\d+\.|\.\d+(?=\.|$)", "", key)


def provenance(config: Config, device: torch.device, processes: int) -> dict[str, Any]:
    """Commit, versions, seed and hardware of a run."""
    return {
        "commit": _commit(),
        **machine(device, processes),
        "config_sha256": config_fingerprint(config),
        "seed": config.run.seed,
    }


def machine(device: torch.device, processes: int = 1) -> dict[str, Any]:
    """`versions` of the libraries, and `hardware`: what a figure was measured on."""
    gpu = torch.cuda.get_device_name(device) if device.type == "cuda" else None
    return {
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("artimuse", *LIBRARIES)},
        "hardware": {
            "machine": platform.machine(),
            "cpu_cores": os.cpu_count(),
            "gpu": gpu,
            "processes": processes,
            "threads": torch.get_num_threads(),
        },
    }


def config_fingerprint(config: Config) -> str:
    """sha256 of everything in a configuration that decides the result."""
    flat = _flat(yaml.safe_load(to_yaml(config)))
    kept = {k: v for k, v in flat.items()
            if _of_a_run(k) not in FREE_KEYS and not k.startswith("run.folder")
            and EARLIER.get(_of_a_run(k), ...) != v}  # fmt: skip
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def _flat(tree: Any, prefix: str = "") -> dict[str, Any]:
    if isinstance(tree, dict):
        items = tree.items()
    elif isinstance(tree, list):
        items = ((str(n), value) for n, value in enumerate(tree))
    else:
        return {prefix: tree}
    flat: dict[str, Any] = {}
    for key, value in items:
        flat |= _flat(value, f"{prefix}.{key}" if prefix else str(key))
    return flat


def _commit() -> str | None:
    """The commit of the source tree that runs, marked where it was changed; None outside a checkout."""
    here = Path(__file__).parent
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            cwd=here, capture_output=True, text=True, check=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        return None
    return described.stdout.strip()


def write_atomic(path: Path, text: str) -> None:
    """Write a text file, complete or not at all."""
    temporary = path.with_name(f".{path.name}.writing")
    temporary.write_text(text, encoding="utf-8")
    sync(temporary)
    temporary.replace(path)
