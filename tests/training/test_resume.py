"""A run that was stopped and resumed equals one that ran through, to the bit."""

from __future__ import annotations

import json
import sys
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest
import torch

from artimuse.config import Config, LoraConfig, ModelConfig, ReadoutConfig
from artimuse.data.collate import Collator
from artimuse.data.loader import StepDataset
from artimuse.data.order import Order
from artimuse.data.views import collator
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.build import build_model
from artimuse.models.fgaesq import FGAesQModel
from artimuse.models.folder import save_model
from artimuse.models.text_tower import attach_text_tower
from artimuse.prompts import protocol
from artimuse.training.accelerator import build_accelerator
from artimuse.training.checkpoint import list_checkpoints
from artimuse.training.loop import train
from artimuse.training.metric_rows import TIMED

sys.path.insert(0, str(Path(__file__).parent))
import toy

FINGERPRINT = {"configuration": "a", "data": "b"}


@pytest.fixture(autouse=True)
def _fresh_accelerate():
    toy.reset_accelerate()
    yield
    toy.reset_accelerate()


def config(folder: Path, **train_settings: Any) -> Config:
    settings = {"steps": 6, "batch_images": 8, "lr": 1e-2, "checkpoint_every": 2} | train_settings
    return Config.model_validate_json(
        json.dumps(
            {
                "run": {"name": "r", "folder": str(folder)},
                "data": {
                    "root": str(folder),
                    "sources": [{"name": "t", "format": "custom", "images": ".", "table": "t.csv",
                                 "scale": [0, 10]}],
                    "workers": 0,
                },
                "model": {"scratch": {}},
                "objective": {"align": 1.0},
                "train": settings,
            }
        )
    )  # fmt: skip


def fresh_model(folder: Path, tuning: str) -> AestheticModel:
    readout = ReadoutConfig(hidden=16)
    if tuning == "fgaesq":
        head = ReadoutConfig(kind="bins", head="fgaesq")  # with dropout
        seen = toy.seen_config(head, "corrected")
        model = build_model(seen, seed=0)
        assert isinstance(model, FGAesQModel)
        attach_text_tower(model, seen, toy.LINES, seed=1)
        return model
    full = build_model(ModelConfig(scratch=toy.SCRATCH, readout=readout), texts=toy.LINES, seed=0)
    if tuning == "full":
        return full
    base = folder / "base"
    if not base.exists():
        save_model(full, base)
    lora = LoraConfig(rank=4, dropout=0.3)
    return build_model(ModelConfig(base=str(base), tuning="lora", lora=lora), seed=0)


def run(
    folder: Path,
    name: str,
    *,
    tuning: str = "full",
    mixture: str = "blend",
    stop_after: int | None = None,
    fingerprint: dict[str, str] = FINGERPRINT,
    **settings: Any,
) -> tuple[dict[str, torch.Tensor], list[dict[str, Any]], bool]:
    """Train in folder/name from whatever is there; the weights, rows of metrics, and completeness."""
    toy.reset_accelerate()
    place = folder / name
    place.mkdir(exist_ok=True)
    recipe = config(folder, **settings)
    model = fresh_model(folder, tuning)
    singles = [toy.text_unit(folder, f"a{n}", 3) for n in range(5)]
    scored = [toy.scored_unit(folder, f"b{n}", n) for n in range(7)]
    ranked = [toy.series_unit(folder, f"c{n}", 2 + n % 2) for n in range(4)]
    seen = tuning == "fgaesq"
    if seen:
        singles, ranked = toy.seen_units(folder)[:2], toy.seen_units(folder)[2:]
    order = Order(
        [singles, scored, ranked], weights=[1, 1, 1], batch_images=8, seed=0, steps=6,
        mixture=mixture,  # type: ignore[arg-type]
    )  # fmt: skip
    collate = collator(
        model.family, protocol=protocol("plain"), aspects=["overall"], datasets=[], texts=seen
    )
    steps = StepDataset(
        order, collate, seed=0, questions_per_image=2, accumulation=recipe.train.accumulation
    )
    done = train(
        model, steps, recipe, build_accelerator(recipe.train), folder=place,
        fingerprint=fingerprint, stop=None if stop_after is None else lambda k: k >= stop_after,
    )  # fmt: skip
    weights = {n: p.detach().clone() for n, p in model.named_parameters()}
    rows = [json.loads(line) for line in (place / "metrics.jsonl").read_text().splitlines()]
    return weights, [{k: v for k, v in r.items() if k not in TIMED} for r in rows], done


