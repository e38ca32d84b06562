"""What is minimised: the weights of the three losses, which losses they are, and what they work with."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from artimuse.config.sources import Section

ScoreLossName = Literal["l1", "huber", "mse", "cross_entropy", "soft_label", "emd", "plcc"]
RankLossName = Literal["bradley_terry", "fidelity", "margin", "listmle", "listmle_scores"]

_OF_A_SCORE = ("l1", "huber", "mse", "plcc")
_OF_A_DISTRIBUTION = ("cross_entropy", "soft_label", "emd")
# Which score losses a read-out's output admits: all give a score, only some a distribution over bins.
READOUT_LOSSES: dict[str, tuple[str, ...]] = {
    "regression": _OF_A_SCORE,
    "tokens": _OF_A_SCORE + _OF_A_DISTRIBUTION,
    "levels": _OF_A_SCORE + _OF_A_DISTRIBUTION,
    "bins": _OF_A_SCORE + _OF_A_DISTRIBUTION,
}


class PairsFromScores(Section):
    """Pairs drawn from score labels, beside those of series."""

    gap: float = Field(ge=0, lt=100)
    """Two images are a pair where their labels are further apart than so many points of 0-100."""
    images: int = Field(default=2, ge=2)
    """The scored images of a step are drawn into groups of so many, each of one data set; pairs are formed
    inside a group. A group is never cut, so large groups share out unevenly."""


class ObjectiveConfig(Section):
    text: float = Field(default=1.0, ge=0)
    """Weight of the text loss (next-token cross-entropy)."""
    text_per: Literal["token", "answer"] = "token"
    score: float = Field(default=1.0, ge=0)
    """Weight of the score loss."""
    score_loss: ScoreLossName = "huber"
    """l1, huber, mse: of the score. cross_entropy (nearest bin), soft_label (KL to a Gaussian of the label's
    mean and spread), emd (on histograms): of a distribution, so not with `regression`. plcc: 1 - correlation
    of a step's scores, which leaves their scale open."""
    rank: float = Field(default=1.0, ge=0)
    """Weight of the rank loss."""
    rank_loss: RankLossName = "bradley_terry"
    """bradley_terry, fidelity, margin: of a pair. listmle (RankReg, of the pairs of a series), listmle_scores
    (of the images of a series): of a whole series."""
    tau: float = Field(default=100 / 9, gt=0)
    """Rank losses run on score/tau; 100/9 reproduces FGAesQ's scale of 1..10."""
    align: float = Field(default=0.0, ge=0)
    """FGAesQ: weight of 1 - cosine between the difference of a pair's images and a text that compares them
    (CTAlign, arXiv 2603.03907; there 10). Only for pairs with such a text (`comparison_texts`)."""
    margin: float = Field(default=0.5, gt=0)
    """rank_loss margin: how far apart the two scores have to be, in units of tau."""
    pairs_from_scores: PairsFromScores | None = None
    """Also rank images of one data set whose scores are far apart; None: only pairs that were annotated."""

    @model_validator(mode="after")
    def _any(self) -> ObjectiveConfig:
        if self.text == self.score == self.rank == 0:
            raise ValueError("expected a positive weight for text, score or rank, found 0 for all")
        return self


def refuse_unfit(objective: ObjectiveConfig, readout: str | None, accumulation: int) -> None:
    """Refuse a score loss that a read-out's output, or the way a step is cut, does not admit.

    Args:
        readout: kind of the model's read-out; None where it is not known yet.
        accumulation: micro-batches of a step in each process.

    Raises:
        ValueError: naming what would work.
    """
    name = objective.score_loss
    if objective.score == 0:
        return
    if readout is not None and name not in READOUT_LOSSES[readout]:
        raise ValueError(
            f"objective.score_loss: {name!r} does not work with model.readout.kind {readout!r}; "
            f"expected one of {', '.join(READOUT_LOSSES[readout])}"
        )
    if name == "plcc" and accumulation > 1:
        raise ValueError(
            f"objective.score_loss: 'plcc' correlates all scores of a step at once, which micro-batches "
            f"hide from each other: expected train.accumulation 1, found {accumulation}; use more "
            "processes, or another score loss"
        )
