"""The training benchmark on tiny models: equal gradients, what is counted, what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from integration.calls import load_script
from safetensors.torch import load_file, save_file

from artimuse.benchmarks import job as job_module
from artimuse.benchmarks import stock, training
from artimuse.benchmarks.job import Job, Running, Told
from artimuse.benchmarks.measured import gradient_difference
from artimuse.benchmarks.presets import PRESETS
from artimuse.benchmarks.rows import (
    IGNORED,
    RowCollator,
    RowDataset,
    conversation_rows,
    question_rows,
)
from artimuse.benchmarks.steps import collator, order_of, run_tree, train_config
from artimuse.benchmarks.stock import run_search, run_stock
from artimuse.benchmarks.training_command import HEAD, line, summary
from benchmarks.conftest import TINY, heard, shape_of

TINY_MODELS = [shape.name for shape in TINY.models]
ROW_KEYS = {
    "case", "variant", "model", "images_per_s", "tokens_per_s", "peak_memory_mb", "flops_per_image",
    "flops_per_s", "flops_share", "vision_flops_share", "vision_time_share",
}  # fmt: skip

main = load_script("benchmark").main


@pytest.mark.parametrize("name", TINY_MODELS)
@pytest.mark.parametrize("batch", [1, 2])
def test_gradients_of_the_tree_and_of_trainer_s_rows_are_equal(
    name: str, batch: int, tiny_job: Callable[..., Job], tmp_path: Path
) -> None:
    ours, theirs = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    told = heard(run_tree, tiny_job(name, gradient=ours))
    rows = heard(run_stock, tiny_job(name, variant="rows", batch=batch, gradient=theirs))
    assert gradient_difference(ours, theirs) <= 1e-5
    gradient = load_file(theirs)
    assert all(g.any() for key, g in gradient.items() if "lora_" in key)
    assert any("lora_A" in key for key in gradient)
    assert any(g.any() for key, g in gradient.items() if "readout" in key) == ("llava" not in name)
    for ready, repetition, facts in (told, rows):
        assert not ready
        assert facts["flops"] > 0
        assert 0 < facts["vision_flops_share"] < 1
        assert repetition["images"] == TINY.steps * TINY.images
    assert 0 < rows[2]["head_flops_share"] < 1
    # The same answers are supervised.
    assert told[1]["tokens"] == rows[1]["tokens"]
    assert 0 <= told[1]["data_wait"] <= 1


def test_another_normalisation_is_caught(
    tiny_job: Callable[..., Job], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The comparison can fail: read-outs counted by the micro-batch, as a mean over rows would."""
    ours, theirs = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    heard(run_tree, tiny_job("internvl-tiny", gradient=ours))
    monkeypatch.setattr(
        stock, "RowCollator", lambda collate, readouts: RowCollator(collate, readouts=readouts + 1)
    )
    heard(run_stock, tiny_job("internvl-tiny", variant="rows", gradient=theirs))
    assert gradient_difference(ours, theirs) > 1e-3


def test_gradients_are_compared_over_all_parameters(tmp_path: Path) -> None:
    a, b = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    one = {"x.lora_A": torch.tensor([3.0]), "y.lora_B": torch.tensor([4.0])}
    save_file(one, b)
    save_file(one | {"x.lora_A": torch.tensor([3.5])}, a)
    assert gradient_difference(a, b) == pytest.approx(0.1)
    save_file(one | {"y.lora_B": torch.zeros(1)}, b)
    with pytest.raises(ValueError, match=r"y\.lora_B: its gradient is zero"):
        gradient_difference(a, b)
    save_file({"x.lora_A": torch.ones(1)}, b)
    with pytest.raises(ValueError, match="different parameters"):
        gradient_difference(a, b)


def test_variants_of_the_tree_are_settings_of_training(tiny_job: Callable[..., Job]) -> None:
    job = tiny_job("internvl-tiny")
    names = training.other_trees(job)
    assert names == ["tree_uncheckpointed", "tree_blas"]
    tree, kept, blas = (train_config(_as(job, name)) for name in ("tree", *names))
    assert tree.activation_checkpointing
    assert kept == tree.model_copy(update={"activation_checkpointing": False})
    assert blas == tree.model_copy(update={"onednn": False})
    on_gpu = replace(job, preset=PRESETS["gpu"], device="cuda")
    assert training.other_trees(on_gpu) == []
    assert not train_config(on_gpu).activation_checkpointing