def assert_equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> None:
    assert a.keys() == b.keys()
    assert [name for name in a if not torch.equal(a[name], b[name])] == []


@pytest.mark.parametrize(
    ("tuning", "mixture", "accumulation"),
    [
        ("full", "blend", 1),
        ("full", "alternate", 2),
        ("lora", "blend", 2),
        ("fgaesq", "alternate", 2),
    ],
)
@pytest.mark.parametrize("stop_after", [3, 4])
def test_resumed_equals_uninterrupted(
    tmp_path: Path, tuning: str, mixture: str, accumulation: int, stop_after: int
) -> None:
    options: dict[str, Any] = {"tuning": tuning, "mixture": mixture, "accumulation": accumulation}
    through, rows, done = run(tmp_path, "through", **options)
    assert done
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5, 6]

    stopped, _, finished = run(tmp_path, "stopped", stop_after=stop_after, **options)
    assert not finished
    assert any(not torch.equal(stopped[name], through[name]) for name in through)
    resumed, resumed_rows, finished = run(tmp_path, "stopped", **options)
    assert finished
    assert_equal(resumed, through)
    assert resumed_rows == rows
    for seen, each in (("images_seen", "images"), ("tokens_seen", "tokens")):
        assert all(row[each] > 0 for row in rows)
        assert [row[seen] for row in rows] == list(accumulate(row[each] for row in rows))


def test_same_seed_same_weights(tmp_path: Path) -> None:
    assert_equal(run(tmp_path, "one")[0], run(tmp_path, "two")[0])


def test_at_least_three_checkpoints_are_kept(tmp_path: Path) -> None:
    run(tmp_path, "r", checkpoint_every=1)
    kept = [path.name for path in list_checkpoints(tmp_path / "r" / "checkpoints")]
    assert kept == ["step-000004", "step-000005", "step-000006"]


def test_changed_data_is_refused(tmp_path: Path) -> None:
    run(tmp_path, "r", stop_after=3)
    with pytest.raises(ValueError, match="the data changed"):
        run(tmp_path, "r", fingerprint=FINGERPRINT | {"data": "other"})


def test_a_half_written_checkpoint_is_not_seen(tmp_path: Path) -> None:
    through, _, _ = run(tmp_path, "through")
    run(tmp_path, "r", stop_after=3)
    half = tmp_path / "r" / "checkpoints" / ".writing-step-000004"
    half.mkdir()
    (half / "model.safetensors").write_bytes(b"half")
    resumed, _, _ = run(tmp_path, "r")
    assert_equal(resumed, through)


def test_a_checkpoint_with_a_missing_piece_is_an_error(tmp_path: Path) -> None:
    run(tmp_path, "r", stop_after=3)
    (tmp_path / "r" / "checkpoints" / "step-000002" / "optimizer.safetensors").unlink()
    with pytest.raises(ValueError, match=r"optimizer\.safetensors is missing"):
        run(tmp_path, "r")


def test_data_that_end_early_are_no_finished_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A StopIteration from inside a dataset ends a loop over its loader without a word."""
    batches = iter(range(2))
    whole = Collator.__call__

    def collate(self: Collator, *arguments: Any) -> Any:
        next(batches)
        return whole(self, *arguments)

    monkeypatch.setattr(Collator, "__call__", collate)
    with pytest.raises(RuntimeError, match="the data ended after step 2 of 6"):
        run(tmp_path, "r")
