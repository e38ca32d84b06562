"""The decode check: every distinct image once, in order, whatever the number of processes."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from artimuse.data.checks import pool
from artimuse.data.checks.decode import check_images
from artimuse.records import Question, Sample, Source


def source(name: str, folder: Path, images: list[str]) -> Source:
    question = (Question(kind="score", aspect="overall"),)
    samples = [Sample(f"{name}/{image}", (folder / image,), question, name) for image in images]
    return Source(name, samples, items=len(samples))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    for number in range(150):
        Image.fromarray(noise).save(tmp_path / f"{number}.jpg")
    (tmp_path / "7.jpg").write_bytes((tmp_path / "7.jpg").read_bytes()[:-100])
    (tmp_path / "100.jpg").write_bytes(b"")
    (tmp_path / "149.jpg").unlink()
    return tmp_path


@pytest.mark.parametrize("processes", [1, 2])
def test_bad_images_are_listed_once_in_order(
    folder: Path, processes: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(pool, "POOL_PAYS_S", 0.0)
    names = [f"{number}.jpg" for number in range(150)]
    sources = [source("one", folder, names), source("two", folder, names[::-1])]
    bad = check_images(sources, processes=processes, progress=True)
    assert [(item.file, item.item) for item in bad] == [
        (str(folder / name), f"one/{name}") for name in ("7.jpg", "100.jpg", "149.jpg")
    ]
    assert [item.reason.partition(":")[0] for item in bad] == [
        "truncated or damaged", "empty file", "missing file",
    ]  # fmt: skip
    # Not a terminal, so no bar.
    assert capsys.readouterr().err == ""


def test_no_images_no_bad_images() -> None:
    assert check_images([Source("empty", [])], processes=2, progress=False) == []
