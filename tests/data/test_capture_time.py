"""Capture times as cameras, phones and programs write them, and as nobody should."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from inference.bursts import exif, write_shot
from PIL import ExifTags, Image

from artimuse.data.capture_time import capture

AT = datetime(2026, 5, 1, 12, 0, 3, 250_000)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
def test_time_fraction_and_camera(tmp_path: Path, suffix: str) -> None:
    found = capture(write_shot(tmp_path / f"a.{suffix}", exif(AT, camera="One")))
    assert found is not None
    assert (found.at, found.whole_seconds, found.camera) == (AT, False, "Maker One")


def test_a_zone_makes_the_time_aware(tmp_path: Path) -> None:
    found = capture(write_shot(tmp_path / "a.jpg", exif(AT, zone="+02:00")))
    assert found is not None
    assert found.at == AT.replace(tzinfo=timezone(timedelta(hours=2)))
    assert found.at.astimezone(UTC).hour == 10
    blank = capture(write_shot(tmp_path / "b.jpg", exif(AT, zone="   :  ")))
    assert blank is not None
    assert blank.at == AT


@pytest.mark.parametrize(
    ("fraction", "microseconds"),
    [("05", 50_000), ("5", 500_000), ("123456", 123_456), ("", None), ("  ", None), ("x1", None)],
)
def test_fractions_are_digits_after_the_point(
    tmp_path: Path, fraction: str, microseconds: int | None
) -> None:
    found = capture(write_shot(tmp_path / "a.jpg", exif(AT, fraction=fraction)))
    assert found is not None
    assert found.at.microsecond == (microseconds or 0)
    assert found.whole_seconds == (microseconds is None)


@pytest.mark.parametrize(
    "text", ["0000:00:00 00:00:00", "    :  :     :  :  ", "2026:13:40 12:00:00", "yesterday"]
)
def test_what_is_no_time_is_none(tmp_path: Path, text: str) -> None:
    block = exif(AT)
    block.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = text
    assert capture(write_shot(tmp_path / "a.jpg", block)) is None


@pytest.mark.parametrize("fraction", ["9999999", "99999999999999999999"])
def test_after_the_last_second_there_is_none(tmp_path: Path, fraction: str) -> None:
    block = exif(datetime(9999, 12, 31, 23, 59, 59), fraction=fraction)
    assert capture(write_shot(tmp_path / "a.jpg", block)) is None


def test_a_programs_own_date_is_no_capture_time(tmp_path: Path) -> None:
    block = Image.Exif()
    block[ExifTags.Base.DateTime] = "2026:05:01 12:00:00"
    assert capture(write_shot(tmp_path / "a.jpg", block)) is None


def test_what_is_damaged_has_none(tmp_path: Path) -> None:
    path = write_shot(tmp_path / "a.jpg", exif(AT))
    whole = path.read_bytes()
    place = whole.index(b"Exif\0\0") + 6
    for bad in (
        b"",
        b"<html>",
        whole[: place + 12],
        whole[:place] + b"\xff" * 40 + whole[place + 40 :],
    ):
        path.write_bytes(bad)
        assert capture(path) is None
    assert capture(tmp_path / "absent.jpg") is None
    assert capture(tmp_path) is None
