"""UniPercept-Bench-VQA (arXiv 2512.21675; repository thunderbolt215/UniPercept): for evaluation only.

    [{"image": "IAA/image/1.jpg", "answer": "B", "question":
        "What is the light like?\\nA. Harsh\\nB. Soft\\nC. Flat"}, ...]

A JSON list for each of the domains aesthetics, quality, structure and texture
(`UniPercept-Bench-{IAA,IQA,ISTA}.json`).

Known, from the authors' evaluation script: the list; the keys `image`, a path that is opened as it
stands, `question`, which is put into the prompt as it stands, and `answer`, of which the letter
counts in either case; the prompt (`prompts.UNIPERCEPT_CHOICE`); that the first letter of the model's
reply is its choice. Inferred, as the lists themselves were not at hand: that the question lists its
two to four options as `A. ...` (they are shown so in the paper, and nothing else would tell the
model); that more than one question may ask about an image; and `category`, one of the paper's 17,
which is read where it is there. Other keys are named in the notes.
"""

from __future__ import annotations

from pathlib import Path

from artimuse.config.sources import UniPerceptBenchSource
from artimuse.data.formats.choices import lettered
from artimuse.data.formats.fields import BadRow, bad_item, field, found, text_field
from artimuse.data.formats.files import read_json_list
from artimuse.data.formats.folder import ImageFolder
from artimuse.prompts import UNIPERCEPT_CHOICE
from artimuse.records import Question, Sample, Source

KEYS = ("image", "question", "answer", "category")
# The paper writes `A.`; the two other signs are as common, and cannot be mistaken for anything else.
SIGNS = ".):"


def load(config: UniPerceptBenchSource, root: Path) -> Source:
    """Images in the order of their first record, each with its questions in the file's order.

    A repeated record is dropped and counted.
    """
    path = root / config.annotations
    rows = read_json_list(path)
    source = Source(config.name, [], items=len(rows))
    folder = ImageFolder(root / config.images)
    images: dict[str, tuple[Path, list[Question]]] = {}
    unused: dict[str, None] = {}
    repeated = 0
    for place, row in enumerate(rows, start=1):
        try:
            name, image_path = folder.locate(field(row, "image"))
            question = _question(row)
        except BadRow as error:
            source.bad.append(bad_item(path, f"record {place}", row, error))
            continue
        unused |= dict.fromkeys(key for key in row if key not in KEYS)
        questions = images.setdefault(name, (image_path, []))[1]
        if question in questions:
            repeated += 1
        else:
            questions.append(question)
    source.samples = [
        Sample(f"{config.name}/{name}", (image,), tuple(questions), config.name)
        for name, (image, questions) in images.items()
    ]
    if unused:
        source.notes.append(f"{path.name}: keys not used: {', '.join(unused)}")
    if repeated:
        source.notes.append(f"{path.name}: {repeated} repeated records dropped")
    return source


def _question(row: object) -> Question:
    text = text_field(row, "question")
    letters = tuple(match[1] for match in lettered(text, SIGNS))
    answer = text_field(row, "answer").upper()
    if answer not in letters:
        raise BadRow(
            f"answer is none of its options: expected one of {', '.join(letters)}, found "
            f"{found(answer)}"
        )
    assert isinstance(row, dict)
    # No more than inferred, so a record without one is as good.
    category = row.get("category")
    if category is not None:
        category = text_field(row, "category")
    return Question(
        kind="choice",
        text=UNIPERCEPT_CHOICE.format(question=text),
        answer=answer,
        aspect=category,
        options=letters,
    )
