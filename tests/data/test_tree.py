"""The token tree: the worked example of its module, and the rules of the prefix."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from artimuse.data.collate import Collator
from artimuse.data.tree import Conversation, Tree, build_tree, shared_prefix
from artimuse.records import Question, Sample

WORDS = {
    word: number for number, word in enumerate(["s", "i", "?", "a", "b", "x", "y", "z", ".", "q"])
}


def ids(text: str) -> list[int]:
    return [WORDS[word] for word in text.split()]


class Letters:
    """A family of one-letter tokens; `i` is the image. One position axis, or two with another count."""

    name = "letters"

    def __init__(self, axes: int = 1) -> None:
        self.axes = axes

    def image_block_end(self, prompt_ids: list[int]) -> int:
        return max((n + 1 for n, token in enumerate(prompt_ids) if token == WORDS["i"]), default=0)

    def prefix_positions(self, prefix_ids: list[int], sizes: object) -> np.ndarray:
        del sizes
        plain = np.arange(len(prefix_ids), dtype=np.int64)
        # As in Qwen-VL, where an image takes fewer positions than tokens.
        return (
            np.stack([np.maximum(plain - axis, 0) for axis in range(1, self.axes + 1)])
            if self.axes > 1
            else plain[None]
        )


def tree(*conversations: tuple[str, str | None], axes: int = 1) -> Tree:
    laid = [Conversation(ids(p), None if a is None else ids(a)) for p, a in conversations]
    return build_tree(laid, Letters(axes), [])  # type: ignore[arg-type]


def test_the_worked_example_of_the_module() -> None:
    made = tree(("s i i ? a", "x y ."), ("s i i ? b", "z ."))
    assert made.ids.tolist() == ids("s i i ? a x y b z")
    assert made.branch.tolist() == [0, 0, 0, 0, 1, 1, 1, 2, 2]
    assert made.positions.tolist() == [[0, 1, 2, 3, 4, 5, 6, 4, 5]]
    predicted = list(zip(made.supervised.tolist(), made.targets.tolist(), strict=True))
    x, y, z, dot = ids("x y z .")
    assert predicted == [(4, x), (5, y), (6, dot), (7, z), (8, dot)]
    assert made.answer.tolist() == [0, 0, 0, 1, 1]
    assert made.readouts.tolist() == []


def test_a_single_question_is_a_tree_whose_prompt_is_the_prefix() -> None:
    made = tree(("s i i ? a", "x y ."))
    assert made.ids.tolist() == ids("s i i ? a x y")
    assert made.branch.tolist() == [0, 0, 0, 0, 0, 1, 1]
    assert made.positions.tolist() == [[0, 1, 2, 3, 4, 5, 6]]
    assert made.supervised.tolist() == [4, 5, 6]


def test_a_read_out_is_the_last_prompt_token() -> None:
    assert tree(("s i ? a", None)).readouts.tolist() == [3]
    made = tree(("s i ? a", "x ."), ("s i ? b q", None))
    assert made.ids.tolist() == ids("s i ? a x b q")
    assert made.readouts.tolist() == [6]
    assert made.supervised.tolist() == [3, 4]


def test_equal_questions_share_the_whole_prompt_and_its_last_token_predicts_both() -> None:
    made = tree(("s i ? a", "x ."), ("s i ? a", "y ."), ("s i ? a", None))
    assert made.ids.tolist() == ids("s i ? a x y")
    assert made.branch.tolist() == [0, 0, 0, 0, 1, 2]
    assert made.supervised.tolist() == [3, 4, 3, 5]
    assert made.targets.tolist() == ids("x . y .")
    assert made.readouts.tolist() == [3]


def test_an_answer_of_one_token_takes_no_place() -> None:
    made = tree(("s i ? a", "."), ("s i ? b", "."))
    assert made.ids.tolist() == ids("s i ? a b")
    assert (made.supervised.tolist(), made.targets.tolist()) == ([3, 4], ids(". ."))


def test_the_prefix_ends_where_the_shortest_prompt_does() -> None:
    """`s i ?` is a prefix of the other prompt: its first target is predicted from there."""
    made = tree(("s i ?", "x ."), ("s i ? a b", "y ."))
    assert made.branch.tolist() == [0, 0, 0, 1, 2, 2, 2]
    assert made.supervised.tolist() == [2, 3, 5, 6]


@pytest.mark.parametrize(
    ("prompts", "length"),
    [
        (["s i ? a"], 4),
        (["s i ? a", "s i ? b"], 3),
        (["s i ? a", "s i ? b", "s i b a"], 2),
        (["s i ?", "s i ? b"], 3),
        (["s i ?", "a i ?"], 0),
    ],
)
def test_shared_prefix(prompts: list[str], length: int) -> None:
    conversations = [Conversation(ids(p), None) for p in prompts]
    assert shared_prefix(conversations) == length
    assert shared_prefix(conversations[::-1]) == length


def test_positions_restart_after_the_largest_of_any_axis() -> None:
    made = tree(("s i i i ? a", "x ."), ("s i i i ? b", "y ."), axes=2)
    # Axis 0 of the prefix ends at 3, so every branch starts at 4 on both axes.
    assert made.positions.tolist() == [[0, 0, 1, 2, 3, 4, 5, 4, 5], [0, 0, 0, 1, 2, 4, 5, 4, 5]]


def test_a_question_before_the_image_is_refused() -> None:
    with pytest.raises(
        ValueError, match="the questions part at token 1, before the image block ends at 4"
    ):
        tree(("s a i i ?", "x ."), ("s b i i ?", "y ."))
    # A single question may stand where it wants.
    assert tree(("s a i i ?", "x .")).supervised.tolist() == [4, 5]


def test_nothing_asked_and_nothing_answered_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one question"):
        tree()
    with pytest.raises(ValueError, match="an answer of no tokens"):
        tree(("s i ?", ""))


def test_every_branch_reads_as_its_own_conversation(
    collator: Collator, make_sample: Callable[..., Sample]
) -> None:
    """Prefix and branch joined are the tokens and positions of the question asked alone."""
    sample = make_sample("a", texts=8)
    questions = (*sample.questions, Question("text", "the same\nstart", answer="dark"))
    conversations = [collator.conversation(q, [4]) for q in questions]
    family = collator.family
    made = build_tree(conversations, family, [(1, 1)])
    for number, conversation in enumerate(conversations):
        alone = build_tree([conversation], family, [(1, 1)])
        own = (made.branch == 0) | (made.branch == number + 1)
        assert made.ids[own].tolist() == alone.ids.tolist()
        assert made.positions[:, own].tolist() == alone.positions.tolist()
        place = np.flatnonzero(own)
        chosen = made.answer == number
        back = {int(p): n for n, p in enumerate(place)}
        assert [back[int(p)] for p in made.supervised[chosen]] == alone.supervised.tolist()
        assert made.targets[chosen].tolist() == alone.targets.tolist()
