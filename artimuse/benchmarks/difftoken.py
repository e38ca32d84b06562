"""SSIM of all patches of a pair at once, beside scikit-image's function in a loop over the patches.

    rows = list(difftoken_times(repeats=7, threads=1))

Both get the same pair, in the form that they work on (bytes; floats in [0, 1]), and take turns in one process
with the same number of threads. The loop is what the DiffToken paper's code runs for every pair.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from PIL import Image

from artimuse.benchmarks.load import Row, spread
from artimuse.models.difftoken import DiffToken, patch_ssim
from artimuse.models.difftoken.sizes import planes

SIZE = (1024, 768)
PATCH = 32
RUNS = 5
"""Of the vectorised function a repeat: one of them is too short to be timed alone on a busy machine."""


def difftoken_times(*, repeats: int, threads: int) -> Iterator[Row]:
    """The speed-up with medians and spreads, then what tokenizing the whole pair takes.

    Raises:
        ModuleNotFoundError: without scikit-image, saying what to install.
    """
    loop = scikit_image_loop()
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        images = pair()
        yield _side_by_side(loop, images, repeats, threads)
        for protocol in ("corrected", "released"):
            settings = DiffToken(protocol)
            taken = _times(lambda s=settings: s.pair(images[0], images[1], "pair"), repeats)
            yield _row("difftoken/pair", protocol, threads) | {"seconds": spread(taken)}
    finally:
        torch.set_num_threads(before)


def scikit_image_loop() -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """(3,H,W) twice, floats in [0, 1] -> (rows, columns): scikit-image, one patch and channel at a time."""
    try:
        from skimage.metrics import structural_similarity
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "benchmark difftoken: expected scikit-image to compare with, found none; "
            'install it with: pip install "artimuse[dev]" (or: pip install scikit-image)'
        ) from error

    def loop(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        rows, columns = first.shape[1] // PATCH, first.shape[2] // PATCH
        result = np.empty((rows, columns))
        for row, column in np.ndindex(rows, columns):
            top, left = row * PATCH, column * PATCH
            a = first[:, top : top + PATCH, left : left + PATCH]
            b = second[:, top : top + PATCH, left : left + PATCH]
            channels = zip(a, b, strict=True)
            result[row, column] = np.mean(
                [structural_similarity(x, y, data_range=1.0) for x, y in channels]
            )
        return result

    return loop


def pair() -> tuple[Image.Image, Image.Image]:
    """A made-up photograph with edges and noise, and the same out of focus on the right."""
    rng = np.random.default_rng(0)
    width, height = SIZE
    coarse = rng.integers(0, 256, (height // PATCH, width // PATCH, 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize(SIZE, Image.Resampling.BICUBIC), np.float32)
    noisy = np.clip(smooth + rng.normal(0, 8, smooth.shape), 0, 255)
    other = noisy.copy()
    other[:, width // 2 :] = smooth[:, width // 2 :]
    first, second = (Image.fromarray(pixels.astype(np.uint8)) for pixels in (noisy, other))
    return first, second


def _side_by_side(
    loop: Callable[[np.ndarray, np.ndarray], np.ndarray],
    images: tuple[Image.Image, Image.Image],
    repeats: int,
    threads: int,
) -> Row:
    first, second = (planes(image) for image in images)
    a, b = (tensor.numpy().astype(np.float32) / 255 for tensor in (first, second))
    difference = np.abs(loop(a, b) - patch_ssim(first, second, PATCH).numpy()).max()
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(repeats):
        theirs += _times(lambda: loop(a, b), 1, warm=False)
        runs = _times(lambda: patch_ssim(first, second, PATCH), RUNS, warm=False)
        ours.append(sum(runs) / RUNS)
    ratios = [slow / fast for slow, fast in zip(theirs, ours, strict=True)]
    return _row("difftoken/ssim", "{} x {}".format(*SIZE), threads) | {
        "patches": (SIZE[0] // PATCH) * (SIZE[1] // PATCH),
        "seconds": spread(ours),
        "loop_seconds": spread(theirs),
        "speedup": spread(ratios),
        "largest_difference": float(difference),
    }


def _row(case: str, variant: str, threads: int) -> Row:
    return {"case": case, "variant": variant, "threads": threads}


def _times(function: Callable[[], Any], repeats: int, *, warm: bool = True) -> list[float]:
    if warm:
        function()
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        taken.append(time.perf_counter() - start)
    return taken
