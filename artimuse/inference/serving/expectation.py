"""Log-probabilities of the words of a read-out -> the score, and its bounds where a server left words out.

    expectation({0: -0.5, 4: -1.1}, values=(0, 25, 50, 75, 100), returned=0.94, smallest=0.02)

With p_k the probabilities of the K words among the whole vocabulary and v_k their values, the score is
sum_k p_k v_k / sum_k p_k: the expectation under the softmax over the K words alone, as what is not a word
cancels. A server returns the top k of the vocabulary. A word that is not among them has at most the
smallest probability that is, and all of them together at most what is left of 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServedScore:
    """A score on 0-100 from a server's log-probabilities.

    value: over the words that were returned; the score itself where all were. low, high: between them lies the
    score, whatever the probabilities of the missing words. spread: standard deviation over the words that were
    returned. mass: their probability together. missing: how many words were not returned.
    """

    value: float
    low: float
    high: float
    spread: float
    mass: float
    missing: int

    @property
    def width(self) -> float:
        """Points between the bounds."""
        return self.high - self.low


def expectation(
    words: Mapping[int, float], *, values: Sequence[float], returned: float, smallest: float
) -> ServedScore:
    """The score, and between which bounds it is.

    Args:
        words: index of a word -> ln p, of the words that were returned; at least one.
        values: (K) points of each word.
        returned: probability of everything that was returned, words or not.
        smallest: the most that a word which was not returned can have.

    Raises:
        ValueError: where the words have no probability at all, as far as a number can say.
    """
    # Relative to the likeliest word, so that none of them is 0 before they are divided.
    highest = max(words.values())
    # Their ratios would be those of a server's stand-ins for minus infinity. (NaN is caught too.)
    if not math.exp(highest) > 0:
        raise ValueError(
            f"expected words with a probability, found ln p of at most {highest:g} for all {len(words)} of them"
        )
    weight = {k: math.exp(log_p - highest) for k, log_p in words.items()}
    total = sum(weight.values())
    value = sum(weight[k] * values[k] for k in words) / total
    variance = sum(weight[k] * (values[k] - value) ** 2 for k in words) / total
    missing = [v for k, v in enumerate(values) if k not in words]
    rest = max(0.0, 1.0 - returned)

    def bound(others: Iterable[float], sign: int) -> float:
        """The mean that is farthest on one side: from the outermost value on, each word as likely as it may be,
        as long as that still moves the mean."""
        mass = math.exp(highest) * total
        mean, left = value, rest
        for other in others:
            more = min(smallest, left)
            if (other - mean) * sign <= 0 or more <= 0:
                break
            mean = (mean * mass + other * more) / (mass + more)
            mass, left = mass + more, left - more
        return mean

    low = bound(sorted(missing), -1)
    high = bound(sorted(missing, reverse=True), 1)
    mass = math.exp(highest) * total
    return ServedScore(value, low, high, math.sqrt(variance), mass, len(missing))
