"""AesBench (arXiv 2401.08276; repository yipoh/AesBench): for evaluation only, its terms forbid training.

The test set is a JSON object keyed by image; the authors keep the answers:

    {"baid_1.jpg": {"AesP_data": {"Question": "How is the light?", "Options": "A) Dim\\nB) Bright"},
                    "AesE_data": {...}, "AesA1_data": {...}, "AesI_data": {"Question": "..."}}, ...}

The validation set is a table that ends in .tsv, with answers and with the images inside:

    index  image (base64)  question  A  B  C  D  split  answer  category (AesP, AesE or AesA)

Both give the same questions, in the words of the authors' evaluation scripts: a choice answered by
`A)`, and for AesI a text question. `Question.aspect` holds the task: AesP, AesE, AesA, AesI.
"""

from __future__ import annotations

import base64
import binascii
import csv
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from artimuse.config.sources import AesBenchSource
from artimuse.data.formats import cells
from artimuse.data.formats.choices import lettered
from artimuse.data.formats.fields import BadRow, bad_item, found, text_field
from artimuse.data.formats.files import read_json_object
from artimuse.data.formats.folder import ImageFolder
from artimuse.data.formats.tables import Row, check_columns, read_table
from artimuse.data.formats.unpack import suffix_of, unpack
from artimuse.prompts import AESBENCH_ASSESSMENT, AESBENCH_CHOICE
from artimuse.records import Question, Sample, Source

# Key of the test set -> task: perception, empathy, assessment, interpretation.
TASKS = {"AesP_data": "AesP", "AesE_data": "AesE", "AesA1_data": "AesA", "AesI_data": "AesI"}
CHOICES = ("AesP", "AesE", "AesA")
COLUMNS = ("index", "image", "question", *"ABCD", "answer", "category", "split")
REQUIRED = ("index", "image", "question", "A", "B", "category")
# An image cell up to this length is the index of the row that holds the image: so VLMEvalKit, which
# the table comes from, writes an image that is there already.
LONGEST_INDEX = 64


def load(config: AesBenchSource, root: Path) -> Source:
    """One sample per image, in the order of the file, with its questions in the file's order.

    What is counted, in `items` and `bad`, are questions.
    """
    path = root / config.annotations
    source = Source(config.name, [])
    images: dict[str, tuple[Path, list[Question]]] = {}
    if path.suffix.lower() == ".tsv":
        _read_table(path, root / config.images, images, source)
    else:
        _read_object(path, root / config.images, images, source)
    source.samples = [
        Sample(f"{config.name}/{name}", (image,), tuple(questions), config.name)
        for name, (image, questions) in images.items()
    ]
    return source


def choice(
    task: str, text: str, options: str, marks: tuple[str, ...], answer: str | None = None
) -> Question:
    """A question worded as the authors ask it.

    Args:
        options: as they are shown, `A) Dim\\nB) Bright`.
        marks: as they are answered, `A)` and `B)`.
    """
    wording = AESBENCH_ASSESSMENT if task == "AesA" else AESBENCH_CHOICE
    text = wording.format(question=text, options=options)
    return Question(kind="choice", text=text, answer=answer, aspect=task, options=marks)


def _read_object(
    path: Path, folder: Path, images: dict[str, tuple[Path, list[Question]]], source: Source
) -> None:
    located = ImageFolder(folder)
    unused: dict[str, None] = {}
    for image, entry in read_json_object(path).items():
        parts = [key for key in TASKS if isinstance(entry, dict) and key in entry]
        source.items += max(1, len(parts))
        try:
            name, image_path = located.locate(image)
            if name in images:
                raise BadRow(f"second entry of an image: {found(image)} names {name} again")
            if not parts:
                keys = ", ".join(entry) if isinstance(entry, dict) else found(entry)
                raise BadRow(f"no question: expected {', '.join(TASKS)}, found {keys or 'none'}")
        except BadRow as error:
            places = [f"{image}: {key}" for key in parts] or [image]
            source.bad += [bad_item(path, place, None, error) for place in places]
            continue
        questions = _questions(path, image, {key: entry[key] for key in parts}, source)
        if questions:
            images[name] = image_path, questions
        unused |= dict.fromkeys(key for key in entry if key not in TASKS)
    if unused:
        source.notes.append(f"{path.name}: keys not used: {', '.join(unused)}")


