"""What a process says of its own memory."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch

from artimuse.training.speed import peak_memory_mb

CPU = torch.device("cpu")


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="as Linux tells it")
def test_a_process_is_not_told_its_parents_peak() -> None:
    large = torch.ones(2**28)  # 1 GiB, touched
    assert peak_memory_mb(CPU) > 1024
    code = (
        "import torch; from artimuse.training.speed import peak_memory_mb; "
        "print(peak_memory_mb(torch.device('cpu')))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert 50 < float(told) < 1024
    assert len(large)
