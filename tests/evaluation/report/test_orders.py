"""Series: both orders, read from ranks or from pairs, and those worth looking at."""

from __future__ import annotations

import pytest
from evaluation.report.made import series_rows
from scipy import stats

from artimuse.evaluation.report.orders import gallery, orders


def rank(
    name: str, true: float, predicted: float, series: str = "s", **more: object
) -> dict[str, object]:
    return {
        "kind": "rank",
        "id": name,
        "label": true,
        "prediction": predicted,
        "series": series,
    } | more


def test_true_order_first_and_the_places_the_model_gives() -> None:
    (order,) = orders([rank("a", 1, 10), rank("b", 3, 20), rank("c", 2, 30, image="c.jpg")])
    assert [image.id for image in order.images] == ["b", "c", "a"]
    assert order.places == (1, 0, 2)
    assert order.images[1].image == "c.jpg"
    assert order.srcc == pytest.approx(0.5)


def test_equal_predictions_keep_the_true_order_and_correlate_with_nothing() -> None:
    (order,) = orders([rank("a", 1, 5), rank("b", 2, 5)])
    assert (order.places, order.srcc) == ((0, 1), 0.0)


def test_pairs_alone_give_the_same_order() -> None:
    pairs = [
        {"kind": "pair", "id": "a|b", "label": 0.9, "prediction": 0.4, "scores": [40, 50], "series": "s"},
        {"kind": "pair", "id": "a|c", "label": 0.8, "prediction": 0.9, "scores": [40, 10], "series": "s",
         "images": ["a.jpg", "c.jpg"]},
        {"kind": "pair", "id": "b|c", "label": 0.7, "prediction": 0.9, "scores": [50, 10], "series": "s"},
    ]  # fmt: skip
    (order,) = orders(pairs)
    assert [image.id for image in order.images] == ["a", "b", "c"]
    assert [image.true for image in order.images] == pytest.approx([0.85, 0.4, 0.25])
    assert [image.predicted for image in order.images] == [40, 50, 10]
    assert order.places == (1, 0, 2)
    # Without scores, the predicted chances of being better are all there is.
    for pair in pairs:
        del pair["scores"]
    assert orders(pairs)[0].images[2].predicted == pytest.approx(0.1)


def test_ranks_are_preferred_and_a_single_image_is_no_series() -> None:
    rows = [rank("a", 1, 1), rank("b", 2, 2), rank("c", 1, 1, "lonely"),
            {"kind": "pair", "id": "a|b", "label": 0.9, "prediction": 0.9, "series": "s"}]  # fmt: skip
    (order,) = orders(rows)
    assert order.series == "s"
    assert order.srcc == pytest.approx(1)


def test_made_series_agree_with_scipy_and_the_gallery_holds_none_twice() -> None:
    found = orders(series_rows(30))
    assert len(found) == 30
    for order in found:
        true = [image.true for image in order.images]
        assert true == sorted(true, reverse=True)
        predicted = [image.predicted for image in order.images]
        assert order.srcc == pytest.approx(stats.spearmanr(predicted, true)[0], abs=1e-9)
    worst, best = gallery(found)
    assert max(order.srcc for order in worst) <= min(order.srcc for order in best)
    assert len({order.series for order in (*worst, *best)}) == len(worst) + len(best) == 12
    assert gallery(found[:1]) == (found[:1], [])
