"""Which samples make up optimizer step k: a pure function of (seed, k) and the data.

    order = Order([units_of_source_a, units_of_source_b], weights=[2, 1], batch_images=16, seed=0)
    order.step(120)        # the same units whatever ran before, on any number of processes or workers

A *unit* is what is never cut: a single image, or a whole series with its pairs. Every source walks through
its own passes; pass p of a source is one seeded permutation of its units, so a unit appears exactly once
per pass, and the position of a source before step k is a closed formula.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Literal

import numpy as np

from artimuse.config import ConfigError
from artimuse.data.units import Unit, image_counts


class Order:
    """The order of samples of a mixture.

    Args:
        sources: per source its units.
        weights: per source its share of a step's images (blend), or of the steps (alternate).
        batch_images: images of a step, on average: units are whole. With "alternate" one number a source, or
            one for all.
        seed: every permutation derives from it.
        mixture: "blend" puts every source into every step; "alternate" gives each step to one source.
        epochs: end after so many passes of the first source (the last step may be incomplete).
        steps: end after so many steps.

    Raises:
        ConfigError: for a step without a unit, or alternating weights in no simple ratio.
    """

    def __init__(
        self,
        sources: Sequence[Sequence[Unit]],
        *,
        weights: Sequence[float],
        batch_images: int | Sequence[int],
        seed: int,
        mixture: Literal["blend", "alternate"] = "blend",
        epochs: float | None = None,
        steps: int | None = None,
    ) -> None:
        empty = [number for number, source in enumerate(sources) if not source]
        if empty or not sources:
            raise ValueError(f"order: expected every source to hold images, found none in {empty}")
        self.sources = list(sources)
        self._images = [image_counts(source) for source in self.sources]
        self.seed = seed
        self.mixture = mixture
        exact = [Fraction(str(weight)) for weight in weights]
        self._share = [weight / sum(exact) for weight in exact]
        self._cycle = _cycle(self._share) if mixture == "alternate" else ()
        # Units per step of a source: images wanted, divided by the mean images of its units.
        wanted = (
            [batch_images] * len(self.sources) if isinstance(batch_images, int) else batch_images
        )
        self._rate = [
            self._wanted_images(number, wanted[number]) * len(images) / int(images.sum())
            for number, images in enumerate(self._images)
        ]
        self._limit = None if epochs is None else max(1, round(epochs * len(self.sources[0])))
        if steps is None and self._limit is None:
            raise ValueError("order: expected `steps` or `epochs`")
        self.steps = steps if steps is not None else self._steps_until_limit()
        self._refuse_empty_steps(min(wanted))

    def __len__(self) -> int:
        return self.steps

    def step(self, k: int) -> list[Unit]:
        """The units of step k (counted from 0), grouped by source.

        Raises:
            IndexError: for a step outside 0..len - 1.
        """
        if not 0 <= k < self.steps:
            raise IndexError(f"step {k} of a run of {self.steps}")
        chosen: list[Unit] = []
        for number in range(len(self.sources)):
            for position in range(self.position(number, k), self.position(number, k + 1)):
                chosen.append(self.unit(number, position))
        return chosen

    def unit(self, source: int, position: int) -> Unit:
        """The unit at a position of a source's endless walk: pass = position // units."""
        number = len(self.sources[source])
        walk = _permutation(self.seed, source, position // number, number)
        return self.sources[source][walk[position % number]]

    def images(self, source: int) -> tuple[int, float]:
        """Images of a source in the whole run, and how many passes over it that is."""
        units, counts = self.position(source, self.steps), self._images[source]
        whole, rest = divmod(units, len(counts))
        begun = _permutation(self.seed, source, whole, len(counts))[:rest]
        return whole * int(counts.sum()) + int(counts[begun].sum()), units / len(counts)

    def largest_unit(self) -> int:
        """Images of the largest unit of all sources."""
        return max(int(counts.max()) for counts in self._images)

    def position(self, source: int, k: int) -> int:
        """How many units of a source are used before step k."""
        turns = Fraction(k) if self.mixture == "blend" else Fraction(self._turns(source, k))
        # Rounding a running product, rather than each step, neither drops nor repeats a unit. Half a
        # unit is added so that a source of less than one unit a step starts in the middle of its gap.
        position = int(turns * self._rate[source] + Fraction(1, 2))
        if source == 0 and self._limit is not None:
            position = min(position, self._limit)
        return position

    def _wanted_images(self, source: int, batch_images: int) -> Fraction:
        return batch_images * (self._share[source] if self.mixture == "blend" else Fraction(1))

    def _turns(self, source: int, k: int) -> int:
        """Steps below k that belong to a source when sources alternate."""
        whole, rest = divmod(k, len(self._cycle))
        return whole * self._cycle.count(source) + self._cycle[:rest].count(source)

    def _refuse_empty_steps(self, batch_images: int) -> None:
        """A source of one unit a step or more never leaves a step empty; others may, by rounding."""
        if (max if self.mixture == "blend" else min)(self._rate) >= 1:
            return
        before = [0] * len(self.sources)
        for k in range(self.steps):
            after = [self.position(number, k + 1) for number in range(len(self.sources))]
            if after == before:
                largest = self.largest_unit()
                raise ConfigError(
                    f"train.batch_images: {batch_images} images a step leave step {k} empty, as a "
                    f"series is never cut and the largest has {largest} images: expected about "
                    f"{largest * len(self.sources)} or more"
                )
            before = after

    def _steps_until_limit(self) -> int:
        assert self._limit is not None
        low, high = 0, 1
        while self.position(0, high) < self._limit:
            low, high = high, high * 2
        while high - low > 1:
            middle = (low + high) // 2
            if self.position(0, middle) < self._limit:
                low = middle
            else:
                high = middle
        return high


@lru_cache(maxsize=16)
def _permutation(seed: int, source: int, number_of_pass: int, units: int) -> np.ndarray:
    return np.random.default_rng([seed, source, number_of_pass]).permutation(units)


def _cycle(shares: Sequence[Fraction], longest: int = 1000) -> tuple[int, ...]:
    """The owners of the steps of one period when sources alternate by weight, evenly spread.

    Each step goes to the source that is furthest behind its share: with equal weights that is one source
    after the other; with 2 : 1 it is 0, 1, 0.
    """
    period = math.lcm(*(share.denominator for share in shares))
    if period > longest:
        raise ConfigError(
            "alternating sources: expected weights in a simple ratio such as 2 : 1, found shares "
            + ", ".join(f"{float(share):g}" for share in shares)
        )
    owners: list[int] = []
    for step in range(1, period + 1):
        behind = [share * step - owners.count(n) for n, share in enumerate(shares)]
        owners.append(max(range(len(shares)), key=lambda n: (behind[n], -n)))
    return tuple(owners)
