"""The order of a mixture: which units make up step k depends on (seed, k) and the data, on nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from artimuse.config import ConfigError
from artimuse.data.order import Order
from artimuse.data.units import Unit, units
from artimuse.records import Pair, Sample, Source


def single(source: str, number: int) -> Sample:
    return Sample(f"{source}/{number}", (Path(f"{number}.jpg"),), (), source)


def singles(source: str, number: int) -> list[Unit]:
    return [Unit((single(source, n),)) for n in range(number)]


def series(source: str, sizes: list[int]) -> list[Unit]:
    return [
        Unit(
            tuple(
                Sample(f"{source}/{s}-{n}", (Path("x.jpg"),), (), source, f"s{s}")
                for n in range(size)
            )
        )
        for s, size in enumerate(sizes)
    ]


def ids(step: Sequence[Unit], source: str = "") -> list[str]:
    found = [sample.id for unit in step for sample in unit.samples]
    return [one for one in found if one.startswith(source)]


def walk(order: Order, source: str) -> list[str]:
    return [one for k in range(len(order)) for one in ids(order.step(k), source)]


def order_of(*sources: list[Unit], **changes: Any) -> Order:
    settings: dict[str, Any] = {
        "batch_images": 6,
        "seed": 0,
        "steps": 40,
        "weights": [1] * len(sources),
    }
    return Order(list(sources), **settings | changes)


MIXTURES = {
    "blend": order_of(singles("a/", 23), singles("b/", 7)),
    "uneven": order_of(singles("a/", 23), singles("b/", 7), weights=[5, 0.3], steps=100),
    "smaller than a step": order_of(singles("a/", 2), singles("b/", 1), batch_images=17),
    "series": order_of(series("a/", [2, 3, 4, 2, 1]), singles("b/", 9), batch_images=9),
    "alternate": order_of(singles("a/", 23), singles("b/", 7), mixture="alternate"),
    "alternate 3 : 1 : 2": order_of(
        singles("a/", 23), series("b/", [3, 2, 2]), singles("c/", 5),
        mixture="alternate", weights=[3, 1, 2],
    ),
}  # fmt: skip


@pytest.fixture(params=MIXTURES)
def order(request: pytest.FixtureRequest) -> Order:
    return MIXTURES[request.param]


def test_a_pass_holds_every_sample_once(order: Order) -> None:
    for source in order.sources:
        expected = sorted(ids(source))
        name = expected[0].split("/")[0] + "/"
        walked = walk(order, name)
        assert len(walked) >= len(expected)
        for start in range(0, len(walked), len(expected)):
            this_pass = walked[start : start + len(expected)]
            if len(this_pass) == len(expected):
                assert sorted(this_pass) == expected
            else:
                assert len(set(this_pass)) == len(this_pass)


def test_no_step_is_empty(order: Order) -> None:
    assert all(order.step(k) for k in range(len(order)))


def test_random_access_equals_walking_through(order: Order) -> None:
    sequential = [ids(order.step(k)) for k in range(len(order))]
    backwards = [ids(order.step(k)) for k in reversed(range(len(order)))]
    assert backwards[::-1] == sequential


def test_passes_and_seeds_differ() -> None:
    walked = walk(order_of(singles("a/", 30), steps=20), "a/")
    assert walked[:30] != walked[30:60]
    assert walked != walk(order_of(singles("a/", 30), steps=20, seed=1), "a/")
    assert walked == walk(order_of(singles("a/", 30), steps=20), "a/")


def test_the_number_of_steps_does_not_change_a_step() -> None:
    short, long = order_of(singles("a/", 30), steps=3), order_of(singles("a/", 30), steps=300)
    assert [short.step(k) for k in range(3)] == [long.step(k) for k in range(3)]


def test_a_blend_keeps_its_weights() -> None:
    order = order_of(singles("a/", 23), singles("b/", 7), weights=[5, 1], batch_images=12)
    for k in range(len(order)):
        step = order.step(k)
        assert (len(ids(step, "a/")), len(ids(step, "b/"))) == (10, 2)


def test_rounding_is_made_up_for_in_later_steps() -> None:
    order = order_of(
        singles("a/", 50), singles("b/", 50), weights=[2, 1], batch_images=10, steps=30
    )
    assert len(walk(order, "a/")) == 200
    assert len(walk(order, "b/")) == 100
    assert {len(ids(order.step(k), "b/")) for k in range(30)} == {3, 4}


def test_a_rare_source_appears_evenly_from_the_middle_of_its_gap() -> None:
    order = order_of(
        singles("a/", 50), singles("b/", 50), weights=[15, 1], batch_images=4, steps=16
    )
    assert [k for k in range(16) if ids(order.step(k), "b/")] == [1, 5, 9, 13]


def test_series_are_whole_and_the_batch_right_on_average() -> None:
    source = series("a/", [2, 3, 4, 2, 1])
    order = order_of(source, batch_images=6, steps=100)
    assert all(unit in source for k in range(100) for unit in order.step(k))
    assert len(walk(order, "a/")) == pytest.approx(600, abs=4)


def test_alternating_gives_a_step_to_one_source() -> None:
    order = order_of(
        singles("a/", 23), singles("b/", 7), mixture="alternate", weights=[2, 1], steps=9
    )
    owners = ["".join(sorted({one[0] for one in ids(order.step(k))})) for k in range(9)]
    assert owners == ["a", "b", "a"] * 3
    assert {len(ids(order.step(k))) for k in range(9)} == {6}


@pytest.mark.parametrize("mixture", ["blend", "alternate"])
@pytest.mark.parametrize("epochs", [1, 2, 0.5])
def test_epochs_neither_repeat_nor_drop(mixture: str, epochs: float) -> None:
    sources = (singles("a/", 20), singles("b/", 3))
    order = order_of(*sources, mixture=mixture, epochs=epochs, steps=None, batch_images=14)
    counts = Counter(walk(order, "a/"))
    assert sum(counts.values()) == 20 * epochs
    assert set(counts.values()) == ({epochs} if epochs >= 1 else {1})
    # The last step is what is left: 7 (or 14) of the source a step, and no step behind it.
    last = len(ids(order.step(len(order) - 1), "a/"))
    assert last == (20 * epochs) % (7 if mixture == "blend" else 14) or last == 7


def test_epochs_of_a_single_source_have_an_incomplete_last_step() -> None:
    order = order_of(singles("a/", 20), epochs=1, steps=None, batch_images=8)
    assert [len(order.step(k)) for k in range(len(order))] == [8, 8, 4]


def test_a_step_outside_the_run_is_an_error() -> None:
    for k in (-1, 40):
        with pytest.raises(IndexError, match=f"step {k} of a run of 40"):
            order_of(singles("a/", 3)).step(k)


@pytest.mark.parametrize(
    ("sources", "batch_images"),
    [((series("a/", [3, 3, 3]),), 1), ((series("a/", [3, 3, 3]), series("b/", [3, 3, 3])), 3)],
)
def test_a_batch_that_leaves_steps_empty_is_refused(
    sources: tuple[list[Unit], ...], batch_images: int
) -> None:
    with pytest.raises(ConfigError, match=r"train\.batch_images: .* leave step \d+ empty"):
        order_of(*sources, batch_images=batch_images)


def test_an_alternating_source_below_a_unit_a_step_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"leave step (1|3) empty"):
        order_of(singles("a/", 9), series("b/", [3, 3, 3]), batch_images=1, mixture="alternate")


def test_alternating_weights_are_a_simple_ratio() -> None:
    with pytest.raises(ConfigError, match="simple ratio"):
        order_of(singles("a/", 9), singles("b/", 9), weights=[1, 0.3333], mixture="alternate")


def test_an_empty_source_is_refused() -> None:
    with pytest.raises(ValueError, match=r"found none in \[1\]"):
        order_of(singles("a/", 3), [])


def test_units_are_series_with_their_pairs_and_single_images() -> None:
    samples = [
        Sample("s/1", (Path("1"),), (), "s", "x"),
        Sample("s/2", (Path("2"),), (), "s"),
        Sample("s/3", (Path("3"),), (), "s", "x"),
        Sample("s/4", (Path("4"),), (), "s"),
    ]
    pair = Pair("s/1", "s/3", 0.7)
    first, second, third = units(Source("s", samples, [pair]))
    assert (first.samples, first.pairs) == ((samples[0], samples[2]), (pair,))
    assert (second.samples, third.samples) == ((samples[1],), (samples[3],))
    for other in ("s/2", "s/9"):
        with pytest.raises(ValueError, match="expected two images of one series"):
            units(Source("s", samples, [Pair("s/1", other, 0.5)]))


@pytest.mark.parametrize("name", MIXTURES)
def test_images_of_a_run_are_those_of_its_steps(name: str) -> None:
    order = MIXTURES[name]
    for number, units_of in enumerate(order.sources):
        dataset = units_of[0].samples[0].dataset
        used = [
            u for k in range(len(order)) for u in order.step(k) if u.samples[0].dataset == dataset
        ]
        images, passes = order.images(number)
        assert images == sum(unit.images for unit in used)
        assert passes == pytest.approx(len(used) / len(units_of))
    assert order.largest_unit() == max(u.images for source in order.sources for u in source)
