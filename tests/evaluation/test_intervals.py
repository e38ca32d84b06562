import math
import time

import numpy as np
import pytest
from scipy import stats

from artimuse.evaluation.intervals import intervals, mean_interval, plcc_interval, srcc_interval
from artimuse.evaluation.resampling import plcc_of, srcc_of


def _plain(function, x, y, *, seed, resamples):
    """The bootstrap as everybody writes it, with the same draws."""
    random = np.random.default_rng(seed)
    values = []
    for _ in range(resamples):
        drawn = random.integers(len(x), size=len(x))
        values.append(function(x[drawn], y[drawn]).statistic)
    return np.percentile(values, [2.5, 97.5])


@pytest.mark.parametrize("levels", [4, 10**6])
def test_resamples_are_ranked_anew_with_their_ties(levels):
    random = np.random.default_rng(3)
    label = random.integers(levels, size=80) / levels
    prediction = np.round(label + random.normal(size=80), 1)
    arguments = {"seed": 7, "resamples": 100}
    assert srcc_interval(prediction, label, **arguments) == pytest.approx(
        _plain(stats.spearmanr, prediction, label, **arguments), abs=1e-9
    )
    assert plcc_interval(prediction, label, **arguments) == pytest.approx(
        _plain(stats.pearsonr, prediction, label, **arguments), abs=1e-9
    )


def test_constants_and_constant_resamples_score_zero():
    label = np.arange(6.0)
    for interval in (srcc_interval, plcc_interval):
        assert interval([0.1] * 6, label) == (0.0, 0.0)
        low, high = interval([0, 0, 0, 0, 0, 1], label)  # often without the 1
        assert low == 0 < high


def test_seeded():
    x, y = np.random.default_rng(0).normal(size=(2, 30))
    assert srcc_interval(x, y) == srcc_interval(x, y) != srcc_interval(x, y, seed=1)


def test_the_interval_of_a_correlation_covers_the_truth():
    """Of 100 samples of a bivariate normal, about 95 intervals hold the population's value."""
    random = np.random.default_rng(0)
    rho, n, trials = 0.6, 80, 100
    truth = {srcc_interval: 6 / math.pi * math.asin(rho / 2), plcc_interval: rho}
    covered = dict.fromkeys(truth, 0)
    for _ in range(trials):
        x, noise = random.normal(size=(2, n))
        y = rho * x + math.sqrt(1 - rho**2) * noise
        for interval, value in truth.items():
            low, high = interval(x, y, resamples=200)
            covered[interval] += low <= value <= high
    assert all(87 <= number <= 99 for number in covered.values()), covered


def test_the_interval_of_a_mean_is_the_binomial_one():
    correct = np.arange(400) < 300
    low, high = mean_interval(correct)
    width = 1.96 * math.sqrt(0.75 * 0.25 / 400)
    assert (low, high) == pytest.approx((0.75 - width, 0.75 + width), abs=0.01)


def test_series_are_resampled_whole():
    """Ten pairs a series that are right or wrong together hold no more than one pair each."""
    correct = np.repeat(np.arange(40) < 30, 10)
    series = [f"s{i // 10}" for i in range(400)]
    single, whole = mean_interval(correct), mean_interval(correct, series)
    assert whole == mean_interval(correct[::10])
    ratio = (whole[1] - whole[0]) / (single[1] - single[0])
    assert ratio == pytest.approx(math.sqrt(10), rel=0.15)


def test_series_of_unequal_size_keep_the_mean_over_pairs():
    low, high = mean_interval([1, 1, 1, 0], ["a", "a", "a", "b"])
    assert (low, high) == (0.0, 1.0)
    assert mean_interval([1, 0, 1, 0], ["a", "a", "b", "b"]) == (0.5, 0.5)
    with pytest.raises(ValueError, match="a group per value"):
        mean_interval([1, 0], ["a"])


@pytest.mark.slow
@pytest.mark.parametrize("rho", [0.3, 0.6, 0.9])
def test_intervals_cover_in_93_to_97_percent_of_1000_draws(rho):
    """1,000 samples of 300 from a bivariate normal: its SRCC and PLCC are known, and held as often."""
    random = np.random.default_rng(7)
    n, trials = 300, 1000
    truth = {"srcc": 6 / math.pi * math.asin(rho / 2), "plcc": rho}
    covered = dict.fromkeys(truth, 0)
    for trial in range(trials):
        x, noise = random.normal(size=(2, n))
        y = rho * x + math.sqrt(1 - rho**2) * noise
        statistics = {"srcc": (srcc_of(x, y), n), "plcc": (plcc_of(x, y), n)}
        for name, (low, high) in intervals(statistics, seed=trial, resamples=500).items():
            covered[name] += low <= truth[name] <= high
    print({name: number / trials for name, number in covered.items()})
    assert all(0.93 <= number / trials <= 0.97 for number in covered.values()), covered


@pytest.mark.slow
def test_ava_s_size_takes_seconds():
    """19,930 rows, as many as AVA's test list, 1,000 resamples of SRCC and raw PLCC."""
    random = np.random.default_rng(0)
    n = 19_930
    y = np.round(random.normal(5.4, 0.7, n), 6)
    x = y + random.normal(0, 0.6, n)
    start = time.process_time()
    found = intervals({"srcc": (srcc_of(x, y), n), "plcc": (plcc_of(x, y), n)})
    took_s = time.process_time() - start
    print(f"{took_s:.2f} s of one core", found)
    assert took_s < 10