def test_what_is_computed_twice_is_not_the_model_s_own_work(tiny_job: Callable[..., Job]) -> None:
    job = tiny_job("internvl-tiny")
    jobs = [_as(job, name) for name in ("tree", "tree_uncheckpointed", "tree_blas")]
    trees: list[dict[str, Any]] = [{"flops": 12.0}, {"flops": 8.0}, {"flops": 12.0}]
    training.count_recomputed(jobs, trees)
    twice, once = {"flops": 8.0, "recomputed": 0.5}, {"flops": 8.0, "recomputed": 0.0}
    assert trees == [twice, once, twice]
    trees = [{"flops": 12.0}, {"out_of_memory": "16 GiB"}, {"flops": 12.0}]
    training.count_recomputed(jobs, trees)
    assert trees[0] == trees[2] == {"flops": 12.0, "recomputed": None}
    assert trees[1] == {"out_of_memory": "16 GiB"}


@pytest.mark.parametrize("name", TINY_MODELS)
def test_rows_and_conversations_hold_the_same_answers(
    name: str, tiny_job: Callable[..., Job]
) -> None:
    job = tiny_job(name)
    samples = [s for unit in order_of(job).step(0) for s in unit.samples]
    collate = collator(job)
    rows, talks = question_rows(samples, collate), conversation_rows(samples, collate)
    questions = len(samples[0].questions)
    assert (len(rows), len(talks)) == (questions * len(samples), len(samples))
    assert [len(row.ids) for row in rows] == sorted((len(row.ids) for row in rows), reverse=True)
    image = job.family.placeholder_id
    assert len({row.ids.count(image) for row in (*rows, *talks)}) == 1, "every row has one image"
    for sample, talk in ((talk.sample, talk) for talk in talks):
        own = [row for row in rows if row.sample is sample]
        assert talk.supervised == sum(row.supervised for row in own)
        assert len(talk.ids) < sum(len(row.ids) for row in own)
        assert (talk.readout is None) == ("llava" in name)
    batch = RowCollator(collate, readouts=1)([RowDataset(rows, job.family)[n] for n in (0, -1)])
    assert batch["input_ids"].shape == batch["labels"].shape == (2, len(rows[0].ids))
    assert int((batch["labels"] != IGNORED).sum()) == rows[0].supervised + rows[-1].supervised


def test_multiturn_trains(tiny_job: Callable[..., Job]) -> None:
    _, repetition, facts = heard(run_stock, tiny_job("internvl-tiny", variant="multiturn", batch=2))
    assert facts["flops"] > 0
    assert repetition["rows"] == TINY.steps * TINY.images


def test_every_batch_size_is_tried_and_the_fastest_is_taken(tiny_job: Callable[..., Job]) -> None:
    *tried, done = heard(run_search, tiny_job("llava-tiny", repeats=0))
    assert done == {"done": True}
    assert [(row["variant"], row["batch"]) for row in tried] == [
        (variant, batch) for variant in ("rows", "multiturn") for batch in TINY.batches
    ]
    rates = [{"batch": 1, "rows_per_s": 2.0}, {"batch": 2, "rows_per_s": 3.0},
             {"batch": 4, "rows_per_s": 2.5}, {"batch": 8, "out_of_memory": True}]  # fmt: skip
    assert training.best_batch(rates) == 2
    with pytest.raises(RuntimeError, match="not even one row"):
        training.best_batch(rates[3:])


def test_a_row_says_what_was_measured(tiny_job: Callable[..., Job]) -> None:
    job = tiny_job("internvl-tiny")
    facts = {"flops": 4e9, "head_flops_share": 0.1, "vision_flops_share": 0.05, "recomputed": 0.4}
    told = {
        "images": 2,
        "tokens": 100,
        "peak_memory_mb": 50.0,
        "vision_time_share": 0.1,
        "data_wait": 0.01,
    }
    ours = [told | {"seconds": seconds} for seconds in (1.0, 2.0, 4.0)]
    theirs = [row | {"seconds": 4 * row["seconds"], "peak_memory_mb": 100.0} for row in ours]
    shape = shape_of("internvl-tiny")
    tree = training._row(shape, job, facts, ours, peak=8e9)
    rows = training._row(shape, _as(job, "rows"), facts | {"flops": 20e9}, theirs, peak=None)
    training.compare(tree, rows, ours, theirs)
    assert tree.keys() >= ROW_KEYS | {
        "speedup",
        "flops_ratio",
        "of_predicted",
        "memory_ratio",
        "data_wait",
        "recomputed_flops",
    }
    assert rows.keys() >= ROW_KEYS | {"batch", "head_flops_share"}
    assert tree["images_per_s"] == {"median": 1.0, "low": 0.5, "high": 2.0}
    assert tree["tokens_per_s"]["median"] == 50
    assert tree["flops_per_image"] == 2e9
    assert tree["flops_share"]["median"] == 0.25
    assert rows["flops_share"] is None
    assert (tree["speedup"]["median"], tree["flops_ratio"], tree["of_predicted"]) == (4, 5, 0.8)
    assert tree["memory_ratio"] == 0.5
    tree["gradient_difference"] = 2e-7
    text = "\n".join([HEAD, line(tree), line(rows), *summary([tree, rows])])
    assert "tree 4.00 times rows at batch 1" in text
    assert "0.80 of the 5.00 that FLOPs predict" in text
    lost = training._row(shape, _as(job, "rows"), {"out_of_memory": "16 GiB"}, [], peak=None)
    assert line(lost).endswith("out of memory")


