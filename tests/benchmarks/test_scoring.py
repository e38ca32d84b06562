"""The scoring benchmark: all variants say the same of the same images, and its rows say what was measured."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from integration.calls import load_script

from artimuse.benchmarks.presets import PRESETS
from artimuse.benchmarks.scoring import command, measure, process
from artimuse.benchmarks.scoring.measure import CASES, compared, make_jobs
from artimuse.benchmarks.scoring.process import Job, Run, runner, scoring_model, stages
from artimuse.benchmarks.scoring.report import line, summary
from artimuse.benchmarks.scoring.stages import STAGES
from artimuse.models import cpu_linear

TINY = PRESETS["tiny"]


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("photographs")


def jobs_of(model: str, case: str, readout: process.ReadoutKind, folder: Path) -> list[Job]:
    (shape,) = TINY.chosen("all", [model])
    return make_jobs(TINY, shape, case, readout, folder)


@pytest.mark.parametrize("model", ["internvl-tiny", "qwen2_5_vl-tiny", "llava-tiny"])
@pytest.mark.parametrize(("case", "readout"), CASES)
def test_all_variants_say_the_same(
    model: str, case: str, readout: process.ReadoutKind, photographs: Path
) -> None:
    *ours, theirs = (
        runner(job, scoring_model(job))(None) for job in jobs_of(model, case, readout, photographs)
    )
    for one in ours:
        found = compared(one, theirs)
        assert found["score_difference"] < 1e-3
        assert len(set(one.scores)) == len(one.scores)
        if case == "score+critiques":
            assert found["critiques_equal"] == 1.0
            assert len({text for texts in one.critiques for text in texts.values()}) > 1


def test_one_variant_multiplies_as_torch_does(
    photographs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    product = cpu_linear.product
    monkeypatch.setattr(cpu_linear, "product", lambda *a: asked.append(now) or product(*a))
    for job in jobs_of("internvl-tiny", "score", "regression", photographs):
        now = job.variant
        runner(job, scoring_model(job))(None)
    assert set(asked) == {"artimuse"}


def test_another_score_or_critique_is_told() -> None:
    ours = Run(1.0, [50.0, 60.0], [{"a": "x", "b": "y"}])
    theirs = Run(1.0, [50.0, 60.5], [{"a": "x", "b": "z"}])
    assert compared(ours, theirs) == {"score_difference": 0.5, "critiques_equal": 0.5}


@pytest.mark.parametrize("variant", [0, 2])
def test_a_text_that_ends_early_is_no_measurement(variant: int, photographs: Path) -> None:
    job = jobs_of("internvl-tiny", "score+critiques", "regression", photographs)[variant]
    model = scoring_model(job)
    # The row that never wins the vocabulary now always does.
    model.transformers_model.lm_head.register_forward_hook(
        lambda _, __, logits: logits.index_fill(-1, torch.tensor(model.family.end_of_turn_id), 99.0)
    )
    with pytest.raises(ValueError, match=r"expected (a text|texts) of 6 tokens"):
        runner(job, model)(None)


@pytest.mark.parametrize("model", ["internvl-tiny", "qwen2_5_vl-tiny"])
def test_stages_add_up(model: str, photographs: Path) -> None:
    job = jobs_of(model, "score+critiques", "regression", photographs)[0]
    built = scoring_model(job)
    found = stages(job, built)
    assert sum(found[name] for name in STAGES) == pytest.approx(found["total"])
    for name in ("decode", "preprocess", "vision", "language", "writing", "readout"):
        assert found[name] > 0, name
    assert found["other"] >= 0
    before = hooks(built)
    alone = stages(replace(job, new_tokens=0), built)
    assert alone["writing"] == 0
    assert hooks(built) == before


def hooks(model: torch.nn.Module) -> int:
    # transformers has some of its own, from the first forward pass on.
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules())


class InThisProcess:
    """In place of a `VariantProcess`: the same model and calls, without the seconds that a process takes."""

    started: ClassVar[list[process.Variant]] = []

    def __init__(self, job: Job) -> None:
        self.job, self.model = job, scoring_model(job)
        self.started.append(job.variant)

    def __enter__(self) -> InThisProcess:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def run(self) -> Run:
        return runner(self.job, self.model)(None)

    def stages(self) -> dict[str, float]:
        return stages(self.job, self.model)

    def peak_memory_mb(self) -> float:
        return 100.0


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    InThisProcess.started = []
    monkeypatch.setattr(measure, "VariantProcess", InThisProcess)
    yield
    assert InThisProcess.started == [*measure.VARIANTS] * len(CASES)


@pytest.mark.usefixtures("in_this_process")
def test_the_command_writes_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = load_script("benchmark")
    json_file = tmp_path / "score.json"
    given = ["score", "--preset", "tiny", "--repeats", "2", "--models", "internvl-tiny"]
    assert script.main([*given, "--json", str(json_file)]) == 0
    record = json.loads(json_file.read_text(encoding="utf-8"))
    assert {"hardware", "versions", "preset", "rows"} <= record.keys()
    assert [row["case"] for row in record["rows"]] == [c for c, _ in CASES for _ in range(3)]
    assert [row["readout"] for row in record["rows"]] == [r for _, r in CASES for _ in range(3)]
    for number, row in enumerate(record["rows"]):
        assert row["variant"] == measure.VARIANTS[number % 3]
        assert row["images_per_s"]["low"] <= row["images_per_s"]["median"]
        assert row["images_per_s"]["median"] <= row["images_per_s"]["high"]
        assert row["peak_memory_mb"] > 0
        assert row["score_difference"] < 1e-3
        assert ("stages_ms" in row) == (row["variant"] == "artimuse")
        assert ("speedup" in row) == (row["variant"] != "one_at_a_time")
    assert record["rows"][-1]["critiques_equal"] == 1.0
    printed = capsys.readouterr().out
    assert [line(row) for row in record["rows"]] == printed.splitlines()[1:10]
    assert summary(record["rows"]) == printed.splitlines()[10:]


def test_a_process_measures_its_own_memory(photographs: Path) -> None:
    job = jobs_of("internvl-tiny", "score", "regression", photographs)[0]
    with process.VariantProcess(job) as variant:
        run, memory = variant.run(), variant.peak_memory_mb()
    assert compared(run, runner(job, scoring_model(job))(None))["score_difference"] < 1e-3
    assert memory > 100


def test_it_needs_no_package_of_training() -> None:
    absent = "{'deepspeed', 'datasets', 'wandb'}"
    code = (
        f"import sys; sys.modules |= dict.fromkeys({absent}); "
        "import artimuse.benchmarks.scoring.command"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_wrong_call_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    script = load_script("benchmark")
    with pytest.raises(SystemExit, match="expected names of the preset 'tiny'"):
        script.main(["score", "--preset", "tiny", "--models", "gpt"])
    monkeypatch.setattr(command.torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit, match="expected a CUDA device, found none"):
        script.main(["score", "--preset", "gpu"])
