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

SCATTERS = heap._scatters()
needs_old = pytest.mark.skipif(not SCATTERS, reason="this heap is none that has to be changed")

TELLS = """
import json, os, sys
from pathlib import Path
from artimuse.training import heap
heap.GPU = Path({gpu!r})
print("started", os.getpid())
heap.start_with_whole_heap(__file__)
print(json.dumps([os.getpid(), sys.argv, os.environ.get(heap.NAME), sys.flags.bytes_warning]))
"""
# Large tensors that go, and small ones between them that stay. Whether equal sizes lose their places depends on
# where the process happens to lie; sizes and an order that change lose them in every process.
GROWS = """
import random
from pathlib import Path
import torch
from artimuse.training import heap
from artimuse.training.speed import peak_memory_mb
heap.GPU = Path("/nowhere")
heap.start_with_whole_heap(__file__)
draw, kept, peaks = random.Random(0), [], [peak_memory_mb(torch.device("cpu"))]
for widest in (1, 3):
    for _ in range(150):
        large = [torch.empty(2**18 + 4 * draw.randrange(widest)).fill_(1.0) for _ in range(6)]
        kept.append([torch.zeros(draw.randrange(1, 60)) for _ in range(19)])
        draw.shuffle(large)
        while large:
            large.pop()
    peaks.append(peak_memory_mb(torch.device("cpu")))
print(*peaks)
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


@needs_old
def test_the_same_process_starts_anew_once_as_it_was_called(tmp_path: Path) -> None:
    path = tmp_path / "script.py"
    started, (process, arguments, variable, flag) = told(path)
    assert started == [process, process]
    assert arguments == [str(path), "a b", "--c"]
    assert variable == heap.WITHOUT_LISTS
    assert flag == 1, "python's own options are the same"


@needs_old
def test_nothing_happens_where_somebody_chose_or_a_gpu_computes(tmp_path: Path) -> None:
    for variables, kept in (({heap.NAME: "glibc.malloc.tcache_count=3"}, True), ({}, False)):
        gpu = "/nowhere" if kept else str(tmp_path)
        started, (process, _, variable, _) = told(tmp_path / "script.py", gpu, **variables)
        assert started == [process]
        assert variable == (variables[heap.NAME] if kept else None)


@pytest.mark.parametrize(
    ("called", "version", "anew"),
    [
        (["{script}", "--config", "c.yaml"], "2.36", True),
        (["-u", "{script}"], "2.38", True),
        (["{script}"], "2.39", False),
        (["{script}"], "2.41", False),
        (["-m", "pdb", "{script}"], "2.36", False),
        (["/usr/bin/coverage", "run", "{script}"], "2.36", False),
        (["-m", "ipykernel_launcher", "-f", "kernel.json"], "2.36", False),
    ],
)
def test_only_the_script_itself_starts_anew_and_where_the_heap_needs_it(
    called: list[str], version: str, anew: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "train.py"
    script.touch()
    words = ["python", *(word.format(script=script) for word in called)]
    started: list[list[str]] = []
    around = {key: value for key, value in os.environ.items() if key != heap.NAME}
    monkeypatch.setattr(os, "environ", around)
    monkeypatch.setattr(heap, "GPU", Path("/nowhere"))
    monkeypatch.setattr(platform, "libc_ver", lambda: ("glibc", version))
    monkeypatch.setattr(sys, "argv", [str(script)])
    monkeypatch.setattr(sys, "orig_argv", words)
    monkeypatch.setattr(os, "execv", lambda _, given: started.append(given))
    heap.start_with_whole_heap(str(script))
    assert started == ([[sys.executable, *words[1:]]] if anew else [])
    assert around.get(heap.NAME) == (heap.WITHOUT_LISTS if anew else None)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="of glibc's heap alone")
def test_tensors_take_the_place_of_those_before_them(tmp_path: Path) -> None:
    """6 MB at a time. Without the new start glibc 2.36 takes 180 MB and more for them, without the first list
    alone 115 and more in one start of four; from 2.39 on it must be as little without one."""
    before, equal, changing = map(float, called(GROWS, tmp_path / "grows.py")[-1].split())
    assert equal - before < 30
    assert changing - before < 30
