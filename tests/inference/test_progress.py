"""How far it is: plain lines without a terminal, and counts at the end."""

from __future__ import annotations

import re

import pytest

from artimuse.inference import progress as module
from artimuse.inference.progress import Progress


def test_plain_lines_and_counts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    times = iter(float(second) for second in range(0, 999, 4))
    monkeypatch.setattr(module.time, "monotonic", lambda: next(times))
    progress = Progress(20, skipped=10)
    for _ in range(6):
        progress.row(cut_texts=2)
    progress.no_row("a.jpg: empty file")
    progress.close()
    lines = capsys.readouterr().err.splitlines()
    assert "not scored: a.jpg: empty file" in lines
    counted = [re.match(r"image=(\d+)/20 images/s=\d\.\d\d left_s=\d+", line) for line in lines]
    assert 1 <= len([match for match in counted if match]) < 7
    assert progress.summary().startswith("scored=6 not_scored=1 skipped=10 cut_texts=12 mean_s=")


def test_nothing_scored_has_no_mean() -> None:
    assert "scored=0 not_scored=0 skipped=3" in Progress(3, skipped=3).summary()
