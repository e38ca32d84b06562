"""What a score file does not say itself: scale, read-out, model and prompts, in `OUTPUT.meta.json` beside it.

    meta = describe_run(model, Path("runs/quickstart/model"), asked)

`same` holds what decides the numbers and texts: rows go on being added only where it is equal. The rest
(path, device, versions) is for a person to read.
"""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from artimuse import __version__
from artimuse.inference.asked import Asked
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.folder import weights_sha256
from artimuse.prompts import protocol

FORMAT_VERSION = 1
PACKAGES = ("torch", "transformers", "peft", "pillow", "numpy", "tokenizers")


def describe_run(model: AestheticModel, folder: Path, asked: Asked) -> dict[str, Any]:
    """Everything that defines the rows of a score file, as JSON holds it."""
    same = describe_model(model, folder) | {
        "asked": {
            "describe": asked.describe,
            "questions": list(asked.questions),
            "max_new_tokens": asked.max_new_tokens if asked.texts else None,
        },
    }
    return record_of(model, folder, same)


def describe_model(model: AestheticModel, folder: Path) -> dict[str, Any]:
    """What of a model decides its numbers and texts, wherever its folder lies."""
    info, family = model.info, model.family
    return _plain(
        {
            "scale": {"low": 0, "high": 100, "unit": "points"},
            "readout": None if info.readout is None else info.readout.model_dump(mode="json"),
            "aspects": list(info.aspects),
            "family": family.name,
            "weights_sha256": weights_sha256(folder),
            "tuning": info.tuning,
            "base": info.base if info.tuning == "lora" and info.base_sha256 is None else None,
            "base_sha256": info.base_sha256 if info.tuning == "lora" else None,
            "dtype": str(model.transformers_model.dtype).removeprefix("torch."),
            "prompts": asdict(protocol(info.prompt)),
            "preprocessing": family.preprocessing(),
        }
    )


def record_of(model: AestheticModel, folder: Path, same: Mapping[str, Any]) -> dict[str, Any]:
    """A whole record: `same` decides the rows; the rest is for a person to read."""
    device = next(model.parameters()).device
    return _plain(
        {
            "format_version": FORMAT_VERSION,
            "model": str(folder.resolve()),
            "same": dict(same),
            "device": torch.cuda.get_device_name(device) if device.type == "cuda" else str(device),
            "versions": versions(),
        }
    )


def versions() -> dict[str, str]:
    """Of Python, of this package and of those that decide its numbers."""
    found = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {"python": platform.python_version(), "artimuse": __version__} | found


def _plain(value: Any) -> Any:
    """Tuples as lists, as they are read back from JSON."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value
