"""What the papers report, beside a result: which rows have its protocol, and why the others do not.

    results["published"] = beside(results)
    rows("ava")[0].metrics["srcc"]              # .827: ArtiMuse, fine-tuned on AVA

"ArtiMuse on AVA" is .827 in one table and .397 in another: the first was fine-tuned there. So a row says which
checkpoint it is and how that stands to the data, and only where a result stands alike is it compared. A bare
published number has no predictions: all that is said is whether it lies inside or outside our interval.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from artimuse.evaluation import published_tables as tables
from artimuse.evaluation.published_tables import Relation

UNKNOWN = "unknown"
IN_WORDS: dict[str, str] = {
    "in-domain": "trained on this data set's training images",
    "seen in pretraining": "not fine-tuned here, but its pretraining saw images of this data set",
    "zero-shot": "never trained on this data set",
}
SERIES_SCORES = {
    "pairs": "its images of a series are scored beside each other, in pairs",
    "single": "its images of a series are scored each alone",
}


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """One system on one benchmark, as a paper reports it.

    benchmark: As evaluate.py names it. metrics: By the keys of results.json, shares in [0, 1].
    checkpoint: Which of the system's. source: arXiv id. table: "results", "other data sets" or "ablation".
    relation: How the checkpoint stands to the benchmark's data; None where that is not stated.
    items: Metric -> n that it was taken over, where known. excluded: Metric -> why it is not comparable.
    notes: Why no metric of the row is.
    series_scores: Of series: "pairs" or "single", as `protocol.series_scores`; None where that is not stated.
    computed: Metrics that no paper says: they follow from those that it does (`published_tables.COMPUTED`).
    digits: Decimals that were published.
    """

    benchmark: str
    system: str
    checkpoint: str
    source: str
    table: str
    relation: Relation | None
    metrics: Mapping[str, float]
    items: Mapping[str, int] = field(default_factory=dict)
    excluded: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    series_scores: str | None = None
    computed: frozenset[str] = frozenset()
    digits: int = 3


def rows(benchmark: str) -> list[PublishedRow]:
    """The published rows of a benchmark, results before ablations; none for one without."""
    return [row for row in _all() if row.benchmark == benchmark]


def beside(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows to show beside a result, as results.json holds them.

    {"system", "checkpoint", "source", "table", "relation", "metrics", "computed", "same_protocol", "marks",
    "excluded", "against": {metric: "inside" or "outside" our interval}}; `against` is empty but for the same
    protocol.

    Args:
        results: What results.json holds: benchmark, protocol, metrics, n_expected, n_scored.
    """
    return [_beside(row, results) for row in rows(str(results["benchmark"]))]


def marks(row: PublishedRow, results: Mapping[str, Any]) -> list[str]:
    """Why a row is of another protocol than a result; empty where both are alike."""
    ours = relation_of(results)
    found: list[str] = []
    if row.relation is None:
        found.append("not stated whether its training saw this data set")
    elif ours == UNKNOWN:
        found.append(f"{IN_WORDS[row.relation]}; of this model that is not recorded")
    elif ours != row.relation:
        found.append(f"{IN_WORDS[row.relation]}; this model: {IN_WORDS.get(ours, ours)}")
    return found + other_items(row, results)


def relation_of(results: Mapping[str, Any]) -> str:
    """How the model of a result stands to the benchmark's data; "unknown" where that is not recorded."""
    protocol = results.get("protocol", {})
    # `domain`: what a training run says of its own held-out data.
    return (protocol.get("training") or {}).get("relation") or protocol.get("domain") or UNKNOWN


def other_items(row: PublishedRow, results: Mapping[str, Any]) -> list[str]:
    """Why a row was measured on other items than a result; empty where nothing says so."""
    found = [*row.notes, *_other_items(row, results), *_other_scores(row, results)]
    if any(results["n_scored"].get(kind, 0) < n for kind, n in results["n_expected"].items()):
        found.append("this result lacks items")
    return found


def _other_items(row: PublishedRow, results: Mapping[str, Any]) -> Iterator[str]:
    metrics = results["metrics"]
    # Ties have no better image, and are left out of n.
    measured = {key: found["n"] + found.get("ties", 0) for key, found in metrics.items()}
    different = {
        (n, measured[key])
        for key, n in row.items.items()
        if key not in row.excluded and measured.get(key, n) != n
    }
    for theirs, ours in sorted(different):
        yield f"published on {theirs:,} items; this result has {ours:,}"
    split = results.get("protocol", {}).get("split") or {}
    if split.get("official") is False and not different:
        yield "this result's list is not of the official test list's length"
    if not (row.items or row.notes or row.excluded):
        yield "not known to be the same test list"


def _other_scores(row: PublishedRow, results: Mapping[str, Any]) -> Iterator[str]:
    """Scores of a pair depend on the partner, and are another protocol than scores of each image alone."""
    if row.benchmark != "fgaesthetics":
        return
    ours = (results.get("protocol") or {}).get("series_scores")
    if row.series_scores is None:
        yield "not stated whether its images of a series are scored in pairs or each alone"
    elif ours is None:
        yield f"{SERIES_SCORES[row.series_scores]}; of this result that is not recorded"
    elif ours != row.series_scores:
        alone = "each alone" if ours == "single" else "in pairs"
        yield f"{SERIES_SCORES[row.series_scores]}; of this result {alone}"


