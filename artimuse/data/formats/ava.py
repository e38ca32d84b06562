"""AVA (CVPR 2012): 255,000 photographs with the votes of an online community, 1 to 10.

    1 100200 0 1 4 15 40 35 12 5 2 1 1 22 77

A line of `AVA.txt`: index, image id, ten counts of votes for the grades 1 to 10, two semantic tag
ids (0 for none), challenge id. The image is `<id>.jpg`.

A sample's category stays empty. Tags are numbers whose names stand in another file, and an image
has up to two; challenges are some 1,400 themes of a contest, as often a task ("free study") as a
subject, and far too many to compare a model's errors by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from artimuse.config.sources import SCALES, AVASource
from artimuse.data.formats import cells, fields
from artimuse.data.formats.fields import BadRow, bad_item
from artimuse.data.formats.folder import ImageFolder
from artimuse.data.formats.histogram import read_votes
from artimuse.data.formats.lines import read_lines
from artimuse.data.formats.once import OncePerImage
from artimuse.records import OVERALL, Question, Sample, ScoreLabel, Source

COLUMNS = "index, image id, ten counts of votes, two tag ids, challenge id"
GRADES = range(1, 11)


def load(config: AVASource, root: Path) -> Source:
    """One sample per image, in the file's order, with the histogram, mean and spread of its votes.

    A repeated line is dropped and counted, whatever its index; a second line of an image with other
    votes is a BadItem.
    """
    path = root / config.votes
    source = Source(config.name, [])
    folder = ImageFolder(root / config.images)
    images = OncePerImage()
    for place, row in read_lines(path, COLUMNS, 15, source):
        try:
            images.add(_sample(row, config.name, folder), place)
        except BadRow as error:
            source.bad.append(bad_item(path, place, {"image": row[1]}, error))
    source.samples = images.samples
    source.notes += images.notes(path.name)
    return source


def _sample(row: Sequence[str], dataset: str, folder: ImageFolder) -> Sample:
    for cell, what in zip((row[0], *row[12:]), ("index", "tag", "tag", "challenge"), strict=True):
        # What is no number there is a sign that the line has slipped, and its votes with it.
        cells.whole(cell, f"{what} id" if what != "index" else what, least=0)
    name, image_path = folder.locate(f"{cells.whole(row[1], 'image id', least=0)}.jpg")
    return Sample(
        id=f"{dataset}/{name}",
        images=(image_path,),
        questions=(Question(kind="score", aspect=OVERALL, label=_label(row[2:12])),),
        dataset=dataset,
    )


def _label(row: Sequence[str]) -> ScoreLabel:
    votes = read_votes(row, GRADES)
    label = fields.score_label(votes.mean, SCALES["ava"], std=votes.std)
    return replace(label, raters=votes.raters, histogram=votes.counts)
