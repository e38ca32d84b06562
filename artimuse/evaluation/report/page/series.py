"""Series: numbers per category, how long series are, and those ordered worst and best."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from artimuse.data.pages.html import Html, tag
from artimuse.data.pages.shell import card, panel
from artimuse.evaluation.report.orders import Order, gallery
from artimuse.evaluation.report.page.gallery import strip
from artimuse.evaluation.report.page.rows import Row, extent, interval_rows
from artimuse.evaluation.report.pictures import Pictures
from artimuse.evaluation.report.words import metric_name, written

MEASURED = ("pair_accuracy", "pair_f1", "s_acc", "s_srcc")


def series(results: Mapping[str, Any], found: Sequence[Order], pictures: Pictures) -> Html:
    """The card; nothing without pairs or series."""
    metrics = results["metrics"]
    charts = [
        panel(metric_name(name), _chart(name, metrics))
        for name in MEASURED
        if any(_of(key, name) for key in metrics)
    ]
    if not charts and not found:
        return Html("")
    worst, best = gallery(found)
    shown = [
        tag("div", tag("h3", title), tag("div", *(strip(one, pictures) for one in some), class_="serieses"))
        for title, some in (("Ordered worst", worst), ("Ordered best", best))
        if some
    ]  # fmt: skip
    told = tag(
        "p",
        "Each series stands in its true order, the best left. Lines lead to the place that the model gives "
        "each image; those that moved are coloured.",
        class_="mark",
    )
    lengths = [panel("Images per series", _lengths(found))] if found else []
    return card(
        "Series",
        tag("div", *charts, *lengths, class_="plots"),
        told if shown else Html(""),
        *shown,
    )


def _chart(name: str, metrics: Mapping[str, Any]) -> Html:
    rows = []
    for key in metrics:
        if _of(key, name):
            ends = metrics[key].get("ci95")
            rows.append(
                Row(key.partition("/")[2] or "all", metrics[key]["value"],
                    None if ends is None else (ends[0], ends[1]), f"n\u00a0{metrics[key]['n']:,}",
                    written(metrics[key], key), "ours plain")
            )  # fmt: skip
    low, high = extent(rows, at_least=(0.0, 1.0))
    return interval_rows(rows, low=low, high=high, what=metric_name(name), bars=True)


def _of(key: str, name: str) -> bool:
    return key.split("/")[0] == name


def _lengths(found: Sequence[Order]) -> Html:
    counts = Counter(len(order.images) for order in found)
    most = max(counts.values())
    bars = [
        tag("div", f"{count:,}", tag("i", style=f"height: {max(count / most * 4, 0.1):.2f}rem"), str(length))
        for length, count in sorted(counts.items())
    ]  # fmt: skip
    text = f"{len(found):,} series. In one of two images, s-SRCC is +1 or -1."
    return tag("div", tag("div", *bars, class_="bars"), tag("p", text, class_="mark"))
