"""Rows -> metrics: the statistic of the rows as they are is the metric, and hand-computed values."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from artimuse.data.checks.report.scores import category_floor
from artimuse.evaluation.measures.measured import Measured
from artimuse.evaluation.measures.rows import measures
from artimuse.evaluation.noise import noise_ceiling
from artimuse.evaluation.predictions import Prediction
from artimuse.evaluation.resampling import within_of
from artimuse.evaluation.results import compute_metrics
from evaluation.making import choice, critique, pair, rank, score


def _scores(n=120, seed=0) -> list[Prediction]:
    random = np.random.default_rng(seed)
    kinds = random.integers(0, 4, n)
    label = np.clip(np.round(40 + 8 * kinds + 12 * random.normal(size=n), 1), 0, 100)
    guess = np.round(label + 15 * random.normal(size=n), 0)
    return [
        score(
            f"ava/{i}.jpg", float(label[i]), float(guess[i]), category=f"c{kinds[i]}",
            scale=[1, 10], std=12.0, raters=26,
        )
        for i in range(n)
    ]  # fmt: skip


def correlated(x: Any, y: Any) -> float:
    found: Any = stats.spearmanr(x, y)
    return float(found.statistic)


def _series() -> list[Prediction]:
    """Two categories: in `n` a right series of 3 and a wrong one of 2; in `a` a right one of 2."""
    rows = []
    for name, category, scores in (
        ("n/1", "n", [50, 40, 30]), ("n/2", "n", [20, 60]), ("a/1", "a", [9, 8]),
    ):  # fmt: skip
        more = {"series": name, "category": category, "dataset": "fg"}
        ids = [f"{name}-{k}" for k in range(len(scores))]
        rows += [
            rank(one, -k, value, **more)
            for k, (one, value) in enumerate(zip(ids, scores, strict=True))
        ]
        rows += [
            pair(f"{ids[i]}|{ids[j]}", 0.8, scores[i], scores[j], **more)
            for i in range(len(ids))
            for j in range(i + 1, len(ids))
        ]
    return rows


def _choices() -> list[Prediction]:
    options = ["A)", "B)", "C)"]
    texts = ["High", "Medium", "Low"]
    said = [("A)", "A)"), ("A)", "A)"), ("B)", "A)"), ("C)", None)]
    rows = [
        choice(f"i{n}#0", label, given, aspect="AesA", options=options, texts=texts, series=f"i{n}")
        for n, (label, given) in enumerate(said)
    ]
    # The same options in another order are the same classes.
    rows.append(
        choice("i9#0", "A)", "A)", aspect="AesA", options=options, texts=texts[::-1], series="i9")
    )
    two = [["Dim", "Bright"], ["Soft", "Hard"]]
    rows += [
        choice(
            f"i{n}#1", "B)", "B)", aspect="AesP", options=options[:2], texts=two[n], series=f"i{n}"
        )
        for n in range(2)
    ]
    return [*rows, choice("kept", None, "A)", aspect="AesP")]


def _critiques() -> list[Prediction]:
    """Three images in a ring, each with the next one's text; the third's is told by nothing."""
    own, other = (1.0, 1.0, 2.0), (1.5, 2.5, 0.9)
    return [
        critique(
            f"i{n}#Theme", own[n], other[n], aspect="Theme", other=f"i{(n + 1) % 3}", series=f"i{n}"
        )
        for n in range(3)
    ]


@pytest.mark.parametrize("rows", [_scores(), _series(), _choices(), _critiques()])
def test_drawn_once_each_is_the_metric_itself(rows: list[Prediction]) -> None:
    found = measures(rows)
    assert found
    for name, one in found.items():
        if isinstance(one, Measured) and one.statistic is not None:
            value = one.statistic(np.ones(one.units, np.intp))
            assert value == pytest.approx(one.metric.value, abs=1e-12), name


@pytest.mark.parametrize("rows", [_scores(), _series(), _choices(), _critiques()])
def test_drawn_twice_is_the_metric_of_the_rows_doubled(rows: list[Prediction]) -> None:
    """Also of some twice and some never, where units are single rows."""
    for name, one in measures(rows).items():
        if one.statistic is not None and not one.of_labels and "/" not in name:
            draws = np.full(one.units, 2)
            assert one.statistic(draws) == pytest.approx(one.metric.value, abs=1e-9), name


def test_every_metric_has_an_interval_that_holds_it() -> None:
    rows = [*_scores(), *_choices(), *_critiques()]
    for name, metric in compute_metrics(rows).items():
        assert metric.ci95 is not None, name
        if "logistic" not in name:
            assert metric.ci95[0] - 1e-12 <= metric.value <= metric.ci95[1] + 1e-12, name


def test_scores_against_scipy_and_on_their_own_scale() -> None:
    rows = _scores()
    x = np.array([row["prediction"] for row in rows], float)
    y = np.array([row["label"] for row in rows], float)
    found = {name: one.metric for name, one in measures(rows).items()}
    assert found["srcc"].value == pytest.approx(stats.spearmanr(x, y)[0], abs=1e-9)
    assert found["plcc"].value == pytest.approx(stats.pearsonr(x, y)[0], abs=1e-9)
    assert found["krcc"].value == pytest.approx(stats.kendalltau(x, y)[0], abs=1e-9)
    assert found["rmse_native"].value == pytest.approx(found["rmse"].value * 9 / 100)
    native = np.sqrt(np.mean(((1 + x * 0.09) - (1 + y * 0.09)) ** 2))
    assert found["rmse_native"].value == pytest.approx(native)
    assert found["plcc_logistic"].value >= found["plcc"].value - 1e-3
    assert found["rmse_logistic"].value < found["rmse"].value


def test_categories_by_hand_and_as_the_data_check_has_them() -> None:
    rows = _scores()
    found = measures(rows)
    total = n = 0.0
    for kind in {row.get("category") for row in rows}:
        part = [row for row in rows if row.get("category") == kind]
        if len(part) >= 10:
            x, y = [r["prediction"] for r in part], [r["label"] for r in part]
            total += len(part) * correlated(x, y)
            n += len(part)
    assert found["srcc_within_categories"].metric.value == pytest.approx(total / n, abs=1e-9)
    ordered = sorted(rows, key=lambda row: row["id"])
    names = [str(row.get("category")) for row in ordered]
    kinds = [list(dict.fromkeys(names)).index(name) for name in names]
    floor = category_floor(np.array([row["label"] for row in ordered], float), kinds)
    assert floor
    assert found["srcc_category_floor"].metric.value == pytest.approx(floor["srcc"], abs=1e-9)
    assert found["srcc_category_floor"].metric.counts == {"categories": floor["categories"]}


def test_series_by_hand() -> None:
    found = {name: one.metric for name, one in measures(_series()).items()}
    assert found["pair_accuracy"].value == pytest.approx(4 / 5)
    assert found["s_acc"].value == pytest.approx(2 / 3)
    assert found["s_srcc"].value == pytest.approx((1 - 1 + 1) / 3)
    assert found["s_srcc"].counts == {"undecided": 0, "length_2": 2, "length_3": 1}
    assert found["pair_accuracy/n"].value == pytest.approx(3 / 4)
    assert found["s_srcc/a"].value == pytest.approx(1)
    # Without ties in the predictions, F1 is the accuracy.
    f1 = {"n": 3 / 4, "a": 1}
    assert found["pair_f1/n"].value == pytest.approx(f1["n"])
    assert found["pair"].value == pytest.approx(((3 / 4 + f1["n"]) / 2 + (1 + f1["a"]) / 2) / 2)
    assert found["series"].value == pytest.approx(((1 / 2 + 0) / 2 + (1 + 1) / 2) / 2)


def test_choices_by_dimension_and_class() -> None:
    found = {name: one.metric for name, one in measures(_choices()).items()}
    assert found["choice_accuracy"].value == pytest.approx(5 / 7)
    assert found["choice_accuracy/AesA"].value == pytest.approx(3 / 5)
    assert found["choice_accuracy/AesA"].counts == {"unparsed": 1}
    assert found["choice_accuracy/AesA/High"].value == 1
    assert found["choice_accuracy/AesA/Medium"].value == 0
    # The label A) says "Low" where the options stand the other way round.
    assert found["choice_accuracy/AesA/Low"].value == 0.5
    # AesP's questions do not share their options, so it has no classes.
    assert [name for name in found if name.startswith("choice_accuracy/AesP")] == [
        "choice_accuracy/AesP"
    ]


def test_critiques_by_hand() -> None:
    found = {name: one.metric for name, one in measures(_critiques()).items()}
    assert found["critique_bits"].value == pytest.approx(4 / 3)
    assert found["critique_told"].value == pytest.approx(2 / 3)
    # i1's text: 1.0 with i1, 1.5 with i0; i2's: 2.0 and 2.5; i0's: 1.0 and .9
    assert found["critique_told_by_image"].value == pytest.approx(2 / 3)
    assert found["critique_told/Theme"].value == found["critique_told"].value


def test_the_noise_ceiling_is_what_a_perfect_model_gets() -> None:
    """Labels of 12 raters around known true means: their SRCC with the truth is the ceiling."""
    random = np.random.default_rng(0)
    true = 50 + 8 * random.normal(size=3000)
    votes = true[:, None] + 18 * random.normal(size=(3000, 12))
    label, spread = votes.mean(axis=1), votes.std(axis=1)
    found = noise_ceiling(label, spread.tolist(), [12] * 3000)
    assert found is not None
    assert found.value == pytest.approx(stats.spearmanr(true, label)[0], abs=0.02)
    assert found.ci95 is not None
    assert found.ci95[0] < found.value < found.ci95[1]
    assert noise_ceiling(label, [None] * 3000, [12] * 3000) is None
    # The spread of one rater is not known.
    some = noise_ceiling(label, spread.tolist(), [1, 1, *[12] * 2998])
    assert some is not None
    assert (some.n, some.value) == (2998, pytest.approx(found.value, abs=0.01))
    noise = noise_ceiling(np.tile([1.0, 2.0], 50), [30.0] * 100, [4] * 100)
    assert noise is not None
    assert noise.value == 0  # more error than labels vary
    exact = noise_ceiling(label, [0.0] * 3000, [12] * 3000)
    assert exact is not None
    assert exact.value == pytest.approx(1)


def test_the_spread_of_few_raters_is_that_of_their_votes() -> None:
    """Three votes of spread s: the mean's variance is s^2 / 2. Both normal, so SRCC is 6/pi asin(r/2)."""
    label = 50 + 10 * stats.norm.ppf((np.arange(3000) + 0.5) / 3000)
    found = noise_ceiling(label, [6.0] * 3000, [3] * 3000)
    assert found is not None
    reliability = 1 - (6**2 / 2) / label.var()
    expected = 6 / np.pi * np.arcsin(np.sqrt(reliability) / 2)
    assert found.value == pytest.approx(expected, abs=0.004)


