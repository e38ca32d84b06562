"""The presets: proportions of the small models, sizes of the real ones, and the made-up cases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from artimuse.benchmarks.cases import make_case
from artimuse.benchmarks.flops import FlopCount
from artimuse.benchmarks.job import Job
from artimuse.benchmarks.measured import Watch
from artimuse.benchmarks.models import make_skeleton, parts
from artimuse.benchmarks.presets import HEAD_SHARE, PRESETS, VISION_SHARE, Shape
from artimuse.benchmarks.rows import RowCollator, RowDataset, question_rows
from artimuse.benchmarks.steps import collator
from artimuse.benchmarks.stock import StockModel
from artimuse.benchmarks.training import make_job
from artimuse.config import ConfigError

CPU, GPU = PRESETS["cpu"], PRESETS["gpu"]
PARAMETERS = {
    "InternVL3-8B": 7.94e9,
    "Qwen2.5-VL-7B": 8.29e9,
    "Qwen2.5-VL-3B": 3.75e9,
    "LLaVA-1.5-7B": 7.06e9,
}
"""Of the published checkpoints, by their own indices."""


def job_of(shape: Shape, folder: Path) -> Job:
    return make_job(shape, CPU, folder, device="cpu", threads=1, seed=0, repeats=1)


@pytest.mark.parametrize("shape", CPU.models, ids=lambda shape: shape.name)
def test_a_row_of_the_cpu_preset_is_mostly_language(shape: Shape, tmp_path: Path) -> None:
    """Counted forward and backward on a model without numbers, one row per question as Trainer runs it."""
    job = job_of(shape, tmp_path)
    collate = collator(job)
    rows = RowDataset(question_rows(job.samples[:1], collate), job.family)
    model = make_skeleton(job.family, job.architecture)
    batch = RowCollator(collate, readouts=1)([rows[0]])
    with Watch(model) as counted:
        StockModel(model)(**batch, num_items_in_batch=torch.tensor(100.0))["loss"].backward()
    shares = counted.facts()
    assert 0.01 < shares["head_flops_share"] <= HEAD_SHARE
    assert 0.01 < shares["vision_flops_share"] <= VISION_SHARE
    # A language model's forward and the backward of its activations, and next to nothing for its adapters.
    layers = model.transformers_model.model.language_model.layers
    weights = sum(p.numel() for n, p in layers.named_parameters() if "lora" not in n)
    assert shares["flops"] > 4 * weights * batch["input_ids"].numel()


@pytest.mark.parametrize(
    ("name", "image", "questions", "answer"), [("nine", 256, 9, 145), ("nineteen", 576, 19, 25)]
)
def test_the_cases_are_as_long_as_the_data_sets(
    name: str, image: int, questions: int, answer: int, tmp_path: Path
) -> None:
    job = job_of(CPU.chosen(name)[0], tmp_path)
    assert len(job.family.tokenizer) == 8000
    assert len({sample.id for sample in job.samples}) == len(job.samples)
    collate = collator(job)
    asked = job.samples[0].questions
    assert len(asked) == questions
    assert job.family.image_tokens((1000, 750)) == image
    said = [collate.conversation(question, [image]) for question in asked]
    lengths = [len(s.answer) for s in said if s.answer is not None]
    assert sum(lengths) / len(lengths) == pytest.approx(answer, rel=0.15)
    if name == "nine":
        score = said[-1]
        assert score.answer is None
        assert len(score.prompt) - image == pytest.approx(30, abs=8)
    else:
        both = [len(s.prompt) + len(s.answer or ()) - image for s in said]
        assert sum(both) / len(both) == pytest.approx(45, abs=6)


def test_a_case_is_the_same_every_time(tmp_path: Path) -> None:
    def make(seed: int) -> tuple[list[object], tuple[str, ...]]:
        case = make_case("nine", tmp_path, images=3, vocabulary=600, seed=seed, size=(80, 60))
        return [sample.questions for sample in case.samples], case.texts

    assert make(1) == make(1)
    assert make(1) != make(2)


def test_batches_divide_the_rows_of_a_step() -> None:
    for preset in PRESETS.values():
        assert all(preset.images % batch == 0 for batch in preset.batches)
        assert preset.images % preset.accumulation == 0


def test_models_are_chosen_by_name() -> None:
    assert [s.name for s in GPU.chosen("nineteen")] == ["LLaVA-1.5-7B"]
    assert len(GPU.chosen("all")) == 4
    with pytest.raises(ConfigError, match=r"expected names of the preset 'gpu' \(InternVL3-8B, "):
        GPU.chosen("all", ["InternVL3"])


@pytest.mark.parametrize("shape", GPU.models, ids=lambda shape: shape.name)
def test_real_sizes_are_set(shape: Shape) -> None:
    _, architecture = parts(shape, ["the light is soft"])
    text, vision = architecture.text_config, architecture.vision_config
    for name, value in shape.language.items():
        assert getattr(text, name) == value
    for name, value in shape.vision.items():
        assert getattr(vision, name) == value
    assert text.tie_word_embeddings == architecture.tie_word_embeddings == shape.tied


@pytest.mark.slow
@pytest.mark.parametrize("shape", GPU.models, ids=lambda shape: shape.name)
def test_real_models_have_the_published_number_of_parameters(shape: Shape) -> None:
    model = make_skeleton(*parts(shape, ["the light is soft"])).transformers_model
    own = {id(p): p.numel() for name, p in model.named_parameters() if "lora_" not in name}
    assert sum(own.values()) == pytest.approx(PARAMETERS[shape.name], rel=0.01)


def test_a_size_that_an_architecture_does_not_have_is_refused() -> None:
    shape = CPU.models[0]
    wrong = Shape(shape.name, shape.case, shape.scratch, {"intermediate": 7})
    with pytest.raises(AttributeError, match="intermediate"):
        parts(wrong, ["the light is soft"])


@pytest.mark.parametrize("heads", [4, 2])
def test_attention_of_the_cpu_is_counted(heads: int) -> None:
    """Two matrix products forward, five backward; under a causal mask what no query sees is left out."""
    queries = torch.randn(1, 4, 64, 16, requires_grad=True)
    keys = torch.randn(1, heads, 64, 16, requires_grad=True)
    whole = 7 * 2 * 4 * 64 * 64 * 16
    counts = []
    cases: list[dict[str, Any]] = [
        {}, {"attn_mask": torch.ones(64, 64).bool()}, {"is_causal": True},
    ]  # fmt: skip
    for options in cases:
        with FlopCount() as counted:
            torch.nn.functional.scaled_dot_product_attention(
                queries, keys, keys, enable_gqa=heads != 4, **options
            ).sum().backward()
        counts.append(counted.total)
    assert counts == [whole, whole, whole * 65 // 128]
