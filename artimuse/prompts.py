"""Wordings by protocol name. They are part of a model's contract, so they are recorded in its folder.

`plain` is this project's own, short enough for small models. The eight attributes and the wording of the
attribute question are those of ArtiMuse (arXiv 2507.14533; https://github.com/thunderbolt215/ArtiMuse).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from string import ascii_lowercase

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

# ArtiMuse's score tokens for 0 to 100: 101 two-letter strings that the vocabulary of Qwen2.5 already holds.
SCORE_TOKENS = tuple(
    first + second
    for first, last in (("a", "z"), ("c", "y"), ("d", "y"), ("e", "y"))
    for second in ascii_lowercase[: ascii_lowercase.index(last) + 1]
)
# The five rating levels of ITU that Q-Align (arXiv 2312.17090) reads, lowest first.
LEVELS = ("bad", "poor", "fair", "good", "excellent")

# Asked about two images of a series, the first and the second of the prompt.
COMPARISON = "Which of these two images looks better?\nA) the first\nB) the second"

# Asked for a text that compares them, and told which is better.
COMPARISON_TEXT = (
    "The first of these two images looks {verdict} the second. "
    "Say in one sentence how the first compares with the second."
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

# A critique is read back for how good it makes its image; the image itself is not shown. This project's own.
SENTIMENT = (
    "Somebody wrote of an image:\n{critique}\nHow good is that image, by these words?\n{options}"
)


# InternVL's own system message (its conversation template `internvl2_5`), which the published ArtiMuse and
# UniPercept weights were trained with.
INTERNVL_SYSTEM = (
    "你是书生·万象，英文名是InternVL，"  # noqa: RUF001
    "是由上海人工智能实验室、清华大学及多家合作单位联合开发的多模态大语言模型。"
)
# LLaVA-1.5's conversation template `llava_v1` (https://github.com/haotian-liu/LLaVA), which the published
# AesExpert is asked with; in training it says `user` for `human`.
LLAVA_SYSTEM = (
    "A chat between a curious human and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the human's questions."
)
# The mapping that ArtiMuse's score question spells out. To the byte: the weights were trained with it,
# spaces at the ends of lines included.
_ARTIMUSE_SCORE = (
    "\n        Rate the aesthetics score of the image in 0-100. "
    "\n        In the output format, numbers are replaced by 2 corresponding letters, "
    "\n        and the mapping relationship is: "
    "\n        score 0 to 25: 0-aa, 1-ab, 2-ac, 3-ad, ... , 25-az,"
    "\n        score 26 to 50: 26-ca, 27-cb, 28-cc, 29-cd, ..., 50-cy,"
    "\n        score 51 to 75: 51-da, 52-db, 53-dc, 54-dd, ..., 75-dy,"
    "\n        score 76 to 100: 76-ea, 77-eb, 78-ec, 79-ed, ..., 100-ey."
    "\n"
    "\n        The answer only outputs 2 corresponding letters.\n        "
)
# UniPercept's, with the two slips (73-ec, 74-ed) that its weights were trained with.
_UNIPERCEPT_SCORE = (
    "Rate the {aspect} score of the image in 0-100. "
    "In the output format, numbers are replaced by 2 corresponding letters, "
    "and the mapping relationship is: score 0 to 25: 0-aa, 1-ab, 2-ac, 3-ad, ... , 25-az, \n"
    "score 26 to 50: 26-ca, 27-cb, 28-cc, 29-cd, ..., 50-cy, \n"
    "score 51 to 75: 51-da, 52-db, 53-dc, 54-dd, ..., 75-dy, \n"
    "score 76 to 100: 76-ea, 77-eb, 73-ec, 74-ed, ..., 100-ey. \n"
    "The answer only outputs 2 corresponding letters."
)


@dataclass(frozen=True, slots=True)
class PromptProtocol:
    """How a model is spoken to.

    system: the system message, None for none. score_question: wording of a score question, with
    `{aspect}`. attribute_question: wording of a critique question, with `{attribute}`. aspects: how an
    aspect is said in the score question, where not by its name. score_separator: text between the image
    and a score question; None is what the chat template writes there. tokenize_apart: text before and after
    an image is tokenized separately, as LLaVA's own inference does (a SentencePiece tokenizer then starts the
    part after the image with its prefix token).
    """

    name: str
    system: str | None
    score_question: str
    attribute_question: str = ATTRIBUTE_QUESTION
    aspects: Mapping[str, str] = field(default_factory=dict, hash=False)
    score_separator: str | None = None
    tokenize_apart: bool = False

    def score(self, aspect: str) -> str:
        """The score question for an aspect ("overall" or an attribute that a data set scores)."""
        return self.score_question.format(aspect=self.aspects.get(aspect, aspect))

    def attribute(self, attribute: str) -> str:
        """The critique question for one of the eight attributes."""
        return self.attribute_question.format(attribute=attribute)


PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        PromptProtocol(
            name="plain",
            system=None,
            score_question="Rate the {aspect} aesthetic quality of this image.",
        ),
        PromptProtocol(
            name="artimuse",
            system=INTERNVL_SYSTEM,
            score_question=_ARTIMUSE_SCORE,
        ),
        PromptProtocol(
            name="unipercept",
            system=INTERNVL_SYSTEM,
            score_question=_UNIPERCEPT_SCORE,
            attribute_question=ATTRIBUTE_QUESTION.replace("aspect of", "attribute of"),
            aspects={"structure": "structure and texture richness"},
            score_separator="",
        ),
        PromptProtocol(
            name="llava_v1",
            system=LLAVA_SYSTEM,
            score_question="Rate the {aspect} aesthetic quality of this image.",
            tokenize_apart=True,
        ),
    )
}


def protocol(name: str) -> PromptProtocol:
    """The protocol of that name; ValueError with the known names otherwise."""
    if name not in PROTOCOLS:
        raise ValueError(f"prompt protocol: expected one of {sorted(PROTOCOLS)}, found {name!r}")
    return PROTOCOLS[name]