def test_a_category_that_a_resample_thins_out_is_left_out_of_it() -> None:
    within = within_of([1, 2, 3, 4, 9, 8, 7], [1, 2, 3, 4, 1, 2, 4], list("aaaabbb"), least=3)
    assert within(np.ones(7, np.intp)) == pytest.approx((4 * 1 + 3 * -1) / 7)
    assert within(np.array([2, 0, 0, 0, 2, 2, 1])) == pytest.approx(-1)
    assert within(np.array([1, 1, 0, 0, 1, 1, 0])) == 0


def test_the_f1_of_pairs_is_resampled_series_by_series() -> None:
    rows = [
        pair(f"{s}{k}|{s}x", 0.9, 60 if k < right else 40, 50, series=f"s{s}")
        for s, (right, n) in enumerate(((3, 3), (1, 4), (0, 2), (2, 3)))
        for k in range(n)
    ]
    found = measures(rows)["pair_f1"]
    assert found.units == 4
    assert found.statistic is not None
    # Twice the first series, once the second: 7 right and 3 wrong.
    assert found.statistic(np.array([2, 1, 0, 0])) == pytest.approx(2 * 7 / (2 * 7 + 3 + 3))


def test_series_are_ranked_by_their_pairs_where_nothing_else_ranks_them() -> None:
    """All pairs annotated: the same order of images, so the same metrics."""
    rows = _series()
    pairs = [row for row in rows if row["kind"] == "pair"]
    whole = {name: one.metric.value for name, one in measures(rows).items()}
    assert {name: one.metric.value for name, one in measures(pairs).items()} == pytest.approx(whole)
    # A model that scores an image beside each partner: its series score is the mean.
    beside = [
        pair("a|b", 0.9, 60, 40, series="s"),
        pair("a|c", 0.9, 20, 50, series="s"),
        pair("b|c", 0.6, 45, 10, series="s"),
    ]
    found = measures(beside)
    # Means: a 40, b 42.5, c 30; worth: a .9, b .35, c .25.
    assert found["s_acc"].metric.value == 0
    assert found["s_srcc"].metric.value == pytest.approx(0.5)
