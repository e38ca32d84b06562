"""A folder of series whose file names say the order: no table at all.

    photos/hall/1.jpg  photos/hall/2.jpg  photos/hall/10.jpg  photos/garden/rose/a.png  ...
    {format: series_folder, images: photos, order: best_first}

Every folder below `images` that directly holds images is a series, called as its path there
(`garden/rose`), its images in the natural order of their names: 2 comes before 10, and case does not
matter. Every two images of a series become a pair, the better with P = 1. What is hidden (its name
begins with a dot) and what is no image is counted in the notes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from artimuse.config.sources import SeriesFolderSource
from artimuse.data.formats.fields import BadRow, found
from artimuse.data.formats.folder import ImageFolder
from artimuse.data.formats.series import UNLABELED, pair_ranked
from artimuse.records import BadItem, DataError, Sample, Source

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm")
Order = tuple[str | int, ...]


@dataclass(slots=True)
class _Found:
    """What lies below the image folder: images by series, and how much else."""

    series: dict[str, list[str]] = field(default_factory=dict)
    loose: int = 0
    others: int = 0
    links: int = 0


def load(config: SeriesFolderSource, root: Path) -> Source:
    """One sample per image, by series and name, with an unlabelled score question.

    Two images whose names have the same place in the order (`1.jpg`, `01.jpg`) cannot be told
    apart: the later one is a BadItem.

    Raises:
        DataError: for a folder that is missing, unreadable or without a series, and for a series of
            more images than `series.MOST`.
    """
    path = root / config.images
    contents = _contents(path)
    source = Source(config.name, [], notes=_notes(path, contents))
    ranks: dict[str, int] = {}
    samples: list[Sample] = []
    folder = ImageFolder(path)
    for name in sorted(contents.series, key=lambda name: (natural(name), name)):
        images = list(_in_order(path, name, contents.series[name], config.name, folder, source))
        samples += images
        best_first = images if config.order == "best_first" else reversed(images)
        ranks |= {sample.id: rank for rank, sample in enumerate(best_first, start=1)}
    source.samples = samples
    pair_ranked(source, ranks, path)
    return source


def natural(name: str) -> Order:
    """A key that sorts names as people count, `2.jpg` before `10.jpg`: text and numbers by turns."""
    parts = re.split(r"([0-9]+)", os.path.splitext(name)[0].casefold())
    return tuple(int(part) if place % 2 else part for place, part in enumerate(parts))


def _in_order(
    path: Path, series: str, names: list[str], dataset: str, folder: ImageFolder, source: Source
) -> Iterator[Sample]:
    """The samples of a series in the order of their names; what has no place is listed."""
    places: dict[Order, str] = {}
    for name in sorted(names, key=lambda name: (natural(name), name)):
        source.items += 1
        try:
            relative, image = folder.locate(f"{series}/{name}")
            first = places.setdefault(natural(name), name)
            if first != name:
                raise BadRow(
                    f"place in the order taken: expected names that differ in text or number, found "
                    f"{found(name)} beside {found(first)}"
                )
        except BadRow as error:
            # A name that is not UTF-8 holds half surrogates, which cannot be written.
            item = f"{series}/{name}".encode("utf-8", "backslashreplace").decode()
            source.bad.append(BadItem(str(path), item, str(error)))
            continue
        yield Sample(
            id=f"{dataset}/{relative}",
            images=(image,),
            questions=(UNLABELED,),
            dataset=dataset,
            series=series,
        )


def _contents(path: Path) -> _Found:
    contents = _Found()
    for place, folders, files in os.walk(path, onerror=_unreadable):
        series = Path(place).relative_to(path).as_posix()
        hidden = series != "." and any(part.startswith(".") for part in series.split("/"))
        contents.links += sum(os.path.islink(os.path.join(place, name)) for name in folders)
        images = [name for name in files if not hidden and _is_image(name)]
        contents.others += len(files) - len(images)
        if series == ".":
            contents.loose = len(images)
        elif images:
            contents.series[series] = images
    if not contents.series:
        raise DataError(
            f"{path}: expected a folder with images for every series, found none, and "
            f"{contents.loose} images beside; put the images of each series into a folder of its "
            f"own. Images end in {', '.join(SUFFIXES)}"
        )
    return contents


def _is_image(name: str) -> bool:
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES


def _unreadable(error: OSError) -> None:
    raise DataError(
        f"{error.filename}: expected a folder of series, found: {error.strerror}; check the path in "
        "the configuration, and the permissions of the folder"
    ) from error


def _notes(path: Path, contents: _Found) -> list[str]:
    counted = {
        "files that are hidden or no images, not used": contents.others,
        "images in no series, not used: they lie in the folder itself": contents.loose,
        "links to folders, not followed": contents.links,
    }
    return [f"{path.name}: {number} {what}" for what, number in counted.items() if number]
