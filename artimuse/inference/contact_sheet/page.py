"""The contact sheet: counts on top, then a section a series with its best shot first, then single shots."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePath

from artimuse.data.pages.html import Html, tag
from artimuse.data.pages.shell import card, document
from artimuse.data.pages.thumbnails import thumbnail
from artimuse.inference.burst_file import Shot, read_shots
from artimuse.inference.bursts import Grouped
from artimuse.inference.contact_sheet.style import SHEET_STYLE
from artimuse.inference.score_file import not_scored_path

CLOSE = 0.6
"""P(better than the next one) below which the best shot of a series is said to be close to it."""
BEST_SIDE, SIDE = 420, 220
MARK = 'data-page="artimuse-contact-sheet"'


@dataclass(frozen=True, slots=True)
class Sheet:
    """What the page says beside the shots.

    facts: name -> value, of the model and of how series were made. series: the names of the series in the order
    in which they are shown. notes: what a person should know. not_ranked: why some images could not be read.
    """

    facts: dict[str, str]
    series: tuple[str, ...]
    notes: tuple[str, ...] = ()
    not_ranked: tuple[str, ...] = ()


def check_sheet(path: Path) -> None:
    """Raise ValueError for a name that is not HTML's, and for a file that is there and is no contact sheet."""
    if path.suffix not in (".html", ".htm"):
        raise ValueError(f"--sheet {path}: expected a name that ends in .html")
    if path.is_dir() or (path.is_file() and MARK.encode() not in path.read_bytes()):
        raise ValueError(
            f"--sheet {path}: is there already and is no contact sheet, which alone is written anew: choose "
            "another name"
        )