def _as(job: Job, variant: Any) -> Job:
    return replace(job, variant=variant)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--models", "InternVL"], "expected names of the preset 'cpu'"),
        (
            ["--case", "nine", "--models", "llava-cpu"],
            "--case nine: the preset 'cpu' has no such model",
        ),
        (["--preset", "gpu"], "expected a CUDA device, found none"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit, match=said):
        main(["train", *arguments])


def _fails(job: Job, link: Told) -> None:
    raise ValueError("in the middle of it")


def test_a_variant_that_fails_says_why(tiny_job: Callable[..., Job]) -> None:
    with (
        Running(tiny_job("internvl-tiny"), _fails) as running,
        pytest.raises(RuntimeError, match="in the middle of it"),
    ):
        running.ready()


def _fills_memory(job: Job, link: Told) -> None:
    raise RuntimeError("step 1, sample a") from torch.OutOfMemoryError("16 GiB")


def test_memory_that_is_out_is_a_result(tiny_job: Callable[..., Job]) -> None:
    told: list[dict[str, Any]] = []

    class Pipe:
        send = told.append

    for run, key in ((_fills_memory, "out_of_memory"), (_fails, "error")):
        job_module._begin(Pipe(), run, tiny_job("internvl-tiny", device="cuda"))  # type: ignore[arg-type]
        assert [*told.pop()] == [key]


def test_a_batch_size_that_does_not_fit_ends_the_search(
    tiny_job: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(job: Job, link: Told, model: Any) -> None:
        if job.batch > 1:
            raise torch.OutOfMemoryError("16 GiB")
        assert not job.counts
        link.tell()
        for seconds in (2.0, 1.0):
            link.tell(rows=4, seconds=seconds)

    monkeypatch.setattr(stock, "_train", train)
    *tried, done = heard(run_search, tiny_job("internvl-tiny"))
    assert done == {"done": True}
    assert tried == [
        fact
        for variant in ("rows", "multiturn")
        for fact in (
            {"variant": variant, "batch": 1, "rows_per_s": 4.0, "tried": [2.0, 4.0]},
            {"variant": variant, "batch": 2, "out_of_memory": True},
        )
    ]


def test_needs_neither_deepspeed_nor_datasets_nor_wandb() -> None:
    code = (
        "import sys; sys.modules.update(dict.fromkeys(('deepspeed', 'datasets', 'wandb', 'matplotlib'))); "
        "import scripts.benchmark, artimuse.benchmarks.training_command, artimuse.benchmarks.sweep"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_whole_command_on_tiny_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "SETTLE_S", 0.0)
    path = tmp_path / "train.json"
    given = ["--models", "internvl-tiny", "--repeats", "2", "--threads", "1", "--json", str(path)]
    assert main(["train", "--preset", "tiny", *given]) == 0
    record = json.loads(path.read_text(encoding="utf-8"))
    assert record["hardware"]["threads"] == 1
    assert record["versions"]["transformers"]
    assert record["preset"]["name"] == "tiny"
    assert [(row["case"], row["variant"]) for row in record["rows"]] == [
        ("nine", "tree"), ("nine", "tree_uncheckpointed"), ("nine", "tree_blas"), ("nine", "rows"),
        ("nine", "multiturn"),
    ]  # fmt: skip
    assert all(row.keys() >= ROW_KEYS for row in record["rows"])
    *trees, rows, _ = record["rows"]
    for one in trees:
        assert one["gradient_difference"] <= 1e-5
        assert one["flops_ratio"] > 0
    # With checkpointing every layer is computed twice: a forward pass more, of a third to a half of the rest.
    assert [round(one["recomputed_flops"], 1) in (0.3, 0.4, 0.5) for one in trees] == [
        True,
        False,
        True,
    ]
    assert trees[1]["recomputed_flops"] == 0
    assert len({one["flops_per_image"] for one in trees}) == 1
    assert rows["batch"] == training.best_batch(rows["tried"])
