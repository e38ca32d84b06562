"""Units from arrays equal units from objects, stored or not."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artimuse.data.store import open_source, write_source
from artimuse.data.units import Unit, image_counts, units
from artimuse.records import Pair, Question, Sample, Source

SCORE = (Question("score", aspect="overall"),)


def sample(number: int, series: str | None, images: int = 1) -> Sample:
    paths = tuple(Path(f"{number}-{n}.jpg") for n in range(images))
    return Sample(f"s/{number}", paths, SCORE, "s", series)


def plainly(samples: Sequence[Sample], pairs: Sequence[Pair]) -> list[Unit]:
    """The definition: a series with a pair is one unit, anything else a unit of its own.

    Several images in one sample are a comparison, which belongs to a series' unit only as part of a pair.
    """
    paired = {end for pair in pairs for end in (pair.first, pair.second)}
    by_id = {s.id: s for s in samples}
    ranked = {by_id[pair.first].series for pair in pairs}

    def alone(s: Sample) -> bool:
        return len(s.images) > 1 and s.id not in paired

    found: list[Unit] = []
    done: set[str | None] = set()
    for s in samples:
        if s.series not in ranked or s.series is None or alone(s):
            found.append(Unit((s,)))
        elif s.series not in done:
            done.add(s.series)
            members = tuple(m for m in samples if m.series == s.series and not alone(m))
            inside = tuple(p for p in pairs if by_id[p.first].series == s.series)
            found.append(Unit(members, inside))
    return found


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_any_source_gives_the_units_of_the_definition(data: st.DataObject) -> None:
    names = st.sampled_from([None, "a", "b", "c"])
    drawn = data.draw(st.lists(st.tuples(names, st.integers(1, 2)), min_size=1, max_size=12))
    samples = [sample(n, series, images) for n, (series, images) in enumerate(drawn)]
    ends = [
        (x.id, y.id)
        for x in samples
        for y in samples
        if x.id != y.id and x.series is not None and x.series == y.series
    ]
    chosen = data.draw(st.lists(st.sampled_from(ends), unique=True, max_size=8)) if ends else []
    pairs = [Pair(first, second, 0.25) for first, second in chosen]
    found = units(Source("s", samples, pairs))
    assert list(found) == plainly(samples, pairs)
    assert found.images.tolist() == [unit.images for unit in found]
    assert np.array_equal(image_counts(list(found)), found.images)


def test_stored_units_are_the_same_and_travel(tmp_path: Path) -> None:
    samples = [sample(n, "ab"[n % 2] if n < 6 else None) for n in range(9)]
    pairs = [Pair("s/0", "s/4", 0.5), Pair("s/3", "s/1", 0.75), Pair("s/2", "s/0", 0.1)]
    source = Source("s", samples, pairs)
    write_source(tmp_path / "s", source)
    stored = units(open_source(tmp_path / "s"))
    assert list(stored) == list(units(source)) == plainly(samples, pairs)
    assert list(pickle.loads(pickle.dumps(stored))) == list(stored)
    assert (stored[-1], stored[1:3]) == (list(stored)[-1], list(stored)[1:3])
    with pytest.raises(IndexError):
        stored[len(stored)]


@pytest.mark.parametrize("second", ["s/1", "s/9"], ids=["another series", "no such sample"])
def test_a_pair_across_series_is_refused(second: str) -> None:
    source = Source("s", [sample(0, "a"), sample(1, "b")], [Pair("s/0", second, 0.5)])
    with pytest.raises(ValueError, match=f"pair s/0 | {second}: expected two images of one series"):
        units(source)