def write_sheet(path: Path, output: Path, grouped: Grouped, *, model: str) -> None:
    """Write the page of a finished score file; what is at `path` is replaced at once.

    Args:
        output: the score file; its series come in the order of `grouped`, others that it holds after them.
        model: what the page calls the model.
    """
    made = f"time, gap {grouped.gap_s:g} s" if grouped.by == "time" else "folder"
    broken = not_scored_path(output)
    lines = broken.read_text(encoding="utf-8").splitlines() if broken.exists() else []
    sheet = Sheet(
        facts={"Model": model, "series by": made},
        series=tuple(burst.name for burst in grouped.bursts),
        notes=tuple(grouped.notes()),
        not_ranked=tuple(json.loads(line)["reason"] for line in lines),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    # A file name need not be UTF-8; what is not is shown as such.
    page = contact_sheet(read_shots(output), sheet)
    temporary.write_text(page, encoding="utf-8", errors="replace")
    temporary.replace(path)


def contact_sheet(shots: Sequence[Shot], sheet: Sheet) -> str:
    """The page; its pictures are read here, and one that cannot be read is an empty frame."""
    series: dict[str, list[Shot]] = {name: [] for name in sheet.series}
    for shot in shots:
        series.setdefault(shot.series, []).append(shot)
    ranked = [sorted(held, key=lambda s: s.place) for held in series.values() if len(held) > 1]
    alone = [held[0] for held in series.values() if len(held) == 1]
    pictures = _pictures(
        [held[0] for held in ranked], [s for held in ranked for s in held[1:]] + alone
    )
    titles = _titles(ranked)
    sections = [
        _section(held, number, titles, pictures) for number, held in enumerate(ranked, start=1)
    ]
    if alone:
        sections.append(_alone(alone, pictures))
    if sheet.not_ranked:
        sections.append(_not_ranked(sheet.not_ranked))
    head = _head(ranked, alone, titles, sheet)
    return document("Bursts", head, *sections, style=SHEET_STYLE)


_Pictures = Mapping[str, str | None]


def _pictures(best: Sequence[Shot], others: Sequence[Shot]) -> _Pictures:
    """Image -> data URI; decoding lets go of the interpreter, so that threads share it."""
    asked = [(shot.image, BEST_SIDE) for shot in best] + [(shot.image, SIDE) for shot in others]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        made = pool.map(lambda one: thumbnail(*one), asked)
        return {image: uri for (image, _), uri in zip(asked, made, strict=True)}


def _titles(ranked: Sequence[Sequence[Shot]]) -> list[str]:
    """What series are called: their times, or their folders below the one that holds them all."""
    folders = [held[0].series for held in ranked if held[0].captured is None]
    # In one list there may be relative and absolute ones, which have nothing in common as they are written.
    parents = [os.path.abspath(os.path.dirname(folder)) for folder in folders]
    above = os.path.commonpath(parents) if parents else ""
    return [
        _first_time(held) if held[0].captured is not None
        else os.path.relpath(held[0].series, above or None)
        for held in ranked
    ]  # fmt: skip


def _first_time(shots: Sequence[Shot]) -> str:
    """2026-05-01 12:00:03, of the first shot."""
    return min(shot.captured for shot in shots if shot.captured is not None)[:19].replace("T", " ")


def _head(
    ranked: Sequence[Sequence[Shot]], alone: Sequence[Shot], titles: Sequence[str], sheet: Sheet
) -> Html:
    close = sum(_close(held) for held in ranked)
    counts = {
        "series": len(ranked),
        "shots in them": sum(map(len, ranked)),
        "single shots": len(alone),
        "close calls": close,
        "not ranked": len(sheet.not_ranked),
    }
    figures = [
        tag("span", tag("b", f"{count:,}"), f" {what}")
        for what, count in counts.items()
        if count or what == "series"
    ]
    told = " · ".join(f"{name} {value}" for name, value in sheet.facts.items())
    explained = (
        "The best shot of a series stands first, in green. A percentage is the model's probability that a shot "
        "is better than the one after it; 50% is a toss-up. "
        + (f"In {close:,} series the best is ahead by less than {CLOSE:.0%}: look at those yourself." if close
           else "")
    )  # fmt: skip
    jumps = [
        tag("a", str(number), href=f"#s{number}", class_="close" if _close(held) else None,
            title=titles[number - 1], aria_label=f"series {number}, {titles[number - 1]}")
        for number, held in enumerate(ranked, start=1)
    ]  # fmt: skip
    return tag(
        "header",
        tag("h1", "Bursts"),
        tag("p", told, class_="quiet"),
        tag("p", *figures, class_="figures"),
        tag("p", explained) if ranked else Html(""),
        *(tag("p", note, class_="warning") for note in sheet.notes),
        tag("nav", *jumps, class_="jump", aria_label="series") if len(jumps) > 1 else Html(""),
        id="top",
        data_page="artimuse-contact-sheet",
    )


def _section(
    shots: Sequence[Shot], number: int, titles: Sequence[str], pictures: _Pictures
) -> Html:
    """One series, best first."""
    of = len(titles)
    before = (
        ("#top", "↑", "to the top") if number == 1 else (f"#s{number - 1}", "↑", "series before")
    )
    links = [before, (f"#s{number + 1}", "↓", "next series")] if number < of else [before]
    title = tag(
        "div",
        tag("h2", titles[number - 1]),
        tag("span", f"{number} of {of} · {len(shots)} shots", class_="quiet"),
        tag("span", "close", class_="chip warning") if _close(shots) else Html(""),
        tag(
            "nav",
            *(tag("a", sign, href=to, aria_label=said, title=said) for to, sign, said in links),
        ),
        class_="title",
    )
    figures = [_figure(shot, pictures, best=place == 0) for place, shot in enumerate(shots)]
    return tag(
        "section", title, tag("div", *figures, class_="shots"), class_="card", id=f"s{number}"
    )


def _alone(shots: Sequence[Shot], pictures: _Pictures) -> Html:
    figures = [_figure(shot, pictures, best=False, placed=False) for shot in shots]
    told = tag("p", "Nothing to compare them with: the only shot of their series.", class_="quiet")
    return card("Single shots", told, tag("div", *figures, class_="shots"))


def _not_ranked(reasons: Sequence[str]) -> Html:
    told = tag(
        "p", "These cannot be read, and their series are ranked without them.", class_="quiet"
    )
    return card(
        "Not ranked", told, tag("ul", *(tag("li", reason) for reason in reasons), class_="list")
    )


def _figure(shot: Shot, pictures: _Pictures, *, best: bool, placed: bool = True) -> Html:
    source = pictures[shot.image]
    name = PurePath(shot.image).name
    inside = Html("no picture") if source is None else tag("img", src=source, alt=name)
    place = "best" if best else f"{shot.place}."
    mark = tag("span", place, class_="chip good" if best else "place")
    score = tag("span", f"{shot.score:.1f}", class_="score", title="score, 0 to 100")
    return tag(
        "figure",
        tag("div", inside, class_="frame"),
        tag(
            "figcaption",
            tag("span", mark if placed else Html(""), score, class_="line"),
            Html("") if shot.p_over_next is None else _sure(shot.p_over_next),
            tag("span", name, class_="name", title=shot.image),
        ),
        class_="shot best" if best else "shot",
    )


def _sure(probability: float) -> Html:
    """P(better than the next one), as a number and as a bar with its middle marked."""
    bar = tag(
        "span",
        tag("i", style=f"width: {probability:.1%}"),
        tag("b"),
        class_="meter",
        aria_hidden="true",
    )
    return tag("span", f"better than the next: {probability:.0%}", bar, class_="sure")


def _close(shots: Sequence[Shot]) -> bool:
    over = shots[0].p_over_next
    return over is not None and over < CLOSE
