"""ICAA17K (ICCV 2023): photographs in 30 colour combinations, scored for themselves and their colour.

    ID,color,MOS,probability
    complementary/orange_blue/harbour123.jpg,5.64,6.72,0.69

`MOS` is the overall score, `color` that of the colours, both 0 to 10; other columns are not used.
The `ID` is the image's name below the image folder, and the folder in it is taken as the category. An
ID without an ending gets `.jpg`, which is inferred: all of the released ones end so.

The released lists name a photograph once for each colour combination that it was filed under, in
training and test list alike: 749 of 1,617 test rows have the file name and the scores of a training
row. Such images are counted in the notes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from artimuse.config.sources import SCALES, ICAA17KSource
from artimuse.data.formats import cells, fields
from artimuse.data.formats.aspects import chosen_aspects, score_questions, unlabelled_notes
from artimuse.data.formats.fields import BadRow, bad_item
from artimuse.data.formats.fixed_columns import require_columns
from artimuse.data.formats.folder import ImageFolder
from artimuse.data.formats.once import OncePerImage
from artimuse.data.formats.tables import Row, read_table
from artimuse.records import OVERALL, Sample, ScoreLabel, Source

# Aspect -> its column.
ASPECTS = {OVERALL: "MOS", "color": "color"}


def load(config: ICAA17KSource, root: Path) -> Source:
    """One sample per ID, in the order of the table.

    An image whose cell of an aspect is empty has no question of that aspect; such images are
    counted in the notes. A repeated row is dropped and counted; a second, different row of an ID is
    a BadItem.

    Raises:
        DataError: for an unknown aspect, and for a table that lacks a column.
    """
    aspects = chosen_aspects(config.aspects, tuple(ASPECTS), config.name)
    path = root / config.annotations
    source = Source(config.name, [])
    table = read_table(path, source)
    require_columns(table, ["ID", *(ASPECTS[aspect] for aspect in aspects)])
    folder = ImageFolder(root / config.images)
    images = OncePerImage()
    for place, row in table.rows:
        source.items += 1
        try:
            images.add(_sample(row, aspects, config.name, folder), place)
        except BadRow as error:
            source.bad.append(bad_item(path, place, {"image": row.get("ID")}, error))
    source.samples = images.samples
    source.notes += images.notes(path.name)
    source.notes += unlabelled_notes(path.name, aspects, source.samples)
    source.notes += _same_photographs(path.name, source.samples)
    return source


def _sample(row: Row, aspects: Sequence[str], dataset: str, folder: ImageFolder) -> Sample:
    id_ = cells.text(row.get("ID"), "ID")
    if id_ is None:
        raise BadRow("no image: expected a name in the column ID, found an empty cell")
    name, image_path = folder.locate(id_ if PurePosixPath(id_).suffix else f"{id_}.jpg")
    return Sample(
        id=f"{dataset}/{name}",
        images=(image_path,),
        questions=score_questions({aspect: _label(row, ASPECTS[aspect]) for aspect in aspects}),
        dataset=dataset,
        category=name.rpartition("/")[0] or None,
    )


def _label(row: Row, column: str) -> ScoreLabel | None:
    score = cells.number(row.get(column), column)
    return None if score is None else fields.score_label(score, SCALES["icaa17k"], what=column)


def _same_photographs(file: str, samples: Sequence[Sample]) -> list[str]:
    """A note of the images that have the file name and the scores of one in another folder."""
    alike: dict[tuple[object, ...], int] = defaultdict(int)
    for sample in samples:
        alike[sample.images[0].name, sample.questions] += 1
    extra = sum(count - 1 for count in alike.values())
    if not extra:
        return []
    return [f"{file}: {extra} images have the file name and scores of one in another folder"]
