"""The scorer: the model's own scores in the order that was asked for, and choices that no answer leaks into."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from artimuse.config import ModelConfig, ReadoutConfig
from artimuse.data.collate import Collator, Item
from artimuse.data.images import ImageError, read_image
from artimuse.inference.asked import Asked
from artimuse.inference.assess import scorer_for
from artimuse.inference.choices import branches
from artimuse.inference.scorer import Scorer, usual_batch
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.build import build_model
from artimuse.records import Question, Sample, ScoreLabel
from conftest import TINY

OPTIONS = ("A)", "B)", "C)", "D)")
LONG = ("the light is soft", "the light is warm", "the light is dark")
WORDED = ("Yes", "No")


@pytest.fixture
def images(draw_image: Callable[[str], Path]) -> list[Path]:
    return [draw_image(f"image{n}") for n in range(7)]


def choice(options: Sequence[str], number: int = 0, answer: str | None = None) -> Question:
    return Question(
        "choice", f"What of the light, number {number}?", answer, options=tuple(options)
    )


def sample(image: Path, *questions: Question) -> Sample:
    return Sample(image.stem, (image,), questions, "made")


def plain_logits(
    model: AestheticModel, image: Path, question: str, answer: list[int]
) -> torch.Tensor:
    """(len(answer), V) by stock transformers: one row, its own causal mask, no tree."""
    family = model.family
    picture = read_image(image)
    prompt = family.prompt_ids(question, [family.image_tokens(picture.size)])
    pixels = family.model_inputs(family.collate_images([family.pixels(picture)]))
    with torch.inference_mode():
        logits = model.transformers_model(
            input_ids=torch.tensor([prompt + answer[:-1]]), **pixels
        ).logits
    return logits[0, len(prompt) - 1 :]


def plain_choice(model: AestheticModel, image: Path, question: Question) -> str:
    """The option with the likeliest token where the options first differ, by a forward pass per option."""
    ids = [model.family.answer_ids(option) for option in question.options]
    first = next(n for n in range(99) if len({tuple(i[: n + 1]) for i in ids}) == len(ids))
    chances = [
        plain_logits(model, image, question.text, i).log_softmax(-1)[first, i[first]].item()
        for i in ids
    ]
    gap = sorted(chances)[-1] - sorted(chances)[-2]
    assert gap > 1e-4, "a tie tests nothing"
    return question.options[chances.index(max(chances))]


@pytest.mark.parametrize(
    "options", [OPTIONS, LONG, WORDED], ids=["letters", "shared start", "words"]
)
def test_a_choice_is_the_likeliest_option(
    tiny_model: AestheticModel, images: list[Path], options: tuple[str, ...]
) -> None:
    # Another order for each question, so that "the first" or "the last" would not do.
    orders = [options[n % len(options) :] + options[: n % len(options)] for n in range(4)]
    questions = [choice(order, number) for number, order in enumerate(orders)]
    items = [Item(made, made.questions) for made in (sample(i, *questions) for i in images)]
    answered = list(Scorer(tiny_model, device="cpu", batch_images=3).answer(items))
    found = [one for answer in answered for one in answer.choices]
    assert found == [plain_choice(tiny_model, i, q) for i in images for q in questions]
    places = {order.index(one) for order, one in zip(orders * len(images), found, strict=True)}
    assert len(places) > 1


def test_the_true_answer_does_not_matter(tiny_model: AestheticModel, images: list[Path]) -> None:
    scorer = Scorer(tiny_model, device="cpu")
    found = []
    for answer in (*OPTIONS, None):
        items = [
            Item(made, made.questions)
            for made in (sample(i, choice(OPTIONS, 0, answer)) for i in images)
        ]
        found.append([answered.choices for answered in scorer.answer(items)])
    assert all(one == found[0] for one in found)


def test_a_choice_does_not_depend_on_its_neighbours(
    tiny_model: AestheticModel, images: list[Path]
) -> None:
    """Nor on the order of the options, nor on other questions about the image."""
    scorer = Scorer(tiny_model, device="cpu")
    image, question = images[0], choice(OPTIONS)
    text = Question("text", "Describe it.", answer="soft")
    score = Question("score", aspect="overall", label=ScoreLabel(9, 0, 10))
    made = sample(image, text, score, choice(LONG, 7), question, choice(OPTIONS, 3))
    crowded = next(scorer.answer([Item(made, made.questions)]))
    assert len(crowded.choices) == 3
    assert len(crowded.scores) == 1
    alone = sample(image, replace(question, options=OPTIONS[::-1]))
    assert next(scorer.answer([Item(alone, alone.questions)])).choices == crowded.choices[1:2]


def whole_choice(model: AestheticModel, image: Path, question: Question) -> str:
    """The option whose whole text is the likeliest, by a forward pass per option."""
    chances = []
    for option in question.options:
        ids = model.family.answer_ids(option)
        logits = plain_logits(model, image, question.text, ids).log_softmax(-1)
        chances.append(sum(logits[n, token].item() for n, token in enumerate(ids)))
    return question.options[chances.index(max(chances))]


def test_options_that_no_token_tells_apart_are_compared_whole(
    tiny_model: AestheticModel, images: list[Path]
) -> None:
    options = ("the light is soft", "the light is dark", "a tree")
    questions = [choice(options, n) for n in range(3)]
    assert len(branches(questions[0], tiny_model.family)) == 3
    items = [Item(made, made.questions) for made in (sample(i, *questions) for i in images)]
    answered = Scorer(tiny_model, device="cpu", batch_images=3).answer(items)
    found = [one for answer in answered for one in answer.choices]
    assert found == [whole_choice(tiny_model, i, q) for i in images for q in questions]


def test_equal_options_are_refused(tiny_model: AestheticModel) -> None:
    with pytest.raises(ValueError, match="expected different options"):
        branches(choice(("A", "A")), tiny_model.family)


def test_scores_come_in_the_order_of_the_images(
    tiny_model: AestheticModel, images: list[Path]
) -> None:
    scorer = Scorer(tiny_model, device="cpu", batch_images=3)
    scores = scorer.score_images(images)
    assert len({one["overall"] for one in scores}) == len(images)
    backwards = scorer.score_images(images[::-1])[::-1]
    for one, other in zip(scores, backwards, strict=True):
        assert one["overall"] == pytest.approx(other["overall"], abs=1e-4)
    for image, one in zip(images, scores, strict=True):
        assert scorer.score_images([image])[0]["overall"] == pytest.approx(one["overall"], abs=1e-4)


@pytest.mark.parametrize("batch_images", [1, 2, 7, 50])
def test_the_batch_size_changes_nothing(
    tiny_model: AestheticModel,
    images: list[Path],
    make_sample: Callable[..., Sample],
    batch_images: int,
) -> None:
    ragged = [make_sample(f"s{n}", texts=n) for n in range(4)]
    made = [sample(i, choice(LONG, n), *ragged[n % 4].questions) for n, i in enumerate(images)]
    items = [Item(one, one.questions) for one in made]
    expected = list(Scorer(tiny_model, device="cpu", batch_images=4).answer(items))
    found = list(Scorer(tiny_model, device="cpu", batch_images=batch_images).answer(items))
    assert [one.item for one in found] == items
    assert [one.choices for one in found] == [one.choices for one in expected]
    for one, other in zip(found, expected, strict=True):
        assert one.scores == pytest.approx(other.scores, abs=1e-4)


def test_a_score_is_the_read_out_after_a_plain_forward_pass(
    tiny_model: AestheticModel, images: list[Path]
) -> None:
    scorer = Scorer(tiny_model, device="cpu")
    family = tiny_model.family
    assert isinstance(scorer.collate, Collator)
    prompt = family.prompt_ids(scorer.collate.wording(Question("score", aspect="overall")), [4])
    pixels = family.collate_images([family.pixels(read_image(images[0]))])
    with torch.inference_mode():
        hidden = tiny_model.transformers_model.model(
            input_ids=torch.tensor([prompt]), **family.model_inputs(pixels)
        ).last_hidden_state[:, -1]
        expected = tiny_model.read_out(hidden, torch.tensor([0])).scores.item()
    assert scorer.score_images(images[:1])[0]["overall"] == pytest.approx(expected, abs=1e-4)


def test_every_aspect_is_scored_with_its_own_question(texts: list[str], images: list[Path]) -> None:
    config = ModelConfig(
        scratch=TINY, readout=ReadoutConfig(hidden=16), aspects=["light", "overall"]
    )
    model = build_model(config, texts=texts, seed=0)
    scores = Scorer(model, device="cpu").score_images(images[:2])
    assert [list(one) for one in scores] == [["light", "overall"]] * 2
    made = sample(images[1], Question("score", aspect="overall"), Question("score", aspect="light"))
    swapped = next(Scorer(model, device="cpu").answer([Item(made, made.questions)]))
    assert swapped.scores == pytest.approx([scores[1]["overall"], scores[1]["light"]], abs=1e-4)


def test_nothing_to_score_is_nothing(tiny_model: AestheticModel) -> None:
    assert Scorer(tiny_model, device="cpu").score_images([]) == []


def test_an_image_that_cannot_be_read_is_an_error(
    tiny_model: AestheticModel, images: list[Path]
) -> None:
    images[1].write_bytes(b"not an image")
    with pytest.raises(ImageError, match="image1"):
        Scorer(tiny_model, device="cpu").score_images(images)


def test_the_model_is_put_into_evaluation_mode(tiny_model: AestheticModel) -> None:
    tiny_model.train()
    assert not Scorer(tiny_model, device="cpu").model.training


def test_a_cpu_takes_few_images_at_a_time(tiny_model: AestheticModel) -> None:
    assert Scorer(tiny_model, device="cpu").batch_images == usual_batch(torch.device("cpu")) == 4
    assert usual_batch(torch.device("cuda")) == 32
    texts = Asked(describe=True)
    assert scorer_for(tiny_model, texts, device="cpu").batch_images == 8
    assert scorer_for(tiny_model, texts, device="cpu", batch_images=3).batch_images == 3
    assert scorer_for(tiny_model, Asked(), device="cpu").batch_images == 4
