"""One optimizer step of a tiny run, as a function: what the equivalence tests compare.

Run by `torchrun` it is one of several real processes, and writes OUTPUT/CASE.safetensors for every case:

    torchrun --nproc-per-node 2 tests/training/toy.py FOLDER OUTPUT ACCUMULATION
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, GradientState, PartialState
from PIL import Image
from safetensors.torch import save_file

from artimuse.config import (
    ImagesConfig,
    ModelConfig,
    ObjectiveConfig,
    PairsFromScores,
    ReadoutConfig,
    ScratchConfig,
    TrainConfig,
)
from artimuse.data.loader import StepDataset
from artimuse.data.order import Order
from artimuse.data.units import Unit
from artimuse.data.views import collator
from artimuse.models import mlp_blocks
from artimuse.models.activations import checkpoint_activations
from artimuse.models.build import build_model
from artimuse.models.fgaesq import FGAesQModel
from artimuse.models.text_tower import attach_text_tower
from artimuse.objectives.joint import Objective
from artimuse.prompts import protocol
from artimuse.records import Pair, Question, Sample, ScoreLabel
from artimuse.training.accelerator import build_accelerator
from artimuse.training.step import train_step

SCRATCH = ScratchConfig(
    image_size=56, vision_width=32, vision_layers=1, vision_heads=2,
    language_width=32, language_layers=2, language_heads=4, key_value_heads=2, vocabulary=400,
)  # fmt: skip
LINES = ["the light is soft and warm", "a dark tree stands left of one house", "busy ground"]


def image(folder: Path, name: str) -> Path:
    """A small JPEG, another one for every name."""
    path = folder / f"{name}.jpg"
    if not path.exists():
        rng = np.random.default_rng(list(name.encode()))
        pixels = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((80, 64), Image.Resampling.BICUBIC).save(path)
    return path


def text_unit(folder: Path, name: str, answers: int) -> Unit:
    """An image with questions and no score."""
    questions = tuple(
        Question("text", f"Question {n}?", answer=LINES[n % 3]) for n in range(answers)
    )
    return Unit((Sample(f"t/{name}", (image(folder, name),), questions, "t"),))


def scored_unit(folder: Path, name: str, score: float, dataset: str = "t", **known: Any) -> Unit:
    """known: the label's std, raters, histogram."""
    question = Question("score", aspect="overall", label=ScoreLabel(score, 0, 10, **known))
    sample = Sample(f"{dataset}/{name}", (image(folder, name),), (question,), dataset)
    return Unit((sample,))


def series_unit(folder: Path, name: str, images: int) -> Unit:
    """A series that is only ranked: pairs, no label, no text."""
    asked = (Question("score", aspect="overall"),)
    samples = tuple(
        Sample(f"t/{name}{n}", (image(folder, f"{name}{n}"),), asked, "t", series=name)
        for n in range(images)
    )
    pairs = tuple(Pair(samples[n].id, samples[n + 1].id, 0.8 - 0.1 * n) for n in range(images - 1))
    return Unit(samples, pairs)


def unequal_units(folder: Path) -> list[Unit]:
    """Of two shares, one gets all the text and the other the only pairs."""
    return [text_unit(folder, "long", 12), series_unit(folder, "s", 3)]


def mixed_units(folder: Path) -> list[Unit]:
    return [
        text_unit(folder, "a", 3),
        scored_unit(folder, "b", 2.5),
        series_unit(folder, "c", 2),
        scored_unit(folder, "d", 7.5),
        text_unit(folder, "e", 1),
        series_unit(folder, "f", 4),
    ]


