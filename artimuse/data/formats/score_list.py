"""Score lists, the form in which the scores of several data sets are released: one JSON list.

[{"image": "0_263.jpg", "gt_score": 4.08}, ...]
"""

from __future__ import annotations

from pathlib import Path

from artimuse.data.formats import fields
from artimuse.data.formats.fields import BadRow, bad_item
from artimuse.data.formats.files import read_json_list
from artimuse.data.formats.folder import ImageFolder
from artimuse.records import ScoreLabel, Source


def read_score_list(
    path: Path, scale: tuple[float, float], folder: ImageFolder, source: Source
) -> dict[str, tuple[Path, ScoreLabel]]:
    """Path and label of each image by its name, in the order of the list.

    What cannot be used goes into the source: a repeated row is dropped and counted in its notes; a
    second, different score of an image is a BadItem, as is any other bad row.
    """
    rows = read_json_list(path)
    source.items += len(rows)
    scored: dict[str, tuple[Path, ScoreLabel]] = {}
    repeated = 0
    for place, row in enumerate(rows, start=1):
        try:
            name, image_path = folder.locate(fields.field(row, "image"))
            score = fields.number(fields.field(row, "gt_score"), "'gt_score'")
            label = fields.score_label(score, scale)
            _, known = scored.setdefault(name, (image_path, label))
            if known is not label:
                if known != label:
                    raise BadRow(f"second score of an image: found {score:g} after {known.mean:g}")
                repeated += 1
        except BadRow as error:
            source.bad.append(bad_item(path, f"record {place}", row, error))
    if repeated:
        source.notes.append(f"{path.name}: {repeated} repeated rows dropped")
    return scored
