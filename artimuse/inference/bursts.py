"""Photographs -> series of shots of one subject: by their folders, or by when they were taken.

by_folder([Path("hall/1.jpg"), Path("hall/2.jpg"), Path("garden/1.jpg")])      # two series
by_time(paths, gap_s=2.0).bursts       # a pause of more than 2 s between two shots begins a new series

Every image is in exactly one series; an image whose capture time is unknown is a series of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from artimuse.data.capture_time import Capture, capture

Grouping = Literal["folder", "time"]

GAP_S = 2.0
"""Between two shots of a series, unless another one is given."""


@dataclass(frozen=True, slots=True)
class Burst:
    """A series. captured: per image the time in ISO 8601, None where it is unknown or was not asked for."""

    name: str
    images: tuple[Path, ...]
    captured: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Grouped:
    """All images in series. by, gap_s: how. without_time: images of an unknown capture time. whole_seconds:
    images whose time has no fraction of a second."""

    bursts: tuple[Burst, ...]
    by: Grouping
    gap_s: float | None = None
    without_time: int = 0
    whole_seconds: int = 0

    def summary(self) -> str:
        """Counts, for a line of `key=value`."""
        several = sum(len(burst.images) > 1 for burst in self.bursts)
        line = f"series={several} single={len(self.bursts) - several} by={self.by}"
        if self.by == "folder":
            return line
        return f"{line} gap_s={self.gap_s:g} without_time={self.without_time}"

    def notes(self) -> list[str]:
        """What a person should know of the grouping."""
        found: list[str] = []
        if self.without_time:
            found.append(
                f"{self.without_time} images have no capture time (EXIF DateTimeOriginal): each is a series of "
                "its own; --series folder groups without times"
            )
        if self.whole_seconds and self.gap_s is not None and self.gap_s < 1:
            found.append(
                f"{self.whole_seconds} images have their time in whole seconds (no SubSecTimeOriginal), and a "
                f"gap of {self.gap_s:g} s may part shots that belong together"
            )
        return found


def by_folder(images: Iterable[Path]) -> Grouped:
    """The images of each folder as a series, in the order given; folders below it are series of their own."""
    folders: dict[Path, list[Path]] = {}
    for image in images:
        folders.setdefault(image.parent, []).append(image)
    bursts = (
        Burst(str(folder), tuple(held), (None,) * len(held)) for folder, held in folders.items()
    )
    return Grouped(tuple(bursts), "folder")


def by_time(images: Sequence[Path], *, gap_s: float = GAP_S) -> Grouped:
    """Shots of one camera, one after the other with at most `gap_s` seconds between two, as a series.

    The folders have no part in it. Times with a zone and times without one are not compared. Series come in the
    order of their first shots as they were given, and images without a time where they stood.
    """
    found = {image: capture(image) for image in images}
    # One camera's clock at a time: interleaved, two cameras would make one endless series.
    clocks: dict[tuple[str, bool], list[tuple[datetime, Path]]] = {}
    for image, taken in found.items():
        if taken is not None:
            clock = taken.camera, taken.at.tzinfo is not None
            clocks.setdefault(clock, []).append((taken.at, image))
    series = [[image] for image, taken in found.items() if taken is None]
    for shots in clocks.values():
        series += _cut(sorted(shots), timedelta(seconds=gap_s))
    place = {image: number for number, image in enumerate(found)}
    series.sort(key=lambda held: min(place[image] for image in held))
    times = [taken for taken in found.values() if taken is not None]
    return Grouped(
        tuple(_named(series, found)), "time", gap_s,
        without_time=len(found) - len(times),
        whole_seconds=sum(taken.whole_seconds for taken in times),
    )  # fmt: skip


def _cut(shots: Sequence[tuple[datetime, Path]], gap: timedelta) -> list[list[Path]]:
    series: list[list[Path]] = []
    before: datetime | None = None
    for at, image in shots:
        if before is None or at - before > gap:
            series.append([])
        series[-1].append(image)
        before = at
    return series


def _named(series: Sequence[Sequence[Path]], found: dict[Path, Capture | None]) -> list[Burst]:
    """Named by the time and the file of the first shot, as several cameras may begin in one second."""
    bursts: list[Burst] = []
    for held in series:
        times = [taken.at for image in held if (taken := found[image]) is not None]
        if times:
            name = f"{times[0]:%Y-%m-%d %H:%M:%S} {held[0]}"
            bursts.append(Burst(name, tuple(held), tuple(at.isoformat() for at in times)))
        else:
            bursts.append(Burst(str(held[0]), tuple(held), (None,)))
    return bursts
