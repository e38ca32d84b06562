"""Images to pixels, on one core: what the loader processes do, beside transformers' own PIL processor.

    rows = list(pixel_rates(images=24, repeats=5))

Both start from the same decoded image, and take turns. What this project leaves to the device (scaling,
normalising, repeating frames) the processor does on the CPU, so the bytes that a process sends are counted too.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from artimuse.benchmarks.load import Row, spread
from artimuse.models.families.qwen_pixels import QwenPixels
from artimuse.models.families.tiles import tile

SIZE = (1000, 750)
"""Width and height of the made-up photographs: no multiple of a patch, so that every family resizes."""


def pixel_rates(*, images: int, repeats: int) -> Iterator[Row]:
    """Images per second and core of every family, ours and the processor's, and their ratio."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        files = [photograph(number) for number in range(images)]
        yield _decoding(files, repeats)
        photographs = [_decoded(file) for file in files]
        for family, ours, theirs in _families():
            yield _side_by_side(family, ours, theirs, photographs, repeats)
    finally:
        torch.set_num_threads(threads)


def _families() -> Iterator[tuple[str, Callable[..., Any], Callable[..., Any]]]:
    """Name, our preparation, and the processor with the settings that the family ships."""
    internvl = GotOcr2ImageProcessorPil(size={"height": 448, "width": 448}, crop_to_patches=False)
    yield "internvl", lambda image: tile(image, 448, "squash", (0, 0, 0)), internvl
    patch16 = {"patch_size": 16, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    for family, settings in (("qwen2_5_vl", {}), ("qwen3_vl", patch16)):
        processor = Qwen2VLImageProcessorPil(**settings)
        yield family, partial(_patches, QwenPixels(processor)), processor


def _patches(pixels: QwenPixels, image: Image.Image) -> Tensor:
    return pixels.patches(image).values


def _side_by_side(
    family: str,
    ours: Callable[..., Any],
    theirs: Callable[..., Any],
    photographs: Sequence[Image.Image],
    repeats: int,
) -> Row:
    taken: dict[str, list[float]] = {"ours": [], "theirs": []}
    for _ in range(repeats):
        taken["ours"].append(_rate(ours, photographs))
        taken["theirs"].append(
            _rate(lambda i: theirs(images=[i], return_tensors="pt"), photographs)
        )
    sent = ours(photographs[0])
    whole = theirs(images=[photographs[0]], return_tensors="pt")["pixel_values"]
    ratios = [a / b for a, b in zip(taken["ours"], taken["theirs"], strict=True)]
    return {
        "case": "load/pixels",
        "variant": family,
        "images": list(SIZE),
        "images_per_s_core": spread(taken["ours"]),
        "processor_images_per_s_core": spread(taken["theirs"]),
        "ratio": spread(ratios),
        "bytes_ratio": whole.numel() * whole.element_size() / sent.numel(),
    }


def _decoding(files: Sequence[bytes], repeats: int) -> Row:
    rates = [_rate(_decoded, files) for _ in range(repeats)]
    return {
        "case": "load/decode",
        "variant": f"JPEG {SIZE[0]} x {SIZE[1]}",
        "images_per_s_core": spread(rates),
    }


def _rate(function: Callable[[Any], Any], items: Sequence[Any]) -> float:
    function(items[0])
    start = time.perf_counter()
    for item in items:
        function(item)
    return len(items) / (time.perf_counter() - start)


def photograph(number: int, size: tuple[int, int] = SIZE) -> bytes:
    """A JPEG of (width, height) with edges and noise: flat colour would decode faster than any photograph."""
    rng = np.random.default_rng(number)
    width, height = size
    coarse = rng.integers(0, 256, (height // 32, width // 32, 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC), np.float32)
    noisy = np.clip(smooth + rng.normal(0, 8, smooth.shape), 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noisy).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def _decoded(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")
