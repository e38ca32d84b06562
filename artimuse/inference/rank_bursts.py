"""Series of shots -> a row per image: its place, and P(better) than the next one and than the best.

for one in rank_bursts(model, bursts, by="time", device="cpu"):
    match one:
        case Assessed(image, row, cut): ...       # row: {"image": ..., "score": 61.3, "place": 1, ...}
        case Broken(image, reason): ...           # the others of its series are ranked without it

The order is that of `artimuse.load(...).rank(images)`: a model that compares sees every image beside each of
the others, any other model sees each alone, in batches over all series.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import torch

from artimuse.inference.asked import Asked
from artimuse.inference.assess import Assessed, row_fields, score_fields
from artimuse.inference.bursts import Burst, Grouping
from artimuse.inference.ranking import TAU, Placed, beside, placed
from artimuse.inference.scorer import Scorer, compares
from artimuse.inference.series import SeriesScoring
from artimuse.inference.stream import Broken, Scored, reason_of, score_stream
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.info import ModelInfo
from artimuse.records import DataError

FIELDS = ("series", "place", "shots", "p_over_next", "p_over_best", "scored")


def burst_fields(info: ModelInfo, by: Grouping) -> list[str]:
    """The fields of a row in their order."""
    return [*row_fields(info, Asked()), *FIELDS, *(["captured"] if by == "time" else [])]


def check_ranks(info: ModelInfo) -> None:
    """Raise ValueError for a model without a read-out: it has no scores to order images by."""
    if info.readout is None:
        raise ValueError(
            "this model has no score read-out, so it cannot rank: expected one that scores (without --series "
            "it answers questions)"
        )


def describe_ranking(model: AestheticModel, by: Grouping, gap_s: float | None) -> dict[str, object]:
    """What decides the order beside the model, for the record beside the rows."""
    scored = "pairs" if compares(model) else "single"
    return {"by": by, "gap_s": gap_s, "scored": scored, "tau": TAU}


def rank_bursts(
    model: AestheticModel,
    bursts: Sequence[Burst],
    *,
    by: Grouping,
    device: torch.device | str | None = None,
    batch_images: int | None = None,
) -> Generator[Assessed | Broken, None, None]:
    """Rows of series in their order, those of a series best first and as soon as it is complete.

    Args:
        by: how they were grouped; by time, a row has its capture time.
        device: None is CUDA where there is one.
        batch_images: images that are scored in one forward pass; None is `usual_batch`.

    Raises:
        ValueError: for a score that is no number: the model itself is broken.
    """
    scorer = Scorer(model, device=device, batch_images=batch_images)
    if scorer.compares:
        for burst in bursts:
            yield from _compared(scorer, burst, by)
        return
    found = score_stream(scorer, [image for burst in bursts for image in burst.images])
    with closing(found):
        for burst in bursts:
            shots = [next(found) for _ in burst.images]
            yield from (shot for shot in shots if isinstance(shot, Broken))
            scored = [shot for shot in shots if isinstance(shot, Scored)]
            yield from _rows(burst, by, scored, placed([_first(shot) for shot in scored]))


def _compared(
    scorer: Scorer, burst: Burst, by: Grouping
) -> Generator[Assessed | Broken, None, None]:
    """One series of a model that compares; images that cannot be read are left out of every pair."""
    images = list(burst.images)
    try:
        found = beside(scorer, images) if len(images) > 1 else None
    except DataError:
        broken = list(_unreadable(scorer, images))
        if not broken:  # no image alone is to blame
            raise
        yield from broken
        images = [image for image in images if image not in [one.image for one in broken]]
        found = beside(scorer, images) if len(images) > 1 else None
    if found is None:
        for one in score_stream(scorer, images):
            yield from [one] if isinstance(one, Broken) else _rows(burst, by, [one], placed([0.0]))
        return
    values, differences = found
    aspect = scorer.model.info.aspects[0]
    shots = [Scored(i, {aspect: v}, {aspect: None}) for i, v in zip(images, values, strict=True)]
    order = placed(values, lambda a, b: differences[a, b])
    yield from _rows(burst, by, shots, order, scored="pairs")


def _unreadable(scorer: Scorer, images: Sequence[Path]) -> Iterator[Broken]:
    """Which images cannot be read? Each is read alone; this happens to few series."""
    for image in images:
        try:
            scorer.ready([scorer.score_item(image)])
        except DataError as error:
            yield Broken(image, reason_of(image, error))


def _first(shot: Scored) -> float:
    return next(iter(shot.scores.values()))


def _rows(
    burst: Burst,
    by: Grouping,
    shots: Sequence[Scored],
    order: Sequence[Placed],
    scored: SeriesScoring = "single",
) -> Iterator[Assessed]:
    """Shots of one series and their order -> rows, best first."""
    captured = dict(zip(burst.images, burst.captured, strict=True))
    for place, one in enumerate(order, start=1):
        shot = shots[one.index]
        assert isinstance(shot.image, Path)
        row = score_fields(shot) | {
            "series": burst.name,
            "place": place,
            "shots": len(shots),
            "p_over_next": one.over_next,
            "p_over_best": one.over_best,
            "scored": scored,
        }
        if by == "time":
            row["captured"] = captured[shot.image]
        yield Assessed(shot.image, row, 0)
