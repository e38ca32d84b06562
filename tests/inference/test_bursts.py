"""Images into series: by folder, and by the pauses between them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from inference.bursts import START, exif, write_bursts, write_shot

from artimuse.inference.bursts import by_folder, by_time


def names(grouped: object) -> list[list[str]]:
    return [[image.name for image in burst.images] for burst in grouped.bursts]  # type: ignore[attr-defined]


def test_a_folder_is_a_series() -> None:
    paths = [Path("a/1.jpg"), Path("b/c/1.jpg"), Path("a/2.jpg"), Path("b/1.jpg"), Path("0.jpg")]
    grouped = by_folder(paths)
    assert [burst.name for burst in grouped.bursts] == ["a", "b/c", "b", "."]
    assert [image for burst in grouped.bursts for image in burst.images] == [
        paths[0], paths[2], paths[1], paths[3], paths[4],
    ]  # fmt: skip
    assert grouped.summary() == "series=1 single=3 by=folder"
    assert grouped.notes() == []


def test_bursts_are_told_apart_by_their_times(tmp_path: Path) -> None:
    written = write_bursts(tmp_path, [3, 1, 4])
    grouped = by_time([path for burst in reversed(written) for path in reversed(burst)])
    # Within a series by time, whatever the order in which the images were given.
    assert [list(burst.images) for burst in grouped.bursts] == list(reversed(written))
    assert [burst.name for burst in grouped.bursts] == [
        f"2026-05-01 12:0{number}:00 {written[number][0]}" for number in (2, 1, 0)
    ]
    assert grouped.bursts[2].captured[1] == "2026-05-01T12:00:00.250000"
    assert grouped.summary() == "series=2 single=1 by=time gap_s=2 without_time=0"


def test_the_gap_is_between_neighbours_and_may_be_reached(tmp_path: Path) -> None:
    """Two seconds are within a gap of two; a series may last longer than the gap."""
    times_s = (0, 2, 4, 6.001)
    paths = [
        write_shot(tmp_path / f"{n}.jpg", exif(START + timedelta(seconds=s)))
        for n, s in enumerate(times_s)
    ]
    assert names(by_time(paths, gap_s=2)) == [["0.jpg", "1.jpg", "2.jpg"], ["3.jpg"]]
    assert names(by_time(paths, gap_s=3)) == [["0.jpg", "1.jpg", "2.jpg", "3.jpg"]]
    assert names(by_time(paths, gap_s=0)) == [["0.jpg"], ["1.jpg"], ["2.jpg"], ["3.jpg"]]


def test_cameras_and_zones_are_not_mixed(tmp_path: Path) -> None:
    def shot(name: str, second: float, **options: str) -> Path:
        return write_shot(tmp_path / name, exif(START + timedelta(seconds=second), **options))

    paths = [
        shot("a1.jpg", 0, camera="A"), shot("b1.jpg", 0.1, camera="B"),
        shot("a2.jpg", 0.2, camera="A"), shot("b2.jpg", 0.3, camera="B"),
        shot("zone.jpg", 0.4, camera="A", zone="+00:00"),
        # The same moment, told by clocks of two zones.
        shot("other.jpg", 3600.4, camera="A", zone="+01:00"),
    ]  # fmt: skip
    grouped = by_time(paths)
    assert names(grouped) == [["a1.jpg", "a2.jpg"], ["b1.jpg", "b2.jpg"], ["other.jpg", "zone.jpg"]]
    assert [b.name for b in grouped.bursts] == [
        f"2026-05-01 12:00:00 {paths[0]}", f"2026-05-01 12:00:00 {paths[1]}",
        f"2026-05-01 13:00:00 {paths[5]}",
    ]  # fmt: skip


def test_an_image_without_a_time_is_alone_and_counted(tmp_path: Path) -> None:
    paths = [
        write_shot(tmp_path / "1.jpg", exif(START)),
        write_shot(tmp_path / "2.jpg"),
        write_shot(tmp_path / "3.jpg", exif(START)),
        tmp_path / "absent.jpg",
    ]
    grouped = by_time(paths)
    assert names(grouped) == [["1.jpg", "3.jpg"], ["2.jpg"], ["absent.jpg"]]
    assert (grouped.without_time, grouped.whole_seconds) == (2, 0)
    assert "2 images have no capture time (EXIF DateTimeOriginal)" in grouped.notes()[0]


def test_whole_seconds_are_said_where_they_matter(tmp_path: Path) -> None:
    path = write_shot(tmp_path / "1.jpg", exif(START, fraction=""))
    assert by_time([path], gap_s=2).notes() == []
    (note,) = by_time([path], gap_s=0.5).notes()
    assert "1 images have their time in whole seconds" in note
