"""Samples as the model is taught with them: the pictures, every question, and what is supervised in colour."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from artimuse.data.pages.charts import number
from artimuse.data.pages.html import Html, tag
from artimuse.data.pages.shell import Thumbnail, picture


def taught(samples: list[dict[str, Any]], thumbnail: Thumbnail) -> Html:
    """The samples of a split, all but the first folded away; nothing without samples."""
    if not samples:
        return Html("")
    colours = tag(
        "p",
        "Grey: the shared prefix, encoded once. ", tag("span", "Green", class_="taught"),
        ": tokens that are supervised. ", tag("span", "Yellow", class_="readout"),
        ": the token at which a score is read. ↵ is a new line.",
        class_="quiet",
    )  # fmt: skip
    shown = [_sample(sample, thumbnail, number == 0) for number, sample in enumerate(samples)]
    title = tag("h3", "Samples as the model is taught with them")
    return tag("div", title, colours, *shown, class_="samples")


def _sample(sample: dict[str, Any], thumbnail: Thumbnail, first: bool) -> Html:
    sizes = zip(sample["images"], sample["sizes"], strict=True)
    pictures = [picture(file, f"{w} x {h} pixels", thumbnail) for file, (w, h) in sizes]
    facts = [f"{sample['tokens']:,} tokens"]
    facts += [f"{key} {sample[key]}" for key in ("category", "series") if sample[key] is not None]
    ranked = [
        tag(
            "p",
            f"P {number(pair['probability'])} of being better than {pair['other']}",
            class_="quiet",
        )
        for pair in sample["pairs"]
    ]
    prefix = tag("div", _shown(sample["prefix"]), class_="talk prefix")
    talk = tag(
        "div",
        prefix if sample["prefix"] else Html(""),
        *(_question(question) for question in sample["questions"]),
        *ranked,
    )
    return tag(
        "details",
        tag("summary", sample["id"], " ", tag("span", " · ".join(facts), class_="quiet")),
        tag("div", tag("div", *pictures), talk, class_="sample"),
        open=first,
    )


def _question(question: dict[str, Any]) -> Html:
    kind = question["kind"]
    if question["aspect"]:
        kind += f", {question['aspect']}"
    label = question["label"]
    told = Html("")
    if kind.startswith("score"):
        text = "no score of its own"
        if label is not None:
            text = (
                f"{number(label['mean'], 4)} on {number(label['low'])} to {number(label['high'])}"
            )
        told = tag("span", f"  → {text}", class_="kind")
    return tag(
        "div", tag("span", f"{kind}  ", class_="kind"), *_marked(question), told, class_="talk"
    )


def _marked(question: dict[str, Any]) -> Iterator[Html]:
    """The text of a question, with its spans marked."""
    text = question["text"]
    spans = [(*span, "taught") for span in question["supervised"]]
    if question["readout"]:
        spans.append((*question["readout"], "readout"))
    done = 0
    for start, end, kind in sorted(spans):
        yield tag("span", _shown(text[done:start]))
        yield tag("span", _shown(text[start:end]), class_=kind)
        done = end
    yield tag("span", _shown(text[done:]))


def _shown(text: str) -> str:
    return text.replace("\n", "↵")
