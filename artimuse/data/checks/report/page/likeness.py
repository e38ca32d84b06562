"""What images have in common, with both pictures side by side, and the images that cannot be read."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

from artimuse.data.pages.html import Html, tag
from artimuse.data.pages.shell import Thumbnail, picture

EVIDENCE = {
    "name": "their names say that they are one picture",
    "content": "equal bytes",
    "appearance": "they look alike",
    "bytes": "equal bytes",
    "look": "they look alike",
}


def leakage(leakage: dict[str, Any], thumbnail: Thumbnail) -> Html:
    """Held-out images that are trained on; nothing where there are none."""
    if not leakage["findings"]:
        return Html("")
    rows = [_between(row, leakage["held_out"]) for row in leakage["between"]]
    examples = [
        _pair(
            (one["training"], one["training_file"]),
            (one["evaluation"], one["evaluation_file"]),
            EVIDENCE[one["kind"]],
            one["distance"] if one["kind"] == "appearance" else None,
            thumbnail,
        )
        for one in leakage["examples"]
    ]
    return tag(
        "section",
        tag("h2", f"Trained on and held out ({leakage['held_out']})"),
        tag("ul", *rows),
        tag("div", *examples, class_="twins"),
        class_="card",
    )


def _between(row: dict[str, Any], held_out: str) -> Html:
    kinds = [key for key in ("name", "content", "appearance") if key in row]
    listed = ", ".join(f"{row[kind]:,} by {kind}" for kind in kinds)
    text = f": {row['images']:,} images ({listed})"
    allowed = "; accepted by data.allow_leakage" if row["allowed"] else ""
    between = f"{row['training']} training and {row['evaluation']} {held_out}"
    return tag("li", tag("b", between), text + allowed)


def twins(rows: list[dict[str, Any]], thumbnail: Thumbnail) -> Html:
    """Images that are there twice on one side; nothing where there are none."""
    if not rows:
        return Html("")
    parts: list[Html] = []
    for row in rows:
        first, second = row["first"], row["second"]
        where = f"within {first}" if first == second else f"between {first} and {second}"
        parts.append(tag("h3", f"{where}: {_files(row['n'])}, {EVIDENCE[row['kind']]}"))
        pairs = [
            _pair(
                (one["first"], one["first_file"]),
                (one["second"], one["second_file"]),
                "",
                one["distance"] if row["kind"] == "look" else None,
                thumbnail,
            )
            for one in row["examples"]
        ]
        parts.append(tag("div", *pairs, class_="twins"))
    return tag("section", tag("h2", "Images that are there twice"), *parts, class_="card")


def _files(number: int) -> str:
    """`1 file`, `2 files`."""
    return f"{number:,} file" if number == 1 else f"{number:,} files"


def _pair(
    one: tuple[str, str],
    other: tuple[str, str],
    evidence: str,
    distance: float | None,
    thumbnail: Thumbnail,
) -> Html:
    apart = "" if distance is None else f"{distance:.1f} grey levels apart"
    text = ", ".join(part for part in (evidence, apart) if part)
    return tag(
        "div",
        tag(
            "div",
            *(picture(file, sample, thumbnail) for sample, file in (one, other)),
            class_="two",
        ),
        tag("div", text, class_="quiet") if text else Html(""),
        class_="twin",
    )


def broken(images: dict[str, Any]) -> Html:
    """The images that cannot be read; nothing where all can."""
    if not images["bad"]:
        return Html("")
    rows = [
        tag("li", tag("b", PurePath(bad["file"]).name), f" ({bad['item']}): {bad['reason']}")
        for bad in images["bad_examples"]
    ]
    title = f"{images['bad']:,} of {images['files']:,} image files cannot be read"
    more = images["bad"] - len(rows)
    note = f"and {more:,} more: " if more else ""
    return tag(
        "section",
        tag("h2", title),
        tag("ul", *rows),
        tag("p", f"{note}all are listed in bad_items.jsonl beside this page", class_="quiet"),
        class_="card",
    )
