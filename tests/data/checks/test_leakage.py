"""Leakage: planted copies of every kind are found and named; unreadable images disturb nothing."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from artimuse.data.checks import pool
from artimuse.data.checks.leakage import (
    Leak,
    find_leaks,
    find_leaks_by_content,
    find_leaks_by_name,
    find_leaks_undecoded,
)
from artimuse.data.demo.paint import paint
from artimuse.data.demo.scene import draw_scene
from artimuse.records import Question, Sample, Source


def source(name: str, folder: Path, images: list[str]) -> Source:
    question = (Question(kind="score", aspect="overall"),)
    return Source(name, [Sample(f"{name}/{i}", (folder / i,), question, name) for i in images])


def draw(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    paint(draw_scene(np.random.default_rng([3, seed]))).save(path, quality=90)


@pytest.fixture
def planted(tmp_path: Path) -> tuple[Source, Source]:
    """A training and an evaluation source with four images in common, each in its own way."""
    train, test = tmp_path / "train", tmp_path / "test"
    for number in range(12):
        draw(train / f"{number}.jpg", number)
        draw(test / f"{number}.jpg", 100 + number)
    (test / "renamed.jpg").write_bytes((train / "0.jpg").read_bytes())
    with Image.open(train / "1.jpg") as image:
        image.save(test / "anew.png")
    with Image.open(train / "2.jpg") as image:
        image.resize((image.width // 2, image.height // 2)).save(test / "half.jpg", quality=70)
    # Another picture under a telling name.
    draw(train / "para_iaa_pub10022_.jpg", 50)
    draw(test / "iaa_pub10022_.jpg", 60)
    (train / "broken.jpg").write_bytes(b"no image")
    (test / "empty.jpg").write_bytes(b"")
    names = [f"{number}.jpg" for number in range(12)]
    return (
        source("ours", train, [*names, "para_iaa_pub10022_.jpg", "broken.jpg", "gone.jpg"]),
        source(
            "bench",
            test,
            [*names, "renamed.jpg", "anew.png", "half.jpg", "iaa_pub10022_.jpg", "empty.jpg"],
        ),
    )


def test_planted_leaks_of_every_kind_are_found(planted: tuple[Source, Source]) -> None:
    training, evaluation = planted
    leaks = find_leaks([training], [evaluation], processes=1, progress=False)
    assert [(leak.kind, leak.training, leak.evaluation) for leak in leaks] == [
        ("name", "ours/para_iaa_pub10022_.jpg", "bench/iaa_pub10022_.jpg"),
        ("content", "ours/0.jpg", "bench/renamed.jpg"),
        ("appearance", "ours/1.jpg", "bench/anew.png"),
        ("appearance", "ours/2.jpg", "bench/half.jpg"),
    ]
    assert [leak.distance for leak in leaks[:2]] == [None, 0.0]
    assert all(0 <= leak.distance < 5 for leak in leaks[2:] if leak.distance is not None)
    assert leaks[3].training_file == str(training.samples[2].images[0])
    assert leaks[3].sources == ("ours", "bench")
    assert str(leaks[3]).startswith("appearance: ours/2.jpg is bench/half.jpg (")


def test_the_result_does_not_depend_on_processes(
    planted: tuple[Source, Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = find_leaks([planted[0]], [planted[1]], processes=1, progress=False)
    monkeypatch.setattr(pool, "POOL_PAYS_S", 0.0)
    monkeypatch.setattr(pool, "CHUNK", 8)
    assert find_leaks([planted[0]], [planted[1]], processes=2, progress=False) == one


def test_names_and_bytes_need_no_decoding(
    planted: tuple[Source, Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = "artimuse.data.checks.leakage.read_image"
    monkeypatch.setattr(decoded, lambda path: pytest.fail(f"decoded {path}"))
    by_name = find_leaks_by_name([planted[0]], [planted[1]])
    by_content = find_leaks_by_content([planted[0]], [planted[1]])
    assert [leak.evaluation for leak in by_name] == ["bench/iaa_pub10022_.jpg"]
    assert [leak.evaluation for leak in by_content] == ["bench/renamed.jpg"]
    assert find_leaks_undecoded([planted[0]], [planted[1]]) == [*by_name, *by_content]


def test_one_file_in_two_lists_is_found_by_its_path_and_bytes(tmp_path: Path) -> None:
    draw(tmp_path / "1.jpg", 1)
    file = str(tmp_path / "1.jpg")
    training = [source("a", tmp_path, ["1.jpg", "1.jpg"]), source("b", tmp_path, ["1.jpg"])]
    leaks = find_leaks(training, [source("a", tmp_path, ["1.jpg"])], processes=1, progress=False)
    ours, theirs = (("a/1.jpg", file), ("b/1.jpg", file)), ("a/1.jpg", file)
    assert leaks == [
        *(Leak("name", *one, *theirs, distance=None) for one in ours),
        *(Leak("content", *one, *theirs, distance=0.0) for one in ours),
    ]


def test_unrelated_images_give_no_finding(tmp_path: Path) -> None:
    for number in range(60):
        draw(tmp_path / f"{number % 2}" / f"{number // 2}.jpg", number)
    names = [f"{number}.jpg" for number in range(30)]
    training, evaluation = source("a", tmp_path / "0", names), source("b", tmp_path / "1", names)
    assert find_leaks([training], [evaluation], processes=1, progress=False) == []
    assert find_leaks([training], [], processes=1, progress=False) == []