def _beside(row: PublishedRow, results: Mapping[str, Any]) -> dict[str, Any]:
    why = marks(row, results)
    return {
        "system": row.system,
        "checkpoint": row.checkpoint,
        "source": row.source,
        "table": row.table,
        "relation": row.relation,
        "metrics": dict(row.metrics),
        "computed": sorted(row.computed),
        "same_protocol": not why,
        "marks": why,
        "excluded": dict(row.excluded),
        "against": {} if why else dict(_against(row, results["metrics"])),
    }


def _against(row: PublishedRow, metrics: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in row.metrics.items():
        interval = metrics.get(key, {}).get("ci95")
        if interval is not None and key not in row.excluded:
            # As many decimals as were published: .570 is inside [.5703, .654].
            low, high = (round(end, row.digits) for end in interval)
            yield key, "inside" if low <= value <= high else "outside"


def _all() -> Iterator[PublishedRow]:
    yield from _scores()
    yield from _series()
    yield from _aesbench()
    yield from _ablations()


def _scores() -> Iterator[PublishedRow]:
    for system, checkpoint, source, table, relation, cells in tables.SCORES:
        for benchmark, cell in zip(tables.BENCHMARKS, cells, strict=True):
            if cell is not None:
                metrics: dict[str, float] = dict(zip(("srcc", "plcc"), cell, strict=True))
                # Other papers take lists of the same name; only ArtiMuse's are released.
                n = tables.TEST_ITEMS[benchmark] if source == tables.ARTIMUSE else None
                items: dict[str, int] = {} if n is None else dict.fromkeys(metrics, n)
                yield PublishedRow(
                    benchmark, system, checkpoint, source, table, relation, metrics, items
                )
    for benchmark, relation, srcc, plcc in tables.FGAESQ_SCORES:
        yield PublishedRow(
            benchmark, "FGAesQ", "as released", tables.FGAESQ, "results", relation,
            {"srcc": srcc, "plcc": plcc},
        )  # fmt: skip


def _series() -> Iterator[PublishedRow]:
    for system, checkpoint, relation, *columns in tables.SERIES:
        by_category = dict(zip(tables.PAIRS, columns, strict=True))
        metrics = {
            f"{name}/{category}": value
            for category, values in by_category.items()
            for name, value in zip(tables.SERIES_METRICS, values, strict=True)
        }
        # The paper's summary of its columns, as it says itself or, marked as such, by its definition.
        pair = fmean(v for four in columns for v in four[:2])
        ranked = fmean(v for four in columns for v in four[2:])
        published = tables.SERIES_MEANS.get((system, checkpoint))
        said = published or (pair, ranked)
        metrics |= {name: round(v, 3) for name, v in zip(("pair", "series"), said, strict=True)}
        yield PublishedRow(
            "fgaesthetics", system, checkpoint, tables.FGAESQ, "results", relation, metrics,
            items={f"pair_accuracy/{name}": n for name, n in tables.PAIRS.items()},
            excluded={
                key: tables.NATURAL_LACKS
                for key in metrics
                if key.endswith("/natural") or key in ("pair", "series")
            },
            series_scores=tables.BY_PAIRS.get((system, checkpoint)),
            computed=frozenset() if published else frozenset({"pair", "series"}),
        )  # fmt: skip


def _aesbench() -> Iterator[PublishedRow]:
    for system, relation, *shares, rated in tables.AESBENCH_ROWS:
        names = ("AesP", "AesE", "AesA")
        metrics = {
            f"choice_accuracy/{name}": round(share / 100, 4)
            for name, share in zip(names, shares, strict=True)
        }
        source = f"{tables.AESEXPERT} and {tables.AESBENCH.removeprefix('arXiv ')}"
        yield PublishedRow(
            "aesbench", system, "", source, "results", relation, metrics | {"aesi_rated": rated},
            notes=(tables.ANSWERS_KEPT,), digits=4,
        )  # fmt: skip


def _ablations() -> Iterator[PublishedRow]:
    for checkpoint, srcc, plcc in tables.AVA_ABLATION:
        metrics = {"srcc": srcc, "plcc": plcc}
        yield PublishedRow(
            "ava", "ArtiMuse", checkpoint, tables.ARTIMUSE, "ablation", "in-domain", metrics,
            dict.fromkeys(metrics, tables.TEST_ITEMS["ava"]),
        )  # fmt: skip
    for checkpoint, srcc, pair, series in tables.FGAESQ_ABLATION:
        metrics_of = {"ava": {"srcc": srcc}, "fgaesthetics": {"pair": pair, "series": series}}
        for benchmark, metrics in metrics_of.items():
            lacking = dict.fromkeys(metrics, tables.NATURAL_LACKS)
            relation = "zero-shot" if tables.UNTRAINED.get(checkpoint) == benchmark else "in-domain"
            yield PublishedRow(
                benchmark, "FGAesQ", checkpoint, tables.FGAESQ, "ablation", relation, metrics,
                excluded=lacking if benchmark == "fgaesthetics" else {},
                series_scores=tables.BY_PAIRS.get(("FGAesQ", checkpoint)),
            )  # fmt: skip
