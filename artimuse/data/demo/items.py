"""One item of a demo data set, drawn, saved and put in rows of the official format; and label files.

An item is one image of `artimuse` or `aesmmit`, or one series of `fgaesthetics`. Its random numbers derive
from (seed, data set, split, index) alone.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from artimuse.data.comparison_templates import compare_in_words
from artimuse.data.demo.paint import paint
from artimuse.data.demo.quality import calibrated, quality, rated
from artimuse.data.demo.scene import Scene, draw_crops, draw_scene, draw_variations
from artimuse.data.demo.words import critiques, questions

DATASETS = ("artimuse", "aesmmit", "fgaesthetics")
SPLITS = ("train", "val", "test")
Row = dict[str, Any]

# Images are named after ArtiMuse-10K's source categories,
# and the data sets that AesMMIT's images come from.
_ARTIMUSE_PREFIXES = (0, 5, 13, 16, 18)
_AESMMIT_PREFIXES = ("para", "TAD66K", "baid", "artemis")
# Numbers of a split start here, so that no image name and no series id is used twice.
_FIRST = {"train": 0, "val": 400_000, "test": 500_000}
# Which file a series belongs to, by index: two thirds natural, one third cropping.
_KINDS = ("natural", "natural", "cropping")
_QUESTION = (
    "<image>\nPlease evaluate the aesthetic quality of this image from the aspect of {attribute}."
)


@dataclass(frozen=True)
class SeriesShape:
    """How many images a series has (a mean), and how many factors vary in a natural one at most."""

    images: int
    factors: int


@dataclass(frozen=True)
class Item:
    """The rows of one item. `rows` maps a label file (without its split) to its rows; `drawn` is the truth."""

    rows: dict[str, list[Any]]
    drawn: list[Row] = field(default_factory=list)


def draw_item(
    destination: Path, seed: int, series: SeriesShape, dataset: str, split: str, index: int
) -> Item:
    """Draws item `index` of a split, saves its images below `destination` and returns its rows."""
    rng = np.random.default_rng([seed, DATASETS.index(dataset), SPLITS.index(split), index])
    number = _FIRST[split] + index
    if dataset == "artimuse":
        rows, images = _artimuse(number, rng)
    elif dataset == "aesmmit":
        rows, images = _aesmmit(number, rng)
    else:
        rows, images = _series(number, _KINDS[index % len(_KINDS)], series, rng)
    drawn = []
    for name, scene in images.items():
        path = destination / dataset / name
        path.parent.mkdir(parents=True, exist_ok=True)
        paint(scene).save(path, quality=90)
        drawn.append(
            {
                "image": f"{dataset}/{name}",
                "dataset": dataset,
                "split": split,
                "scene": f"{dataset}-{number:06d}",
                "quality": round(quality(scene), 4),
                "factors": scene.factors(),
            }
        )
    return Item(rows, drawn)


def write_labels(destination: Path, dataset: str, split: str, items: list[Item]) -> None:
    """Writes the label files of one split, each in its official format."""
    folder = destination / dataset

    def rows(file: str) -> list[Any]:
        return [row for item in items for row in item.rows.get(file, [])]

    def write(name: str, text: str) -> None:
        (folder / name).write_text(text, encoding="utf-8")

    if dataset == "artimuse":
        write(f"ArtiMuse-10K_{split}.json", json.dumps(rows("score"), indent=1))
        write(
            f"ArtiMuse-10K_text_{split}.jsonl",
            "".join(json.dumps(row) + "\n" for row in rows("text")),
        )
    elif dataset == "aesmmit":
        write(f"AesMMIT_labels_{split}.json", json.dumps(rows("labels"), indent=1))
    else:
        for kind in sorted(set(_KINDS)):
            write(f"{kind}_{split}.txt", "".join(row + "\n" for row in rows(kind)))
        write(
            f"comparisons_{split}.jsonl",
            "".join(json.dumps(row) + "\n" for row in rows("comparisons")),
        )


def _artimuse(
    number: int, rng: np.random.Generator
) -> tuple[dict[str, list[Any]], dict[str, Scene]]:
    scene = draw_scene(rng)
    name = f"{_ARTIMUSE_PREFIXES[number % len(_ARTIMUSE_PREFIXES)]}_{number}.jpg"
    text = [
        {
            "id": f"{number}_{place}",
            "image": name,
            "conversations": _conversation(_QUESTION.format(attribute=attribute), critique),
        }
        for place, (attribute, critique) in enumerate(critiques(scene).items())
    ]
    score = [{"image": name, "gt_score": rated(quality(scene), rng)}]
    return {"score": score, "text": text}, {f"images/{name}": scene}


def _aesmmit(
    number: int, rng: np.random.Generator
) -> tuple[dict[str, list[Any]], dict[str, Scene]]:
    scene = draw_scene(rng)
    name = f"{_AESMMIT_PREFIXES[number % len(_AESMMIT_PREFIXES)]}_{number}.jpg"
    labels = []
    for place, asked in enumerate(questions(scene, rng)):
        writer = ("human_q", "gpt_q")[place % 2]
        labels.append(
            {
                # As in the original, an id names neither an image nor a question.
                "id": f"{(number + place) % 1000:04d}",
                "image": name,
                "conversations": _conversation(f"{asked.question}\n<image>", asked.answer),
                "type": f"{writer}{1 + place // 2 % 3}",
                "qtype": asked.qtype,
            }
        )
    return {"labels": labels}, {f"images/{name}": scene}


def _conversation(question: str, answer: str) -> list[dict[str, str]]:
    return [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]


def _series(
    number: int, kind: str, shape: SeriesShape, rng: np.random.Generator
) -> tuple[dict[str, list[Any]], dict[str, Scene]]:
    """A series and its rows: id, two image indices, P(first better), and the two images' calibrated scores."""
    count = int(np.clip(shape.images + rng.choice([-1, 0, 0, 1]), 2, 6))
    if kind == "natural":
        scenes = draw_variations(rng, count, most_factors=shape.factors)
    else:
        scenes = draw_crops(rng, count)
    scores = calibrated([quality(scene) for scene in scenes], rng)
    rows: list[str] = []
    ordered: list[tuple[int, int, float]] = []
    for first in range(count):
        for second in range(first + 1, count):
            # Which image comes first is a coin: the better one must not be the one of lower index.
            one, other = (first, second) if rng.random() < 0.5 else (second, first)
            probability = 1.0 / (1.0 + math.exp(scores[other] - scores[one]))
            ordered.append((one, other, probability))
            rows.append(
                f"{number:06d} {one + 1} {other + 1} {probability:.6f} {scores[one]} {scores[other]}"
            )
    names = [f"{number:06d}/{number:06d}-{place:02d}.jpg" for place in range(1, count + 1)]
    said = [
        {
            "first": names[one],
            "second": names[other],
            "text": compare_in_words(probability, scenes[one].factors(), scenes[other].factors()),
        }
        for one, other, probability in ordered
    ]
    images = {
        f"images/{number:06d}/{number:06d}-{place:02d}.jpg": scene
        for place, scene in enumerate(scenes, 1)
    }
    return {kind: rows, "comparisons": said}, images