def labeled_units(folder: Path) -> list[Unit]:
    """Two data sets with scores, some with a spread or votes, beside text and series."""
    votes = (1.0, 4.0, 7.0, 3.0, 1.0)
    return [
        text_unit(folder, "a", 2),
        scored_unit(folder, "b", 2.5, std=1.2, raters=9),
        scored_unit(folder, "g", 9.0, std=2.0, raters=9),
        scored_unit(folder, "h", 6.0),
        series_unit(folder, "c", 2),
        scored_unit(folder, "d", 7.5, "u", std=1.5, raters=16, histogram=votes),
        scored_unit(folder, "i", 1.5, "u", histogram=votes[::-1]),
        scored_unit(folder, "j", 4.5, "u", std=0.9),
        series_unit(folder, "f", 4),
        scored_unit(folder, "k", 4.0),
        scored_unit(folder, "l", 8.0, "u"),
        scored_unit(folder, "m", 3.0, std=0.4, raters=5),
    ]


def seen_units(folder: Path) -> list[Unit]:
    """What a model without language learns from: scores, and series of which some pairs have a text."""
    told = [series_unit(folder, "c", 2), series_unit(folder, "f", 4)]
    said = [
        Unit(u.samples, (*u.pairs[:-1], replace(u.pairs[-1], text=LINES[n])))
        for n, u in enumerate(told)
    ]
    return [
        scored_unit(folder, "b", 2.5, std=1.2, raters=9),
        scored_unit(folder, "g", 9.0),
        said[0],
        scored_unit(folder, "d", 7.5, histogram=(1.0, 4.0, 7.0, 3.0, 1.0)),
        said[1],
        series_unit(folder, "k", 3),
    ]


DRAWN = PairsFromScores(gap=10.0, images=2)
# Every loss once; with links, which take part in the losses of distributions, and without.
CASES: dict[str, dict[str, Any]] = {
    "huber": {"score_loss": "huber", "rank_loss": "bradley_terry"},
    "l1": {"score_loss": "l1", "rank_loss": "fidelity", "drawn": DRAWN},
    "mse": {"score_loss": "mse", "rank_loss": "margin", "linked": True},
    "cross_entropy": {"score_loss": "cross_entropy", "rank_loss": "listmle", "readout": "bins"},
    "soft_label": {
        "score_loss": "soft_label", "rank_loss": "listmle", "readout": "levels", "linked": True,
        "drawn": DRAWN,
    },
    "emd": {"score_loss": "emd", "rank_loss": "listmle_scores", "readout": "bins", "linked": True},
    "plcc": {"score_loss": "plcc", "rank_loss": "listmle_scores"},
}  # fmt: skip
# Of a model without language: pairs as each image is seen beside the other, or from the images alone.
SEEN: dict[str, dict[str, Any]] = {
    "beside": {
        "score_loss": "emd",
        "rank_loss": "listmle",
        "readout": "bins",
        "difftoken": "corrected",
    },
    "alone": {"score_loss": "huber", "rank_loss": "bradley_terry", "difftoken": "none"},
}
DATASETS = ["t", "u"]


def reset_accelerate() -> None:
    """accelerate keeps its state in classes; every test starts anew."""
    for state in (AcceleratorState, GradientState, PartialState):
        state._reset_state()


