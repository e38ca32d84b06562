"""Critiques: is an expert's text likelier for its image than another image's text, and what was written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from artimuse.data.pages.html import Html, join, tag
from artimuse.data.pages.shell import card, panel
from artimuse.evaluation.intervals import mean_interval
from artimuse.evaluation.report.breakdowns import LEAST_INTERVAL, Columns
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
        plots += [panel("Bits per character that another image's text costs more", *_bits(likely))]
        plots += [
            panel("Own text likelier than another image's", _told(results["metrics"], likely))
        ]
    if len(told) > 2:
        agreed = scatter(Columns.of(told), x="score", y="sentiment of the critique", same=False)
        plots.append(panel("Score and sentiment of the critique it writes", agreed))
    return card("Critiques", tag("div", *plots, class_="plots"), _written(texts, pictures))


def _bits(rows: Sequence[Any]) -> list[Html]:
    """Per attribute, how many bits another image's text costs more than the own one: more is better."""
    grouped: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        grouped[row.get("aspect") or "all"].append(row)
    shown = []
    for aspect, found in grouped.items():
        own, other = fmean(row["label"] for row in found), fmean(row["prediction"] for row in found)
        more = [row["prediction"] - row["label"] for row in found]
        ends = mean_interval(more) if len(more) >= LEAST_INTERVAL else None
        text = f"{other - own:+.3f} (own {own:.3f})"
        shown.append(Row(aspect, other - own, ends, f"n\u00a0{len(found):,}", text, "ours plain"))
    low, high = extent(shown, at_least=(0.0, 0.0))
    legend = "Right of zero, the image's own text is the likelier one: it takes fewer bits."
    return [
        interval_rows(shown, low=low, high=high, what="bits per character", bars=True),
        tag("p", legend, class_="mark"),
    ]


def _told(metrics: Mapping[str, Any], rows: Sequence[Any]) -> Html:
    shown = []
    keys = [key for key in metrics if key.split("/")[0] == "critique_told"]
    for key in keys:
        ends = metrics[key].get("ci95")
        shown.append(
            Row(key.partition("/")[2] or "all", metrics[key]["value"],
                None if ends is None else (ends[0], ends[1]), f"n\u00a0{metrics[key]['n']:,}",
                written(metrics[key], key), "ours plain")
        )  # fmt: skip
    if not shown:
        share = fmean(row["label"] < row["prediction"] for row in rows)
        shown.append(Row("all", share, None, f"n\u00a0{len(rows):,}", f"{share:.3f}", "ours plain"))
    chance = tag("p", "The line is chance, one half.", class_="mark")
    return join([interval_rows(shown, low=0, high=1, what="share", bars=True, mark=0.5), chance])


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
