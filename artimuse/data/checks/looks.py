"""When two images look the same: a copy that was saved anew, in another format, or at another size.

    views = np.stack([view(read_image(path)) for path in paths])
    for one, other, distance in same_looks(views_of_training, views_of_evaluation): ...

An image is kept as its view: 32 x 32 grey pixels. Two views show one image if both hold:

1. Their fingerprints are less than FINGERPRINT apart. A fingerprint is the 63 lowest frequencies of the
   view (8 x 8 of its DCT without the mean), each times the root of its frequency, as a vector of length 1;
   apart means 1 - cosine. All pairs are compared, as matrix products.
2. Their pixels differ by at most LEVELS + SHARE * contrast grey levels on average (contrast: the standard
   deviation of the flatter view): a copy has the brightness of its original.

Measured on 10,000 unrelated demo images (50 million pairs), and on copies of 800 of them:

                                  fingerprints apart,   mean difference,   found
                                  at most               at most
    JPEG of quality 95            .0001                  .2                800
    JPEG of quality 75            .0004                  .4                800
    JPEG of quality 40            .0017                  .8                800
    half size                     .0003                  .9                800
    double size                   .0001                  .3                800
    quarter size (32-55 px)       .0005                 3.0                800
    quarter size, quality 75      .0027                 4.9                800
    quarter size, quality 40      .0103                 6.8                785
    squashed to 64 x 64           .0004                  .4                800

    unrelated, the nearest pair   .0508                 20.3               0 false alarms in 50 million

(For 168 unrelated pairs with fingerprints less than .1 apart, the mean difference is 5.0 at least, and
1 + .237 * contrast.) The search takes 7 s of one core for 100,000 x 20,000 views; reading the images takes
longer. Of photographs no false alarms were counted: look at a finding before you act on it.

Not found: crops, mirror images, rotations, other colours or exposure. An image that shows no more than a
gradient (blank page, fog, bare sky) is compared with nothing: it has no look of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PIL import Image
from scipy.fft import dctn

SIDE = 32
FINGERPRINT = 0.02
LEVELS = 1.0
SHARE = 0.15
_FREQUENCIES = 8
_FLAT = 5.0
"""Contrast in grey levels below which an image is compared with nothing."""
_PLAIN = 2.5
"""Frequencies that an image has to be made of at least (participation ratio); a gradient has one or two."""
_BLOCK = 2048


def view(image: Image.Image) -> np.ndarray:
    """An image as it is compared: (32, 32) grey levels, uint8; its aspect does not matter."""
    small = image.convert("L").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    return np.asarray(small, dtype=np.uint8)


def same_looks(first: np.ndarray, second: np.ndarray) -> Iterator[tuple[int, int, float]]:
    """Pairs of views that show the same image, and their mean difference in grey levels.

    Args:
        first, second: (N, 32, 32) and (M, 32, 32) uint8.
    """
    ones, one_marks = _fingerprints(first)
    others, other_marks = _fingerprints(second)
    for i in range(0, len(ones), _BLOCK):
        for j in range(0, len(others), _BLOCK):
            likeness = one_marks[i : i + _BLOCK] @ other_marks[j : j + _BLOCK].T
            one, other = np.nonzero(likeness > 1 - FINGERPRINT)
            yield from _verified(first, second, ones[i + one], others[j + other])


def _fingerprints(views: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the views that have a look of their own, and their fingerprints (n, 63)."""
    size = _FREQUENCIES
    if not len(views):
        return np.zeros(0, dtype=np.int64), np.zeros((0, size * size - 1), dtype=np.float32)
    low = np.empty((len(views), size, size), dtype=np.float32)
    for start in range(0, len(views), _BLOCK):
        block = views[start : start + _BLOCK].astype(np.float32)
        waves = np.asarray(dctn(block, axes=(1, 2), norm="ortho"))
        low[start : start + _BLOCK] = waves[:, :size, :size]
    steps = np.arange(size, dtype=np.float32)
    marks = (low * np.sqrt(np.hypot(steps[:, None], steps))).reshape(len(views), -1)[:, 1:]
    marks /= np.maximum(np.linalg.norm(marks, axis=1, keepdims=True), 1e-6)
    parts = 1 / np.maximum((marks**4).sum(axis=1), 1e-6)
    own = np.flatnonzero((_contrast(views) >= _FLAT) & (parts >= _PLAIN))
    return own, marks[own]


def _contrast(views: np.ndarray) -> np.ndarray:
    return views.reshape(len(views), -1).std(axis=1, dtype=np.float32)


def _verified(
    first: np.ndarray, second: np.ndarray, ones: np.ndarray, others: np.ndarray
) -> Iterator[tuple[int, int, float]]:
    for start in range(0, len(ones), _BLOCK):
        i, j = ones[start : start + _BLOCK], others[start : start + _BLOCK]
        one, other = first[i], second[j]
        distance = np.abs(one.astype(np.int16) - other).mean(axis=(1, 2))
        limit = LEVELS + SHARE * np.minimum(_contrast(one), _contrast(other))
        for place in np.flatnonzero(distance <= limit):
            yield int(i[place]), int(j[place]), float(distance[place])
