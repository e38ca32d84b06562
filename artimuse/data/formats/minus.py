"""`minus`: the images of given lists are taken out of a source, a benchmark's test list above all.

    minus: [AVA_test.json]          # [{"image": "953980.jpg", ...}, ...]
    minus: [seen.txt]               # an image name a line; a score may follow it, as in AADB's lists

A name has to be the image's whole name below the source's image folder. A list that takes nothing
out is an error: it would let the images that it names into training without a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from artimuse.data.formats.fields import BadRow, field
from artimuse.data.formats.files import read_json_list, read_text
from artimuse.data.formats.folder import relative_name
from artimuse.records import DataError, Source

_WITH_SCORE = re.compile(r"(\S+\.[A-Za-z]\w*)\s+[-+]?[\d.]+(?:[eE][-+]?\d+)?")


def without(source: Source, lists: Sequence[Path], images: Path) -> Source:
    """The source less the samples of all images in the lists, and less the pairs of these.

    What each list takes out is told in the notes; an image in two lists is counted for both.

    Args:
        images: the source's image folder, below which its images are named.

    Raises:
        DataError: for a list that cannot be read in full or names no image of the source, and where
            nothing of the source is left.
    """
    held = _ids_by_name(source, images)
    gone: set[str] = set()
    notes: list[str] = []
    for path in lists:
        names = read_names(path)
        found = [name for name in names if name in held]
        if not found:
            raise DataError(_nothing_found(source.name, path, names, held))
        ids = {id_ for name in found for id_ in held[name]}
        pairs = sum(pair.first in ids or pair.second in ids for pair in source.pairs)
        notes.append(f"minus {path.name}: {len(ids)} samples and {pairs} pairs taken out")
        notes += _leftover(path, [name for name in names if name not in held], len(names), held)
        gone |= ids
    samples = [sample for sample in source.samples if sample.id not in gone]
    if not samples:
        raise DataError(
            f"source {source.name!r}: expected images that are in none of its `minus` lists, found "
            f"that they take out all {len(source.samples)} samples; name the source's training "
            "annotations, or take the lists out of `minus`"
        )
    pairs_left = [p for p in source.pairs if p.first not in gone and p.second not in gone]
    return replace(source, samples=samples, pairs=pairs_left, notes=[*source.notes, *notes])


def read_names(path: Path) -> list[str]:
    """The different image names of a list, in its order: JSON by its ending, otherwise text.

    Raises:
        DataError: for a record without a name, and for a name that leaves the image folder. Left
            out, the image that was meant would stay in the source.
    """
    names: dict[str, None] = {}
    for place, row in _rows(path):
        try:
            name = field(row, "image") if path.suffix.lower() == ".json" else row
            names[relative_name(name).as_posix()] = None
        except BadRow as error:
            raise DataError(
                f"{path}: expected the name of an image in {place}, found: {error}; correct the "
                "list, as every image of it has to be known"
            ) from error
    return list(names)


def _rows(path: Path) -> Iterable[tuple[str, object]]:
    if path.suffix.lower() == ".json":
        for place, row in enumerate(read_json_list(path), start=1):
            yield f"record {place}", row
        return
    for place, line in enumerate(read_text(path).split("\n"), start=1):
        line = line.strip()
        if line:
            scored = _WITH_SCORE.fullmatch(line)
            yield f"line {place}", scored[1] if scored else line


def _ids_by_name(source: Source, images: Path) -> dict[str, list[str]]:
    """Ids of the samples that show an image, by its name below the image folder."""
    above = f"{images}/"
    held: dict[str, list[str]] = {}
    for sample in source.samples:
        for image in sample.images:
            held.setdefault(str(image).removeprefix(above), []).append(sample.id)
    return held


def _bare(name: str) -> str:
    """A name without its folders and its ending."""
    file = name.rpartition("/")[2]
    return file.rpartition(".")[0] or file


def _alike(names: Iterable[str], held: Iterable[str]) -> list[tuple[str, str]]:
    """Names of a list, each with an image of the source that differs in folder or ending only."""
    by_bare = {_bare(name): name for name in held}
    return [(name, by_bare[_bare(name)]) for name in names if _bare(name) in by_bare]


def _leftover(path: Path, names: list[str], of: int, held: Iterable[str]) -> list[str]:
    if not names:
        return []
    note = f"minus {path.name}: {len(names)} of its {of} names are not in this source"
    alike = _alike(names, held)
    if alike:
        note += (
            f", but {len(alike)} of them differ from an image in it only by folder or ending: "
            f"{alike[0][0]!r} from {alike[0][1]!r}"
        )
    return [note]


def _nothing_found(source: str, path: Path, names: list[str], held: dict[str, list[str]]) -> str:
    wanted = f"{path}: expected names of images of the source {source!r}, such as "
    wanted += f"{next(iter(held), 'none')!r}, found "
    if not names:
        return wanted + "no name at all; name the right list, or take it out of `minus`"
    wanted += f"none in {len(names)} names, such as {names[0]!r}"
    alike = _alike(names, held)
    if not alike:
        return wanted + "; name a list of this data set, or take it out of `minus`"
    return wanted + (
        f"; {len(alike)} of them differ from an image only by folder or ending ({alike[0][0]!r} from "
        f"{alike[0][1]!r}): write each name as it is below the image folder"
    )
