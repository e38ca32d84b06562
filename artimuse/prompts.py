"""Wordings by protocol name. They are part of a model's contract, so they are recorded in its folder.

`plain` is this project's own, short enough for small models. The eight attributes and the wording of the
attribute question are those of ArtiMuse (arXiv 2507.14533; https://github.com/thunderbolt215/ArtiMuse).
"""

from __future__ import annotations

from dataclasses import dataclass

ATTRIBUTES = (
    "Composition & Design",
    "Visual Elements & Structure",
    "Technical Execution",
    "Originality & Creativity",
    "Theme & Communication",
    "Emotion & Viewer Response",
    "Overall Gestalt",
    "Comprehensive Evaluation",
)
ATTRIBUTE_QUESTION = (
    "Please evaluate the aesthetic quality of this image from the aspect of {attribute}."
)

# AesBench (arXiv 2401.08276) asks for an option in the words of its authors' evaluation scripts
# (https://github.com/yipoh/AesBench); for the assessment task an explanation is not ruled out.
AESBENCH_ASSESSMENT = (
    "{question} Choose one from the following options:\n{options}\n"
    "You should output a correct option."
)
AESBENCH_CHOICE = AESBENCH_ASSESSMENT.removesuffix(".") + " without explanation."
# UniPercept-Bench (arXiv 2512.21675; https://github.com/thunderbolt215/UniPercept): the question lists
# its options itself.
UNIPERCEPT_CHOICE = (
    "Given the image and the following multiple-choice question, choose the best answer. "
    "Only reply with the letter (A, B, C, or D).\n\nQuestion:\n\n{question}"
)


@dataclass(frozen=True, slots=True)
class PromptProtocol:
    """How a model is spoken to.

    system: the system message, None for none. score_question: wording of a score question, with
    `{aspect}`. attribute_question: wording of a critique question, with `{attribute}`.
    """

    name: str
    system: str | None
    score_question: str
    attribute_question: str = ATTRIBUTE_QUESTION

    def score(self, aspect: str) -> str:
        """The score question for an aspect ("overall" or an attribute that a data set scores)."""
        return self.score_question.format(aspect=aspect)

    def attribute(self, attribute: str) -> str:
        """The critique question for one of the eight attributes."""
        return self.attribute_question.format(attribute=attribute)


PROTOCOLS = {
    "plain": PromptProtocol(
        name="plain",
        system=None,
        score_question="Rate the {aspect} aesthetic quality of this image.",
    ),
}


def protocol(name: str) -> PromptProtocol:
    """The protocol of that name; ValueError with the known names otherwise."""
    if name not in PROTOCOLS:
        raise ValueError(f"prompt protocol: expected one of {sorted(PROTOCOLS)}, found {name!r}")
    return PROTOCOLS[name]
