"""What there is to say about a drawn picture: a critique for each of the eight attributes, and short questions.

    critiques(scene, rng)["Technical Execution"]     # "The tree is sharp, so the fine detail is clear."
    questions(scene, rng)                            # [Asked("How is the light?", "The light is dark.", "vqa"), ...]

The words follow from the factors alone, and there are few of them: a small model with a small vocabulary is meant
to learn them. Each attribute speaks of its own factor; the two overall ones of the level of quality.
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
_IDEA = {
    "clean": "nothing takes the eye away",
    "busy": "some objects take the eye away",
    "crowded": "many objects hide the idea",
}


@dataclass(frozen=True)
class Asked:
    """A question, its answer, and its kind: `vqa` (free text) or `mcq` (the answer is a letter, `A)`)."""

    question: str
    answer: str
    qtype: str


def words(scene: Scene) -> dict[str, str]:
    """The word for each factor of a picture: light, focus, colour, place, ground, level, subject, setting, sky."""
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


def critiques(scene: Scene, rng: np.random.Generator) -> dict[str, str]:
    """A critique of 8-18 words for each of the eight attributes of ArtiMuse, in their official order."""
    word, merit = words(scene), merits(scene)
    subject, setting = word["subject"], word["setting"]
    placed = "near a third" if merit["placement"] > 0.5 else "away from the thirds"
    best = _NAME[max(merit, key=lambda name: merit[name])]
    worst = _NAME[min(merit, key=lambda name: merit[name])]
    said = {
        "Composition & Design": (
            f"The {subject} stands on the {word['place']} of the frame, {placed}.",
            f"With the {subject} on the {word['place']}, it stands {placed}.",
        ),
        "Visual Elements & Structure": (
            f"The ground of the {setting} is {word['ground']} around the {subject}.",
            f"Around the {subject}, the ground of the {setting} is {word['ground']}.",
        ),
        "Technical Execution": (
            f"The {subject} is {word['focus']}, {_EFFECT[word['focus']]}.",
            f"The focus is {word['focus']}, {_EFFECT[word['focus']]}.",
        ),
        "Originality & Creativity": (
            f"The colours are {word['colour']}, {_PALETTE[word['colour']]}.",
            f"The {setting} has {word['colour']} colours, {_PALETTE[word['colour']]}.",
        ),
        "Theme & Communication": (
            f"The theme is a {subject} in a {setting}; {_IDEA[word['ground']]}.",
            f"It shows a {subject} in a {setting}, and {_IDEA[word['ground']]}.",
        ),
        "Emotion & Viewer Response": (
            f"The light is {word['light']}, so the {setting} feels rather {_MOOD[word['light']]}.",
            f"Under {word['light']} light, the {setting} feels rather {_MOOD[word['light']]}.",
        ),
        "Overall Gestalt": (
            f"As a whole, the picture is {word['level']}: {best} is its strength.",
            f"As a whole, the picture is {word['level']}: {worst} is its weakness.",
        ),
        "Comprehensive Evaluation": (
            f"A picture of {word['level']} quality: {word['light']} light, {word['focus']} focus, {word['colour']} colours.",
            f"The quality is {word['level']}, with {word['light']} light, {word['focus']} focus and {word['colour']} colours.",
        ),
    }
    return {attribute: texts[rng.integers(len(texts))] for attribute, texts in said.items()}


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
_SHORT = {
    "light": "What is the lighting condition of the image?",
    "focus": "What is the sharpness of the image?",
    "colour": "What is the colour style of the image?",
    "level": "What is the aesthetic quality of the image?",
}


def questions(scene: Scene, rng: np.random.Generator) -> list[Asked]:
    """12 to 19 questions about a picture, five to seven of them mcq, in random order."""
    word = words(scene)
    asked = [
        _choice(name, word[name], rng)
        for name in _pick(rng, list(_QUESTIONS), int(rng.integers(5, 8)))
    ]
    for name in _pick(rng, list(_QUESTIONS), int(rng.integers(5, 9))):
        question, start, _ = _QUESTIONS[name]
        asked.append(Asked(question, f"{start} {word[name]}.", "vqa"))
    for name in _pick(rng, list(_SHORT), int(rng.integers(2, 5))):
        asked.append(Asked(_SHORT[name], word[name], "vqa"))
    return [asked[index] for index in rng.permutation(len(asked))]


def _choice(name: str, truth: str, rng: np.random.Generator) -> Asked:
    """A multiple-choice question: two to all of the factor's words, the true one at a random letter."""
    question, _, vocabulary = _QUESTIONS[name]
    others = [other for other in vocabulary if other != truth]
    options = [truth, *_pick(rng, others, int(rng.integers(1, len(others) + 1)))]
    options = _pick(rng, options, len(options))
    lines = [f"{letter}) {option}" for letter, option in zip("ABCD", options, strict=False)]
    return Asked("\n".join([question, *lines]), f"{'ABCD'[options.index(truth)]})", "mcq")


def _pick(rng: np.random.Generator, items: list[str], count: int) -> list[str]:
    return [items[index] for index in rng.permutation(len(items))[:count]]


def _word(vocabulary: tuple[str, ...], value: float, edges: tuple[float, ...]) -> str:
    """The word for a value: the first below edges[0], the next below edges[1], and so on."""
    return vocabulary[sum(value >= edge for edge in edges)]
