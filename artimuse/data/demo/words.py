"""What there is to say about a drawn picture: a critique for each of the eight attributes, and short questions.

    critiques(scene)["Technical Execution"]     # "A sharp focus on the tree, so ..."
    questions(scene, rng)                # [Asked("How is the light?", "dark", "vqa"), ...]

The words follow from the factors alone, and there are few of them: a small model with a small
vocabulary is meant to learn them. Each attribute speaks of its own factor, the two overall ones of the
level of quality.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from artimuse.data.demo.quality import merits, quality
from artimuse.data.demo.scene import SETTINGS, SKIES, SUBJECTS, Scene

# Words for rising values of a factor; they part where no scene of `draw_scene` lies.
LIGHT = ("dark", "balanced", "bright")
FOCUS = ("sharp", "soft", "blurred")
COLOUR = ("faded", "natural", "garish")
PLACE = ("left", "middle", "right")
GROUND = ("clean", "busy", "crowded")
LEVEL = ("poor", "fair", "good", "excellent")
_LEVEL_FROM_0_100 = (30.0, 52.0, 74.0)

_MOOD = {"dark": "heavy", "balanced": "calm", "bright": "pale"}
_EFFECT = {
    "sharp": "so the fine detail is clear",
    "soft": "so the fine detail is weak",
    "blurred": "so the fine detail is lost",
}
_PALETTE = {
    "faded": "too weak to surprise",
    "natural": "in harmony and pleasant",
    "garish": "too loud to please",
}
_ELEMENTS = {
    "clean": "hardly a stray object",
    "busy": "a few stray objects",
    "crowded": "many stray objects",
}


@dataclass(frozen=True)
class Asked:
    """A question, its answer, and its kind: `vqa` (free text) or `mcq` (the answer is a letter, `A)`)."""

    question: str
    answer: str
    qtype: str


def words(scene: Scene) -> dict[str, str]:
    """The word for each factor of a picture, by name: `{"light": "dark", "focus": "soft", ...}`."""
    score = quality(scene)
    return {
        "light": _word(LIGHT, scene.exposure, (-0.35, 0.35)),
        "focus": _word(FOCUS, scene.blur, (0.22, 0.57)),
        "colour": _word(COLOUR, scene.vividness, (-0.35, 0.35)),
        "place": _word(PLACE, scene.subject_x, (0.4, 0.6)),
        "ground": _word(GROUND, len(scene.visible_pieces), (1.5, 5.0)),
        "level": _word(LEVEL, score, _LEVEL_FROM_0_100),
        "subject": scene.subject,
        "setting": scene.setting,
        "sky": scene.sky,
    }


def critiques(scene: Scene) -> dict[str, str]:
    """A critique of 8-18 words for each of the eight attributes of ArtiMuse, in their official order."""
    word, merit = words(scene), merits(scene)
    light, focus, colour = word["light"], word["focus"], word["colour"]
    place, ground, level = word["place"], word["ground"], word["level"]
    subject, setting = word["subject"], word["setting"]
    thirds = "near a third" if merit["placement"] > 0.5 else "away from the thirds"
    if level in ("good", "excellent"):
        reason = f"its {_NAME[max(merit, key=lambda name: merit[name])]} is a strength"
    else:
        reason = f"its {_NAME[min(merit, key=lambda name: merit[name])]} is a weakness"
    return {
        "Composition & Design": f"Placed on the {place}, the {subject} stands {thirds}.",
        "Visual Elements & Structure": f"A {ground} ground: {_ELEMENTS[ground]} around the {subject}.",
        "Technical Execution": f"A {focus} focus on the {subject}, {_EFFECT[focus]}.",
        "Originality & Creativity": f"The colours are {colour}, {_PALETTE[colour]}.",
        "Theme & Communication": f"The theme is a {subject} in a {setting}, under a {word['sky']} sky.",
        "Emotion & Viewer Response": f"The {light} light makes the {setting} feel {_MOOD[light]}.",
        "Overall Gestalt": f"As a whole, the picture is {level}: {reason}.",
        "Comprehensive Evaluation": (
            f"A picture of {level} quality: {light} light, {focus} focus, {colour} colours."
        ),
    }


_NAME = {
    "light": "light",
    "sharpness": "focus",
    "colour": "colour",
    "placement": "placement",
    "tidiness": "tidiness",
}

# Factor -> (question, start of the answer, words to choose from).
_QUESTIONS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "light": ("How is the light?", "The light is", LIGHT),
    "focus": ("How is the focus?", "The focus is", FOCUS),
    "colour": ("How are the colours?", "The colours are", COLOUR),
    "place": ("Where is the subject?", "The subject is on the", PLACE),
    "ground": ("How is the ground?", "The ground is", GROUND),
    "level": ("How is the quality?", "The quality is", LEVEL),
    "subject": ("What is the subject?", "The subject is a", SUBJECTS),
    "setting": ("What is the setting?", "The setting is a", SETTINGS),
    "sky": ("How is the sky?", "The sky is", SKIES),
}
# What is asked as a choice: what a small model can see in minutes (not which subject, nor counting objects).
_CHOICES = ("light", "focus", "colour", "place", "level", "setting", "sky")
# The same factor asked for a sentence.
_DESCRIBE = {
    "light": "Describe the light.",
    "focus": "Describe the focus.",
    "colour": "Describe the colours.",
    "ground": "Describe the ground.",
    "level": "Describe the quality.",
}


def questions(scene: Scene, rng: np.random.Generator) -> list[Asked]:
    """12 to 19 questions about a picture, five to seven of them mcq, in random order."""
    word = words(scene)
    names = list(_QUESTIONS)
    chosen = _pick(rng, list(_CHOICES), int(rng.integers(5, 8)))
    asked = [_choice(name, word[name]) for name in chosen]
    for name in _pick(rng, names, int(rng.integers(5, 9))):
        asked.append(Asked(_QUESTIONS[name][0], word[name], "vqa"))
    for name in _pick(rng, list(_DESCRIBE), int(rng.integers(2, 5))):
        asked.append(Asked(_DESCRIBE[name], f"{_QUESTIONS[name][1]} {word[name]}.", "vqa"))
    return [asked[index] for index in rng.permutation(len(asked))]


def _choice(name: str, truth: str) -> Asked:
    """A multiple-choice question: all of a factor's words, always in the same order.

    A model of this size learns in minutes to see what is right, but not to look it up among shuffled
    options; the truth is balanced over the letters because the factors are drawn so.
    """
    question, _, vocabulary = _QUESTIONS[name]
    lines = [f"{letter}) {option}" for letter, option in zip("ABCD", vocabulary, strict=False)]
    return Asked("\n".join([question, *lines]), f"{'ABCD'[vocabulary.index(truth)]})", "mcq")


def _pick(rng: np.random.Generator, items: list[str], count: int) -> list[str]:
    return [items[index] for index in rng.permutation(len(items))[:count]]


def _word(vocabulary: tuple[str, ...], value: float, edges: tuple[float, ...]) -> str:
    """The word for a value: the first below edges[0], the next below edges[1], and so on."""
    return vocabulary[sum(value >= edge for edge in edges)]
