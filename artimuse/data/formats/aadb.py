"""AADB (Kong et al., ECCV 2016): Flickr photographs with an overall score and eleven attributes.

    imgListTrainRegression_score.txt:    farm1_23_4567.jpg 0.55
    imgListTrainRegression_Light.txt:    farm1_23_4567.jpg -0.2

A file for each split and attribute, all with the same images, joined here by name. The overall
score lies on 0..1. An attribute's rater could say that it helps the photograph, harms it, or
neither, so the mean is read on -1..1 with 0 for neither: 50 of 100. That scale is inferred, from
how public loaders treat the files: they map the attributes from -1..1, or predict them by a tanh.
Some of them read Repetition and Symmetry on 0..1, as nobody could call these harmful; here they
have the scale of the others, so that 0 means the same of each attribute.

The images of the Validation list are said to be in the TestNew list in part: see `minus`.
"""

from __future__ import annotations

from pathlib import Path

from artimuse.config.sources import SCALES, AADBSource
from artimuse.data.formats import fields
from artimuse.data.formats.aspects import chosen_aspects, score_questions, unlabelled_notes
from artimuse.data.formats.fields import BadRow, bad_item
from artimuse.data.formats.folder import ImageFolder
from artimuse.data.formats.lines import read_lines
from artimuse.records import OVERALL, DataError, Sample, ScoreLabel, Source

ATTRIBUTES = (
    "BalacingElements",  # spelt so in the names of its files
    "ColorHarmony",
    "Content",
    "DoF",
    "Light",
    "MotionBlur",
    "Object",
    "Repetition",
    "RuleOfThirds",
    "Symmetry",
    "VividColor",
)
ASPECTS = (OVERALL, *ATTRIBUTES)
ATTRIBUTE_SCALE = (-1.0, 1.0)


def load(config: AADBSource, root: Path) -> Source:
    """One sample per image, in the order of the first aspect's file, with a question per aspect.

    An image that an aspect's file lacks, or has a bad row of, has no question of that aspect; such
    images are counted in the notes. In a file, a repeated row is dropped and counted, and a second,
    different score of an image is a BadItem.

    Raises:
        DataError: for an unknown aspect, and for a file that has no image in common with the first.
    """
    aspects = chosen_aspects(config.aspects, ASPECTS, config.name)
    source = Source(config.name, [])
    folder = ImageFolder(root / config.images)
    labels: dict[str, dict[str, ScoreLabel]] = {}
    paths: dict[str, Path] = {}
    for aspect in aspects:
        kind = "score" if aspect == OVERALL else aspect
        path = root / config.lists / f"imgList{config.split}Regression_{kind}.txt"
        labels[aspect] = _read(path, aspect, folder, paths, source)
        _check_same_images(path, labels[aspect], labels[aspects[0]])
    source.samples = [
        Sample(
            id=f"{config.name}/{name}",
            images=(image_path,),
            questions=score_questions({a: scored.get(name) for a, scored in labels.items()}),
            dataset=config.name,
        )
        for name, image_path in paths.items()
    ]
    source.notes += unlabelled_notes(f"{config.split} lists", aspects, source.samples)
    return source


def _read(
    path: Path, aspect: str, folder: ImageFolder, paths: dict[str, Path], source: Source
) -> dict[str, ScoreLabel]:
    """The labels of one file by image; images that are new go into `paths`."""
    scale = SCALES["aadb"] if aspect == OVERALL else ATTRIBUTE_SCALE
    scored: dict[str, ScoreLabel] = {}
    repeated = 0
    for place, (image, score) in read_lines(path, "image name, score", 2, source):
        try:
            name, image_path = folder.locate(image)
            label = fields.score_label(fields.parse_number(score, "score"), scale)
            known = scored.setdefault(name, label)
            if known != label:
                raise BadRow(f"second score of an image: found {score} after {known.mean:g}")
            repeated += known is not label
            paths.setdefault(name, image_path)
        except BadRow as error:
            source.bad.append(bad_item(path, place, {"image": image}, error))
    if repeated:
        source.notes.append(f"{path.name}: {repeated} repeated rows dropped")
    return scored


def _check_same_images(
    path: Path, scored: dict[str, ScoreLabel], first: dict[str, ScoreLabel]
) -> None:
    if scored and first and scored.keys().isdisjoint(first):
        raise DataError(
            f"{path}: expected the images of the first aspect's file, such as {next(iter(first))!r}, "
            f"found none of them but others, such as {next(iter(scored))!r}; take all files from "
            "the same release"
        )
