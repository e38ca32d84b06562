"""Bytes become files of the image folder: once, whole, inside it, and never over another file."""

import io
import os
from pathlib import Path

import pytest
from PIL import Image

from artimuse.data.formats.fields import BadRow
from artimuse.data.formats.unpack import suffix_of, unpack
from artimuse.records import DataError


def test_bytes_become_a_file_once(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    path = unpack(folder, "a/b.jpg", b"one")
    assert path == folder / "a" / "b.jpg"
    assert path.read_bytes() == b"one"
    os.utime(path, ns=(1, 1))
    assert unpack(folder, "a/./b.jpg", b"one") == path
    assert path.stat().st_mtime_ns == 1
    assert list(folder.rglob("*")) == [path.parent, path]


@pytest.mark.parametrize("there", [b"two", b"long", b""])
def test_another_file_is_not_overwritten(tmp_path: Path, there: bytes) -> None:
    (tmp_path / "a.jpg").write_bytes(there)
    with pytest.raises(DataError, match=r"a\.jpg: expected no file.*folder that this data set has"):
        unpack(tmp_path, "a.jpg", b"one")
    assert (tmp_path / "a.jpg").read_bytes() == there


def test_a_folder_or_a_dead_link_is_another_file(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").mkdir()
    (tmp_path / "b.jpg").symlink_to("nothing")
    for name in ("a.jpg", "b.jpg"):
        with pytest.raises(DataError, match="found another file"):
            unpack(tmp_path, name, b"one")


@pytest.mark.parametrize(
    "name", ["/a.jpg", "../a.jpg", "a/../../b.jpg", "..\\a.jpg", "c:a.jpg", "", "a\0", "out/a.jpg"]
)
def test_names_stay_inside_the_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "out").symlink_to(tmp_path)
    with pytest.raises(BadRow):
        unpack(folder, name, b"one")
    assert sorted(tmp_path.iterdir()) == [folder]


def test_what_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(BadRow, match="too long"):
        unpack(tmp_path, "a" * 300, b"one")
    with pytest.raises(BadRow, match="empty image"):
        unpack(tmp_path, "a.jpg", b"")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError, match="expected to unpack an image there"):
        unpack(tmp_path, "file/a.jpg", b"one")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_killed_run_leaves_no_half_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        unpack(tmp_path, "a.jpg", b"one")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("kind", "suffix"),
    [
        ("JPEG", ".jpg"),
        ("PNG", ".png"),
        ("WEBP", ".webp"),
        ("GIF", ".gif"),
        ("BMP", ".bmp"),
        ("TIFF", ".tif"),
        ("PPM", ".ppm"),
    ],
)
def test_suffix_by_content(kind: str, suffix: str) -> None:
    file = io.BytesIO()
    Image.new("RGB", (4, 4)).save(file, kind)
    assert suffix_of(file.getvalue()) == suffix


@pytest.mark.parametrize("data", [b"", b"RIFF1234WAVE", b"<svg>"])
def test_what_begins_like_no_image_is_bad(data: bytes) -> None:
    with pytest.raises(BadRow, match="not an image"):
        suffix_of(data)
