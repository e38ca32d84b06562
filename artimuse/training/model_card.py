"""README.md of a model folder: what a person who is given the model has to know, from what its run recorded.

    write_card(folder)          # a RunFolder: after the model is saved, and again when it was evaluated

All of it is read: the configuration and run.json of the run, artimuse.json of the model, the last row of
metrics.jsonl, and results.json. What is not on record is said to be unknown. The header is the hub's.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from artimuse import __version__
from artimuse.config import Config
from artimuse.config.load import looks_local
from artimuse.models.base import model_folder
from artimuse.models.folder import read_info
from artimuse.models.info import ModelInfo
from artimuse.training import card_sections as sections
from artimuse.training.metric_rows import read_rows
from artimuse.training.run import RunFolder, write_atomic

CARD = "README.md"


def write_card(folder: RunFolder, before: Sequence[RunFolder] = ()) -> Path:
    """Write the card of a run's model; only one process calls it.

    Args:
        before: the folders of the finished stages that the run goes on from.
    """
    path = folder.model / CARD
    write_atomic(path, card(folder, before))
    return path


def card(folder: RunFolder, before: Sequence[RunFolder] = ()) -> str:
    """The text of the card: a YAML header, then Markdown."""
    config, run, info = folder.config, folder.read(), read_info(folder.model)
    family = json.loads((folder.model / "artimuse.json").read_text(encoding="utf-8"))["family"]
    results = _results(folder)
    # Of the last step; what is selected is an earlier one's model.
    rows = _last_row(folder)
    parts = [
        f"---\n{header(config, info, family, results)}\n---",
        sections.title(config, info, family),
        sections.use(info, family),
        sections.loading(info),
        sections.base(config, info, run),
        sections.data(config, run),
        sections.training(config, run, rows),
        *([sections.stages([earlier.read() for earlier in before], before)] if before else []),
        sections.metrics(results, selected=_selected_on_held_out(config)),
        sections.limits(config, info, family, run),
        sections.origin(run),
    ]
    return "\n\n".join(parts) + "\n"


def header(
    config: Config, info: ModelInfo, family: str, results: dict[str, Any] | None = None
) -> str:
    """What the hub reads. A base that is a folder has no name there, and licences are not ours to state."""
    adapter = info.tuning == "lora"
    on_hub = info.base is not None and not looks_local(info.base)
    fields: dict[str, Any] = {
        "license": "unknown",
        "library_name": "peft" if adapter else "transformers",
        "tags": ["artimuse", "image-aesthetics", family],
    }
    if family != "fgaesq":  # for scores alone the hub has no such word
        fields["pipeline_tag"] = "image-text-to-text"
    if on_hub:
        fields |= {"base_model": info.base,
                   "base_model_relation": "adapter" if adapter else "finetune"}  # fmt: skip
    if results is not None and results["metrics"]:
        fields |= {
            "model_name": config.run.name,
            "eval_results": [
                EvalResult(
                    task_type="other", task_name="image aesthetics assessment",
                    dataset_type="other", dataset_name=results["benchmark"],
                    metric_type=name, metric_name=name, metric_value=round(found["value"], 6),
                )
                for name, found in results["metrics"].items()
            ],
        }  # fmt: skip
    return ModelCardData(**fields).to_yaml().strip()


def plain_card(folder: Path) -> str:
    """The card of a model folder that no run of this project wrote, such as an imported checkpoint."""
    info = read_info(folder)
    family = json.loads((folder / "artimuse.json").read_text(encoding="utf-8"))["family"]
    name = folder.resolve().name
    adapter = info.tuning == "lora"
    fields = ModelCardData(
        license="unknown", library_name="peft" if adapter else "transformers",
        tags=["artimuse", "image-aesthetics", family],
    )  # fmt: skip
    return "\n\n".join(
        [
            f"---\n{fields.to_yaml().strip()}\n---",
            f"# {name}\n\n{sections.what(info, family)}\n\nWritten by artimuse {__version__} from the model's "
            "own folder. What it was trained on, how well it does, and under which licence it may be used "
            "is not on record there: unknown.",
            sections.use(info, family),
            sections.loading(info),
        ]
    ) + "\n"  # fmt: skip


def exported_card(source: Path, destination: Path, *, dtype: str, merged: bool) -> str:
    """The card of an exported folder: that of the model it was made of, and what was done to it."""
    source = model_folder(source)
    before, after = read_info(source), read_info(destination)
    path = source / CARD
    text = path.read_text(encoding="utf-8") if path.exists() else plain_card(source)
    head, mark, body = text.partition("\n---\n")
    if merged:
        head = head.replace("library_name: peft", "library_name: transformers")
        head = head.replace("base_model_relation: adapter", "base_model_relation: finetune")
    done = "the adapter was merged into the weights" if merged else "nothing had to be merged"
    note = (
        f"## Exported\n\nWith artimuse {__version__} into a plain transformers folder: {done}, which are "
        f"{dtype}. Hashes and metrics below are those of the model before that."
    )
    body = body.replace(sections.loading(before), f"{note}\n\n{sections.loading(after)}")
    return head + mark + body


def _selected_on_held_out(config: Config) -> bool:
    return config.train.select is not None and not config.evaluation.sources


def _results(folder: RunFolder) -> dict[str, Any] | None:
    """results.json of this model: of an attempt before it there is none, as its folder is made anew."""
    path = folder.results / "results.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def _last_row(folder: RunFolder) -> dict[str, Any]:
    path = folder.path / "metrics.jsonl"
    rows = read_rows(path) if path.exists() else []
    return next((row for row in reversed(rows) if "images_seen" in row), {})
