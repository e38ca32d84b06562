"""The validation cut: complete, stable, stratified, and never through a group."""

import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artimuse.data.split import cut
from artimuse.records import BadItem, Pair, Question, Sample, ScoreLabel, Source


def sample(name: str, score: float | None = None, series: str | None = None, folder="i") -> Sample:
    label = None if score is None else ScoreLabel(mean=score, low=0, high=10)
    question = Question(kind="score", aspect="overall", label=label)
    return Sample(f"s/{name}", (Path(folder) / name,), (question,), "s", series)


def ids(source: Source) -> set[str]:
    return {s.id for s in source.samples}


def parts(source: Source, frac: float) -> tuple[set[str], set[str]]:
    train, validation = ids(cut(source, frac, "train")), ids(cut(source, frac, "validation"))
    assert train | validation == ids(source)
    assert not train & validation
    return train, validation


@settings(deadline=None, max_examples=30)
@given(n=st.integers(0, 120), frac=st.floats(0, 0.99), labeled=st.floats(0, 1))
def test_the_parts_are_complete_and_of_the_stated_share(
    n: int, frac: float, labeled: float
) -> None:
    rng = random.Random(n)
    scores = [rng.uniform(0, 10) if rng.random() < labeled else None for _ in range(n)]
    source = Source("s", [sample(f"{i}.jpg", score) for i, score in enumerate(scores)])
    _, validation = parts(source, frac)
    assert len(validation) == int(frac * n + 0.5)


def test_every_score_decile_is_in_both_parts() -> None:
    source = Source("s", [sample(f"{i}.jpg", i / 100) for i in range(1000)])
    validation = cut(source, 0.1, "validation")
    deciles = [int(s.id[2:-4]) // 100 for s in validation.samples]
    assert [deciles.count(decile) for decile in range(10)] == [10] * 10


def test_the_cut_depends_on_the_data_and_not_on_its_order() -> None:
    samples = [sample(f"{i}.jpg", i % 7) for i in range(200)]
    there = parts(Source("s", samples), 0.2)
    random.Random(0).shuffle(samples)
    assert parts(Source("s", samples), 0.2) == there
    kept = cut(Source("s", samples), 0.2, "train").samples
    assert kept == [s for s in samples if s.id in there[0]], "the order of the file is kept"


def test_a_series_is_never_cut() -> None:
    samples = [sample(f"{i}.jpg", series=f"natural/{i // 3}") for i in range(300)]
    pairs = [Pair(f"s/{i}.jpg", f"s/{i + 1}.jpg", 0.7) for i in range(0, 300, 3)]
    source = Source("s", samples, pairs)
    train, validation = parts(source, 0.13)
    assert len(validation) == 39
    for number in range(100):
        images = {f"s/{3 * number + k}.jpg" for k in range(3)}
        assert images <= train or images <= validation
    held_out = cut(source, 0.13, "validation")
    assert len(held_out.pairs) == 13
    assert all(p.first in validation and p.second in validation for p in held_out.pairs)
    assert len(cut(source, 0.13, "train").pairs) == 87


def test_a_pair_without_a_series_is_never_cut() -> None:
    samples = [sample(f"{i}.jpg") for i in range(40)]
    pairs = [Pair(f"s/{i}.jpg", f"s/{i + 1}.jpg", 0.7) for i in range(0, 40, 2)]
    train, _ = parts(Source("s", samples, pairs), 0.5)
    assert all((pair.first in train) == (pair.second in train) for pair in pairs)


@pytest.mark.parametrize("frac", [0.1, 0.3, 0.5])
def test_equal_files_land_together(tmp_path: Path, frac: float) -> None:
    samples = []
    for number in range(60):
        # Contents come twice, all of one size; the twins have other names, and one is in a series.
        series = "x" if number == 0 else None
        (tmp_path / f"{number}.jpg").write_bytes(b"%02d" % (number % 30))
        samples.append(sample(f"{number}.jpg", number / 10, series, str(tmp_path)))
    samples.append(sample("in_series.jpg", 3, "x", str(tmp_path)))
    train, validation = parts(Source("s", samples), frac)
    assert validation
    for number in range(30):
        assert (f"s/{number}.jpg" in train) == (f"s/{number + 30}.jpg" in train)
    # 30 equals 0 in content, and 0 shares a series with a third image, whose file is missing.
    assert ("s/in_series.jpg" in train) == ("s/30.jpg" in train)


def test_samples_of_one_image_land_together() -> None:
    samples = [sample(f"{i}.jpg") for i in range(50)]
    again = [replace(s, id=f"{s.id} again") for s in samples]
    train, _ = parts(Source("s", [*samples, *again]), 0.3)
    assert all((s.id in train) == (f"{s.id} again" in train) for s in samples)


def test_bad_items_stay_with_the_training_part() -> None:
    samples = [sample(f"{i}.jpg") for i in range(10)]
    source = Source("s", samples, bad=[BadItem("f", "line 1", "not JSON")], items=11)
    train, validation = cut(source, 0.2, "train"), cut(source, 0.2, "validation")
    assert (train.bad, train.items) == (source.bad, 11)
    assert (validation.bad, validation.items) == ([], 0)
    assert validation.notes == ["validation: 2 of 10 samples (frac=0.2, 10 groups)"]


def test_no_share_is_everything_for_training() -> None:
    source = Source("s", [sample("a.jpg")])
    assert cut(source, 0.0, "train") == source
    assert cut(source, 0.0, "validation").samples == []


@pytest.mark.parametrize("frac", [-0.1, 1.0, float("nan")])
def test_another_share_is_an_error(frac: float) -> None:
    with pytest.raises(ValueError, match="expected 0 <= frac < 1"):
        cut(Source("s", []), frac, "train")
