"""Was a benchmark trained on? in-domain, seen in pretraining, zero-shot, or unknown.

    relation_of(model_folder, benchmark, source)    -> Relation("in-domain", "trained on ...")

A model folder lies in its run folder (`runs/NAME/model`), whose config.yaml names every source of every stage,
and the base that the run started from, which may lie in a run folder too. From that chain:

- in-domain: the last stage of the model itself was trained on the benchmark's data set, for what the
  benchmark asks (scores for scores, ranks or scores for series, texts for choices and critiques);
- seen in pretraining: the data set, or images of the benchmark, were trained on in another way, in an earlier
  stage, or by a base (arXiv 2507.14533's "ArtiMuse on AVA", whose text stage saw AVA's images);
- zero-shot: neither, and the chain is known down to random weights or a base from the hub, whose own
  pretraining nobody can look up;
- unknown: no run folder lies around the model, as for an imported checkpoint; or the data are somebody's own,
  of a source that goes by another name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from artimuse.config import Config, SourceConfig, load_config, stages_of
from artimuse.data.cache import cache_folder, cached_source
from artimuse.data.checks.leakage import find_leaks_by_name
from artimuse.evaluation.benchmarks.spec import Benchmark, BenchmarkKind
from artimuse.records import DataError, Source

RelationName = Literal["in-domain", "seen in pretraining", "zero-shot", "unknown"]
RELATIONS: tuple[RelationName, ...] = get_args(RelationName)
_FORMATS = {
    "artimuse10k": "artimuse-10k",
    "unipercept_bench": "unipercept-vqa",
}
_WEIGHTS: dict[BenchmarkKind, tuple[str, ...]] = {
    "scores": ("score",),
    "series": ("rank", "score"),
    "choices": ("text",),
    "critiques": ("text",),
    "custom": ("score", "rank", "text"),
}


@dataclass(frozen=True, slots=True)
class Relation:
    """How a model's training relates to a benchmark, and what says so.

    leaked: images of the benchmark itself that were trained on, as far as names tell. trained_on: the data sets
    of the last stage, in the benchmarks' names; empty where they are not known.
    """

    relation: RelationName
    evidence: str
    leaked: int = 0
    trained_on: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "relation": self.relation,
            "evidence": self.evidence,
            "leaked": self.leaked,
            "trained_on": list(self.trained_on),
        }


@dataclass(frozen=True, slots=True)
class _Trained:
    """A source that a stage trained on. last: in the last stage of the model itself."""

    config: SourceConfig
    recipe: Config
    last: bool


def relation_of(folder: Path, benchmark: Benchmark, source: Source) -> Relation:
    """The relation of the model in a folder to a benchmark; `source` is what the benchmark holds."""
    trained: list[_Trained] = []
    ends = list(_chain(folder, trained))
    if not trained:
        return Relation(
            "unknown", f"{folder}: no run folder lies around it, so its training is not known"
        )
    last = dict.fromkeys(dataset_of(one.config) for one in trained if one.last)
    return replace(_judged(trained, ends, benchmark, source), trained_on=tuple(last))


def _judged(
    trained: list[_Trained], ends: list[str], benchmark: Benchmark, source: Source
) -> Relation:
    """The relation to a benchmark of what was trained on; `ends` says what is not known of where it began."""
    own = source.name if benchmark.kind == "custom" else dataset_of_benchmark(benchmark)
    own_set = [one for one in trained if own in (dataset_of(one.config), one.config.name)]
    leaked, not_there = _leaked(trained, source)
    notes = [
        *ends,
        *(f"the files of {name} are not there: only its name was compared" for name in not_there),
    ]
    if leaked:
        notes.insert(0, f"{leaked} images of the benchmark itself were trained on, by their names")
    told = "; ".join(["", *notes]) if notes else ""
    for one in own_set:
        weights = [getattr(one.recipe.objective, name) for name in _WEIGHTS[benchmark.kind]]
        if one.last and any(weights):
            text = f"trained on {one.config.name} ({one.config.format}) for what is asked here"
            return Relation("in-domain", text + told, leaked)
    if own_set or leaked:
        names = ", ".join(dict.fromkeys(one.config.name for one in own_set)) or "images in common"
        return Relation("seen in pretraining", f"trained on in another way: {names}{told}", leaked)
    names = ", ".join(dict.fromkeys(one.config.name for one in trained))
    if benchmark.kind == "custom":
        text = f"data of your own: say with --training how they relate to {names}, which was trained on"
        return Relation("unknown", text + told)
    return Relation("zero-shot", f"trained on {names} alone{told}", leaked)


def dataset_of(config: SourceConfig) -> str:
    """The data set that a source is of, in the benchmarks' names where there is one."""
    stated = getattr(config, "dataset", None)
    if stated is not None:
        return str(stated)
    return (
        config.name
        if config.format in ("custom", "scores")
        else _FORMATS.get(config.format, config.format)
    )


def dataset_of_benchmark(benchmark: Benchmark) -> str:
    """`artimuse-10k` of `artimuse-10k-text`."""
    return benchmark.name.removesuffix("-text")


def run_folder_of(folder: Path) -> Path | None:
    """The run folder around a model folder; None where there is none."""
    around = folder.resolve().parent
    return around if (around / "config.yaml").is_file() else None


def _chain(folder: Path, trained: list[_Trained], *, own: bool = True) -> Iterator[str]:
    """Collects what a model and its bases were trained on; yields what is not known of where it began."""
    run = run_folder_of(folder)
    if run is None:
        yield f"what {folder.name} was trained on before is not known"
        return
    stages = stages_of(load_config(run / "config.yaml"))
    for stage in stages:
        for source in stage.config.data.sources:
            trained.append(_Trained(source, stage.config, last=own and stage.last))
    base = stages[0].config.model.base
    if base is None:
        return
    if Path(base).is_dir():
        yield from _chain(Path(base), trained, own=False)
    else:
        yield f"what {base} saw in its own pretraining is not known"


def _leaked(trained: list[_Trained], source: Source) -> tuple[int, list[str]]:
    """Images of the benchmark that have the name of one that was trained on; and sources that are gone."""
    found: set[str] = set()
    gone: list[str] = []
    for one in {item.config.name: item for item in trained}.values():
        data = one.recipe.data
        try:
            learned = cached_source(one.config, Path(data.root), cache_folder(data.cache))
        except DataError:
            gone.append(one.config.name)
            continue
        found |= {leak.evaluation for leak in find_leaks_by_name([learned], [source])}
    return len(found), gone
