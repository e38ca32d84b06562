"""score.py --series: rows, the contact sheet, going on, and what has changed in between."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from data.pages.reading import needs_nothing
from inference.bursts import START, exif, write_bursts, write_shot
from integration.calls import Called, call_script

import artimuse
from artimuse.inference.score_file import ScoreFile
from artimuse.models.folder import save_model
from conftest import build_tiny


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> Path:
    folder = tmp_path_factory.mktemp("models") / "model"
    save_model(build_tiny(texts), folder)
    return folder


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[Path]]:
    """A working folder with three bursts in `photos/`."""
    monkeypatch.chdir(tmp_path)
    return write_bursts(Path("photos"), [3, 2, 1])


def rank(model: Path, output: str, *options: object, by: str = "time") -> Called:
    return call_script(
        "score", "--model", model, "photos", "--series", by, "--output", output, *options
    )


def rows(output: str) -> list[dict[str, Any]]:
    path = Path(output)
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def places(output: str) -> dict[str, int]:
    found = {row["image"]: int(row["place"]) for row in rows(output)}
    assert len(found) == len(rows(output))
    return found


def test_rows_and_sheet(model: Path, photos: list[list[Path]]) -> None:
    called = rank(model, "b.jsonl", "--sheet", "b.html")
    assert called.status == 0, called.err
    assert "scored=6 not_scored=0 skipped=0" in called.out
    assert "series=2 single=1 by=time gap_s=2 without_time=0" in called.out
    written = rows("b.jsonl")
    ranking = artimuse.load(model, device="cpu").rank(photos[0])
    assert [Path(row["image"]) for row in written[:3]] == [photos[0][n] for n in ranking.order]
    assert [row["p_over_next"] for row in written[:2]] == pytest.approx(ranking.ahead, abs=1e-4)
    meta = json.loads(Path("b.jsonl.meta.json").read_text())
    assert meta["same"]["series"]["gap_s"] == 2.0
    page = Path("b.html").read_text(encoding="utf-8")
    assert needs_nothing(page)
    assert page.count("data:image/jpeg;base64,") == 6
    # By folder they are one series.
    called = rank(model, "folder.csv", by="folder")
    assert "series=1 single=0 by=folder" in called.out
    assert list(places("folder.csv").values()) == [1, 2, 3, 4, 5, 6]
    assert "captured" not in rows("folder.csv")[0]


@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
def test_stopped_anywhere_it_ends_as_if_it_had_not_been(
    model: Path, photos: list[list[Path]], suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    del photos
    rank(model, f"whole.{suffix}")
    write, written = ScoreFile.write, []

    def stop(self: ScoreFile, row: dict[str, Any]) -> None:
        if len(written) == 4:  # within the second series
            raise KeyboardInterrupt
        written.append(row)
        write(self, row)

    output = f"cut.{suffix}"
    with monkeypatch.context() as patch:
        patch.setattr(ScoreFile, "write", stop)
        called = rank(model, output, "--sheet", "cut.html")
    assert called.status == 130
    assert not Path("cut.html").exists()
    Path(output).write_bytes(Path(output).read_bytes()[:-3])  # and its last row cut
    called = rank(model, output, "--sheet", "cut.html")
    assert called.status == 0, called.err
    assert "scored=3 not_scored=0 skipped=3" in called.out
    for one, other in zip(rows(output), rows(f"whole.{suffix}"), strict=True):
        for name in ("image", "series", "place", "shots", "scored", "captured"):
            assert one[name] == other[name]
        # Of other batches, so not to the last bit.
        assert float(one["score"]) == pytest.approx(float(other["score"]), abs=1e-3)
    before = Path(output).read_bytes()
    called = rank(model, output)
    assert "scored=0 not_scored=0 skipped=6" in called.out
    assert Path(output).read_bytes() == before


@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
def test_a_series_that_changed_is_ranked_anew(
    model: Path, photos: list[list[Path]], suffix: str
) -> None:
    output = f"b.{suffix}"
    whole = photos[1][1].read_bytes()
    photos[1][1].write_bytes(whole[:3000])
    called = rank(model, output, "--sheet", "b.html")
    assert called.status == 1
    assert "scored=5 not_scored=1" in called.out
    assert f"not scored: {photos[1][1]}: truncated" in called.err
    assert f"{photos[1][1]}: truncated" in Path("b.html").read_text()
    # The image is whole again, another has come, one has gone.
    photos[1][1].write_bytes(whole)
    late = START + timedelta(seconds=1)
    new = write_shot(Path("photos/late.jpg"), exif(late, camera="One"))
    photos[2][0].unlink()
    called = rank(model, output, "--sheet", "b.html")
    assert called.status == 0, called.err
    assert "4 rows of series that are not as they were are ranked again" in called.err
    found = places(output)
    assert sorted(found[str(path)] for path in [*photos[0], new]) == [1, 2, 3, 4]
    assert sorted(found[str(path)] for path in photos[1]) == [1, 2]
    # What is asked no more keeps its row, unless its series is.
    assert found[str(photos[2][0])] == 1
    fresh = f"fresh.{suffix}"
    rank(model, fresh)
    assert places(fresh) == {k: v for k, v in found.items() if k != str(photos[2][0])}
    photos[0][0].unlink()  # by whose name the series was called
    called = rank(model, output)
    assert "4 rows of series that are not as they were are ranked again" in called.err
    found = places(output)
    assert str(photos[0][0]) not in found
    assert sorted(found[str(path)] for path in [*photos[0][1:], new]) == [1, 2, 3]


def test_another_gap_or_model_is_another_file(model: Path, photos: list[list[Path]]) -> None:
    del photos
    rank(model, "b.jsonl")
    before = Path("b.jsonl").read_bytes()
    called = rank(model, "b.jsonl", "--gap", "0.1")
    assert called.status == 2
    assert "series.gap_s: 2.0 there, 0.1 now" in called.err
    called = call_script("score", "--model", model, "photos", "--output", "b.jsonl")
    assert called.status == 2
    assert "series.by: 'time' there, None now" in called.err
    assert Path("b.jsonl").read_bytes() == before


def test_images_without_a_time_are_said(model: Path, photos: list[list[Path]]) -> None:
    del photos
    write_shot(Path("photos/scan.png"))
    called = rank(model, "b.jsonl", "--sheet", "b.html")
    assert called.status == 0
    assert "without_time=1" in called.out
    assert "1 images have no capture time" in called.err
    assert "1 images have no capture time" in Path("b.html").read_text()
    assert places("b.jsonl")["photos/scan.png"] == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--describe",), "--series: rows of series have no texts"),
        (("--gap", "-1"), "expected at least 0 seconds, found -1"),
        (("--gap", "nan"), "expected at least 0 seconds, found nan"),
        (("--sheet", "b.txt"), "--sheet b.txt: expected a name that ends in .html"),
    ],
)
def test_a_wrong_call_is_one_error(
    model: Path, photos: list[list[Path]], options: tuple[str, ...], said: str
) -> None:
    del photos
    called = rank(model, "b.jsonl", *options)
    assert called.status == 2
    assert said in called.err
    called = rank(model, "b.jsonl", "--gap", "1", by="folder")
    assert "--gap: of capture times" in called.err
    called = call_script(
        "score", "--model", model, "photos", "--output", "b.csv", "--sheet", "b.html"
    )
    assert "--sheet: a page of ranked series" in called.err
    assert not list(Path().glob("b.*"))


def test_a_model_that_only_answers_cannot_rank(
    photos: list[list[Path]], texts: list[str], tmp_path: Path
) -> None:
    del photos
    mute = build_tiny(texts)
    mute.readout, mute.info = None, replace(mute.info, readout=None, aspects=())
    save_model(mute, tmp_path / "mute")
    called = rank(tmp_path / "mute", "b.jsonl")
    assert called.status == 2
    assert "no score read-out, so it cannot rank" in called.err


LOOK = """<!doctype html><iframe id="f" src="sheet.html" width="WIDTH" height="2000"></iframe><script>
addEventListener("load", () => {
  const page = document.getElementById("f").contentDocument;
  const pictures = [...page.images];
  const small = [...page.querySelectorAll("a")].filter(a => a.getBoundingClientRect().height < 24);
  document.title = JSON.stringify({
    pictures: pictures.filter(p => p.complete && p.naturalWidth > 0).length,
    series: page.querySelectorAll("section[id]").length,
    best: page.querySelectorAll(".shot.best").length,
    wide: page.documentElement.scrollWidth, small: small.length,
  });
});
</script>"""


@pytest.mark.slow
def test_200_photographs_in_40_bursts_open_in_a_browser_without_a_server(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = ("chromium", "chromium-browser", "google-chrome")
    browser = next(filter(None, map(shutil.which, known)), None)
    if browser is None:
        pytest.skip("no Chromium on this machine")
    monkeypatch.chdir(tmp_path)
    write_bursts(Path("photos"), [5] * 40)
    called = rank(model, "b.jsonl", "--sheet", "sheet.html")
    assert called.status == 0, called.err
    assert "series=40 single=0" in called.out
    shutil.rmtree("photos")  # the page needs none of it
    for width in (390, 1440):
        Path("look.html").write_text(LOOK.replace("WIDTH", str(width)), encoding="utf-8")
        shown = subprocess.run(
            [browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom",
             f"--user-data-dir={tmp_path}/browser", "--allow-file-access-from-files",
             "--virtual-time-budget=60000", f"file://{tmp_path}/look.html"],
            capture_output=True, text=True, timeout=110, check=True,
        )  # fmt: skip
        found = json.loads(shown.stdout.partition("<title>")[2].partition("</title>")[0])
        assert (found["pictures"], found["series"], found["best"]) == (200, 40, 40)
        assert found["wide"] <= width, "the page is wider than the window"
        assert found["small"] == 0, "a link that no finger meets"
