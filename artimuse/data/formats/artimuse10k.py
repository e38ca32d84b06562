"""ArtiMuse-10K (arXiv 2507.14533): a score list and expert critiques, joined by image.

    scores: [{"image": "0_263.jpg", "gt_score": 4.08}, ...]
    texts:  {"id": "7", "image": "0_263.jpg", "conversations": [
                {"from": "human", "value": "<image>\\nPlease evaluate ... aspect of Overall
                Gestalt."}, {"from": "gpt", "value": "The harbour ..."}]}                    (a line
                per record)

The score list alone, and those of other data sets in the same form, are the format `scores`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from artimuse.config.sources import ArtiMuseSource
from artimuse.data.formats import fields
from artimuse.data.formats.fields import BadRow, bad_item
from artimuse.data.formats.files import read_json_lines
from artimuse.data.formats.folder import ImageFolder
from artimuse.data.formats.score_list import read_score_list
from artimuse.prompts import ATTRIBUTES
from artimuse.records import OVERALL, Question, Sample, ScoreLabel, Source

# Test names are <prefix>_<n>.jpg; the counts of these prefixes match the paper's shares of
# sub-categories.
CATEGORIES = {
    0: "AIGC",
    5: "Digital Art",
    13: "Daily Photo",
    14: "Daily Photo",
    16: "Daily Photo",
    17: "Daily Photo",
}
_NAME = re.compile(r"(\d{1,9})_\d+")


@dataclass(slots=True)
class _Image:
    path: Path
    texts: list[Question] = field(default_factory=list)
    label: ScoreLabel | None = None


def load(config: ArtiMuseSource, root: Path) -> Source:
    """Images of the score list in its order, then those that only have critiques.

    Of an image, the critiques come in the order of their file, then the score question. A repeated
    row is dropped and counted in the notes; a second, different score of an image is a BadItem.
    """
    source = Source(config.name, [])
    folder = ImageFolder(root / config.images)
    images: dict[str, _Image] = {}
    if config.scores is not None:
        scored = read_score_list(root / config.scores, config.scale, folder, source)
        images = {name: _Image(path, label=label) for name, (path, label) in scored.items()}
    if config.texts is not None:
        _read_texts(root / config.texts, folder, images, source)
    source.samples = [
        Sample(
            id=f"{config.name}/{name}",
            images=(image.path,),
            questions=_questions(image),
            dataset=config.name,
            category=category(name),
        )
        for name, image in images.items()
    ]
    return source


def _questions(image: _Image) -> tuple[Question, ...]:
    if image.label is None:
        return tuple(image.texts)
    return (*image.texts, Question(kind="score", aspect=OVERALL, label=image.label))


def category(name: str) -> str | None:
    """The sub-category that a name's prefix stands for; `prefix 7` where it is not known."""
    match = _NAME.fullmatch(PurePosixPath(name).stem)
    if match is None:
        return None
    prefix = int(match[1])
    return CATEGORIES.get(prefix, f"prefix {prefix}")


def attribute(question: str) -> str | None:
    """The one of the eight attributes that a question names, in any case, `and` for `&`."""
    plain = _plain(question)
    named = [name for name, form in _PLAIN_ATTRIBUTES if form in plain]
    return named[0] if len(named) == 1 else None


def _plain(text: str) -> str:
    return " ".join(text.lower().replace("&", " and ").split())


_PLAIN_ATTRIBUTES = [(name, _plain(name)) for name in ATTRIBUTES]


def _read_texts(path: Path, folder: ImageFolder, images: dict[str, _Image], source: Source) -> None:
    rows, bad = read_json_lines(path)
    source.items += len(rows) + len(bad)
    source.bad.extend(bad)
    repeated = unnamed = 0
    for line, row in rows:
        try:
            name, image_path = folder.locate(fields.field(row, "image"))
            text, answer = fields.conversation(row)
        except BadRow as error:
            source.bad.append(bad_item(path, f"line {line}", row, error))
            continue
        question = Question(kind="text", text=text, answer=answer, aspect=attribute(text))
        image = images.setdefault(name, _Image(image_path))
        if question in image.texts:
            repeated += 1
            continue
        image.texts.append(question)
        unnamed += question.aspect is None
    if repeated:
        source.notes.append(f"{path.name}: {repeated} repeated rows dropped")
    if unnamed:
        source.notes.append(f"{path.name}: {unnamed} questions name none of the eight attributes")
