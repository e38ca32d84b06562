"""Made-up data for the training and scoring benchmarks: photographs on disk, questions, and words to ask with.

    case = make_case("nine", folder, images=16, vocabulary=8000, seed=0)

nine      ArtiMuse-10K: eight answers of about 150 tokens, one to each attribute question, and a score
          question of about 30 tokens
nineteen  AesMMIT: nineteen questions of about 40 tokens with their answers, no score

The words are random syllables, as many as fill the tokenizer's vocabulary: nearly every word is a token.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from artimuse.benchmarks.pixels import photograph
from artimuse.benchmarks.presets import CaseName
from artimuse.prompts import ATTRIBUTES, protocol
from artimuse.records import OVERALL, Question, Sample, ScoreLabel

SCORE_QUESTION = (
    "Rate the overall aesthetic quality of this image on a scale from zero to one hundred."
)
ANSWER_WORDS = (98, 148)
QUESTIONS, QUESTION_WORDS, SHORT_ANSWER_WORDS = 19, (5, 9), (13, 26)
FILES = 16
"""Different photographs on disk; more samples than that show them again."""


@dataclass(frozen=True, slots=True)
class Case:
    """Samples, and the texts that a tokenizer is to be trained on."""

    name: CaseName
    samples: tuple[Sample, ...]
    texts: tuple[str, ...]


def make_case(
    name: CaseName,
    folder: Path,
    *,
    images: int,
    vocabulary: int,
    seed: int,
    shorter: int = 1,
    size: tuple[int, int] = (1000, 750),
) -> Case:
    """Draw photographs into a folder and make up what is asked about them.

    Args:
        images: samples, of one image each.
        vocabulary: of the tokenizer that will be trained on the texts.
        shorter: divides the numbers of words.
        size: width and height of the photographs.
    """
    rng = random.Random(seed)
    words = syllable_words(vocabulary, rng)
    files = write_photographs(folder, min(images, FILES), size)
    make = _nine if name == "nine" else _nineteen
    samples = tuple(
        Sample(f"{name}/{number}", (files[number % len(files)],), make(words, rng, shorter), name)
        for number in range(images)
    )
    return Case(name, samples, (*_in_lines(words), _wordings()))


def syllable_words(number: int, rng: random.Random) -> list[str]:
    """Different words of two syllables: their syllables are merged first, so that a word is one merge more."""
    syllables = ["".join(pair) for pair in product("bcdfghjklmnpqrstvwxz", "aeiou")]
    every = ["".join(pair) for pair in product(syllables, repeat=2)]
    return rng.sample(every, min(number, len(every)))


def write_photographs(folder: Path, number: int, size: tuple[int, int]) -> list[Path]:
    """JPEG files with gradients, edges and noise."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{index}.jpg" for index in range(number)]
    for index, path in enumerate(files):
        path.write_bytes(photograph(index, size))
    return files


def _nine(words: Sequence[str], rng: random.Random, shorter: int) -> tuple[Question, ...]:
    plain = protocol("plain")
    critiques = [
        Question("text", plain.attribute(name), _sentence(words, rng, ANSWER_WORDS, shorter), name)
        for name in ATTRIBUTES
    ]
    label = ScoreLabel(mean=round(rng.uniform(0, 100), 1), low=0, high=100)
    return (*critiques, Question("score", SCORE_QUESTION, aspect=OVERALL, label=label))


def _nineteen(words: Sequence[str], rng: random.Random, shorter: int) -> tuple[Question, ...]:
    return tuple(
        Question(
            "text",
            f"{_sentence(words, rng, QUESTION_WORDS, shorter)}?",
            answer=_sentence(words, rng, SHORT_ANSWER_WORDS, shorter),
        )
        for _ in range(QUESTIONS)
    )


def _sentence(
    words: Sequence[str], rng: random.Random, length: tuple[int, int], shorter: int
) -> str:
    low, high = (max(2, bound // shorter) for bound in length)
    return " ".join(rng.choices(words, k=rng.randint(low, high)))


def _in_lines(words: Sequence[str]) -> list[str]:
    # A word at the start of a line is another token than one behind a space.
    return [f"a {' '.join(words[n : n + 20])}" for n in range(0, len(words), 20)]


def _wordings() -> str:
    """What the questions and chat templates say, often enough that their words become tokens too."""
    plain = protocol("plain")
    said = [plain.attribute(name) for name in ATTRIBUTES]
    said += [
        SCORE_QUESTION,
        "system\nuser\nassistant\nUSER: ASSISTANT:",
        "You are a helpful assistant.",
    ]
    return " ".join(said * 20)
