"""When a model is evaluated while it is trained, and by which number the best one is kept."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from artimuse.config.sources import Section

SelectMetric = Literal["srcc", "plcc", "pair_accuracy", "choice_accuracy", "mae", "loss"]

# What a metric needs to be trained, by the weight in `objective`: an untrained one selects by chance.
TRAINED_BY: dict[SelectMetric, tuple[str, ...]] = {
    "srcc": ("score", "rank"),
    "plcc": ("score", "rank"),
    "pair_accuracy": ("score", "rank"),
    "mae": ("score",),
    "choice_accuracy": ("text",),
    "loss": ("text", "score", "rank"),
}


class SelectConfig(Section):
    """The result is the model of the step with the best metric on the validation split, the earlier of two
    equal ones. The split is cut off the training data (data.validation_frac): a test list never selects."""

    metric: SelectMetric
    """srcc, plcc, mae: of the scores, the mean over data sets and aspects. loss: the weighted objective."""
    every: int = Field(gt=0)
    """Steps between evaluations; the last step always has one. A better model has a checkpoint."""
    patience: int | None = Field(default=None, gt=0)
    """Stop after so many evaluations in a row without a better one; None trains to the last step."""
