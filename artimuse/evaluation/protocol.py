"""What defines a number: checkpoint, prompt, preprocessing, read-out, split, relation to training, versions."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from artimuse.config import Config, SourceConfig, root_paths, to_yaml
from artimuse.evaluation.asking import Asking, overall_of
from artimuse.evaluation.benchmarks.spec import Benchmark
from artimuse.evaluation.given import file_sha256
from artimuse.evaluation.training_relation import Relation
from artimuse.inference.provenance import describe_model, record_of, versions
from artimuse.inference.series import SeriesScoring
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.training_record import read_training
from artimuse.records import Source

_IMAGES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm"}


def made_by(
    model: AestheticModel, folder: Path, benchmark: Benchmark, asking: Asking, split: dict[str, Any],
    images: str,
) -> dict[str, Any]:  # fmt: skip
    """How a model's rows are made; `same` decides them. The batch size is no part of it.

    Args:
        images: of `images_of`.
    """
    same = describe_model(model, folder) | {
        "benchmark": benchmark.name,
        "split_sha256": split["sha256"],
        "source": split["settings"],
        "images": images,
        "choices_read_by": asking.choices,
        "max_new_tokens": asking.max_new_tokens,
        "series_scores": series_scores(model),
    }
    return record_of(model, folder, same)


def series_scores(model: AestheticModel) -> SeriesScoring:
    """Whether an image of a series is scored beside each of the others ("pairs"), or alone."""
    return "pairs" if not model.family.language and model.family.compares else "single"


def given_by(
    file: Path,
    scale: tuple[float, float] | None,
    benchmark: Benchmark | None,
    split: dict[str, Any] | None,
) -> dict[str, Any]:
    """How rows are made that follow from a file of predictions; of rows that bring all themselves, None."""
    same = {
        "predictions_sha256": file_sha256(file),
        "predictions_scale": None if scale is None else list(scale),
        "benchmark": None if benchmark is None else benchmark.name,
        "split_sha256": None if split is None else split["sha256"],
        "source": None if split is None else split["settings"],
        # Such files have one score per image; prediction rows may come from a model that scores pairs.
        **({} if scale is None else {"series_scores": "single"}),
    }
    return {"predictions": str(file.resolve()), "same": same, "versions": versions()}


def protocol_of(
    made: dict[str, Any], *, split: dict[str, Any] | None, images: Path | None, relation: Relation
) -> dict[str, Any]:
    """The protocol of results.json, of a model's rows or of a file's; what is not known is null.

    Args:
        made: of `made_by` or `given_by`.
    """
    same = made["same"]
    checkpoint = {"path": made.get("model", made.get("predictions"))} | {
        key: same[key]
        for key in (
            "weights_sha256", "base", "base_sha256", "family", "tuning", "dtype",
            "predictions_sha256", "predictions_scale",
        )
        if key in same
    }  # fmt: skip
    return {
        "checkpoint": checkpoint,
        "prompt": same.get("prompts"),
        "preprocessing": same.get("preprocessing"),
        "read_out": same.get("readout"),
        "aspect": overall_of(same.get("aspects") or ()),
        "choices_read_by": same.get("choices_read_by"),
        "max_new_tokens": same.get("max_new_tokens"),
        "series_scores": same.get("series_scores"),
        "images": None if images is None else str(images),
        "split": split,
        "training": relation.as_json(),
        "run": run_of(Path(made["model"])) if "model" in made else None,
        "missing": [],
        "versions": made["versions"],
        "device": made.get("device"),
    }


def split_of(
    benchmark: Benchmark, config: SourceConfig, source: Source, data: Path
) -> dict[str, Any]:
    """The split: which file, its hash, its items, and whether they are as many as were published."""
    n = len(source.pairs) if benchmark.counts == "pair" else source.items
    official = None if benchmark.official_n is None else n == benchmark.official_n
    return {
        "data": str(data.resolve()),
        "sha256": split_sha256(config),
        "settings": settings_of(config),
        "n": n,
        "official_n": benchmark.official_n,
        "official": official,
    }


def settings_of(config: SourceConfig) -> dict[str, Any]:
    """How the files are read: scale, columns, aspects, ...; everything but the paths."""
    paths = {"images"} | {name.partition(".")[0] for name, _ in root_paths(config)}
    return config.model_dump(mode="json", exclude=paths)


def images_of(config: SourceConfig, output: Path) -> str:
    """The image folder that rows are made from; one that was unpacked into the output moves with it.

    Its path and not its content: an image that was missing may be put there, and only that is done again.
    """
    folder = Path(config.images).resolve()
    own = output.resolve()
    return folder.relative_to(own).as_posix() if folder.is_relative_to(own) else str(folder)


def split_sha256(config: SourceConfig) -> str:
    """Of the annotation files; of a folder, its small files' contents and the names of all.

    The image folder is no part of it, unless its file names are the annotation.
    """
    digest = hashlib.sha256()
    named = {name: path for name, path in root_paths(config) if name != "images"}
    for path in map(Path, named.values() or [config.images]):
        files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        for file in files:
            name = file.relative_to(path).as_posix() if path.is_dir() else ""
            digest.update(f"{name}\0{file.stat().st_size}\0".encode("utf-8", "backslashreplace"))
            if file.suffix.lower() not in _IMAGES:
                with file.open("rb") as opened:
                    digest.update(hashlib.file_digest(opened, "sha256").digest())
    return digest.hexdigest()


def run_of(folder: Path) -> dict[str, Any] | None:
    """Name, seed and configuration of the run that made a model; runs of one recipe differ in the seed alone.

    None where the model folder carries no record of it, and lies in no run folder.
    """
    training = read_training(folder)
    if training is None:
        return None
    return training.run | {"config_sha256": _without_seed(training.recipe)}


def _without_seed(recipe: Config) -> str:
    """sha256 of a run's configuration without its seed, and where it lies."""
    plain = recipe.run.model_copy(update={"seed": 0, "name": "", "folder": ""})
    text = to_yaml(recipe.model_copy(update={"run": plain}))
    return hashlib.sha256(text.encode()).hexdigest()
