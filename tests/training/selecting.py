"""A tiny run that selects, as a function; run by `torchrun` it is one of several real processes:

torchrun --nproc-per-node 2 tests/training/selecting.py FOLDER NAME HOW
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from toy import LINES, SCRATCH, reset_accelerate, scored_unit, series_unit, text_unit

from artimuse.config import Config, ModelConfig, ReadoutConfig
from artimuse.data.collate import Collator
from artimuse.data.loader import StepDataset
from artimuse.data.order import Order
from artimuse.data.units import Unit
from artimuse.evaluation.sharing import Sharing
from artimuse.evaluation.validation import Validation
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.build import build_model
from artimuse.prompts import protocol
from artimuse.records import Source
from artimuse.training.accelerator import build_accelerator
from artimuse.training.loop import train
from artimuse.training.metric_rows import TIMED

STEPS = 8
Evaluate = Callable[[Any], Mapping[str, float]]


def recipe(folder: Path, select: dict[str, Any] | None, **settings: Any) -> Config:
    source = {"name": "t", "format": "custom", "images": ".", "table": "t.csv", "scale": [0, 10]}
    data = {"root": str(folder), "sources": [source], "validation_frac": 0.2, "workers": 0}
    length = {"steps": STEPS, "batch_images": 6, "lr": 1e-2, "checkpoint_every": 3}
    raw = {
        "run": {"name": "r", "folder": str(folder)},
        "data": data,
        "model": {"scratch": {}},
        "train": length | settings | {"select": select},
        "evaluation": {"batch_images": 2},
    }
    return Config.model_validate_json(json.dumps(raw))


def steps_of(
    units: Sequence[Unit], model: AestheticModel, *, processes: int = 1, process: int = 0, **order: Any
) -> StepDataset:  # fmt: skip
    collate = Collator(model.family, protocol=protocol("plain"), aspects=["overall"], datasets=[])
    length: dict[str, Any] = {"batch_images": 6, "seed": 0, "steps": STEPS} | order
    return StepDataset(
        Order([units], weights=[1], **length), collate, seed=0, questions_per_image=2,
        processes=processes, process=process,
    )  # fmt: skip


def validation_units(folder: Path) -> list[Unit]:
    scored = [scored_unit(folder, f"v{n}", 2 * n) for n in range(5)]
    return [*scored, series_unit(folder, "w", 3)]


def real(config: Config, folder: Path, accelerator: Accelerator, model: AestheticModel) -> Evaluate:
    """The evaluation of real runs, on five scored images and a series."""
    units = validation_units(folder)
    source = Source("t", [s for u in units for s in u.samples], [p for u in units for p in u.pairs])
    sharing = Sharing(accelerator.process_index, accelerator.num_processes, gather_object)
    batches = steps_of(units, model, batch_images=3, steps=None, epochs=1)
    return Validation(
        config, [source], device=accelerator.device, sharing=sharing, losses=[batches]
    )


def scripted(values: Sequence[float], metric: str = "srcc") -> Evaluate:
    """The values, one after the other by the number of steps in the model; and all the mess it can make."""
    state = {"called": 0}

    def evaluate(model: Any) -> dict[str, float]:
        assert model.training, "an evaluation before left the model as it is not trained"
        torch.randn(100)
        torch.manual_seed(torch.seed() % 1000)
        model.eval()
        state["called"] += 1
        return {metric: values[state["called"] - 1], "other": 0.0}

    return evaluate


def select_run(
    folder: Path,
    name: str,
    select: dict[str, Any] | None,
    evaluate: Evaluate | None = None,
    *,
    stop_after: int | None = None,
    **settings: Any,
) -> tuple[dict[str, torch.Tensor], list[dict[str, Any]], bool]:
    """Train in folder/name from whatever is there; without `evaluate` the real evaluation is used.

    Returns:
        The model's weights, the rows of metrics.jsonl without timings, and whether it is complete.
    """
    config = recipe(folder, select, **settings)
    accelerator = build_accelerator(config.train)
    model = build_model(
        ModelConfig(scratch=SCRATCH, readout=ReadoutConfig(hidden=16)), texts=LINES, seed=0
    )
    units = [scored_unit(folder, f"b{n}", n) for n in range(9)]
    units += [text_unit(folder, f"a{n}", 3) for n in range(4)]
    steps = steps_of(
        units, model, processes=accelerator.num_processes, process=accelerator.process_index
    )
    place = folder / name
    place.mkdir(exist_ok=True)
    done = train(
        model, steps, config, accelerator, folder=place, fingerprint={"data": "d"},
        evaluate=evaluate or (real(config, folder, accelerator, model) if select else None),
        stop=None if stop_after is None else lambda k: k >= stop_after,
    )  # fmt: skip
    weights = {n: p.detach().clone() for n, p in model.named_parameters()}
    rows = [json.loads(line) for line in (place / "metrics.jsonl").read_text().splitlines()]
    return weights, [{k: v for k, v in r.items() if k not in TIMED} for r in rows], done


def main(folder: str, name: str, how: str) -> None:
    torch.set_num_threads(1)
    # The second process measures something else: it has to go along with the first.
    other = int(json.loads(how)["scripted"])
    evaluate = None
    if other:
        process = build_accelerator(recipe(Path(folder), None).train).process_index
        evaluate = scripted([0.5, 0.4, 0.3] if process == 0 else [0.1, 0.2, 0.3, 0.4])
    select = {"metric": "srcc", "every": 2, "patience": 2 if other else None}
    select_run(Path(folder), name, select, evaluate)


if __name__ == "__main__":
    reset_accelerate()
    main(*sys.argv[1:])
