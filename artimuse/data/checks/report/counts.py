"""How much of everything a split holds: in all, and by category.

    counted = count(split.source)
    counted["counts"]["images"], counted["categories"]["portrait"]["images"], counted["bad"]

A source is read once, a sample at a time.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from artimuse.data.checks.bad import count_bad
from artimuse.records import Sample, Source

UNSORTED = "(no category)"
COUNTED = ("samples", "images", "series", "texts", "choices", "scores", "pairs")


def count(source: Source) -> dict[str, Any]:
    """`counts`, `categories` (none where no sample has one), `bad` by kind, `rows` and `notes`."""
    tallies: dict[str, Counter[str]] = {}
    series: dict[str, set[str]] = {}
    category_of = _paired_categories(source)
    for sample in source.samples:
        category = sample.category or UNSORTED
        tallies.setdefault(category, Counter()).update(_tally(sample))
        if sample.series is not None:
            series.setdefault(category, set()).add(sample.series)
        if sample.id in category_of:
            category_of[sample.id] = category
    for pair in source.pairs:
        tallies.setdefault(category_of[pair.first], Counter())["pairs"] += 1
    for category, names in series.items():
        tallies[category]["series"] = len(names)
    total = sum(tallies.values(), Counter())
    # A series with images of two categories is one series.
    total["series"] = len(set().union(*series.values()))
    named = tallies if set(tallies) - {UNSORTED} else {}
    largest_first = sorted(named, key=lambda name: (-named[name]["images"], name))
    return {
        "counts": _plain(total),
        "categories": {name: _plain(named[name]) for name in largest_first},
        "rows": source.items,
        "bad": count_bad((source.name, item) for item in source.bad).get(source.name, {}),
        "notes": list(source.notes),
    }


def _paired_categories(source: Source) -> dict[str, str]:
    return {image: UNSORTED for pair in source.pairs for image in (pair.first, pair.second)}


def _tally(sample: Sample) -> Counter[str]:
    kinds = Counter(question.kind for question in sample.questions)
    labels = sum(question.label is not None for question in sample.questions)
    return Counter(
        samples=1,
        images=len(sample.images),
        texts=kinds["text"],
        choices=kinds["choice"],
        scores=labels,
    )


def _plain(tally: Counter[str]) -> dict[str, int]:
    return {key: tally[key] for key in COUNTED}
