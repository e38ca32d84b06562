"""Shared fixtures: a tiny model of the real architecture, and made-up samples with real JPEG files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import numpy as np
import pytest
import torch
from PIL import Image

from artimuse.config import ModelConfig, ReadoutConfig, ScratchConfig
from artimuse.data.collate import Collator
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.build import build_model
from artimuse.prompts import ATTRIBUTES, protocol
from artimuse.records import Pair, Question, Sample, ScoreLabel
from artimuse.training import accelerator

WORDS = [
    "the",
    "light",
    "is",
    "soft",
    "and",
    "warm",
    "while",
    "a",
    "dark",
    "tree",
    "stands",
    "left",
    "of",
    "house",
]
TINY = ScratchConfig(
    image_size=56, vision_width=32, vision_layers=1, vision_heads=2,
    language_width=32, language_layers=2, language_heads=4, key_value_heads=2, vocabulary=400,
)  # fmt: skip
FAMILIES = ("internvl", "llava", "qwen2_5_vl", "qwen3_vl")
# Two vision layers, so that Qwen2.5-VL has one with windows and one without; several rows and columns of
# tokens, so that positions on more than one axis differ.
TINY_FAMILY = TINY.model_copy(update={"image_size": 112, "vision_layers": 2})
ATTRIBUTE = protocol("plain").attribute


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Parsed annotations are kept in a folder of this test run, also by the processes that it starts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def _deterministic() -> Iterator[None]:
    """Every test runs on one thread with deterministic kernels and a known seed; memory that nobody has written
    holds NaN, also where a run has been set up."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = True  # type: ignore[attr-defined]
    torch.manual_seed(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(accelerator, "FILL_MEMORY", True)
        yield
    torch.use_deterministic_algorithms(False)
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def texts() -> list[str]:
    return [" ".join(WORDS), *(ATTRIBUTE(a) for a in ATTRIBUTES), "Rate the overall quality."]


@pytest.fixture
def tiny_model(texts: list[str]) -> AestheticModel:
    """A fresh tiny InternVL with a regression read-out, in evaluation mode."""
    return build_tiny(texts)


@pytest.fixture(params=FAMILIES)
def family_model(request: pytest.FixtureRequest, texts: list[str]) -> AestheticModel:
    """A fresh tiny model of each family, with a regression read-out, in evaluation mode."""
    return build_family_tiny(request.param, texts)


def build_family_tiny(family: str, texts: list[str], **changes: object) -> AestheticModel:
    return build_tiny(texts, scratch=TINY_FAMILY.model_copy(update={"family": family}), **changes)


def build_tiny(texts: list[str], **changes: object) -> AestheticModel:
    config = ModelConfig(scratch=TINY, readout=ReadoutConfig(hidden=16)).model_copy(update=changes)
    return build_model(config, texts=texts, seed=0).eval()


@pytest.fixture
def collator(tiny_model: AestheticModel) -> Collator:
    return make_collator(tiny_model)


def make_collator(model: AestheticModel, **options: object) -> Collator:
    return Collator(
        model.family,
        protocol=protocol("plain"),
        aspects=["overall"],
        datasets=[],
        **options,  # type: ignore[arg-type]
    )


@pytest.fixture
def draw_image(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a small JPEG of seeded noise and shapes, another one for every name."""

    def draw(name: str) -> Path:
        rng = np.random.default_rng(list(name.encode()))
        width, height = (int(n) for n in rng.integers(60, 120, 2))
        coarse = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
        path = tmp_path / f"{name}.jpg"
        Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC).save(path)
        return path

    return draw


def sentence(rng: np.random.Generator, longest: int = 12) -> str:
    return " ".join(rng.choice(WORDS, size=int(rng.integers(1, longest + 1))))


@pytest.fixture
def make_sample(draw_image: Callable[[str], Path]) -> Callable[..., Sample]:
    """A sample with ragged critiques and, unless told otherwise, a labeled score question."""

    def make(
        name: str,
        *,
        texts: int = 8,
        score: float | None = 6.0,
        ask_score: bool = True,
        series: str | None = None,
    ) -> Sample:
        rng = np.random.default_rng(list(name.encode()))
        questions = [
            Question(
                "text", ATTRIBUTE(ATTRIBUTES[n % 8]), answer=sentence(rng), aspect=ATTRIBUTES[n % 8]
            )
            for n in range(texts)
        ]
        if ask_score:
            label = None if score is None else ScoreLabel(score, 0, 10)
            questions.append(Question("score", aspect="overall", label=label))
        return Sample(f"made/{name}", (draw_image(name),), tuple(questions), "made", series)

    return make


@pytest.fixture
def make_series(
    make_sample: Callable[..., Sample],
) -> Callable[..., tuple[list[Sample], list[Pair]]]:
    """A series of unlabeled images that are only ranked, with a pair for every two neighbours."""

    def make(name: str, images: int = 3) -> tuple[list[Sample], list[Pair]]:
        samples = [
            make_sample(f"{name}-{n}", texts=0, score=None, series=name) for n in range(images)
        ]
        pairs = [
            Pair(a.id, b.id, 0.2 + 0.6 * (n % 2)) for n, (a, b) in enumerate(pairwise(samples))
        ]
        return samples, pairs

    return make
