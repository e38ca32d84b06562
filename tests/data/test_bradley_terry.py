"""The fit of votes: closed forms, known strengths, another optimiser, and hard panels."""

import numpy as np
import pytest
from scipy.optimize import minimize

from artimuse.data.bradley_terry import (
    MOST_VOTES,
    PRECISION,
    components,
    preferred,
    strengths,
)


def panel(seed: int, images: int, votes: int, spread: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Votes on every pair of images, drawn from known strengths of mean 0."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(0, spread, images)
    truth -= truth.mean()
    wins = np.zeros((images, images))
    for i in range(images):
        for j in range(i + 1, images):
            wins[i, j] = rng.binomial(votes, 1 / (1 + np.exp(truth[j] - truth[i])))
            wins[j, i] = votes - wins[i, j]
    return wins, truth


def penalised(s: np.ndarray, wins: np.ndarray, precision: float) -> float:
    """The negated penalised likelihood, as the module's docstring has it."""
    total = sum(
        wins[i, j] * np.logaddexp(0, s[j] - s[i]) for i in range(len(s)) for j in range(len(s))
    )
    return total + precision / 2 * (s**2).sum()


def test_many_votes_recover_the_strengths() -> None:
    wins, truth = panel(seed=0, images=8, votes=20_000)
    np.testing.assert_allclose(strengths(wins), truth, atol=0.03)


@pytest.mark.parametrize(("a", "b"), [(7, 3), (1, 1), (1, 999), (250_000, 3)])
def test_two_images_have_a_closed_form_as_the_prior_vanishes(a: int, b: int) -> None:
    first, second = strengths([[0, a], [b, 0]], precision=1e-6)
    assert first - second == pytest.approx(np.log(a / b), abs=1e-4)


def test_the_numbers_of_the_docstring() -> None:
    np.testing.assert_allclose(strengths([[0, 7], [3, 0]]), [0.41, -0.41], atol=0.005)
    assert preferred(strengths([[0, 10], [0, 0]]))[0, 1] == pytest.approx(0.98, abs=0.001)
    assert preferred(strengths([[0, 7], [3, 0]]))[0, 1] == pytest.approx(0.696, abs=0.0005)


@pytest.mark.parametrize("precision", [PRECISION, 1e-3, 2.0])
@pytest.mark.parametrize("seed", range(4))
def test_another_optimiser_finds_the_same_top(seed: int, precision: float) -> None:
    wins, _ = panel(seed, images=3 + seed, votes=6, spread=2.0)
    wins[0, 1] = wins[1, 0] = 0  # compared by way of the others
    other = minimize(
        penalised, np.zeros(len(wins)), args=(wins, precision), method="BFGS",
        options={"gtol": 1e-7},
    )  # fmt: skip
    np.testing.assert_allclose(strengths(wins, precision=precision), other.x, atol=2e-5)


def test_order_of_the_images_and_votes_for_all_do_not_matter() -> None:
    wins, _ = panel(seed=3, images=6, votes=10)
    found = strengths(wins)
    order = np.random.default_rng(0).permutation(6)
    np.testing.assert_allclose(strengths(wins[np.ix_(order, order)]), found[order], atol=1e-9)
    np.testing.assert_allclose(strengths(wins.T), -found, atol=1e-9)
    assert found.mean() == pytest.approx(0, abs=1e-12)


def test_probabilities_depend_on_differences_alone() -> None:
    s = np.array([-1.0, 0.5, 3.0])
    p = preferred(s)
    np.testing.assert_allclose(preferred(s + 100), p, rtol=1e-12)
    np.testing.assert_allclose(p + p.T, 1)
    np.testing.assert_allclose(np.log(p / p.T), s[:, None] - s[None, :])
    assert preferred([1000.0, 0.0])[1, 0] == 0.0


def test_a_unanimous_panel_is_finite_and_in_order() -> None:
    wins = np.triu(np.full((10, 10), 10.0), 1)
    found = strengths(wins)
    assert np.isfinite(found).all()
    assert (np.diff(found) < 0).all()
    assert np.abs(found).max() < 10


def test_an_evenly_split_panel_is_an_exact_tie() -> None:
    assert strengths([[0, 5, 5], [5, 0, 5], [5, 5, 0]]).tolist() == [0, 0, 0]


@pytest.mark.parametrize("seed", range(8))
def test_hard_panels_end_at_a_top(seed: int) -> None:
    """Votes of every size, thin and one-sided: where a whole Newton step leads past the top."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 33))
    wins = np.floor(10 ** rng.uniform(0, 6, (n, n))) * (rng.random((n, n)) < 0.3)
    wins = np.triu(wins, 1) if seed % 2 else wins - np.diag(np.diag(wins))
    s = strengths(wins)
    p = preferred(s)
    gradient = (wins * p.T - wins.T * p).sum(axis=1) - PRECISION * s
    assert np.abs(gradient).max() < 1e-6 * max(1.0, wins.max())


@pytest.mark.parametrize(
    ("wins", "precision", "message"),
    [
        ([[0, 1, 2]], 1.0, "expected a square matrix"),
        (np.zeros((0, 0)), 1.0, "expected a square matrix"),
        ([[0, -1], [1, 0]], 1.0, "expected numbers from 0 to"),
        ([[0, np.nan], [1, 0]], 1.0, "expected numbers from 0 to"),
        ([[0, MOST_VOTES + 1], [1, 0]], 1.0, "expected numbers from 0 to"),
        ([[1, 1], [1, 0]], 1.0, "none of an image against itself"),
        ([[0, 1], [1, 0]], 0.0, "expected at least 1e-6"),
        ([[0, 1], [1, 0]], np.inf, "expected at least 1e-6"),
    ],
)
def test_what_is_no_panel_is_refused(wins: np.ndarray, precision: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        strengths(wins, precision=precision)


def test_components() -> None:
    wins = np.zeros((6, 6))
    wins[4, 0] = wins[0, 2] = wins[5, 1] = 1
    assert components(wins) == [[0, 2, 4], [1, 5], [3]]
    assert components(np.zeros((0, 0))) == []
