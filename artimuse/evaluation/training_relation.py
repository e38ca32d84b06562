"""Was a benchmark trained on? in-domain, seen in pretraining, zero-shot, or unknown.

    relation_of(model_folder, benchmark, source)    -> Relation("in-domain", "trained on ...")

A model folder carries its training (`models.training_record`): every source of every stage, where they lay, and
the same of the base that the run started from, if that was trained here. From that chain:

- in-domain: the last stage of the model itself was trained on the benchmark's data set, for what the
  benchmark asks (scores for scores, ranks or scores for series, texts for choices and critiques);
- seen in pretraining: the data set, or images of the benchmark, were trained on in another way, in an earlier
  stage, or by a base (arXiv 2507.14533's "ArtiMuse on AVA", whose text stage saw AVA's images);
- zero-shot: neither; the chain is known down to random weights or a base of transformers, whose own pretraining
  nobody can look up; and the files of all that was trained on were there to be compared;
- unknown: neither as far as one can see, but a part of the chain is not known (an imported model), or files of
  it are not there; or the data are somebody's own, of a source that goes by another name.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from artimuse.config import Config, SourceConfig, stages_of
from artimuse.data.cache import cache_folder, cached_source
from artimuse.data.checks.leakage import find_leaks_by_name
from artimuse.evaluation.benchmarks.spec import Benchmark, BenchmarkKind
from artimuse.models.training_record import Training, read_training
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
    by: Training
    last: bool


@dataclass(slots=True)
class _Chain:
    """All that a model and its bases were trained on. notes: what nobody can look up. gaps: what is lacking."""

    trained: list[_Trained] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)


def relation_of(folder: Path, benchmark: Benchmark, source: Source) -> Relation:
    """The relation of the model in a folder to a benchmark; `source` is what the benchmark holds.

    Raises:
        ConfigError: for a record of the training that is damaged.
    """
    training = read_training(folder)
    if training is None:
        text = "it carries no record of its training, and no run folder lies around it"
        return Relation("unknown", f"{folder}: {text}")
    chain = _Chain()
    _follow(training, chain)
    last = dict.fromkeys(dataset_of(one.config) for one in chain.trained if one.last)
    return replace(_judged(chain, benchmark, source), trained_on=tuple(last))


def _judged(chain: _Chain, benchmark: Benchmark, source: Source) -> Relation:
    """The relation to a benchmark of what was trained on."""
    own = source.name if benchmark.kind == "custom" else dataset_of_benchmark(benchmark)
    own_set = [one for one in chain.trained if own in (dataset_of(one.config), one.config.name)]
    leaked, not_there = _leaked(chain.trained, source)
    gaps = [
        *chain.gaps,
        *(f"the files of {name} are not there: only its name was compared" for name in not_there),
    ]
    notes = [*chain.notes, *gaps]
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
    names = ", ".join(dict.fromkeys(one.config.name for one in chain.trained))
    if benchmark.kind == "custom":
        text = f"data of your own: say with --training how they relate to {names}, which was trained on"
        return Relation("unknown", text + told)
    if gaps:
        text = f"not trained on by name, as far as is known ({names}); say with --training what you know"
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


def _follow(training: Training, chain: _Chain, *, own: bool = True) -> None:
    """Collect what a model and its bases were trained on."""
    stages = stages_of(training.recipe)
    for stage in stages:
        for source in stage.config.data.sources:
            last = own and stage.last
            chain.trained.append(_Trained(source, stage.config, training, last))
    base = stages[0].config.model.base
    if training.before is not None:
        _follow(training.before, chain, own=False)
    elif training.base == "plain":
        chain.notes.append(f"what {base} saw in its own pretraining is not known")
    elif training.base == "unknown":
        chain.gaps.append(f"what {base} was trained on before is not known")


def _leaked(trained: list[_Trained], source: Source) -> tuple[int, list[str]]:
    """Images of the benchmark that have the name of one that was trained on; and sources that are gone."""
    found: set[str] = set()
    gone: dict[str, None] = {}
    seen: set[tuple[Path, str]] = set()
    for one in trained:
        data = one.recipe.data
        root = one.by.place(data.root)
        if root is None:
            gone[one.config.name] = None
            continue
        if (key := (root, one.config.model_dump_json())) in seen:
            continue
        seen.add(key)
        cache = data.cache if data.cache is None else str(one.by.place(data.cache))
        try:
            learned = cached_source(one.config, root, cache_folder(cache))
        except DataError:
            gone[one.config.name] = None
            continue
        found |= {leak.evaluation for leak in find_leaks_by_name([learned], [source])}
    return len(found), list(gone)
