"""Puts the report together, and writes it.

    report = data_report(config, sources, pictures, reader, data, folder=folder)
    write_report(folder, report)

The report is plain JSON: what `schema` documents, and nothing else. The page shows it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from artimuse import __version__
from artimuse.config import Config
from artimuse.data.checks.bad import write_bad
from artimuse.data.checks.leakage import Leak, find_leaks
from artimuse.data.checks.refusal import write_leaks
from artimuse.data.checks.report import counts, pairs, samples, scores, tokens
from artimuse.data.checks.report.duplicates import duplicates
from artimuse.data.checks.report.findings import findings
from artimuse.data.checks.report.overlap import overlap
from artimuse.data.checks.report.page.page import page
from artimuse.data.checks.report.pictures import Pictures
from artimuse.data.checks.report.refusals import refusals
from artimuse.data.checks.report.splits import Split, cut_alone, splits
from artimuse.data.checks.report.tokens import Reader
from artimuse.data.pages.thumbnails import thumbnail
from artimuse.data.recipe import RecipeData
from artimuse.data.store import identities
from artimuse.records import Source

FORMAT_VERSION = 1
BAD_SHOWN = 20
JSON_FILE, HTML_FILE = "data_report.json", "data_report.html"


def data_report(
    config: Config,
    sources: Sequence[Source],
    pictures: Pictures,
    reader: Reader | str,
    data: RecipeData,
    *,
    folder: Path,
    refused: Sequence[str] = (),
) -> dict[str, Any]:
    """All numbers; `bad_items.jsonl`, `leaks.jsonl` and the `minus` lists are written into `folder`.

    Args:
        sources: what `load_sources` gave.
        reader: of the recipe's model, or why there is none.
        data, refused: what `usable` gave.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found = splits(config, data)
    leaks = _leaks(config, sources, data, pictures)
    write_leaks(folder, leaks)
    write_bad(folder / "bad_items.jsonl", [split.source for split in found])
    evaluated = [] if cut_alone(config) else leaks
    looked = [_split(split, pictures, reader, config) for split in found]
    refused = [
        *refused,
        *refusals(config, sources, pictures.bad, evaluated, lists=folder),
        *(f"{one['source']}: {one['not_taught']}" for one in looked if one["not_taught"]),
    ]
    report: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "made": _made(),
        "recipe": {"run": config.run.name, "root": config.data.root},
        "data_sha256": data.fingerprint(),
        "refused": refused,
        "findings": [],
        "model": _model(config, reader),
        "images": _images(pictures),
        "splits": looked,
        "duplicates": duplicates(found, pictures.read),
        "leakage": {
            "held_out": "validation" if cut_alone(config) else "evaluation",
            **overlap(leaks, config.data.allow_leakage),
        },
    }
    report["findings"] = findings(report)
    return report


def write_report(folder: Path, report: dict[str, Any]) -> None:
    """`data_report.json` and `data_report.html`, in place of those that may be there."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False)
    (folder / JSON_FILE).write_text(text + "\n", encoding="utf-8")
    (folder / HTML_FILE).write_text(page(report, thumbnail), encoding="utf-8")


def _split(
    split: Split, pictures: Pictures, reader: Reader | str, config: Config
) -> dict[str, Any]:
    record: dict[str, Any] = {
        "source": split.source.name,
        "format": split.format,
        "split": split.kind,
        **counts.count(split.source),
        "sizes": _sizes(split.source, pictures),
        "scores": [scores.described(labels) for labels in scores.score_labels(split.source)],
        "pairs": pairs.consistency(split.source),
        "tokens": None,
        "samples": [],
        "not_taught": None,
    }
    if not isinstance(reader, Reader):
        return record
    # Rows are packed in training only.
    row_tokens = config.train.row_tokens if split.kind == "training" else None
    record["tokens"] = tokens.token_lengths(
        split, reader, pictures.sizes, row_tokens=row_tokens, progress=True
    )
    if split.kind == "training":
        try:
            record["samples"] = samples.rendered(split, reader, pictures.sizes)
        except ValueError as error:  # a chat template that no tree can be made of
            record["not_taught"] = str(error)
    return record


def _sizes(source: Source, pictures: Pictures) -> dict[str, Any] | None:
    """Pixels of the shorter and the longer side; None without images."""
    files = {str(image) for sample in identities(source.samples) for image in sample.images}
    if not files:
        return None
    sides = np.sort(np.array([pictures.size(file) for file in sorted(files)]), axis=1)
    return {
        "files": len(files),
        "shorter": _middle(sides[:, 0]),
        "longer": _middle(sides[:, 1]),
    }


def _middle(side: np.ndarray) -> dict[str, float]:
    return {"min": int(side.min()), "median": float(np.median(side)), "max": int(side.max())}


def _leaks(
    config: Config, sources: Sequence[Source], data: RecipeData, pictures: Pictures
) -> list[Leak]:
    """Between what is trained on and what is held out, broken images included where a run has them."""
    number = len(config.data.sources)
    sides = (sources[:number], sources[number:])
    if cut_alone(config):
        sides = (data.train, data.held_out)
    # Everything was read: nothing is left for other processes.
    return find_leaks(*sides, processes=1, progress=False, known=pictures.read)


def _model(config: Config, reader: Reader | str) -> dict[str, Any]:
    read = isinstance(reader, Reader)
    return {
        "name": reader.name if read else None,
        "max_positions": reader.max_positions if read else None,
        "row_tokens": config.train.row_tokens,
        "missing": None if read else reader,
    }


def _images(pictures: Pictures) -> dict[str, Any]:
    shown = pictures.bad[:BAD_SHOWN]
    return {
        "files": len(pictures.read),
        "bad": len(pictures.bad),
        "bad_examples": [{"file": b.file, "item": b.item, "reason": b.reason} for b in shown],
    }


def _made() -> dict[str, str]:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {"at": now, "version": __version__}
