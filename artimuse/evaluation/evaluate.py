"""A model, a benchmark and its files -> a results folder.

evaluate(Path("runs/quickstart/model"), BENCHMARKS["ava"], Path("AVA_test.json"), Path("out"))

out/predictions.jsonl    rows as they come; out/results.json    what follows from them
out/report.html, .md, .tex       the same for a person, published rows beside it
out/not_scored.jsonl     items without rows, where there are any
out/export/, out/judge/  submission files, files for a judge
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from artimuse.config import ConfigError, SourceConfig
from artimuse.data.formats import load_source
from artimuse.data.units import Unit, units
from artimuse.evaluation.asking import Asking, asked_of, model_answers, phases_of
from artimuse.evaluation.benchmarks.overall import overall
from artimuse.evaluation.benchmarks.spec import Benchmark
from artimuse.evaluation.exports import remove_exports, write_exports
from artimuse.evaluation.judging import write_judge_files
from artimuse.evaluation.phases.phase import NotScored, Phase
from artimuse.evaluation.protocol import images_of, made_by, protocol_of, split_of
from artimuse.evaluation.published import beside
from artimuse.evaluation.report import REPORTS, write_report
from artimuse.evaluation.results import RESULTS, results_json, write_results
from artimuse.evaluation.running import Outcome, expected, run, write_not_scored
from artimuse.evaluation.sharing import Sharing
from artimuse.evaluation.training_relation import Relation, RelationName, relation_of
from artimuse.inference.device import pick_device, pick_dtype
from artimuse.models.base import model_folder
from artimuse.models.folder import load_model
from artimuse.records import Source

LEAST = 3
"""Items that a correlation is defined of."""
SHOWN = 20
"""Items without rows that a message names."""


class Incomplete(ValueError):
    """Fewer items were scored than the benchmark has; what was scored is kept."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What an evaluation is called with beside model, benchmark and files.

    scale: of a custom list. predictions_scale: of scores that were made elsewhere, 0-100 if None. training:
    the relation to the training, where a person knows better than the run folder. allow_missing: results are
    made of what could be scored, and say how much was not.
    """

    asking: Asking = field(default_factory=Asking)
    scale: tuple[float, float] | None = None
    predictions_scale: tuple[float, float] | None = None
    training: RelationName | None = None
    allow_missing: bool = False
    device: str | None = None
    dtype: str | None = None
    sharing: Sharing = field(default_factory=Sharing)


def evaluate(
    model: str | Path,
    benchmark: Benchmark,
    data: Path,
    output: Path,
    *,
    images: Path | None = None,
    settings: Settings | None = None,
) -> dict[str, Any]:
    """Score what is not scored yet, and write the results; returns results.json's content.

    Raises:
        ValueError: for a wrong call, a model or files that cannot be used (ConfigError, DataError), and an
            output that was made in another way. Incomplete, which is one: fewer items scored than there are.
    """
    settings = settings or Settings()
    config, source = read(benchmark, data, images, output, settings)
    folder, device = model_folder(model), pick_device(settings.device)
    # As in training: the same scores in every run. CUDA's kernels are not all of that kind.
    torch.use_deterministic_algorithms(device.type == "cpu")
    loaded = load_model(folder, dtype=pick_dtype(settings.dtype)).to(device)
    split = split_of(benchmark, config, source, data)
    made = made_by(loaded, folder, benchmark, settings.asking, split, images_of(config, output))
    critiques = benchmark.kind == "critiques"
    answering = model_answers(loaded, settings.asking, device, likelihood=critiques)
    choices = settings.asking.choices
    phases = phases_of(benchmark, source, config, answering, choices=choices)
    # Before hours of scoring, as a run folder may be damaged.
    relation = _relation(settings.training, folder, benchmark, source)
    _enough(data, phases, units(source))
    outcome = run(phases, units(source), output, made=made, sharing=settings.sharing)
    if settings.sharing.process:
        return {}
    protocol = protocol_of(made, split=split, images=Path(config.images), relation=relation)
    return write(benchmark, source, config, outcome, protocol, output, settings)


def _enough(data: Path, phases: Sequence[Phase], every: Sequence[Unit]) -> None:
    """Before hours of scoring: a correlation needs three."""
    counted = Counter(aspect for kind, _, aspect in expected(phases, every) if kind == "score")
    few = {aspect: n for aspect, n in counted.items() if n < LEAST}
    if few:
        raise ConfigError(
            f"--data {data}: expected at least {LEAST} images with a score, as a correlation needs, found {few}"
        )


def read(
    benchmark: Benchmark, data: Path, images: Path | None, output: Path, settings: Settings
) -> tuple[SourceConfig, Source]:
    config = benchmark.source(data, images, output=output, scale=settings.scale)
    return config, asked_of(load_source(config, Path()), benchmark)


def _relation(
    named: RelationName | None, folder: Path, benchmark: Benchmark, source: Source
) -> Relation:
    if named is not None:
        return stated(named)
    try:
        return relation_of(folder, benchmark, source)
    except ConfigError as error:
        raise ConfigError(
            f"{error}\n  so it is not known what the model was trained on: put it right, or say it with "
            "--training"
        ) from error


def stated(named: RelationName | None) -> Relation:
    """The relation to the training that a person named, or none."""
    if named is None:
        return Relation("unknown", "predictions made elsewhere; say it with --training")
    return Relation(named, "stated by whoever called the evaluation (--training)")


def write(
    benchmark: Benchmark,
    source: Source,
    config: SourceConfig,
    outcome: Outcome,
    protocol: dict[str, Any],
    output: Path,
    settings: Settings,
) -> dict[str, Any]:
    bad = [NotScored(f"{item.file}: {item.item}", item.reason) for item in source.bad]
    missing = [*bad, *outcome.not_scored]
    write_not_scored(output, missing)
    n_expected = dict(outcome.n_expected)
    if bad:
        kind = (
            benchmark.counts
            if benchmark.counts in n_expected
            else next(iter(n_expected), benchmark.counts)
        )
        n_expected[kind] = n_expected.get(kind, 0) + len(bad)
    if not outcome.rows or (missing and not settings.allow_missing):
        _remove_outdated(output)
    if not outcome.rows:
        raise Incomplete(f"{benchmark.name}: expected items to score, found none{_listed(missing)}")
    if missing and not settings.allow_missing:
        file = "predictions_sha256" in protocol["checkpoint"]
        again = "another --output" if file else "only they are done again"
        raise Incomplete(
            f"{benchmark.name}: expected {n_expected} items, found {len(missing)} that cannot be scored; put "
            f"them right and call again ({again}), or give --allow-missing{_listed(missing)}"
        )
    protocol = protocol | {"missing": [item.id for item in missing]}
    results = results_json(
        outcome.rows,
        benchmark=benchmark.name,
        protocol=protocol,
        n_expected=n_expected,
        kind=benchmark.kind,
        allow_missing=settings.allow_missing,
    )
    not_exported = write_exports(output, benchmark, config, outcome.rows)
    results |= {"not_scored": len(missing), "notes": [*source.notes, *not_exported]}
    whole = overall(benchmark.name, results["metrics"], outcome.rows)
    if whole is not None:
        results["overall"] = whole
    written(output, results)
    # Last: it refuses to write over what a judge filled in.
    write_judge_files(output, outcome.rows)
    return results


def _remove_outdated(output: Path) -> None:
    """What an earlier call made of rows that are no longer all; rows and judges' files stay."""
    for name in (RESULTS, *REPORTS):
        (output / name).unlink(missing_ok=True)
    remove_exports(output)


def written(output: Path, results: dict[str, Any]) -> dict[str, Any]:
    """results.json with the published rows, and the report that is made of it."""
    results["published"] = beside(results)
    write_results(output, results)
    write_report(output)
    return results


def _listed(missing: list[NotScored]) -> str:
    lines = [f"\n  {item.id}: {item.reason}" for item in missing[:SHOWN]]
    if len(missing) > SHOWN:
        lines.append(f"\n  ... and {len(missing) - SHOWN} more (not_scored.jsonl)")
    return "".join(lines)
