"""Where the numbers stand: beside baselines, beside what is possible at all, and beside published rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from artimuse.data.pages.html import Html, tag
from artimuse.data.pages.shell import card, panel
from artimuse.evaluation.published_tables import COMPUTED
from artimuse.evaluation.report.page.rows import Row, extent, interval_rows
from artimuse.evaluation.report.words import (
    interval,
    metric_name,
    model_name,
    published_value,
    value,
    written,
)

BOUNDS = {
    "srcc": (
        ("srcc_category_floor", "category means, no look at the image"),
        ("srcc_noise_ceiling", "best that rater noise allows"),
    )
}
WITHOUT_PUBLISHED = ("srcc", "pair_accuracy", "choice_accuracy")
LEGEND = {
    "ours": "this model; its 95 % interval is shaded",
    "same": "on the same items and protocol",
    "other": "published under another protocol: not comparable, see the table",
    "bound": "what is possible without the image, and at all",
}


def standing(results: Mapping[str, Any], published: Sequence[Mapping[str, Any]]) -> Html:
    """A chart per quoted metric and the published tables; nothing without anything to stand beside."""
    metrics = results["metrics"]
    quoted = [key for key in _published_keys(published) if _headline(key) and key in metrics]
    rows = {
        key: _rows(key, results, published)
        for key in quoted or [key for key in WITHOUT_PUBLISHED if key in metrics]
    }
    rows = {key: beside for key, beside in rows.items() if len(beside) > 1}
    tables = _tables(results, published)
    if not rows and not tables:
        return Html("")
    charts = [panel(metric_name(key), _chart(key, results, beside)) for key, beside in rows.items()]
    kinds = {row.kind for beside in rows.values() for row in beside}
    legend = (
        tag("span", tag("i", class_=kind), text) for kind, text in LEGEND.items() if kind in kinds
    )
    chart = [tag("div", *charts, class_="plots"), tag("div", *legend, class_="legend")]
    return card("Where it stands", *(chart if charts else ()), *tables)


def _chart(key: str, results: Mapping[str, Any], rows: Sequence[Row]) -> Html:
    low, high = extent(rows, at_least=(0.0, 1.0))
    band = results["metrics"][key].get("ci95")
    return interval_rows(
        rows, low=low, high=high, what=metric_name(key), band=None if band is None else tuple(band)
    )


def _rows(
    key: str, results: Mapping[str, Any], published: Sequence[Mapping[str, Any]]
) -> list[Row]:
    """This model and everything beside it, the best first."""
    metrics = results["metrics"]
    found = [_measured(model_name(results), metrics[key], key, "ours")]
    for bound, name in BOUNDS.get(key, ()):
        if bound in metrics:
            found.append(_measured(name, metrics[bound], bound, "bound"))
    for name, system in (results.get("baselines") or {}).items():
        if key in system:
            found.append(_measured(name, system[key], key, "same"))
    for row in published:
        if key in row["metrics"] and row["table"] != "ablation":
            found.append(_published_row(row, key))
    return sorted(found, key=lambda row: -(row.value or 0))


def _measured(name: str, metric: Mapping[str, Any], key: str, kind: str) -> Row:
    ends = metric.get("ci95")
    return Row(name, metric["value"], None if ends is None else (ends[0], ends[1]),
               text=written(metric, key), kind=kind)  # fmt: skip


def _published_row(row: Mapping[str, Any], key: str) -> Row:
    number = row["metrics"][key]
    same = row["same_protocol"] and key not in row["excluded"]
    said = row["against"].get(key)
    text = published_value(number, key, _computed(row)) + (f" · {said}" if said else "")
    return Row(
        row["system"], number, note=row["checkpoint"], text=text, kind="same" if same else "other"
    )


def _tables(results: Mapping[str, Any], published: Sequence[Mapping[str, Any]]) -> list[Html]:
    """The published tables with this model's row: results open, ablations folded away."""
    shown: list[Html] = []
    for title, ablation in (("Published results", False), ("Published ablations", True)):
        rows = [row for row in published if (row["table"] == "ablation") == ablation]
        for of, keys in _columns(rows).items():
            name = f"{title}, {of}" if of else title
            table = _table(results, [row for row in rows if set(keys) & set(row["metrics"])], keys)
            folded = ablation or bool(of and of not in ("",))
            head = tag("summary", name) if folded else tag("h3", name)
            shown.append(tag("details" if folded else "div", head, table))
    return shown


def _columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """The metrics of rows by what they are taken over: categories of series have tables of their own."""
    found: dict[str, list[str]] = {}
    for key in _published_keys(rows):
        of = "" if _headline(key) or key == "aesi_rated" else key.partition("/")[2]
        found.setdefault(of, []).append(key)
    return dict(sorted(found.items(), key=lambda item: item[0] != ""))


def _table(
    results: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], keys: Sequence[str]
) -> Html:
    header = tag(
        "tr", tag("th", "system"), *(tag("th", metric_name(key)) for key in keys),
        tag("th", "protocol", class_="words"),
    )  # fmt: skip
    metrics = results["metrics"]
    own = tag(
        "tr",
        tag("td", model_name(results), tag("span", "measured here", class_="under")),
        *(
            tag("td", *_own_cell(metrics.get(key), key), data_label=metric_name(key))
            for key in keys
        ),
        tag("td", "in brackets: 95 % intervals", class_="words mark"),
        class_="own",
    )
    others = [_line(row, keys) for row in rows]
    return tag(
        "div",
        tag("table", tag("thead", header), tag("tbody", own, *others), class_="stack"),
        class_="scroll",
    )


def _own_cell(metric: Mapping[str, Any] | None, key: str) -> list[str]:
    if metric is None:
        return ["-"]
    return [value(metric["value"], key), tag("span", interval(metric, key), class_="under")]


def _line(row: Mapping[str, Any], keys: Sequence[str]) -> Html:
    under = ", ".join(filter(None, (row["checkpoint"], row["source"])))
    cells = []
    for key in keys:
        number = row["metrics"].get(key)
        star = " †" if key in row["excluded"] else ""
        text = published_value(number, key, _computed(row)) + star
        cells.append(tag("td", text, data_label=metric_name(key)))
    return tag(
        "tr",
        tag("td", row["system"], tag("span", under, class_="under")),
        *cells,
        tag("td", *_said(row, keys), class_="words mark"),
    )


def _said(row: Mapping[str, Any], keys: Sequence[str]) -> list[Html]:
    """Inside or outside our interval, or why nothing is said."""
    lacking = sorted({text for key, text in row["excluded"].items() if key in keys})
    told = [tag("span", f"† {text}") for text in lacking]
    if {*keys} & {*_computed(row)}:
        told.append(tag("span", f" {COMPUTED}"))
    if not row["same_protocol"]:
        text = "another protocol: " + "; ".join(row["marks"])
        return [tag("span", text), Html(" "), *told]
    said = [f"{metric_name(key)} {row['against'][key]}" for key in keys if key in row["against"]]
    text = "same protocol" + (f": {', '.join(said)} our interval" if said else "")
    return [tag("span", text, class_="good"), Html(" "), *told]


def _computed(row: Mapping[str, Any]) -> Sequence[str]:
    """Metrics of a published row that no paper says."""
    return row.get("computed") or ()


def _published_keys(published: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(key for row in published for key in row["metrics"]))


def _headline(key: str) -> bool:
    """Whether a published metric is of the whole benchmark, or of a dimension of AesBench."""
    return ("/" not in key and key != "aesi_rated") or key.startswith("choice_accuracy/")
