"""Token lengths, and samples as they are taught, with a family whose tokens are words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from artimuse.data.checks.report.samples import folded, rendered, token_spans
from artimuse.data.checks.report.splits import Split
from artimuse.data.checks.report.tokens import Reader, token_lengths, tree_tokens
from artimuse.data.tree import build_tree
from artimuse.prompts import PromptProtocol
from artimuse.records import Pair, Question, Sample, ScoreLabel, Source

PROTOCOL = PromptProtocol("words", None, "Rate {aspect} now")
IMAGE = "image"
SIZES = {"wide.jpg": (4, 1), "small.jpg": (2, 1)}


class Words:
    """A family whose tokens are words: `ask`, an image token per pixel of width, `about`, the question."""

    name = "words"
    end_of_turn_id = -1

    def __init__(self) -> None:
        self.words: list[str] = []

    def image_tokens(self, size: tuple[int, int]) -> int:
        return size[0]

    def prompt_ids(
        self, question: str, image_tokens: Sequence[int], *, separator: str | None = None
    ) -> list[int]:
        assert separator is None
        return self._ids(["ask", *[IMAGE] * sum(image_tokens), "about", *question.split()])

    def answer_ids(self, answer: str) -> list[int]:
        return self._ids([*answer.split(), "."])

    def image_block_end(self, prompt_ids: Sequence[int]) -> int:
        last = self.words.index(IMAGE)
        return len(prompt_ids) - list(reversed(prompt_ids)).index(last)

    def prefix_positions(
        self, prefix_ids: Sequence[int], sizes: Sequence[tuple[int, int]]
    ) -> np.ndarray:
        # As in Qwen-VL, where an image's positions are known from its size alone.
        images = [self.words[number] for number in prefix_ids].count(IMAGE)
        assert sum(map(self.image_tokens, sizes)) == images
        return np.arange(len(prefix_ids))[None]

    def pixels(self, image: Any) -> Any:
        raise AssertionError("nothing is looked at here")

    def collate_images(self, pixels: Any) -> Any:
        raise AssertionError("nothing is looked at here")

    def decode(self, ids: Sequence[int]) -> str:
        return "".join(f"{self.words[i]} " for i in ids)

    def _ids(self, words: Sequence[str]) -> list[int]:
        self.words += [word for word in dict.fromkeys(words) if word not in self.words]
        return [self.words.index(word) for word in words]


def words_reader(max_positions: int | None = None) -> Reader:
    family = Words()
    return Reader("words", family, family.decode, protocol=PROTOCOL, max_positions=max_positions)


def split_of(*samples: Sample, pairs: list[Pair] | None = None, **changes: Any) -> Split:
    return Split("training", Source("made", list(samples), pairs or []), "custom", **changes)


LIGHT = Question("text", "how is light", "it is soft")
SHARP = Question("text", "how sharp", "very")
SCORE = Question("score", aspect="overall", label=ScoreLabel(6, 0, 10))
WIDE = Sample("made/wide", (Path("wide.jpg"),), (LIGHT, SHARP, SCORE), "made", category="garden")
SMALL = Sample("made/small", (Path("small.jpg"),), (SCORE,), "made", series="s")


def test_lengths_by_hand() -> None:
    found = token_lengths(split_of(WIDE, SMALL), words_reader(), SIZES, row_tokens=17)
    assert found is not None
    # Of the wide image: ask, 4 x image, about = 6, then 3, 2 and 3 words ("Rate overall now").
    assert (found["prompt"]["n"], found["prompt"]["median"], found["prompt"]["max"]) == (4, 8.5, 9)
    # "it is soft ." and "very ."; a score has no answer.
    assert (found["answer"]["n"], found["answer"]["median"], found["answer"]["max"]) == (2, 3, 4)
    # 6 shared; light: 3 + 3 (the last token is never read), sharp: 2 + 1, score: 3. The small one: 7.
    assert (found["tree"]["n"], found["tree"]["max"], found["tree"]["median"]) == (2, 18, 12.5)
    assert found["drawn_tree"] is None
    assert found["longer_than_row"] == {"n": 1, "frac": 0.5}
    # The model's configuration says nothing of positions.
    assert found["too_long"] == {"n": 0, "frac": 0, "example": None}


@pytest.mark.parametrize(("positions", "number"), [(12, 0), (11, 1), (8, 3), (6, 4)])
def test_share_of_questions_that_do_not_fit(positions: int, number: int) -> None:
    # Read of each question: 9 + 3, 8 + 1, 9 and 7 tokens.
    found = token_lengths(split_of(WIDE, SMALL), words_reader(positions), SIZES, row_tokens=None)
    assert found is not None
    assert found["too_long"]["n"] == number
    assert found["too_long"]["frac"] == number / 4
    assert found["too_long"]["example"] == ("made/wide" if number else None)
    assert found["longer_than_row"] is None


def test_the_largest_tree_of_a_step_has_the_longest_questions() -> None:
    split = split_of(WIDE, SMALL, questions_per_image=1)
    found = token_lengths(split, words_reader(), SIZES, row_tokens=15)
    assert found is not None
    # Light and score behind 6 shared tokens: 6 + 6 + 3.
    assert found["drawn_tree"]["max"] == 15
    assert found["tree"]["max"] == 18
    assert found["longer_than_row"]["n"] == 0


def test_a_question_without_an_answer_is_a_prompt() -> None:
    asked = Question("choice", "A) dim B) bright", options=("A)", "B)"))
    sample = Sample("made/x", (Path("small.jpg"),), (asked,), "made")
    found = token_lengths(split_of(sample), words_reader(), SIZES, row_tokens=None)
    assert found is not None
    assert found["answer"] is None
    assert found["prompt"]["max"] == 8
    silent = Sample("made/y", (Path("small.jpg"),), (), "made")
    assert token_lengths(split_of(silent), words_reader(), SIZES, row_tokens=None) is None


@given(st.lists(st.tuples(st.lists(st.sampled_from("abc"), min_size=1, max_size=5),
                          st.lists(st.sampled_from("xyz"), max_size=4) | st.none()),
                min_size=1, max_size=5))  # fmt: skip
def test_tree_tokens_are_those_of_the_tree(asked: list[tuple[list[str], list[str] | None]]) -> None:
    reader = words_reader()
    conversations = [
        reader.conversation(
            Question("score", text=" ".join(prompt), aspect="overall")
            if answer is None
            else Question("text", " ".join(prompt), " ".join(answer)),
            [3],
        )
        for prompt, answer in asked
    ]
    assert tree_tokens(conversations) == len(build_tree(conversations, reader.family, [(3, 1)]))


def test_a_sample_as_it_is_taught() -> None:
    pairs = [Pair("made/small", "made/wide", 0.2)]
    wide, small = rendered(split_of(WIDE, SMALL, pairs=pairs), words_reader(), SIZES)
    assert wide["prefix"] == "ask image  x 4 about "
    assert (wide["tokens"], wide["category"], wide["sizes"]) == (18, "garden", [[4, 1]])
    light, sharp, score = wide["questions"]
    assert light["text"] == "how is light it is soft . "
    assert [light["text"][a:b] for a, b in light["supervised"]] == ["it ", "is ", "soft ", ". "]
    assert [sharp["text"][a:b] for a, b in sharp["supervised"]] == ["very ", ". "]
    assert light["readout"] is None
    assert score["supervised"] == []
    start, end = score["readout"]
    assert (score["text"], score["text"][start:end]) == ("Rate overall now ", "now ")
    assert score["label"] == {"mean": 6, "low": 0, "high": 10}
    assert wide["pairs"] == [{"other": "made/small", "probability": 0.8}]
    # A single question shares its whole prompt with itself.
    assert small["prefix"] == "ask image image about Rate overall now "
    assert small["questions"][0]["readout"] == [0, 0]


def test_samples_are_taken_from_all_over() -> None:
    samples = [Sample(f"made/{n}", (Path("small.jpg"),), (SCORE,), "made") for n in range(9)]
    reader = words_reader()
    chosen = [one["id"] for one in rendered(split_of(*samples), reader, SIZES)]
    assert chosen == ["made/0", "made/3", "made/6"]
    assert len(rendered(split_of(samples[0]), reader, SIZES)) == 1
    assert rendered(split_of(), reader, SIZES) == []


def test_characters_that_several_tokens_make_are_one_span() -> None:
    def decode(ids: Sequence[int]) -> str:
        """Bytes that make no character yet are a sign each, as SentencePiece decodes them."""
        for end in range(len(ids), -1, -1):
            try:
                return bytes(ids[:end]).decode() + "\ufffd" * (len(ids) - end)
            except UnicodeDecodeError:
                continue
        raise AssertionError

    assert decode(list("猫".encode())[:2]) == "\ufffd\ufffd"
    assert token_spans(list("aé猫b".encode()), decode) == [(0, 1), (1, 2), (2, 3), (3, 4)]
    assert token_spans(list("a猫".encode())[:-1], decode) == [(0, 1), (1, 3)]


def test_long_runs_are_folded() -> None:
    def decode(ids: Sequence[int]) -> str:
        return "".join("ab"[i] for i in ids)

    assert folded([1, 0, 0, 0, 0, 0, 1, 1], decode) == "ba x 5 bb"
    assert folded([], decode) == ""
