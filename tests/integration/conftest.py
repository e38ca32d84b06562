"""Runs of the real scripts: small ones in this process, and one trained quickstart for the slow tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from integration.calls import (
    QUICKSTART,
    ROOT,
    SMALL,
    Called,
    SmallRun,
    call_script,
    draw_small_data,
    run_python,
)


@pytest.fixture
def script() -> Callable[..., Called]:
    return call_script


@pytest.fixture(scope="session")
def small_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_small_data(tmp_path_factory.mktemp("small") / "demo")


@pytest.fixture(scope="session")
def small_run(small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> SmallRun:
    """quickstart.yaml, small, end to end. Tests read it and leave it as it is."""
    runs = tmp_path_factory.mktemp("runs")
    arguments = (
        "--config",
        str(QUICKSTART),
        f"data.root={small_data}",
        f"run.folder={runs}",
        "run.name=small",
        *SMALL,
    )
    return SmallRun(runs / "small", arguments, call_script("train", *arguments))


@pytest.fixture(scope="session")
def trained_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of quickstart as it is, trained once for all slow tests (minutes)."""
    folder = tmp_path_factory.mktemp("quickstart")
    done = run_python(
        [
            ROOT / "scripts" / "train.py", "--config", QUICKSTART,
            f"data.root={folder / 'demo'}", f"run.folder={folder / 'runs'}",
        ],
        timeout_s=1800,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    print(done.stdout)
    return folder / "runs" / "quickstart"