def step_gradient(
    units: list[Unit],
    accelerator: Accelerator,
    *,
    accumulation: int = 1,
    text_per: str = "token",
    readout: str = "regression",
    score_loss: str = "huber",
    rank_loss: str = "bradley_terry",
    linked: bool = False,
    drawn: PairsFromScores | None = None,
    difftoken: str | None = None,
    mlp_rows: int | None = None,
) -> tuple[dict[str, torch.Tensor], list[float]]:
    """The whole gradient of one step, as the optimizer sees it, and its three losses.

    With `difftoken` of a model without language, whose fourth loss is that of texts that compare pairs. With
    `mlp_rows` under activation checkpointing, with so many tokens in a block of an MLP.
    """
    head = ReadoutConfig(kind=readout, hidden=16)  # type: ignore[arg-type]
    config = ModelConfig(scratch=SCRATCH, readout=head, links=linked)
    if difftoken is not None:
        config = seen_config(head, difftoken)
    model = build_model(config, texts=LINES, datasets=DATASETS, seed=0)
    if isinstance(model, FGAesQModel):
        attach_text_tower(model, config, LINES, seed=1)
    assert (model.links is not None) == linked
    if mlp_rows is not None:
        mlp_blocks.MOST_ROWS = mlp_rows
        checkpoint_activations(model)
    order = Order(
        [units], weights=[1], batch_images=sum(u.images for u in units), seed=0, steps=1
    )  # fmt: skip
    collate = collator(
        model.family,
        protocol=protocol("plain"),
        aspects=["overall"],
        datasets=DATASETS,
        text_per=text_per,  # type: ignore[arg-type]
        texts=difftoken is not None,
    )
    steps = StepDataset(
        order, collate, seed=0, pairs_from_scores=drawn, accumulation=accumulation,
        processes=accelerator.num_processes, process=accelerator.process_index,
    )  # fmt: skip
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    gradient: dict[str, torch.Tensor] = {}
    names = {parameter: name for name, parameter in model.named_parameters()}
    optimizer.register_step_pre_hook(
        lambda *_: gradient.update({names[p]: p.grad.clone() for p in names if p.grad is not None})
    )
    wrapped, prepared = accelerator.prepare(model, optimizer)
    losses = ObjectiveConfig(
        score_loss=score_loss,  # type: ignore[arg-type]
        rank_loss=rank_loss,  # type: ignore[arg-type]
        text_per=text_per,  # type: ignore[arg-type]
        align=0.0 if difftoken is None else 1.0,
    )
    objective = Objective(losses)
    if score_loss == "plcc" and accelerator.num_processes > 1:
        held = [{(i.sample.dataset) for i in share.items} for share in steps.shares(0)]
        assert all(set(DATASETS) <= datasets for datasets in held), (
            "no data set is cut: this shows nothing"
        )
    result = train_step(
        wrapped.train(), prepared, objective, steps[0], accelerator, seed=0, clip=None
    )
    found = [result.text, result.score, result.rank]
    return gradient, found if difftoken is None else [*found[1:], result.align]


def seen_config(readout: ReadoutConfig, difftoken: str) -> ModelConfig:
    """A tiny model without language, without dropout."""
    scratch = SCRATCH.model_copy(update={"family": "fgaesq"})
    images = ImagesConfig(difftoken=difftoken, tokens=24, short_side=64)  # type: ignore[arg-type]
    return ModelConfig(scratch=scratch, readout=readout, images=images, links=False)


def cases(accumulation: int) -> dict[str, dict[str, Any]]:
    """What can run so; the correlation of a step takes no accumulation."""
    return {name: case for name, case in CASES.items() if name != "plcc" or accumulation == 1}


def main(folder: str, output: str, accumulation: str) -> None:
    torch.set_num_threads(1)
    accelerator = build_accelerator(TrainConfig(steps=1, accumulation=int(accumulation)))
    assert accelerator.num_processes > 1, "expected torchrun to start several processes"
    runs: dict[str, tuple[list[Unit], dict[str, Any]]] = {
        name: (labeled_units(Path(folder)), case) for name, case in cases(int(accumulation)).items()
    }
    runs["unequal"] = unequal_units(Path(folder)), {}
    runs |= {name: (seen_units(Path(folder)), case) for name, case in SEEN.items()}
    runs["answers"] = mixed_units(Path(folder)), {"text_per": "answer"}
    runs["checkpointed"] = mixed_units(Path(folder)), {"mlp_rows": 5}
    for name, (units, case) in runs.items():
        gradient, losses = step_gradient(units, accelerator, accumulation=int(accumulation), **case)
        if accelerator.is_main_process:
            save_file(
                gradient | {"losses": torch.tensor(losses)}, Path(output) / f"{name}.safetensors"
            )
    accelerator.end_training()


if __name__ == "__main__":
    main(*sys.argv[1:])
