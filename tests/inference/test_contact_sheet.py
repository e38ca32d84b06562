"""The contact sheet: one file that needs nothing, best shots first, and what comes from outside is text."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from data.pages.reading import EVIL, needs_nothing, read
from inference.bursts import write_shot

from artimuse.inference.burst_file import Shot
from artimuse.inference.bursts import Burst, Grouped
from artimuse.inference.contact_sheet import check_sheet, write_sheet
from artimuse.inference.contact_sheet.page import Sheet, contact_sheet


def shot(image: str, place: int, *, series: str = "s", over: float | None = None) -> Shot:
    return Shot(image, 60.0 - place, series, place, over, None, "2026-05-01T12:00:00")


def test_best_first_with_neighbours_and_counts(tmp_path: Path) -> None:
    paths = [str(write_shot(tmp_path / f"{name}.jpg", grey=g)) for g, name in enumerate("abcde")]
    shots = [
        shot(paths[1], 2), shot(paths[0], 1, over=0.72),
        shot(paths[2], 1, series="t", over=0.55), shot(paths[3], 2, series="t"),
        shot(paths[4], 1, series="alone"),
    ]  # fmt: skip
    page = contact_sheet(shots, Sheet({"Model": "m"}, ("t", "s"), ("a note",), ("x.jpg: empty",)))
    assert needs_nothing(page)
    text = "".join(read(page).text)
    for said in ("2 series", "4 shots in them", "1 single shots", "1 close calls", "1 not ranked",
                 "In 1 series", "a note", "x.jpg: empty", "better than the next: 72%"):  # fmt: skip
        assert said in text
    # The order of series is the caller's, that of shots the model's.
    assert re.findall(r'alt="(\w)\.jpg"', page) == ["c", "d", "a", "b", "e"]
    assert [found["class"] for name, found in read(page).tags if name == "figure"] == [
        "shot best", "shot", "shot best", "shot", "shot",
    ]  # fmt: skip
    assert page.count('class="chip warning"') == 1
    assert "<h2>2026-05-01 12:00:00</h2>" in page


def test_every_link_leads_to_a_section(tmp_path: Path) -> None:
    path = str(write_shot(tmp_path / "a.jpg"))
    shots = [shot(path, place, series=str(n)) for n in range(12) for place in (1, 2)]
    page = contact_sheet(shots, Sheet({}, ()))
    tags = read(page).tags
    ids = {found["id"] for _, found in tags if "id" in found}
    links = [str(found["href"]) for name, found in tags if name == "a"]
    assert {link.removeprefix("#") for link in links} <= ids
    # From each series to the next by keyboard, and to any from the top.
    assert links.count("#s2") == 3
    assert all(found.get("aria-label") for name, found in tags if name == "a")


def test_names_are_text(tmp_path: Path) -> None:
    evil = EVIL.replace("/", "")
    path = str(tmp_path / f"{evil}.jpg")
    shots = [shot(path, 1, series=EVIL, over=0.9), shot(path, 2, series=EVIL)]
    page = contact_sheet(shots, Sheet({"Model": EVIL}, (), (EVIL,), (EVIL,)))
    assert needs_nothing(page)
    assert "no picture" in page
    assert EVIL in "".join(read(page).text)


def test_folders_are_called_by_what_tells_them_apart() -> None:
    def folder(name: str, place: int) -> Shot:
        return Shot("none.jpg", 1.0, name, place, None, None, None)

    shots = [folder(f"photos/day{n}/burst", place) for n in (1, 2) for place in (1, 2)]
    page = contact_sheet(shots, Sheet({}, ()))
    assert re.findall(r"<h2>(.*?)</h2>", page) == ["day1/burst", "day2/burst"]
    page = contact_sheet([folder(".", 1), folder(".", 2)], Sheet({}, ()))
    assert re.findall(r"<h2>(.*?)</h2>", page) == ["."]


def test_relative_and_absolute_folders_stand_in_one_sheet(tmp_path: Path) -> None:
    named = ["photos/day1", str(Path("photos/day2").absolute())]
    shots = [Shot("none.jpg", 1.0, one, n, None, None, None) for one in named for n in (1, 2)]
    page = contact_sheet(shots, Sheet({}, ()))
    assert re.findall(r"<h2>(.*?)</h2>", page) == ["day1", "day2"]


def test_a_file_that_is_no_sheet_is_not_replaced(tmp_path: Path) -> None:
    for name in ("sheet.txt", "sheet"):
        with pytest.raises(ValueError, match=r"ends in \.html"):
            check_sheet(tmp_path / name)
    other = tmp_path / "index.html"
    other.write_text("<p>mine")
    with pytest.raises(ValueError, match="is there already and is no contact sheet"):
        check_sheet(other)
    with pytest.raises(ValueError, match="is there already"):
        check_sheet(tmp_path / "folder.html") if (
            tmp_path / "folder.html"
        ).mkdir() is None else None
    output = tmp_path / "b.jsonl"
    row = {
        "image": "a.jpg",
        "score": 1.0,
        "series": "s",
        "place": 1,
        "p_over_next": None,
        "p_over_best": None,
    }
    output.write_text(json.dumps(row) + "\n")
    grouped = Grouped((Burst("s", (Path("a.jpg"),), (None,)),), "time", 2.0)
    sheet = tmp_path / "new" / "sheet.html"
    write_sheet(sheet, output, grouped, model="m")
    check_sheet(sheet)
    write_sheet(sheet, output, grouped, model="m")
    assert [path.name for path in sheet.parent.iterdir()] == ["sheet.html"]
