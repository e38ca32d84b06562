"""Predictions that another program made -> a results folder, as a model's.

evaluate_given(Path("scores.json"), BENCHMARKS["ava"], Path("AVA_test.json"), Path("out"))
evaluate_rows(Path("predictions.jsonl"), Path("out"))        # rows that bring their own labels
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from artimuse.data.units import units
from artimuse.evaluation.asking import phases_of
from artimuse.evaluation.benchmarks.spec import Benchmark
from artimuse.evaluation.evaluate import Settings, read, stated, write, written
from artimuse.evaluation.given import given_answers, is_rows
from artimuse.evaluation.given_rows import blank, given_rows
from artimuse.evaluation.prediction_file import PREDICTIONS, read_predictions, write_predictions
from artimuse.evaluation.protocol import given_by, protocol_of, split_of
from artimuse.evaluation.results import results_json
from artimuse.evaluation.running import begun, run

SCORES = (0.0, 100.0)
"""The scale of scores that were made elsewhere, where nobody says another."""


def evaluate_given(
    predictions: Path,
    benchmark: Benchmark,
    data: Path,
    output: Path,
    *,
    images: Path | None = None,
    settings: Settings | None = None,
) -> dict[str, Any]:
    """As `evaluate`, for predictions that another program made (`given`), or rows of another result."""
    settings = settings or Settings()
    config, source = read(benchmark, data, images, output, settings)
    split = split_of(benchmark, config, source, data)
    scale = settings.predictions_scale
    if is_rows(predictions):
        _not_asked(predictions, {"--predictions-scale": scale})
        nobody = blank(likelihood=benchmark.kind == "critiques")
        phases = given_rows(predictions, phases_of(benchmark, source, config, nobody), source)
    else:
        scale = scale or SCORES
        answering, source = given_answers(predictions, source, scale)
        phases = phases_of(benchmark, source, config, answering)
    made = given_by(predictions, scale, benchmark, split)
    outcome = run(phases, units(source), output, made=made, sharing=settings.sharing)
    if settings.sharing.process:
        return {}
    protocol = protocol_of(
        made, split=split, images=Path(config.images), relation=stated(settings.training)
    )
    return write(benchmark, source, config, outcome, protocol, output, settings)


def evaluate_rows(
    predictions: Path, output: Path, settings: Settings | None = None
) -> dict[str, Any]:
    """The results of a file of prediction rows alone, which brings its own labels.

    Of how many items they are is not known, nor of which benchmark: no published row stands beside them.

    Raises:
        ValueError: for bad rows, an output that was made in another way, and settings that rows say themselves.
    """
    settings = settings or Settings()
    said = {"--scale": settings.scale, "--predictions-scale": settings.predictions_scale}
    _not_asked(predictions, said)
    rows = read_predictions(predictions)
    made = given_by(predictions, None, None, None)
    begun(output, made, settings.sharing)
    if settings.sharing.process:
        return {}
    write_predictions(output / PREDICTIONS, rows)
    relation = stated(settings.training)
    protocol = protocol_of(made, split=None, images=None, relation=relation)
    results = results_json(
        rows, benchmark="predictions", protocol=protocol, n_expected=None, kind="predictions"
    )
    return written(output, results | {"not_scored": 0, "notes": []})


def _not_asked(rows: Path, said: Mapping[str, Any]) -> None:
    found = [option for option, value in said.items() if value is not None]
    if found:
        raise ValueError(
            f"{rows}: holds prediction rows, which say that themselves: leave out {', '.join(found)}"
        )
