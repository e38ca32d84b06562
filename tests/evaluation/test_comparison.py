import numpy as np
import pytest

from artimuse.evaluation.comparison import against_published, compare
from artimuse.evaluation.metrics import Metric
from artimuse.evaluation.results import compute_metrics
from evaluation.making import choice, critique, pair, score


def _systems(n=200, noise=(10.0, 20.0), shared=0.0):
    """Two systems on one set of labels; `shared` is what both get wrong alike."""
    random = np.random.default_rng(4)
    label = np.clip(50 + 12 * random.normal(size=n), 0, 100)
    common = shared * random.normal(size=n)
    found = []
    for one in noise:
        guess = label + common + one * random.normal(size=n)
        found.append([score(f"i{k}", float(label[k]), float(guess[k])) for k in range(n)])
    return found


def test_a_clear_difference_is_told_and_by_the_metric_s_direction():
    good, bad = _systems()
    found = compare(bad, good)
    assert found["srcc"].verdict == "better"
    assert found["srcc"].difference > 0
    assert found["rmse"].verdict == "better"
    assert found["rmse"].difference < 0
    assert compare(good, bad)["srcc"].verdict == "worse"
    assert found["srcc"].n == 200


def test_a_system_is_not_separable_from_itself():
    rows, _ = _systems(n=40)
    for one in compare(rows, rows[::-1]).values():
        assert (one.difference, one.ci95, one.verdict) == (0.0, (0.0, 0.0), "not separable")


def test_pairing_tells_what_two_intervals_do_not():
    one, other = _systems(noise=(2.0, 9.0), shared=10.0)
    a, b = compute_metrics(one)["srcc"], compute_metrics(other)["srcc"]
    assert a.ci95
    assert b.ci95
    assert a.ci95[0] < b.ci95[1], "the intervals overlap"
    assert compare(other, one)["srcc"].verdict == "better"


def test_pairs_and_choices_are_compared_too():
    rows = [pair(f"a{k}|b", 0.9, 1.0, 0.0, series=f"s{k}") for k in range(30)]
    rows += [choice(f"q{k}", "A)", "A)", options=["A)", "B)"]) for k in range(30)]
    other = [dict(row) for row in rows]
    for row in other:
        row |= {"prediction": "B)"} if row["kind"] == "choice" else {"scores": [0.0, 1.0]}
    found = compare(rows, other)  # pyright: ignore[reportArgumentType]
    assert {found["pair_accuracy"].verdict, found["choice_accuracy"].verdict} == {"worse"}


def test_bits_of_two_models_differ_and_fewer_are_better():
    one = [critique(f"i{k}#Theme", 1.5, 2.0, aspect="Theme", series=f"i{k}") for k in range(20)]
    other = [{**row, "label": 1.0} for row in one]
    assert compare(one, other)["critique_bits"].verdict == "better"  # pyright: ignore[reportArgumentType]


def test_other_items_or_labels_are_refused():
    rows, other = _systems(n=10)
    with pytest.raises(ValueError, match="found 1 items in one of them alone, such as 'i9'"):
        compare(rows, other[:-1])
    other[3]["label"] = 1.0
    with pytest.raises(ValueError, match="found 1 that differ, such as that of 'i3'"):
        compare(rows, other)


def test_floors_and_ceilings_are_not_compared():
    rows, other = _systems(n=60)
    for row in (*rows, *other):
        row |= {"std": 10.0, "raters": 20, "category": f"c{int(row['id'][1:]) % 3}"}  # type: ignore[typeddict-item]
    assert {"srcc_noise_ceiling", "srcc_category_floor"} <= set(compute_metrics(rows))
    assert not {"srcc_noise_ceiling", "srcc_category_floor"} & set(compare(rows, other))


@pytest.mark.parametrize(
    ("published", "side"), [(0.6, "inside"), (0.49, "above"), (0.71, "below"), (0.5, "inside")]
)
def test_against_a_bare_number_there_is_only_inside_or_outside(published, side):
    assert against_published(Metric(0.6, 100, (0.5, 0.7)), published) == side
    with pytest.raises(ValueError, match="with its interval"):
        against_published(Metric(0.6, 100), published)


def test_what_is_drawn_together_is_the_same_for_both():
    random = np.random.default_rng(0)
    scores = random.normal(size=(60, 2))
    rows = [
        pair(f"a{k}|b", 0.9, *map(float, scores[k]), series=f"s{k // 6}", category="c")
        for k in range(60)
    ]
    bare = [{k: v for k, v in row.items() if k not in ("series", "category")} for row in rows]
    for one, other in ((rows, bare), (bare, rows)):
        found = compare(one, other)  # pyright: ignore[reportArgumentType]
        assert found["pair_accuracy"].ci95 == (0.0, 0.0)
        assert set(found) == set(compare(rows, rows))
    with pytest.raises(ValueError, match="expected the same `series` in both sets, found 's0'"):
        compare(rows, [{**row, "series": "z"} for row in rows])  # pyright: ignore[reportArgumentType]
