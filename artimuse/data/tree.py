"""The token tree: many questions about one image in one row, the image encoded once.

    [ prefix: system + image | branch 1: question, answer | branch 2 ... | branch n: score question ]

Loss and gradients equal those of one row per question, because a branch sees exactly the tokens, at exactly
the positions, that it would see alone. The prefix is what the tokenized conversations share from the left,
found by comparing token ids, so it is right for any chat template. It ends at the image block or later, and
never past the token that predicts some branch's first target.

A worked example, two questions whose prompts share five tokens (i is the image):

    conversation 1   s i i ? a | x y .      prompt s i i ? a, answer x y .
    conversation 2   s i i ? b | z .
    ids              s i i ?   a x y   b z      the last target of an answer is predicted, never read
    branch           0 0 0 0   1 1 1   2 2
    positions        0 1 2 3   4 5 6   4 5
    supervised       4->x 5->y 6->.  7->z 8->.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from PIL.Image import Image
from torch import Tensor


class Family(Protocol):
    """What the data layer needs to know of a model family; `artimuse.models.families` has them."""

    name: str
    end_of_turn_id: int

    def image_tokens(self, size: tuple[int, int]) -> int:
        """Image tokens of an image of (width, height)."""
        ...

    def prompt_ids(
        self, question: str, image_tokens: Sequence[int], *, separator: str | None = None
    ) -> list[int]:
        """The tokenized conversation up to where the answer begins, image block(s) included.

        `separator` is the text between image and question, None what the chat template writes there."""
        ...

    def answer_ids(self, answer: str) -> list[int]:
        """The tokenized answer with the token that ends the turn."""
        ...

    def image_block_end(self, prompt_ids: Sequence[int]) -> int:
        """Index past the last token of the last image block."""
        ...

    def prefix_positions(
        self, prefix_ids: Sequence[int], sizes: Sequence[tuple[int, int]]
    ) -> np.ndarray:
        """(A, len(prefix)) int64 position ids of a prefix; sizes: (width, height) of its images."""
        ...

    def pixels(self, image: Image) -> Any:
        """The preprocessed image as uint8; normalisation happens on the device."""
        ...

    def collate_images(self, pixels: Sequence[Any]) -> dict[str, Tensor]:
        """The model's image tensors, in the order of the image blocks."""
        ...


@dataclass(frozen=True, slots=True)
class Conversation:
    """One tokenized question. `answer` None is a read-out at the last prompt token."""

    prompt: list[int]
    answer: list[int] | None


@dataclass(frozen=True, slots=True)
class Tree:
    """One tree of N tokens, before it is laid into a row; indices count from the tree's first token."""

    ids: np.ndarray  # (N) int64
    branch: np.ndarray  # (N) int64, 0 is the prefix
    positions: np.ndarray  # (A,N) int64
    supervised: np.ndarray  # (S) int64 index of the predicting token
    targets: np.ndarray  # (S) int64
    answer: np.ndarray  # (S) int64: which conversation a target belongs to
    readouts: np.ndarray  # (Q) int64 index, in the order of the score conversations

    def __len__(self) -> int:
        return len(self.ids)


def shared_prefix(conversations: Sequence[Conversation]) -> int:
    """Tokens that all conversations share from the left, up to the first prediction of any."""
    longest = min(len(conversation.prompt) for conversation in conversations)
    first = np.asarray(conversations[0].prompt[:longest])
    for conversation in conversations[1:]:
        differs = np.flatnonzero(first[:longest] != np.asarray(conversation.prompt[:longest]))
        if len(differs):
            longest = int(differs[0])
    return longest


def build_tree(
    conversations: Sequence[Conversation], family: Family, sizes: Sequence[tuple[int, int]]
) -> Tree:
    """Lay the conversations about one image (or the images of one comparison) out as a tree.

    Args:
        sizes: (width, height) of the images, in the order of their blocks.

    Raises:
        ValueError: for no conversation, an empty answer, or conversations that part before the image
            block ends (a template that writes the question in front of the image).
    """
    if not conversations:
        raise ValueError("a tree needs at least one question")
    length = shared_prefix(conversations)
    block_end = max(family.image_block_end(c.prompt) for c in conversations)
    if length < block_end:
        raise ValueError(
            f"{family.name}: the questions part at token {length}, before the image block ends at "
            f"{block_end}: expected a chat template that puts the image before the question"
        )
    prefix = conversations[0].prompt[:length]
    prefix_positions = family.prefix_positions(prefix, sizes)
    restart = int(prefix_positions.max()) + 1
    ids, branch, steps = list(prefix), [0] * length, [0] * length
    supervised: list[int] = []
    targets: list[int] = []
    answers: list[int] = []
    readouts: list[int] = []
    for number, conversation in enumerate(conversations):
        answer = conversation.answer
        if answer is not None and not answer:
            raise ValueError(
                "an answer of no tokens: expected at least the token that ends the turn"
            )
        # The last target is predicted but never read, so it takes no place in the row.
        tail = conversation.prompt[length:] + (answer[:-1] if answer is not None else [])
        # The predicting token of the first target is the last prompt token, which is the prefix's last
        # where the whole prompt is shared.
        last_prompt = len(ids) + len(conversation.prompt) - length - 1
        if len(conversation.prompt) == length:
            last_prompt = length - 1
        if answer is None:
            readouts.append(last_prompt)
        else:
            inside = range(len(ids) + len(conversation.prompt) - length, len(ids) + len(tail))
            supervised += [last_prompt, *inside]
            targets += answer
            answers += [number] * len(answer)
        ids += tail
        branch += [number + 1] * len(tail)
        steps += range(restart, restart + len(tail))
    positions = np.broadcast_to(
        np.asarray(steps, dtype=np.int64), (len(prefix_positions), len(ids))
    )
    positions = positions.copy()
    positions[:, :length] = prefix_positions
    return Tree(
        ids=np.asarray(ids, dtype=np.int64),
        branch=np.asarray(branch, dtype=np.int64),
        positions=positions,
        supervised=np.asarray(supervised, dtype=np.int64),
        targets=np.asarray(targets, dtype=np.int64),
        answer=np.asarray(answers, dtype=np.int64),
        readouts=np.asarray(readouts, dtype=np.int64),
    )
