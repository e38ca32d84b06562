"""The baseline that looks at no content: a linear fit on three statistics of the pixels.

    baseline = PixelBaseline.fit(training_paths, labels_0_100)
    predictions = baseline.predict(held_out_paths)             # (N) on about 0-100

A trained model that is not clearly better has learned brightness and sharpness. The images are
read as they are, at full resolution, since any resizing changes sharpness: under 1 ms per image of
250 px.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from artimuse.data.images import read_image

Floats = NDArray[np.float64]
STATISTICS = ("mean luminance", "contrast", "Laplacian variance")
POOL_LEAST = 5000


@dataclass(frozen=True, slots=True)
class PixelBaseline:
    """score = intercept + weights . (statistics - center) / spread, three of each."""

    intercept: float
    weights: Floats
    center: Floats
    spread: Floats

    @classmethod
    def fit(cls, paths: Sequence[str | Path], labels_0_100: ArrayLike, *, workers: int = 1) -> Self:
        """Least squares on the training images.

        Args:
            paths: Images (N).
            labels_0_100: Their labels (N).
            workers: Processes that read images.

        Raises:
            ValueError: No images, not one label per image, or a label that is not finite.
        """
        labels = np.asarray(labels_0_100, np.float64)
        if labels.shape != (len(paths),) or not len(paths):
            raise ValueError(
                f"pixel statistics: expected one label per image, at least 1, found {len(paths)} "
                f"images and labels of shape {labels.shape}"
            )
        for path, label in zip(paths, labels, strict=True):
            if not np.isfinite(label):
                raise ValueError(
                    f"pixel statistics: expected a finite label, found {label} for {path}"
                )
        values = pixel_statistics(paths, workers=workers)
        center, spread = values.mean(axis=0), values.std(axis=0)
        spread[spread == 0] = 1.0  # the same in all images: tells nothing, and gets the weight 0
        # lstsq takes the shortest solution, so fewer images than statistics are no error.
        weights = np.linalg.lstsq((values - center) / spread, labels - labels.mean(), rcond=None)[0]
        return cls(float(labels.mean()), weights, center, spread)

    def predict(self, paths: Sequence[str | Path], *, workers: int = 1) -> Floats:
        """Scores (N) of images; not cut to 0-100, which would make ties."""
        values = pixel_statistics(paths, workers=workers)
        return self.intercept + (values - self.center) / self.spread @ self.weights


def pixel_statistics(paths: Sequence[str | Path], *, workers: int = 1) -> Floats:
    """(N, 3): the STATISTICS of each image, read with `artimuse.data.images.read_image`.

    Several workers are processes, since most of the work here holds Python's lock. They are spawned,
    since a fork beside torch's own threads can hang; that takes seconds, so fewer than POOL_LEAST
    images are read here.
    """
    if workers > 1 and len(paths) >= POOL_LEAST:
        with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
            rows = list(pool.map(_of_file, paths, chunksize=256))
    else:
        rows = [_of_file(path) for path in paths]
    return np.array(rows, np.float64).reshape(-1, len(STATISTICS))


def image_statistics(image: Image.Image) -> tuple[float, float, float]:
    """The STATISTICS of one image; luminance (ITU-R 601-2, PIL's mode L) on 0-1.

    Mean luminance, its standard deviation, and the variance of its Laplacian, the 4-neighbour
    kernel (0 1 0, 1 -4 1, 0 1 0) inside the border; 0 for an image under 3 px.

    Source of the Laplacian's variance as sharpness: Pech-Pacheco et al. (ICPR 2000).
    """
    luminance = np.asarray(image.convert("L"), np.float32) / 255
    inner = luminance[1:-1, 1:-1]
    laplacian = luminance[:-2, 1:-1] + luminance[2:, 1:-1]
    laplacian += luminance[1:-1, :-2]
    laplacian += luminance[1:-1, 2:]
    laplacian -= 4 * inner
    sharpness = float(laplacian.var(dtype=np.float64)) if laplacian.size else 0.0
    return (
        float(luminance.mean(dtype=np.float64)),
        float(luminance.std(dtype=np.float64)),
        sharpness,
    )


def _of_file(path: str | Path) -> tuple[float, float, float]:
    return image_statistics(read_image(Path(path)))
