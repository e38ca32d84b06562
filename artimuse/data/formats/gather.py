"""Rows about images become samples: what all rows of one image say is put together.

    image,score,question,answer
    a.jpg,7.5,Is it sharp?,Yes.
    a.jpg,,What is the light like?,Soft.        # a second question; its score is 7.5 or empty

The same logic for every kind of table. A row is taken as a whole or, as a BadItem, not at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from artimuse.config.sources import TableSource
from artimuse.data.formats import cells, fields
from artimuse.data.formats.columns import ColumnMap, map_columns
from artimuse.data.formats.fields import BadRow, found
from artimuse.data.formats.folder import ImageFolder
from artimuse.data.formats.series import UNLABELED, pair_ranked
from artimuse.data.formats.tables import Row, Table
from artimuse.records import OVERALL, Question, Sample, Source

T = TypeVar("T", float, str)


@dataclass(slots=True)
class _Image:
    """What a row, or all rows of an image so far, say of it.

    numbers: `score`, `std`, `rank`, and `score of <aspect>`. texts: `series`, `category`.
    answers: question -> answer.
    """

    path: Path
    numbers: dict[str, float]
    texts: dict[str, str]
    answers: dict[str, str]

    def add(self, row: _Image) -> bool:
        """Take in another row of the image; False where all of it was known.

        Raises:
            BadRow: where it contradicts an earlier row.
        """
        known = len(self.numbers), len(self.texts), len(self.answers)
        _agree(self.numbers, row.numbers)
        _agree(self.texts, row.texts)
        for question, answer in row.answers.items():
            earlier = self.answers.get(question, answer)
            if earlier != answer:
                reason = f"found {found(answer)} after {found(earlier)}"
                raise BadRow(f"second answer to a question of an image: {reason}")
        self.numbers |= row.numbers
        self.texts |= row.texts
        self.answers |= row.answers
        return known != (len(self.numbers), len(self.texts), len(self.answers))


def gather(table: Table, config: TableSource, folder: ImageFolder, source: Source) -> None:
    """Read a table into `source`: samples in the order of their images' first rows, and pairs.

    A row that says nothing new is dropped and counted; one that contradicts an earlier row of its
    image is a BadItem. What one row leaves empty, another may say.

    Raises:
        DataError: for columns that do not fit the recipe (`columns.map_columns`), and for ranks
            that cannot be meant (`series.pair_ranked`).
    """
    columns = map_columns(config, table, source)
    images: dict[str, _Image] = {}
    repeated = 0
    for place, row in table.rows:
        source.items += 1
        image = row.get(columns.names["image"])
        try:
            name, path = folder.locate(image)
            new = _read(row, path, columns)
            if name not in images:
                images[name] = new
            elif not images[name].add(new):
                repeated += 1
        except BadRow as error:
            source.bad.append(fields.bad_item(table.path, place, {"image": image}, error))
    if repeated:
        source.notes.append(f"{table.path.name}: {repeated} repeated rows dropped")
    source.samples = [_sample(name, image, columns, config) for name, image in images.items()]
    ranks = {
        f"{config.name}/{name}": int(image.numbers["rank"])
        for name, image in images.items()
        if "rank" in image.numbers
    }
    pair_ranked(source, ranks, table.path)


def _read(row: Row, path: Path, columns: ColumnMap) -> _Image:
    """What one row says."""
    cell = {key: row.get(column) for key, column in columns.names.items()}
    numbers = {
        "score": cells.number(cell.get("score"), "score"),
        "std": cells.number(cell.get("std"), "std"),
        "rank": cells.whole(cell.get("rank"), "rank", least=1),
    }
    for aspect, (column, scale) in columns.aspects.items():
        what = f"score of {aspect}"
        numbers[what] = score = cells.number(row.get(column), what)
        if score is not None:
            fields.score_label(score, scale, what=what)
    texts = {key: cells.text(cell.get(key), key) for key in ("series", "category")}
    if numbers["score"] is not None:
        assert columns.scale is not None
        fields.score_label(numbers["score"], columns.scale, std=numbers["std"])
    elif numbers["std"] is not None:
        raise BadRow(f"std without a score: found {numbers['std']:g} and no score")
    if numbers["rank"] is not None and texts["series"] is None:
        raise BadRow(f"rank without a series: found {numbers['rank']:g} and no series to rank in")
    answers = _answers(cell)
    if not answers and all(number is None for number in numbers.values()):
        raise _empty(columns)
    return _Image(path, _given(numbers), _given(texts), answers)


def _answers(cell: Row) -> dict[str, str]:
    question = cells.text(cell.get("question"), "question")
    answer = cells.text(cell.get("answer"), "answer")
    if question is None and answer is None:
        return {}
    if question is None:
        raise BadRow(f"answer without a question: found the answer {found(answer)}")
    if answer is None:
        raise BadRow(f"question without an answer: found the question {found(question)}")
    return {fields.without_marker(question): answer}


def _empty(columns: ColumnMap) -> BadRow:
    """For a row with nothing to learn from."""
    if columns.labels == [columns.names.get("score")]:
        return BadRow("score is not a number: found an empty cell")
    return BadRow(f"no label: expected a value in one of {', '.join(columns.labels)}, found none")


def _given(values: dict[str, T | None]) -> dict[str, T]:
    return {key: value for key, value in values.items() if value is not None}


def _agree(known: dict[str, T], new: dict[str, T]) -> None:
    for key, value in new.items():
        earlier = known.get(key, value)
        if earlier != value:
            reason = f"found the {key} {found(value)} after {found(earlier)}"
            raise BadRow(f"second row of an image: {reason}")


def _sample(name: str, image: _Image, columns: ColumnMap, config: TableSource) -> Sample:
    questions = [
        Question(kind="text", text=text, answer=answer) for text, answer in image.answers.items()
    ]
    numbers = image.numbers
    if "score" in numbers:
        assert columns.scale is not None
        label = fields.score_label(numbers["score"], columns.scale, std=numbers.get("std"))
        questions.append(Question(kind="score", aspect=OVERALL, label=label))
    elif "rank" in numbers:
        questions.append(UNLABELED)
    for aspect, (_, scale) in columns.aspects.items():
        if (score := numbers.get(f"score of {aspect}")) is not None:
            label = fields.score_label(score, scale)
            questions.append(Question(kind="score", aspect=aspect, label=label))
    return Sample(
        id=f"{config.name}/{name}",
        images=(image.path,),
        questions=tuple(questions),
        dataset=config.name,
        series=image.texts.get("series"),
        category=image.texts.get("category"),
    )
