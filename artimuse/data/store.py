"""Sources on disk: samples in an Arrow file that is memory-mapped, so that they cost no memory.

    write_source(folder, source)       # complete or absent
    source = open_source(folder)       # source.samples is a StoredSamples
    source.samples[7]                  # decoded when asked for

409,000 questions are some gigabyte of Python objects, and every loader process would end up with a copy of
its own: a reference count is written whenever an object is looked at. Here a process holds the samples it is
looking at, and the operating system shares the rest.

A folder holds `samples.arrow`, `pairs.arrow` and `source.json`. Numbers are written so that they are read
back to the bit.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np
import pyarrow as pa

from artimuse.records import BadItem, Pair, Question, Sample, ScoreLabel, Source

ROWS = 4096
"""Samples of a record batch; the last one of a file may have fewer."""
_SAMPLES = pa.schema(
    [
        ("id", pa.string()),
        ("images", pa.list_(pa.string())),
        ("series", pa.string()),
        ("dataset", pa.string()),
        ("category", pa.string()),
        # As JSON: a question has parts of every kind, and is always wanted whole.
        ("questions", pa.string()),
    ]
)
_PAIRS = pa.schema(
    [("first", pa.string()), ("second", pa.string()), ("probability", pa.float64()),
     ("text", pa.string())]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Identity:
    """What a sample is, without its questions."""

    id: str
    images: tuple[Path, ...]
    series: str | None


class StoredSamples(Sequence[Sample]):
    """The samples of a written source, or some of them; an index is decoded on every access.

    Travels to other processes as a path and the chosen rows. Not for changing: the file is shared.
    """

    def __init__(self, path: Path, rows: np.ndarray | None = None) -> None:
        self.path = path
        self._batches = _map(path)
        if rows is None:
            rows = np.arange(sum(batch.num_rows for batch in self._batches), dtype=np.int64)
        self._rows = rows

    def __reduce__(self) -> tuple[Any, ...]:
        return StoredSamples, (self.path, self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> StoredSamples: ...
    def __getitem__(self, index: int | slice) -> Sample | StoredSamples:
        if isinstance(index, slice):
            return StoredSamples(self.path, self._rows[index])
        batch, row = divmod(int(self._rows[index]), ROWS)
        values = (column[row].as_py() for column in self._batches[batch].columns)
        return _sample(*values)

    def take(self, indices: Sequence[int] | np.ndarray) -> StoredSamples:
        """Some of the samples, in the given order."""
        return StoredSamples(self.path, self._rows[np.asarray(indices, dtype=np.int64)])

    def identities(self) -> Iterator[Identity]:
        """What every sample is, a batch at a time and without decoding questions."""
        wanted = self._rows
        start = 0
        while start < len(wanted):
            number = int(wanted[start]) // ROWS
            # A run of rows of one batch: a subset in the file's order reads each batch once.
            end = start + int(np.argmin(np.append(wanted[start:] // ROWS == number, False)))
            rows = pa.array(wanted[start:end] - number * ROWS)
            part = self._batches[number].select(["id", "images", "series"]).take(rows)
            for id_, images, series in zip(*(c.to_pylist() for c in part.columns), strict=True):
                yield Identity(id_, tuple(map(Path, images)), series)
            start = end


def identities(samples: Sequence[Sample]) -> Iterator[Identity]:
    """What every sample is, the cheapest way there is."""
    if isinstance(samples, StoredSamples):
        return samples.identities()
    return (Identity(sample.id, sample.images, sample.series) for sample in samples)


def take(samples: Sequence[Sample], indices: Sequence[int]) -> Sequence[Sample]:
    """Some of the samples, in the given order: stored ones stay stored."""
    if isinstance(samples, StoredSamples):
        return samples.take(indices)
    return [samples[index] for index in indices]


def write_source(folder: Path, source: Source) -> None:
    """Write a source as a folder, which is complete or absent: a stopped writer leaves none."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".writing-", dir=folder.parent))
    try:
        _write_rows(temporary / "samples.arrow", _SAMPLES, map(_row, source.samples))
        pairs = ((pair.first, pair.second, pair.probability, pair.text) for pair in source.pairs)
        _write_rows(temporary / "pairs.arrow", _PAIRS, pairs)
        record = {
            "name": source.name,
            "items": source.items,
            "notes": source.notes,
            "bad": [asdict(item) for item in source.bad],
        }
        (temporary / "source.json").write_text(json.dumps(record), encoding="utf-8")
        _publish(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def open_source(folder: Path) -> Source:
    """The source that `write_source` wrote.

    Raises:
        OSError, ValueError, KeyError: for a folder that is not as it was written.
    """
    record = json.loads((folder / "source.json").read_text(encoding="utf-8"))
    pairs = [
        Pair(*row)
        for batch in _map(folder / "pairs.arrow")
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True)
    ]
    return Source(
        record["name"],
        StoredSamples(folder / "samples.arrow"),
        pairs,
        bad=[BadItem(**item) for item in record["bad"]],
        items=record["items"],
        notes=record["notes"],
    )


