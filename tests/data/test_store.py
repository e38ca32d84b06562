"""Sources on disk: what is read back equals what was written, whole, in part, and in another process."""

from __future__ import annotations

import math
import pickle
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artimuse.data import store
from artimuse.data.store import StoredSamples, identities, open_source, take, write_source
from artimuse.records import BadItem, Pair, Question, Sample, ScoreLabel, Source

LABEL = ScoreLabel(0.1 + 0.2, 0.0, 1.0, std=1 / 3, raters=7, histogram=(0.0, 3.0, 1e-300))


def sample(number: int, *questions: Question, series: str | None = None) -> Sample:
    images = (Path("images") / f"ü {number}.jpg",)
    return Sample(f"a/{number}", images, questions, "a", series, "Daily Photo")


def source(samples: list[Sample], **parts: object) -> Source:
    return Source("a", samples, **parts)  # type: ignore[arg-type]


def written(tmp_path: Path, samples: list[Sample]) -> StoredSamples:
    write_source(tmp_path / "s", source(samples))
    stored = open_source(tmp_path / "s").samples
    assert isinstance(stored, StoredSamples)
    return stored


def test_everything_is_read_back_as_it_was(tmp_path: Path) -> None:
    samples = [
        sample(0, Question("text", "Größe?\n\t\"'", "\u2028 ☀ \x00", aspect="light")),
        sample(1, Question("choice", "A) a B) b", "A)", options=("A)", "B)")), series="s"),
        sample(2, Question("score", aspect="overall", label=LABEL), series="s"),
        sample(3),
    ]
    whole = source(
        samples,
        pairs=[Pair("a/1", "a/2", 1 / 3)],
        bad=[BadItem("f", "line 2", "no: ☂")],
        items=9,
        notes=["a note"],
    )
    write_source(tmp_path / "s", whole)
    found = open_source(tmp_path / "s")
    assert list(found.samples) == samples
    assert (found.pairs, found.bad, found.items, found.notes, found.name) == (
        whole.pairs, whole.bad, 9, ["a note"], "a",
    )  # fmt: skip


finite = st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=60, deadline=None)
@given(st.text(), st.text(), finite, st.lists(st.floats(0, 1e9), min_size=1, max_size=12))
def test_numbers_and_text_are_equal_to_the_bit(
    asked: str, answer: str, mean: float, votes: list[float]
) -> None:
    try:
        (asked + answer).encode()
    except UnicodeEncodeError:
        return  # no loader lets half of a surrogate pair through
    label = ScoreLabel(mean, mean - 1 - abs(mean), mean + 1 + abs(mean), histogram=tuple(votes))
    questions = (Question("text", asked, answer), Question("score", aspect="o", label=label))
    text = store.encode_questions(questions)
    assert store._decode_questions(text) == questions


def test_more_than_one_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "ROWS", 4)
    samples = [sample(n, series=str(n % 3)) for n in range(11)]
    stored = written(tmp_path, samples)
    assert list(stored) == samples
    assert [stored[-1], *stored[3:9:2]] == [samples[-1], *samples[3:9:2]]
    for rows in ([], [10], [0, 1, 2, 3, 4], [9, 0, 5, 5, 1], list(range(10, -1, -1))):
        part = take(stored, rows)
        assert list(part) == [samples[row] for row in rows]
        assert list(identities(part)) == list(identities(list(part)))
        assert list(take(part, [0] if rows else [])) == [samples[row] for row in rows[:1]]
    with pytest.raises(IndexError):
        stored[11]


def test_an_empty_source(tmp_path: Path) -> None:
    stored = written(tmp_path, [])
    assert len(stored) == 0
    assert list(stored.identities()) == []


def test_it_travels_as_a_path(tmp_path: Path) -> None:
    samples = [sample(n, Question("text", "x" * 1000, "y")) for n in range(200)]
    part = written(tmp_path, samples).take([7, 3])
    sent = pickle.dumps(part)
    assert len(sent) < 1000
    assert list(pickle.loads(sent)) == [samples[7], samples[3]]


def test_a_stopped_writer_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(store, "_publish", stop)
    with pytest.raises(KeyboardInterrupt):
        write_source(tmp_path / "s", source([sample(0)]))
    assert list(tmp_path.iterdir()) == []


def test_the_second_of_two_writers_changes_nothing(tmp_path: Path) -> None:
    write_source(tmp_path / "s", source([sample(0)]))
    before = (tmp_path / "s" / "samples.arrow").stat().st_ino
    write_source(tmp_path / "s", source([sample(0)]))
    assert (tmp_path / "s" / "samples.arrow").stat().st_ino == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["s"]


def test_not_a_number_would_be_seen() -> None:
    """The records refuse it, so nothing that is read back can hold one."""
    with pytest.raises(ValueError, match="not on its stated scale"):
        ScoreLabel(math.nan, 0, 1)
