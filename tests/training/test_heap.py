"""A program that starts anew, once, with a heap that a tensor's hole can be used again in."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from artimuse.training import heap

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="this is glibc's heap")

TELLS = """
import json, os, sys
from pathlib import Path
from artimuse.training import heap
heap.GPU = Path({gpu!r})
print("started", os.getpid())
heap.start_with_whole_heap()
print(json.dumps([os.getpid(), sys.argv, os.environ.get(heap.NAME), sys.flags.bytes_warning]))
"""
# Tensors of one size, and small ones between that stay.
GROWS = """
import torch
from artimuse.training.heap import start_with_whole_heap
from artimuse.training.speed import peak_memory_mb
start_with_whole_heap()
before, kept = peak_memory_mb(torch.device("cpu")), []
for _ in range(100):
    large = [torch.empty(2**18).fill_(1.0) for _ in range(6)]
    kept.append([torch.zeros(size) for size in range(1, 20)])
    del large
print(peak_memory_mb(torch.device("cpu")) - before)
"""


def called(code: str, path: Path, *arguments: str, **variables: str) -> list[str]:
    """The lines that a script prints."""
    path.write_text(code, encoding="utf-8")
    around = {key: value for key, value in os.environ.items() if key != heap.NAME}
    return subprocess.run(
        [sys.executable, "-b", str(path), *arguments], env=around | variables, capture_output=True,
        text=True, check=True,
    ).stdout.splitlines()  # fmt: skip


def told(path: Path, gpu: str = "/nowhere", **variables: str) -> tuple[list[int], Any]:
    """The processes that started, and what the last one said of itself."""
    *started, last = called(TELLS.format(gpu=gpu), path, "a b", "--c", **variables)
    return [int(line.split()[1]) for line in started], json.loads(last)


def test_the_same_process_starts_anew_once_as_it_was_called(tmp_path: Path) -> None:
    path = tmp_path / "script.py"
    started, (process, arguments, variable, flag) = told(path)
    assert started == [process, process]
    assert arguments == [str(path), "a b", "--c"]
    assert variable == heap.WITHOUT_CACHE
    assert flag == 1, "python's own options are the same"


def test_nothing_happens_where_somebody_chose_or_a_gpu_computes(tmp_path: Path) -> None:
    for variables, kept in (({heap.NAME: "glibc.malloc.tcache_count=3"}, True), ({}, False)):
        gpu = "/nowhere" if kept else str(tmp_path)
        started, (process, _, variable, _) = told(tmp_path / "script.py", gpu, **variables)
        assert started == [process]
        assert variable == (variables[heap.NAME] if kept else None)


def test_a_script_inside_another_program_does_not_start_that_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(heap.NAME, raising=False)
    monkeypatch.setattr(heap, "GPU", Path("/nowhere"))
    monkeypatch.setattr(sys, "argv", ["scripts/train.py"])
    monkeypatch.setattr(os, "execv", lambda *_: pytest.fail("started anew"))
    heap.start_with_whole_heap()
    assert heap.NAME not in os.environ


def test_tensors_take_the_place_of_those_before_them(tmp_path: Path) -> None:
    """6 MB at a time: without the new start glibc 2.36 takes more than a thousand for them."""
    assert float(called(GROWS, tmp_path / "grows.py")[-1]) < 30