def encode_questions(questions: Sequence[Question]) -> str:
    """The questions of a sample as one line of JSON; equal questions give equal text."""
    return json.dumps(
        [
            (q.kind, q.text, q.answer, q.aspect, None if q.label is None else _label(q.label), q.options,
             q.origin)
            for q in questions
        ],
        ensure_ascii=False,
        separators=(",", ":"),
    )  # fmt: skip


def _label(label: ScoreLabel) -> tuple[Any, ...]:
    return label.mean, label.low, label.high, label.std, label.raters, label.histogram


def _decode_questions(text: str) -> tuple[Question, ...]:
    return tuple(
        Question(kind, asked, answer, aspect, _decode_label(label), tuple(options), origin)
        for kind, asked, answer, aspect, label, options, origin in json.loads(text)
    )


def _decode_label(parts: list[Any] | None) -> ScoreLabel | None:
    if parts is None:
        return None
    mean, low, high, std, raters, histogram = parts
    return ScoreLabel(mean, low, high, std, raters, None if histogram is None else tuple(histogram))


def _row(sample: Sample) -> tuple[Any, ...]:
    images = [os.fspath(image) for image in sample.images]
    questions = encode_questions(sample.questions)
    return sample.id, images, sample.series, sample.dataset, sample.category, questions


def _sample(
    id_: str,
    images: list[str],
    series: str | None,
    dataset: str,
    category: str | None,
    questions: str,
) -> Sample:
    paths = tuple(map(Path, images))
    return Sample(id_, paths, _decode_questions(questions), dataset, series, category)


def _write_rows(path: Path, schema: pa.Schema, rows: Iterator[tuple[Any, ...]]) -> None:
    """Rows as an Arrow file, in batches of ROWS: the whole is never in memory as Arrow."""
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        part: list[tuple[Any, ...]] = []
        for row in rows:
            part.append(row)
            if len(part) == ROWS:
                writer.write_batch(_batch(part, schema))
                part = []
        if part:
            writer.write_batch(_batch(part, schema))


def _batch(rows: list[tuple[Any, ...]], schema: pa.Schema) -> pa.RecordBatch:
    columns = zip(*rows, strict=True)
    arrays = [pa.array(c, type=f.type) for c, f in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _map(path: Path) -> list[pa.RecordBatch]:
    reader = pa.ipc.open_file(pa.memory_map(str(path)))
    return [reader.get_batch(number) for number in range(reader.num_record_batches)]


def _publish(temporary: Path, folder: Path) -> None:
    """Rename into place; where another process was faster, its equal folder stays."""
    try:
        temporary.rename(folder)
    except OSError:
        if not (folder / "source.json").is_file():
            raise
