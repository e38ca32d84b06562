"""Made-up prediction rows, by kind, with any other fields."""

from __future__ import annotations

import math
from typing import Any, cast

from artimuse.evaluation.predictions import Prediction


def score(name, label, prediction, **more: Any) -> Prediction:
    row: Prediction = {"kind": "score", "id": name, "label": label, "prediction": prediction}
    return cast(Prediction, row | more)


def pair(name, label, first, second, **more: Any) -> Prediction:
    predicted = 1 / (1 + math.exp((second - first) / 11))
    row: Prediction = {"kind": "pair", "id": name, "label": label, "prediction": predicted}
    return cast(Prediction, row | {"scores": [first, second]} | more)


def rank(name, label, prediction, series, **more: Any) -> Prediction:
    row: Prediction = {"kind": "rank", "id": name, "label": label, "prediction": prediction}
    return cast(Prediction, row | {"series": series} | more)


def choice(name, label, prediction, **more: Any) -> Prediction:
    row: Prediction = {"kind": "choice", "id": name, "label": label, "prediction": prediction}
    return cast(Prediction, row | more)


def critique(name, own, others, /, **more: Any) -> Prediction:
    row: Prediction = {"kind": "critique", "id": name, "label": own, "prediction": others}
    return cast(Prediction, row | more)
