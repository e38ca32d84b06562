"""The top of the page: what was measured, whether all of it, the numbers, and the protocol."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from artimuse.data.pages.html import Html, join, tag
from artimuse.data.pages.shell import card, fact_list
from artimuse.evaluation.published import UNKNOWN, relation_of
from artimuse.evaluation.report.pictures import Pictures
from artimuse.evaluation.report.words import (
    POINTS,
    benchmark_name,
    counts_in_words,
    interval,
    metric_name,
    model_name,
    overall_in_words,
    protocol_in_words,
    value,
)

TILES = (
    "srcc", "plcc", "krcc", "rmse", "mae", "pair", "series", "pair_accuracy", "pair_f1", "s_acc", "s_srcc",
    "choice_accuracy", "critique_told", "critique_bits", "sentiment_srcc",
)  # fmt: skip
MOST_TILES = 8
LISTED = 20


def title(results: Mapping[str, Any]) -> Html:
    """The model and the benchmark."""
    relation = relation_of(results)
    relation = "relation to the data not recorded" if relation == UNKNOWN else relation
    versions = results.get("protocol", {}).get("versions") or {}
    made = f" · artimuse {versions['artimuse']}" if versions.get("artimuse") else ""
    return tag(
        "header",
        tag("h1", f"{benchmark_name(results['benchmark'])}: {model_name(results)}"),
        tag("p", tag("span", str(relation), class_="chip note"), made, class_="quiet"),
    )


def completeness(results: Mapping[str, Any], pictures: Pictures) -> Html:
    """n scored of n expected, what is missing, and the pictures that cannot be shown."""
    lacking = {
        kind: n - results["n_scored"].get(kind, 0)
        for kind, n in results["n_expected"].items()
        if results["n_scored"].get(kind, 0) < n
    }
    known = bool(results["n_expected"])
    notes: list[Html] = []
    if lacking:
        notes.append(
            tag("p", f"{sum(lacking.values()):,} items are missing from every number below.")
        )
        listed = results.get("protocol", {}).get("missing") or []
        if listed:
            more = f", and {len(listed) - LISTED:,} more" if len(listed) > LISTED else ""
            named = ", ".join(map(str, listed[:LISTED])) + more
            notes.append(tag("details", tag("summary", "Which"), tag("p", named)))
    leaked = (results.get("protocol", {}).get("training") or {}).get("leaked") or 0
    if leaked:
        text = f"{leaked:,} images of the benchmark itself were trained on, by their names."
        notes.append(tag("p", text, class_="refused"))
    if pictures.absent:
        where = pictures.root if pictures.root is not None else "no folder: none was given"
        names = ", ".join(pictures.absent[:5]) + (" …" if len(pictures.absent) > 5 else "")
        notes.append(
            tag("p", f"{len(pictures.absent):,} of {pictures.asked:,} pictures cannot be shown "
                     f"(looked for in {where}): {names}", class_="warning")
        )  # fmt: skip
    if pictures.unnamed:
        text = "There are no pictures of items whose predictions do not name an image file."
        notes.append(tag("p", text, class_="warning"))
    level = "refused" if lacking else ("warning" if leaked or not known else "good")
    heading = "Incomplete: scored " if lacking else "Complete: scored " if known else "Scored "
    return tag(
        "section",
        tag("h2", heading + counts_in_words(results)),
        *notes,
        class_=f"card verdict {level}",
    )


def tiles(results: Mapping[str, Any]) -> Html:
    """The numbers that this benchmark is quoted by."""
    metrics = results["metrics"]
    shown = [key for key in TILES if key in metrics]
    shown += [key for key in metrics if key.startswith("choice_accuracy/") and key.count("/") == 1]
    if not shown:
        # Several data sets or aspects: no metric without a suffix.
        shown = [key for key in metrics if key.split("/")[0] in TILES]
    shown = shown[:MOST_TILES]
    return tag("div", *(_tile(key, metrics[key]) for key in shown), class_="tiles")


def overall(results: Mapping[str, Any]) -> Html:
    """Why there is no overall, where the benchmark has one; nothing otherwise."""
    said = overall_in_words(results)
    return tag("p", said, class_="warning") if said else Html("")


def all_metrics(metrics: Mapping[str, Any]) -> Html:
    """Every metric with its interval, n and counts, folded away."""
    header = tag(
        "tr",
        *(tag("th", name) for name in ("metric", "value", "95 % interval", "n")),
        tag("th", "counted", class_="words"),
    )
    rows = [
        tag(
            "tr",
            tag("td", metric_name(key)),
            tag("td", value(found["value"], key), data_label="value"),
            tag("td", interval(found, key) or "-", data_label="95 %"),
            tag("td", f"{found['n']:,}", data_label="n"),
            tag("td", _counts(found), class_="words"),
        )
        for key, found in metrics.items()
    ]
    table = tag("table", tag("thead", header), tag("tbody", *rows), class_="stack")
    return tag("details", tag("summary", f"All {len(rows):,} metrics"), table)


def protocol(results: Mapping[str, Any]) -> Html:
    """What defines the numbers: in words, and every field as it was recorded."""
    sentences = (tag("li", sentence) for sentence in protocol_in_words(results))
    recorded = {key: _recorded(found) for key, found in results.get("protocol", {}).items()}
    fields = tag("details", tag("summary", "As recorded"), fact_list(recorded))
    return card("Protocol", tag("ul", *sentences), fields if recorded else Html(""))


def _tile(key: str, found: Mapping[str, Any]) -> Html:
    unit = " points of 0-100" if key.split("/")[0] in POINTS else ""
    return tag(
        "div",
        tag("div", metric_name(key), class_="name"),
        tag("div", value(found["value"], key), class_="big"),
        tag("div", interval(found, key), unit, class_="under"),
        tag("div", ", ".join([f"n {found['n']:,}", *_told(found, "unparsed")]), class_="under"),
        class_="tile",
    )


def _told(found: Mapping[str, Any], count: str) -> list[str]:
    return [f"{found[count]:,} {count}"] if count in found else []


def _counts(found: Mapping[str, Any]) -> Html:
    counts = (
        f"{key.replace('_', ' ')} {count:,}" if isinstance(count, int) else f"{key} {count}"
        for key, count in found.items()
        if key not in ("value", "ci95", "n")
    )
    return join([", ".join(counts)])


def _recorded(found: Any) -> str:
    return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)