def _questions(path: Path, image: str, parts: dict[str, Any], source: Source) -> list[Question]:
    """The questions of one image; a bad one is listed in `source`, and the others stay."""
    questions: list[Question] = []
    for key, part in parts.items():
        task = TASKS[key]
        try:
            text = text_field(part, "Question")
            if task in CHOICES:
                options = text_field(part, "Options")
                marks = tuple(f"{match[1]})" for match in lettered(options, ")"))
                questions.append(choice(task, text, options, marks))
            else:
                questions.append(Question(kind="text", text=text, aspect=task))
        except BadRow as error:
            source.bad.append(bad_item(path, f"{image}: {key}", None, error))
    return questions


def _read_table(
    path: Path, folder: Path, images: dict[str, tuple[Path, list[Question]]], source: Source
) -> None:
    repeated = unanswered = 0
    with _fields_of_any_length(path):
        table = read_table(path, source, example="\t".join(COLUMNS))
        unused = check_columns(table, COLUMNS, required=REQUIRED)
        rows = list(table.rows)
    encoded: dict[str, str] = {}
    for _, row in rows:
        encoded.setdefault(str(row["index"]), str(row["image"]))
    for place, row in rows:
        source.items += 1
        try:
            question = _row_question(row)
            name, image_path = _image(row, encoded, folder)
        except BadRow as error:
            source.bad.append(bad_item(path, f"{place} (index {row['index']})", None, error))
            continue
        questions = images.setdefault(name, (image_path, []))[1]
        if question in questions:
            repeated += 1
        else:
            questions.append(question)
            unanswered += question.answer is None
    if unused:
        source.notes.append(f"{path.name}: columns not used: {', '.join(unused)}")
    if repeated:
        source.notes.append(f"{path.name}: {repeated} repeated rows dropped")
    if unanswered:
        source.notes.append(f"{path.name}: {unanswered} questions without an answer")


def _row_question(row: Row) -> Question:
    task = str(row["category"])
    if task not in CHOICES:
        expected = ", ".join(CHOICES)
        raise BadRow(f"unknown 'category': expected one of {expected}, found {found(task)}")
    options = [cells.text(row.get(letter), letter) for letter in "ABCD"]
    letters = "ABCD"[: sum(option is not None for option in options)]
    if len(letters) < 2 or None in options[: len(letters)]:
        raise BadRow(f"options: expected two or more from A on, found {found(options)}")
    answer = cells.text(row.get("answer"), "answer")
    if answer is not None and (len(answer) != 1 or answer not in letters):
        raise BadRow(
            f"answer is none of its options: expected one of {', '.join(letters)}, found "
            f"{found(answer)}"
        )
    marks = tuple(f"{letter})" for letter in letters)
    # The shorter one of the two is the marks: the cells after the last option are empty.
    shown = "\n".join(f"{mark} {option}" for mark, option in zip(marks, options, strict=False))
    text = text_field(row, "question")
    return choice(task, text, shown, marks, None if answer is None else f"{answer})")


def _image(row: Row, encoded: dict[str, str], folder: Path) -> tuple[str, Path]:
    """Name and path of a row's image, unpacked: it is named after its bytes, equal ones once."""
    cell = str(row["image"])
    if 0 < len(cell) <= LONGEST_INDEX and cell in encoded:
        cell = encoded[cell]
    try:
        data = base64.b64decode(cell, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadRow(f"image is not base64: {error}, in {found(cell)}") from None
    name = hashlib.blake2b(data, digest_size=16).hexdigest() + suffix_of(data)
    return name, unpack(folder, name, data)


@contextmanager
def _fields_of_any_length(path: Path) -> Iterator[None]:
    """csv refuses cells above 128 KB, and an image is one cell: none is longer than its file."""
    longest = path.stat().st_size if path.is_file() else 0
    before = csv.field_size_limit()
    csv.field_size_limit(max(before, longest))
    try:
        yield
    finally:
        csv.field_size_limit(before)
