"""The benchmark of DiffToken: the loop it compares with, its rows, and what it says without scikit-image."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from PIL import Image

from artimuse.benchmarks import difftoken
from artimuse.models.difftoken import patch_ssim
from artimuse.models.difftoken.sizes import planes


def test_rows_compare_one_pair_with_one_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(difftoken, "SIZE", (128, 96))
    threads = torch.get_num_threads()
    ssim, *pairs = difftoken.difftoken_times(repeats=2, threads=1)
    assert torch.get_num_threads() == threads
    assert (ssim["patches"], ssim["threads"]) == (12, 1)
    assert ssim["largest_difference"] < 1e-5
    assert ssim["speedup"]["low"] <= ssim["speedup"]["median"] <= ssim["speedup"]["high"]
    assert [row["variant"] for row in pairs] == ["corrected", "released"]


def test_the_loop_takes_every_patch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(difftoken, "SIZE", (128, 96))
    first, second = difftoken.pair()
    assert isinstance(first, Image.Image)
    a, b = (np.asarray(image).transpose(2, 0, 1) / 255 for image in (first, second))
    looped = difftoken.scikit_image_loop()(a, b)
    assert looped.shape == (3, 4)
    assert np.abs(looped - patch_ssim(planes(first), planes(second)).numpy()).max() < 1e-5


def test_without_scikit_image_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage.metrics", None)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "artimuse\[dev\]"'):
        difftoken.scikit_image_loop()
