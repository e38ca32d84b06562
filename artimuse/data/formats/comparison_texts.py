"""`comparison_texts`: what is said of two images of a series, beside what the annotation says of the pair.

    {"first": "000009/000009-01.jpg", "second": "000009/000009-02.jpg", "text": "The first is better: ..."}

A JSON object a line; images are named as the source names them, below its image folder. A text says how the
first compares with the second, so a pair that is annotated the other way round is turned.
"""

from __future__ import annotations

from pathlib import Path

from artimuse.data.formats.fields import BadRow, bad_item, text_field
from artimuse.data.formats.files import read_json_lines
from artimuse.records import Pair, Source


def add_comparison_texts(source: Source, path: Path) -> None:
    """Give the pairs of a source the texts of a file; how many have one is told in the notes.

    A row about two images that are no pair, or a second text for one, is a BadItem.

    Raises:
        DataError: for a file that cannot be read.
    """
    place = {(pair.first, pair.second): n for n, pair in enumerate(source.pairs)}
    pairs = list(source.pairs)
    rows, bad = read_json_lines(path)
    source.bad += bad
    source.items += len(bad)
    for line, row in rows:
        source.items += 1
        try:
            ends = tuple(f"{source.name}/{text_field(row, key)}" for key in ("first", "second"))
            first, second = ends
            if (number := place.get((first, second), place.get((second, first)))) is None:
                raise BadRow(
                    f"no pair: expected two images that are compared, found {first} and {second}"
                )
            if pairs[number].text is not None:
                raise BadRow(f"second text for a pair: {first} and {second}")
            text = text_field(row, "text")
        except BadRow as error:
            source.bad.append(bad_item(path, f"line {line}", row, error))
            continue
        old = pairs[number]
        odds = old.probability if old.first == first else 1 - old.probability
        pairs[number] = Pair(first, second, odds, text)
    source.pairs = pairs
    said = sum(pair.text is not None for pair in pairs)
    source.notes.append(f"{path.name}: {said} of {len(pairs)} pairs have a text that compares them")
