"""One split of one source: its figures, scores, pairs, tokens and categories, and samples of it."""

from __future__ import annotations

from typing import Any

from artimuse.data.checks.report.page.taught import taught
from artimuse.data.pages.charts import bars, number
from artimuse.data.pages.html import Html, tag
from artimuse.data.pages.shell import Thumbnail, fact_list, panel

LENGTHS = {
    "prompt": "a prompt, image included",
    "answer": "an answer",
    "tree": "a tree of all questions",
    "drawn_tree": "the largest tree of a step",
}
FIGURES = ("images", "series", "texts", "choices", "scores", "pairs")
CATEGORIES = 8
"""That are shown at once; the others are folded away."""


def split_card(split: dict[str, Any], model: dict[str, Any], thumbnail: Thumbnail) -> Html:
    """The card of a split."""
    title = tag(
        "h2",
        split["source"], " ", tag("span", split["split"], class_="chip note"), " ",
        tag("span", split["format"], class_="quiet"),
    )  # fmt: skip
    panels = [
        *(_scores(scores) for scores in split["scores"]),
        _pairs(split["pairs"]),
        _tokens(split["tokens"], model),
        _rest(split),
        _categories(split["categories"]),
    ]
    shown = tag("div", *(shown for shown in panels if shown), class_="panels")
    return tag(
        "section", title, _figures(split), shown, taught(split["samples"], thumbnail),
        class_="card", id=anchor(split),
    )  # fmt: skip


def anchor(split: dict[str, Any]) -> str:
    """The id of a split's card."""
    return f"{split['source']}-{split['split']}"


def _figures(split: dict[str, Any]) -> Html:
    counted = split["counts"]
    figures = [
        tag("div", tag("b", f"{counted[key]:,}"), " ", tag("span", key))
        for key in FIGURES
        if counted[key]
    ]
    return tag("div", *figures, class_="figures")


def _scores(scores: dict[str, Any]) -> Html:
    floor = scores["category_floor"]
    facts = {
        "mean ± std": f"{number(scores['mean'])} ± {number(scores['std'])}",
        "lowest, highest": f"{number(scores['min'])}, {number(scores['max'])}",
        "share of the scale": f"{scores['used_frac']:.0%}",
        "different values": f"{scores['distinct']:,}",
        "SRCC of 101 tokens, at best": number(scores["srcc_101_tokens"], 4),
        "SRCC of five levels, at best": number(scores["srcc_5_levels"], 4),
    }
    if floor is not None:
        name = f"SRCC of the means of {floor['categories']} categories"
        facts[name] = f"{floor['srcc']:.2f}"
    for key, name in (("with_std", "with raters' spread"), ("with_histogram", "with votes")):
        if scores[key]:
            facts[name] = f"{scores[key]:,}"
    hint = tag("p", scores["hint"], class_="warning") if scores["hint"] else Html("")
    return panel(
        f"{scores['aspect']}: {scores['n']:,} scores on {number(scores['low'])} to {number(scores['high'])}",
        bars(scores["histogram"], what="scores", mark=scores["mean"]),
        hint,
        fact_list(facts),
    )


def _pairs(pairs: dict[str, Any] | None) -> Html:
    if pairs is None:
        return Html("")
    per = pairs["per_series"]
    facts = {
        "pairs per series, median and most": f"{number(per['median'])}, {per['max']}",
        "P of the better image, median": number(pairs["strength"]["median"]),
        "ties": f"{pairs['ties']:,}",
        "P of 0 or 1": f"{pairs['certain']:,}",
        "series that contradict themselves": f"{pairs['series_with_cycle']:,} of {pairs['series']:,}",
        "triples that are a cycle": f"{pairs['cycles_of_3']:,} of {pairs['triples']:,}",
    }
    scored = pairs["against_scores"]
    if scored is not None:
        facts["prefer the higher score"] = f"{scored['agree']:,} of {scored['decided']:,}"
        facts["SRCC of P and the scores' difference"] = number(scored["srcc"])
    return panel(
        f"{pairs['n']:,} pairs in {pairs['series']:,} series, by P of the better image",
        bars(pairs["strength"], what="pairs"),
        fact_list(facts),
    )


def _tokens(tokens: dict[str, Any] | None, model: dict[str, Any]) -> Html:
    if tokens is None:
        return Html("")
    spreads = {key: tokens[key] for key in LENGTHS if tokens[key] is not None}
    header = tag("tr", *(tag("th", name) for name in ("tokens of", "median", "95 %", "most")))
    rows = [
        tag("tr", tag("td", LENGTHS[key]), *(tag("td", number(spread[n])) for n in ("median", "p95", "max")))
        for key, spread in spreads.items()
    ]  # fmt: skip
    facts: dict[str, str] = {}
    if model["max_positions"] is not None:
        name = f"questions over {model['max_positions']:,} positions"
        facts[name] = f"{tokens['too_long']['n']:,} ({tokens['too_long']['frac']:.1%})"
    if tokens["longer_than_row"] is not None:
        longer = tokens["longer_than_row"]
        facts[f"trees over train.row_tokens {model['row_tokens']:,}"] = (
            f"{longer['n']:,} ({longer['frac']:.1%})"
        )
    # The last of them is what a row of a step holds.
    drawn = list(spreads.values())[-1]
    chart = (
        bars(drawn["histogram"], what="trees", small=True)
        if drawn["min"] < drawn["max"]
        else Html("")
    )
    table = tag("table", tag("thead", header), tag("tbody", *rows))
    return panel("Tokens", table, chart, fact_list(facts))


def _categories(categories: dict[str, dict[str, int]]) -> Html:
    if not categories:
        return Html("")
    kinds = [key for key in FIGURES if any(counted[key] for counted in categories.values())]
    names = list(categories)
    first = _category_table(categories, names[:CATEGORIES], kinds)
    rest = Html("")
    if names[CATEGORIES:]:
        more = _category_table(categories, names[CATEGORIES:], kinds)
        rest = tag("details", tag("summary", f"{len(names) - CATEGORIES:,} more"), more)
    return panel(f"{len(names):,} categories", first, rest, wide=True)


def _category_table(
    categories: dict[str, dict[str, int]], names: list[str], kinds: list[str]
) -> Html:
    header = tag("tr", *(tag("th", key) for key in ("category", *kinds)))
    rows = [
        tag("tr", tag("td", name),
            *(tag("td", f"{categories[name][key]:,}", data_label=key) for key in kinds))
        for name in names
    ]  # fmt: skip
    return tag("table", tag("thead", header), tag("tbody", *rows), class_="stack")


def _rest(split: dict[str, Any]) -> Html:
    """What was left out, the sizes of the images, and what the loader says."""
    facts = {kind: f"{count:,}" for kind, count in split["bad"].items()}
    if split["sizes"] is not None:
        for side in ("shorter", "longer"):
            size = split["sizes"][side]
            told = f"{size['min']:,} to {size['max']:,}, median {number(size['median'])}"
            facts[f"{side} side in pixels"] = told
    if split["rows"]:
        facts["annotation rows read"] = f"{split['rows']:,}"
    title = "Images and rows"
    if split["bad"]:
        title = f"{sum(split['bad'].values()):,} items left out; images and rows"
    notes = [tag("li", note) for note in split["notes"]]
    told = tag("ul", *notes, class_="quiet") if notes else Html("")
    return panel(title, fact_list(facts), told)
