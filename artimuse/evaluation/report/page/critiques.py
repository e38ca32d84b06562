"""Critiques: is an expert's text likelier for its image than another image's text, and what was written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from artimuse.data.pages.html import Html, tag
from artimuse.data.pages.shell import card, panel
from artimuse.evaluation.report.breakdowns import Columns
from artimuse.evaluation.report.page.gallery import framed
from artimuse.evaluation.report.page.rows import Row, extent, interval_rows
from artimuse.evaluation.report.page.scatter import scatter
from artimuse.evaluation.report.pictures import Pictures
from artimuse.evaluation.report.words import written

WRITTEN = 4
"""Images whose critiques are shown."""


def critiques(results: Mapping[str, Any], rows: Sequence[Any], pictures: Pictures) -> Html:
    """The card; nothing without critiques, texts or sentiments."""
    likely = [row for row in rows if row["kind"] == "critique"]
    told = [row for row in rows if row["kind"] == "sentiment"]
    texts = [row for row in rows if row["kind"] == "text"]
    if not (likely or told or texts):
        return Html("")
    plots: list[Html] = []
    if likely:
        plots += [panel("Bits per character of the expert's text", *_bits(likely))]
        plots += [
            panel("Own text likelier than another image's", _told(results["metrics"], likely))
        ]
    if len(told) > 2:
        agreed = scatter(Columns.of(told), x="score", y="sentiment of the critique")
        plots.append(panel("Score and sentiment of the critique it writes", agreed))
    return card("Critiques", tag("div", *plots, class_="plots"), _written(texts, pictures))


def _bits(rows: Sequence[Any]) -> list[Html]:
    """Per attribute, the mean of the own text and of the other one: fewer bits is likelier."""
    grouped: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        grouped[row.get("aspect") or "all"].append(row)
    shown = []
    for aspect, found in grouped.items():
        own, other = fmean(row["label"] for row in found), fmean(row["prediction"] for row in found)
        ends = (min(own, other), max(own, other))
        text = f"{own:.3f}, other {other:.3f}"
        shown.append(Row(aspect, own, ends, f"n {len(found):,}", text, "ours plain"))
    low, high = extent(shown, at_least=(min(row.ci95[0] for row in shown if row.ci95),) * 2)
    legend = "The dot is the image's own text, the end of the line another image's. Fewer bits: likelier."
    return [
        interval_rows(shown, low=low, high=high, what="bits per character"),
        tag("p", legend, class_="mark"),
    ]


def _told(metrics: Mapping[str, Any], rows: Sequence[Any]) -> Html:
    shown = []
    keys = [key for key in metrics if key.split("/")[0] == "critique_told"]
    for key in keys:
        ends = metrics[key].get("ci95")
        shown.append(
            Row(key.partition("/")[2] or "all", metrics[key]["value"],
                None if ends is None else (ends[0], ends[1]), f"n {metrics[key]['n']:,}",
                written(metrics[key], key), "ours plain")
        )  # fmt: skip
    if not shown:
        share = fmean(row["label"] < row["prediction"] for row in rows)
        shown.append(Row("all", share, None, f"n {len(rows):,}", f"{share:.3f}", "ours plain"))
    return interval_rows(
        shown, low=0, high=1, what="share", bars=True, ends=("0", "chance is .5; 1")
    )


def _written(rows: Sequence[Any], pictures: Pictures) -> Html:
    """What the model wrote about a few images, evenly spaced in the list, beside the expert's texts."""
    by_image: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        by_image[row.get("series") or row["id"].partition("#")[0]].append(row)
    if not by_image:
        return Html("")
    names = sorted(by_image)
    chosen = names[:: max(1, len(names) // WRITTEN)][:WRITTEN]
    shown = [_talk(name, by_image[name], pictures, name == chosen[0]) for name in chosen]
    cut = sum(bool(row.get("cut")) for row in rows)
    note = f"{len(rows):,} texts of {len(names):,} images were written; these are {len(chosen)} of them"
    if cut:
        note += f"; {cut:,} were cut at the limit of tokens"
    return tag("div", tag("h3", "What it writes"), tag("p", note, class_="mark"), *shown)


def _talk(name: str, rows: Sequence[Any], pictures: Pictures, first: bool) -> Html:
    said = []
    for row in rows:
        asked = row.get("aspect") or row.get("question") or "asked"
        said.append(tag("b", asked))
        said.append(tag("div", row["prediction"] or "", class_="said own"))
        if row.get("label"):
            expert = tag("span", "expert: ", class_="quiet")
            said.append(tag("div", expert, str(row["label"]), class_="said"))
    figure = tag("div", framed(rows[0].get("image"), name, pictures), style="max-width: 11rem")
    return tag(
        "details",
        tag("summary", name),
        tag("div", figure, tag("div", *said), class_="talk"),
        open=first,
    )
