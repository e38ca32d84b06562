"""How good a drawn picture is: a known function of what was drawn, and raters who do not quite agree on it.

    quality = 100 * sigmoid(STEEPNESS * (sum_f WEIGHTS[f] * merit_f - MIDDLE))

with five merits in [0, 1]: light 1 - |exposure|, sharpness 1 - blur, colour 1 - |vividness|, placement (1 on a
line of thirds, 0 a quarter of the frame away from it) and tidiness 1 - stray objects / 8. Light, colour
and placement have their optimum inside what is drawn: no linear function of brightness, saturation or
position finds it.
"""

from __future__ import annotations

import math

import numpy as np

from artimuse.data.demo.scene import MOST_PIECES, Scene

WEIGHTS = {"light": 0.26, "sharpness": 0.26, "colour": 0.22, "placement": 0.16, "tidiness": 0.10}
STEEPNESS = 7.0
MIDDLE = 0.52

# Standard deviation, in points of 0-100, of the mean of a picture's raters: the SRCC of label and
# truth is about .98.
LABEL_NOISE = 3.5

# A tenfold panel compares two pictures: each rater prefers the first with P = sigmoid(difference / RATER_TAU).
RATERS = 10
RATER_TAU = 4.0


def merits(scene: Scene) -> dict[str, float]:
    """The five merits of a picture, each 0 (worst) to 1 (best)."""
    third = min(abs(scene.subject_x - 1 / 3), abs(scene.subject_x - 2 / 3))
    return {
        "light": 1.0 - abs(scene.exposure),
        "sharpness": 1.0 - scene.blur,
        "colour": 1.0 - abs(scene.vividness),
        "placement": max(0.0, 1.0 - third / 0.25),
        "tidiness": 1.0 - min(len(scene.visible_pieces), MOST_PIECES) / MOST_PIECES,
    }


def quality(scene: Scene) -> float:
    """The noiseless quality on 0-100."""
    merit = merits(scene)
    total = sum(weight * merit[name] for name, weight in WEIGHTS.items())
    return 100.0 / (1.0 + math.exp(-STEEPNESS * (total - MIDDLE)))


def rated(quality_0_100: float, rng: np.random.Generator) -> float:
    """The mean score that raters give, on 0-10 with two decimals (ArtiMuse-10K's scale)."""
    return round(float(np.clip(quality_0_100 + rng.normal(0.0, LABEL_NOISE), 0.0, 100.0)) / 10.0, 2)


def calibrated(qualities_0_100: list[float], rng: np.random.Generator) -> list[float]:
    """One Bradley-Terry score per image of a series, on the logit scale, from `RATERS` votes on every pair.

    P(i better than j) = sigmoid(score_i - score_j). Fitted by gradient ascent with a weak prior (a unanimous
    panel would send the scores to infinity), rounded to three decimals; a panel that is evenly split leaves
    equal scores, thus an exact tie.
    """
    truth = np.array(qualities_0_100)
    n = len(truth)
    wins = np.zeros((n, n))
    for i in range(n):
        for j in range(i + 1, n):
            prefers_i = 1.0 / (1.0 + math.exp(-(truth[i] - truth[j]) / RATER_TAU))
            wins[i, j] = rng.binomial(RATERS, prefers_i)
            wins[j, i] = RATERS - wins[i, j]
    scores = np.zeros(n)
    for _ in range(200):
        expected = RATERS / (1.0 + np.exp(scores[None, :] - scores[:, None]))
        np.fill_diagonal(expected, 0.0)
        scores = scores + 0.05 * ((wins - expected).sum(axis=1) - 0.3 * scores)
    return [round(float(score), 3) + 0.0 for score in scores]
