"""When two files' names say that they hold the same picture.

    clues("AesMMIT/images/para_iaa_pub10022_.jpg", ["aesmmit"])
    clues("PARA/imgs/session144/iaa_pub10022_.jpg", ["para-test"])       # have a clue in common

Two names are evidence in three cases, and in no other:

1. They are one path.
2. They are equal and telling. A name is telling if hardly two pictures get it by chance: with nine digits
   (Flickr's numbers), with at least three letters, three digits and eight of both (`iaa_pub10022`), or with
   sixteen. What any camera or program writes does not count: `IMG`, `photo`, `frame`, a date and time (many
   phones take pictures in the same second), leading zeros.
3. They are equal, whatever they are, and both belong to one data set whose names are numbers of its own:
   by a prefix (AesMMIT's `baid_95698.jpg`), or because their source's name or one of the three folders above
   them begins with it (`BAID_test/95698.jpg`).

So `0001.jpg`, `953980.jpg` and `IMG_0001.jpg` of two data sets are no evidence. Equal means: without folders,
the ending and such a prefix, in either case of letters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import PurePath

# Data sets that number or name their pictures for good. AesMMIT writes the first four as prefixes; the
# others follow the same habit.
_DATASETS = (
    "para", "tad66k", "baid", "artemis", "ava", "aadb", "flickr[-_ ]?aes", "icaa17k", "spaq",
    "koniq(?:[-_ ]?10k)?", "kadid(?:[-_ ]?10k)?", "pipal",
)  # fmt: skip
_PREFIX = re.compile(rf"({'|'.join(_DATASETS)})[-_ ]+(?=.)")
_NAMED = re.compile(rf"({'|'.join(_DATASETS)})(?![a-z0-9])")
_NEAR = 3
"""Folders above a file that are looked at."""
_ANY = re.compile(
    r"(?<![a-z])(?:img|image|images|picture|pic|photo|foto|frame|scan|screenshot|screen|shot|file|"
    r"whatsapp|telegram|signal|at|dsc|dscn|dscf|dscp|p|pxl|pano|mvi|gopr|sam|wp|wa|untitled|train|"
    r"test|val|copy|edited|final|crop|resized)(?![a-z])"
)
_DATE_AND_TIME = re.compile(
    r"(?<!\d)(?:19|20)\d\d[-_.]?[01]\d[-_.]?[0-3]\d(?:[-_.t ]{0,3}[0-2]\d[-_.]?[0-5]\d[-_.]?[0-5]\d(?:\d{3})?)?"
    r"(?!\d)"
)


def clues(file: str, sources: Iterable[str]) -> Iterator[str]:
    """What the name of a file is evidence by; two files with a clue in common hold one picture.

    Args:
        sources: names of the sources that have the file.
    """
    yield f"path {file}"
    path = PurePath(file)
    name = path.stem.casefold()
    prefix = _PREFIX.match(name)
    if prefix is not None:
        name = name[prefix.end() :]
        datasets = {_plain(prefix[1])}
    else:
        places = (*sources, *(parent.name for parent in list(path.parents)[:_NEAR]))
        datasets = {dataset for place in places if (dataset := _dataset_of(place))}
    if telling(name):
        yield f"name {name}"
    for dataset in datasets:
        yield f"{dataset} {name}"


def telling(name: str) -> bool:
    """Whether a name without its ending is one that hardly two pictures get by chance."""
    rest = _ANY.sub(" ", _DATE_AND_TIME.sub(" ", name.casefold()))
    letters = sum(character.isalpha() for character in rest)
    digits = sum(len(number) for number in re.findall(r"0*(\d*)", rest))
    return (
        digits >= 9
        or letters + digits >= 16
        or (min(letters, digits) >= 3 and letters + digits >= 8)
    )


@lru_cache(maxsize=4096)
def _dataset_of(place: str) -> str | None:
    """The data set that the name of a source or a folder begins with."""
    match = _NAMED.match(place.casefold())
    return None if match is None else _plain(match[1])


def _plain(dataset: str) -> str:
    return re.sub(r"[-_ ]|10k$", "", dataset)
