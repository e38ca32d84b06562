"""Trees that grow: each answer is the one that it would be alone, whatever is written beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import DynamicCache

from artimuse.data.collate import Item
from artimuse.inference import writing
from artimuse.inference.growing_cache import ROOM, GrowingCache
from artimuse.inference.scorer import Scorer
from artimuse.models import tree_attention
from artimuse.models.aesthetic import AestheticModel
from artimuse.records import Question, Sample

LIMIT = 7
TEXTS = ["Rate the light.", "?", "What of the tree, the house,\nand the light? Is it soft or dark?"]
SCORE = Question("score", aspect="overall")
CHOICE = Question("choice", "What of the light?", options=("A)", "B)", "C)"))
LONG = Question(
    "choice", "And of the tree?", options=("the light is soft", "the light is dark", "a")
)


@pytest.fixture
def items(draw_image: Callable[[str], Path]) -> list[Item]:
    """Images of several sizes, each asked something else, texts among scores and choices."""
    texts = [Question("text", text, answer="the true one") for text in TEXTS]
    asked = [
        (SCORE, *texts),
        (texts[0],),
        (SCORE,),
        (texts[2], LONG, SCORE, texts[1], CHOICE),
        (CHOICE, texts[0], texts[0]),
    ]
    return [
        Item(Sample(f"i{n}", (draw_image(f"image{n}"),), questions, "made"), questions)
        for n, questions in enumerate(asked)
    ]


def answers(model: AestheticModel, items: list[Item], batch: int = 8) -> list[list[str]]:
    scorer = Scorer(model, device="cpu", batch_images=batch, max_new_tokens=LIMIT)
    return [[answer.text for answer in one.texts] for one in scorer.answer(items)]


def test_images_are_answered_together_as_alone(
    family_model: AestheticModel, items: list[Item]
) -> None:
    together = answers(family_model, items)
    assert [len(one) for one in together] == [3, 1, 0, 2, 2]
    assert answers(family_model, items, batch=1) == together
    assert answers(family_model, items[::-1])[::-1] == together
    singles = [
        [answers(family_model, [Item(item.sample, (q,))])[0][0] for q in item.questions if q.kind == "text"]
        for item in items
    ]  # fmt: skip
    assert singles == together
    assert len({text for one in together for text in one}) > 2


def test_scores_and_choices_are_those_without_texts(
    tiny_model: AestheticModel, items: list[Item]
) -> None:
    del items[1]  # asked for a text alone
    plain = list(Scorer(tiny_model, device="cpu").answer(items))
    written = list(Scorer(tiny_model, device="cpu", max_new_tokens=2).answer(items))
    assert [one.texts for one in plain] == [()] * len(items)
    for one, other in zip(plain, written, strict=True):
        assert other.scores == pytest.approx(one.scores, abs=1e-4)
        assert other.choices == one.choices


def test_answers_that_end_early_leave_the_others_as_they_are(
    tiny_model: AestheticModel, items: list[Item], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token of one answer becomes the end of a turn, so that answers, and whole rows, end at other places."""
    family = tiny_model.family
    family.answer_text = lambda ids: " ".join(map(str, ids))  # type: ignore[method-assign]
    free = answers(tiny_model, items)
    ids = [[int(n) for n in text.split()] for one in free for text in one]
    end = next(row[3] for row in ids if row[3] not in row[:3])
    expected = [row[: row.index(end)] if end in row else row for row in ids]
    assert len({len(row) for row in expected}) > 1
    widths: list[int] = []
    step = writing.Growing._step

    def watched(self: writing.Growing, slots: writing._Slots, *rest: object) -> list[int]:
        widths.append(len(slots.index))
        return step(self, slots, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(writing.Growing, "_step", watched)
    # The prompts end with the real end-of-turn token of the template, whatever ends an answer.
    family.end_of_turn_id = end
    found = [[int(n) for n in text.split()] for one in answers(tiny_model, items) for text in one]
    assert found == expected
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] < widths[0], "finished branches are still computed"


def test_the_cache_is_read_as_it_lies(
    family_model: AestheticModel, items: list[Item], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every layer of every step, and the same answers as with keys repeated for each head."""
    seen: list[int] = []
    grouped: Any = tree_attention._grouped

    def counted(query: Tensor, *rest: Any) -> Any:
        seen.append(query.shape[2])
        return grouped(query, *rest)

    monkeypatch.setattr(tree_attention, "_grouped", counted)
    found = answers(family_model, items)
    layers = family_model.transformers_model.config.get_text_config().num_hidden_layers
    assert len(seen) == layers * (LIMIT - 1)

    def repeated(
        query: Tensor, key: Tensor, value: Tensor, mask: Tensor, scaling: float | None
    ) -> Tensor:
        out = scaled_dot_product_attention(
            query, key, value, attn_mask=mask, scale=scaling, enable_gqa=True
        )
        return out.transpose(1, 2).contiguous()

    monkeypatch.setattr(tree_attention, "_grouped", repeated)
    assert answers(family_model, items) == found


def test_what_was_cut_is_told(tiny_model: AestheticModel, items: list[Item]) -> None:
    (one,) = Scorer(tiny_model, device="cpu", max_new_tokens=1).answer(items[1:2])
    assert [answer.cut for answer in one.texts] == [True]


def test_a_growing_cache_holds_what_a_dynamic_one_does() -> None:
    ours, theirs = GrowingCache(), DynamicCache()
    for columns in (5, 1, ROOM, 3, 1):
        for layer in range(2):
            new = torch.randn(3, 2, columns, 4), torch.randn(3, 2, columns, 4)
            for one, other in zip(
                ours.update(*new, layer), theirs.update(*new, layer), strict=True
            ):
                assert torch.equal(one, other)
        assert ours.get_seq_length() == theirs.get_seq_length()
    kept = torch.tensor([2, 0])
    for cache in (ours, theirs):
        cache.batch_select_indices(kept)
    for layer in range(2):
        new = torch.randn(2, 2, 2, 4), torch.randn(2, 2, 2, 4)
        for one, other in zip(ours.update(*new, layer), theirs.update(*new, layer), strict=True):
            assert torch.equal(one, other)
