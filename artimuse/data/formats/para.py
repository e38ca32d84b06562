"""PARA (CVPR 2022): 31,220 photographs, each rated by some 25 people on nine aspects, 1 to 5.

    imageName,sessionId,semantic,aestheticScore_1.0,...,aestheticScore_5.0,aestheticScore_mean,
    aestheticScore_std,qualityScore_mean,qualityScore_std,...,compositionScore_mean,...
    iaa_pub1_.jpg,session1,portrait,0,0,1,4,9,8,3,0,0,3.16,0.55,3.2,0.5,...,3.4,...

`PARA-GiaaTrain.csv` and `PARA-GiaaTest.csv`; the image is `<sessionId>/<imageName>`. Read are the
mean of each chosen aspect, its spread where that column is there, and of the overall score the votes
for its nine grades. The other columns (votes per aspect, emotions, the raters) are not used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from artimuse.config.sources import SCALES, PARASource
from artimuse.data.formats import cells, fields
from artimuse.data.formats.aspects import chosen_aspects, score_questions, unlabelled_notes
from artimuse.data.formats.fields import BadRow, bad_item
from artimuse.data.formats.fixed_columns import require_columns
from artimuse.data.formats.folder import ImageFolder
from artimuse.data.formats.histogram import read_votes
from artimuse.data.formats.once import OncePerImage
from artimuse.data.formats.tables import Row, Table, read_table
from artimuse.records import OVERALL, Sample, ScoreLabel, Source

# Aspect -> how its columns begin.
ASPECTS = {
    OVERALL: "aestheticScore",
    "quality": "qualityScore",
    "composition": "compositionScore",
    "color": "colorScore",
    "dof": "dofScore",
    "light": "lightScore",
    "content": "contentScore",
    "content_preference": "contentPreference",
    "share": "willingnessToShare",
}
GRADES = [1 + step / 2 for step in range(9)]
VOTES = [f"{ASPECTS[OVERALL]}_{grade:.1f}" for grade in GRADES]
_NAMES = ("imageName", "sessionId", "semantic")


@dataclass(frozen=True, slots=True)
class _Column:
    """Where the scores of an aspect stand in a table."""

    aspect: str
    mean: str
    std: str | None


def load(config: PARASource, root: Path) -> Source:
    """One sample per image, in the order of the table, its category the scene (`semantic`).

    An image whose cell of an aspect is empty has no question of that aspect; such images are
    counted in the notes. A repeated row is dropped and counted; a second, different row of an image
    is a BadItem.

    Raises:
        DataError: for an unknown aspect, and for a table that lacks a column.
    """
    aspects = chosen_aspects(config.aspects, tuple(ASPECTS), config.name)
    path = root / config.annotations
    source = Source(config.name, [])
    table = read_table(path, source)
    columns = _columns(table, aspects)
    folder = ImageFolder(root / config.images)
    images = OncePerImage()
    for place, row in table.rows:
        source.items += 1
        try:
            images.add(_sample(row, columns, config.name, folder), place)
        except BadRow as error:
            source.bad.append(bad_item(path, place, {"image": row.get("imageName")}, error))
    source.samples = images.samples
    source.notes += images.notes(path.name)
    source.notes += unlabelled_notes(path.name, aspects, source.samples)
    source.notes += _disagreement(path.name, source.samples)
    return source


def _columns(table: Table, aspects: Sequence[str]) -> list[_Column]:
    found: list[_Column] = []
    for aspect in aspects:
        begin = ASPECTS[aspect]
        # Descriptions of the files name the last two aspects without `_mean`, loaders with it.
        bare = f"{begin}_mean" not in table.header and begin in table.header
        std = f"{begin}_std"
        mean = begin if bare else f"{begin}_mean"
        found.append(_Column(aspect, mean, std if std in table.header else None))
    needed = [*_NAMES, *(VOTES if OVERALL in aspects else [])]
    for column in found:
        needed += [column.mean] if column.std is None else [column.mean, column.std]
    require_columns(table, needed)
    return found


def _sample(row: Row, columns: list[_Column], dataset: str, folder: ImageFolder) -> Sample:
    image, session, scene = (cells.text(row.get(name), name) for name in _NAMES)
    if image is None or session is None:
        raise BadRow("no image: expected imageName and sessionId, found an empty cell")
    name, image_path = folder.locate(f"{session}/{image}")
    return Sample(
        id=f"{dataset}/{name}",
        images=(image_path,),
        questions=score_questions({column.aspect: _label(row, column) for column in columns}),
        dataset=dataset,
        category=scene,
    )


def _label(row: Row, column: _Column) -> ScoreLabel | None:
    mean = cells.number(row.get(column.mean), column.mean)
    if mean is None:
        return None
    std = None if column.std is None else cells.number(row.get(column.std), column.std)
    label = fields.score_label(mean, SCALES["para"], std=std, what=column.mean)
    if column.aspect != OVERALL:
        return label
    votes = read_votes([row.get(vote) for vote in VOTES], GRADES)
    return replace(label, raters=votes.raters, histogram=votes.counts)


def _disagreement(file: str, samples: Sequence[Sample]) -> list[str]:
    """A note of the images whose mean is not that of their votes, as in a table that has slipped."""
    voted = wrong = 0
    for question in (question for sample in samples for question in sample.questions):
        label = question.label
        if label is None or label.histogram is None or label.raters is None:
            continue
        total = sum(count * grade for count, grade in zip(label.histogram, GRADES, strict=True))
        voted += 1
        wrong += abs(total / label.raters - label.mean) > 0.01
    if not wrong:
        return []
    return [f"{file}: {wrong} of {voted} images have a mean that is not that of their votes"]
