"""Counts in all and by category, and images that are there twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from artimuse.data.checks.leakage import Read, find_leaks
from artimuse.data.checks.report.counts import count
from artimuse.data.checks.report.duplicates import duplicates
from artimuse.data.checks.report.pictures import look_at
from artimuse.data.checks.report.splits import Split
from artimuse.data.checks.report.statistics import histogram, spread, srcc
from artimuse.data.store import open_source, write_source
from artimuse.records import BadItem, Pair, Question, Sample, ScoreLabel, Source

SCORE = Question("score", aspect="overall", label=ScoreLabel(5, 0, 10))
RANKED = Question("score", aspect="overall")
TEXT = Question("text", "Is it sharp?", "Yes.")
CHOICE = Question("choice", "A) dim B) bright", "A)", options=("A)", "B)"))


def sample(
    name: str,
    *questions: Question,
    images: tuple[str, ...] = ("x.jpg",),
    series: str | None = None,
    category: str | None = None,
) -> Sample:
    paths = tuple(Path(image) for image in images)
    return Sample(f"made/{name}", paths, questions, "made", series, category)


@pytest.mark.parametrize("stored", [False, True], ids=["in memory", "stored"])
def test_counts_by_hand(stored: bool, tmp_path: Path) -> None:
    source = Source(
        "made",
        [
            sample("1", TEXT, TEXT, SCORE, category="interior"),
            sample("2", CHOICE, RANKED, series="s", category="garden"),
            sample("3", RANKED, series="s", images=("a.jpg", "b.jpg")),
            sample("4", RANKED, series="t", category="garden"),
        ],
        pairs=[Pair("made/2", "made/3", 0.7)],
        bad=[BadItem("f", "1", "missing file: ..."), BadItem("f", "2", "missing file: ...")],
        items=9,
        notes=["a note"],
    )
    if stored:
        write_source(tmp_path / "source", source)
        source = open_source(tmp_path / "source")
    found = count(source)
    assert found["counts"] == {
        "samples": 4, "images": 5, "series": 2, "texts": 2, "choices": 1, "scores": 1, "pairs": 1,
    }  # fmt: skip
    # The largest first; a series with images of two categories counts in both, and once in all.
    assert list(found["categories"]) == ["(no category)", "garden", "interior"]
    assert found["categories"]["garden"]["series"] == 2
    assert found["categories"]["garden"]["pairs"] == 1
    assert found["categories"]["interior"]["texts"] == 2
    assert (found["rows"], found["bad"], found["notes"]) == (9, {"missing file": 2}, ["a note"])


def test_without_categories_there_is_no_table_of_them() -> None:
    assert count(Source("made", [sample("1", SCORE)]))["categories"] == {}
    assert count(Source("made", []))["counts"]["images"] == 0


def test_statistics() -> None:
    # Ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4.
    assert srcc([1, 2, 2, 9], [1, 2, 3, 4]) == pytest.approx(4.5 / np.sqrt(4.5 * 5))
    assert srcc([1, 1, 1], [1, 2, 3]) == 0
    assert srcc([1, 2], [1, 2]) is None
    assert histogram([0, 9.99, 10], 0, 10, bins=2) == {"low": 0, "high": 10, "counts": [1, 2]}
    found = spread([1, 2, 3, 4, 100])
    assert found is not None
    assert (found["n"], found["median"], found["max"]) == (5, 3, 100)
    assert found["p95"] == pytest.approx(80.8)
    assert spread([]) is None
    zeros = spread([0, 0])
    assert zeros is not None
    assert zeros["histogram"]["counts"][0] == 2


def picture(path: Path, seed: int, quality: int = 90, size: tuple[int, int] = (90, 70)) -> str:
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (5, 5, 3), dtype=np.uint8))
    coarse.resize(size, Image.Resampling.BICUBIC).save(path, quality=quality)
    return str(path)


def test_images_that_are_there_twice(tmp_path: Path) -> None:
    one, other = picture(tmp_path / "one.jpg", 1), picture(tmp_path / "other.jpg", 2)
    copies = [str(tmp_path / f"copy{n}.jpg") for n in range(3)]
    for copy in copies:
        Path(copy).write_bytes(Path(one).read_bytes())
    smaller = picture(tmp_path / "smaller.jpg", 2, quality=60, size=(60, 48))
    first = Source("first", [sample("1", images=(one,)), sample("2", images=(other,)),
                             sample("3", images=(copies[0],))])  # fmt: skip
    second = Source("second", [
        sample("4", images=(copies[1],)), sample("5", images=(smaller,)), sample("6", images=(one,)),
    ])  # fmt: skip
    held_out = Source("third", [sample("7", images=(copies[2],))])
    pictures = look_at([first, second, held_out], processes=1, progress=False)
    splits = [Split("training", first, "custom"), Split("training", second, "custom"),
              Split("evaluation", held_out, "custom")]  # fmt: skip
    rows = duplicates(splits, pictures.read)
    # One file under two sources is one file, and the held-out copy is leakage.
    assert [(row["kind"], row["first"], row["second"], row["n"]) for row in rows] == [
        ("bytes", "first training", "first training", 1),
        ("bytes", "first training", "second training", 1),
        ("look", "first training", "second training", 1),
    ]
    (example,) = rows[2]["examples"]
    assert (example["first_file"], example["second_file"]) == (other, smaller)
    assert 0 < example["distance"] < 5


def test_the_largest_group_is_counted(tmp_path: Path) -> None:
    one = picture(tmp_path / "one.jpg", 1)
    copies = [str(tmp_path / f"copy{n}.jpg") for n in range(4)]
    for copy in copies:
        Path(copy).write_bytes(Path(one).read_bytes())
    source = Source("made", [sample(str(n), images=(f,)) for n, f in enumerate([one, *copies])])
    pictures = look_at([source], processes=1, progress=False)
    (row,) = duplicates([Split("training", source, "custom")], pictures.read)
    assert (row["n"], row["most_alike"]) == (4, 5)


def test_images_of_one_series_are_meant_to_look_alike(tmp_path: Path) -> None:
    files = [picture(tmp_path / f"{q}.jpg", 3, quality=q) for q in (95, 60)]
    for series, expected in (("s", []), (None, ["look"])):
        source = Source("made", [sample(f, images=(f,), series=series) for f in files])
        pictures = look_at([source], processes=1, progress=False)
        rows = duplicates([Split("training", source, "custom")], pictures.read)
        assert [row["kind"] for row in rows] == expected


def test_one_pass_serves_all_checks(tmp_path: Path) -> None:
    good = picture(tmp_path / "good.jpg", 1, size=(90, 70))
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(Path(good).read_bytes()[:300])
    missing = str(tmp_path / "missing.jpg")
    uses = {"1": (good, str(broken)), "2": (missing,), "3": (missing, str(broken))}
    source = Source("made", [sample(name, images=files) for name, files in uses.items()])
    pictures = look_at([source], processes=1, progress=False)
    assert pictures.sizes == {good: (90, 70)}
    assert [(bad.file, bad.item) for bad in pictures.bad] == [
        (str(broken), "made/1"), (missing, "made/2"),
    ]  # fmt: skip
    assert pictures.bad[0].reason.startswith("truncated or damaged")
    digest, view = pictures.read[good]
    assert digest is not None
    assert view is not None
    assert view.shape == (32, 32)
    assert pictures.read[str(broken)][0] is not None
    assert pictures.read[missing] == (None, None)


def test_leaks_are_found_without_reading_again() -> None:
    one, other = (
        Source(n, [Sample(f"{n}/1", (Path(f"{n}.jpg"),), (), n)]) for n in ("one", "other")
    )
    # Neither file is there: all that is known of them was found before.
    known: dict[str, Read] = {"one.jpg": (b"same", None), "other.jpg": (b"same", None)}
    (leak,) = find_leaks([one], [other], processes=1, progress=False, known=known)
    assert leak.kind == "content"
    assert find_leaks([one], [other], processes=1, progress=False) == []
