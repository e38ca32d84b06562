"""What the page does for models of every kind: without language, without scores, and one that fails."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from inference.mixed_images import write_mixed

import artimuse
from artimuse.config import ImagesConfig, ModelConfig, ReadoutConfig, ScratchConfig
from artimuse.inference.page.judge import LONGEST_QUESTION, Judge, Refused
from artimuse.inference.page.meaning import Meaning
from artimuse.inference.page.turns import Turns
from artimuse.inference.page.uploads import Uploads
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.build import build_model

pytest.importorskip("gradio", reason="needs the extra `demo`")
pytestmark = pytest.mark.filterwarnings("ignore")
ME: Any = SimpleNamespace(session_hash="me")


@pytest.fixture
def uploads(tmp_path: Path) -> Iterator[Uploads]:
    made = Uploads(tmp_path / "page")
    yield made
    made.close()


@pytest.fixture
def images(uploads: Uploads) -> list[str]:
    """As Gradio hands them over."""
    folder = write_mixed(uploads.received / "photos")
    return [str(folder / name) for name in ("grey.jpg", "turned.jpg", "cmyk.jpg")]


@pytest.fixture
def make(uploads: Uploads, images: list[str]) -> Iterator[Callable[..., Any]]:
    turns = Turns()

    def actions(model: AestheticModel, **meaning: Any) -> Any:
        from artimuse.inference.page.actions import Actions

        judge = Judge(artimuse.Model(model, device="cpu", batch_images=1), turns, max_new_tokens=4)
        told = Meaning(ends="The ends.", spread="Give or take.", **meaning)
        return Actions(judge, uploads, told, [[Path(images[0])]])

    yield actions
    turns.close()


@pytest.fixture
def mute() -> AestheticModel:
    """FGAesQ: no language; it scores images beside each other."""
    scratch = ScratchConfig(
        family="fgaesq", image_size=56, vision_width=32, vision_layers=1, vision_heads=2,
        language_width=32,
    )  # fmt: skip
    images = ImagesConfig(difftoken="corrected", tokens=24, short_side=64)
    readout = ReadoutConfig(kind="bins", head="fgaesq")
    return build_model(ModelConfig(scratch=scratch, readout=readout, images=images), seed=0)


def last(changes: Iterator[tuple[Any, ...]]) -> list[str]:
    """What look, words and answer hold in the end."""
    shown = ["", "", "", ""]
    for change in changes:
        for place, one in enumerate(change):
            if isinstance(one, str):
                shown[place] = one
    return shown[1:]


def test_one_image_of_a_model_without_language(
    make: Callable[..., Any], mute: AestheticModel, images: list[str]
) -> None:
    look, words, _ = last(make(mute).drop(images[:1], ME))
    assert "on a scale from 0 to 100" in look
    assert "This model has no language: it scores and ranks, and writes no critiques." in words


def test_a_series_of_a_model_that_compares(
    make: Callable[..., Any], mute: AestheticModel, images: list[str]
) -> None:
    actions = make(mute)
    look, words, _ = last(actions.drop(images, ME))
    assert "Scored each beside every other." in look
    assert "it cannot say why" in look
    assert look.count('class="place"') == 3
    assert words == ""
    best = actions.judge.model.rank(images).order[0]
    assert actions.uploads.kept("me")[0].name == Path(images[best]).name


def test_a_model_without_scores_writes(
    make: Callable[..., Any], tiny_model: AestheticModel, images: list[str]
) -> None:
    tiny_model.readout = None
    tiny_model.info = replace(tiny_model.info, readout=None, aspects=())
    actions = make(tiny_model, critiques="A note of them.")
    look, words, _ = last(actions.drop(images[:1], ME))
    assert "This model gives no scores" in look
    assert words.count('class="critique"') == 8
    assert "A note of them." in words
    assert "this model has no score read-out" in last(actions.drop(images, ME))[0]
    with pytest.raises(Refused, match="no score read-out"):
        actions.judge.score_row(Path(images[0]))


@pytest.mark.parametrize("compares", [True, False])
def test_two_images_are_compared_in_words_where_that_may_have_been_learned(
    make: Callable[..., Any], tiny_model: AestheticModel, images: list[str], compares: bool
) -> None:
    look, *_ = last(make(tiny_model, compares=compares).drop(images, ME))
    assert look.count("The model writes:") + look.count("It found no words.") >= 3
    assert look.count("Told so, and asked how") == (2 if compares else 0)


def test_questions_are_checked(
    make: Callable[..., Any], tiny_model: AestheticModel, mute: AestheticModel, images: list[str]
) -> None:
    actions = make(tiny_model)
    (nothing,) = actions.ask("Why?", ME)
    assert "no image to ask about" in nothing
    last(actions.choose(0, ME))
    *_, answer = actions.ask(" Why? ", ME)
    assert "<h3>Why?</h3>" in answer
    for question in ("", "?" * (LONGEST_QUESTION + 1)):
        *_, refused = actions.ask(question, ME)
        assert f"expected 1 to {LONGEST_QUESTION} characters, found {len(question)}" in refused
    with pytest.raises(Refused, match="no language"):
        make(mute).judge.answer(Path(images[0]), "Why?")


def test_what_is_gone_or_too_many_is_told(
    make: Callable[..., Any], tiny_model: AestheticModel, uploads: Uploads, images: list[str]
) -> None:
    actions = make(tiny_model)
    gone = str(uploads.received / "photos" / "gone.jpg")
    assert "not here any more: send it again" in last(actions.drop([images[0], gone], ME))[0]
    assert "expected an image, found none" in last(actions.drop([], ME))[0]
    assert "expected 2 to 20 images, found 21" in last(actions.drop(images[:1] * 21, ME))[0]
    assert list(uploads.taken.iterdir()) == []


def test_a_model_that_fails_is_told_and_logged(
    make: Callable[..., Any], tiny_model: AestheticModel, uploads: Uploads, images: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    actions, seen = make(tiny_model), []

    def broken(image: object) -> None:
        raise RuntimeError(f"no more memory for {image}")

    monkeypatch.setattr(actions.judge.model, "score", broken)
    with pytest.raises(RuntimeError, match="no more memory"):
        seen.extend(actions.drop(images[:1], ME))
    assert "The model failed" in str(seen[-1])
    assert list(uploads.taken.iterdir()) == []


def test_what_is_dropped_next_ends_what_goes_on(
    make: Callable[..., Any], tiny_model: AestheticModel, uploads: Uploads, images: list[str]
) -> None:
    actions = make(tiny_model)
    older = actions.drop(images[:1], ME)
    for change in older:
        if "grey.jpg" in str(change[1]):
            break
    newer = actions.drop(images[1:2], ME)
    next(newer)
    assert list(older) == []
    assert actions.judge.turns.waiting == 0
    look, words, _ = last(newer)
    assert "turned.jpg" in look
    assert words.count('class="critique"') == 8
    assert [path.name for path in uploads.kept("me")] == ["turned.jpg"]


@pytest.mark.parametrize("error", [RuntimeError("no more memory"), Refused("of another kind")])
def test_what_fails_late_leaves_what_was_dropped_since(
    make: Callable[..., Any], tiny_model: AestheticModel, uploads: Uploads, images: list[str],
    monkeypatch: pytest.MonkeyPatch, error: Exception,
) -> None:  # fmt: skip
    actions, changes = make(tiny_model), []

    def broken(image: object) -> Iterator[Any]:
        uploads.keep("me", [uploads.take(images[1])])
        raise error
        yield

    monkeypatch.setattr(actions.judge, "look", broken)
    with contextlib.suppress(RuntimeError):
        changes.extend(actions.drop(images[:1], ME))
    assert [path.name for path in uploads.kept("me")] == ["turned.jpg"]
    assert uploads.kept("me")[0].is_file()
    assert len(changes) <= 1  # the box is empty; what is shown is the newer one's to say


def test_a_question_ends_with_its_image(
    make: Callable[..., Any], tiny_model: AestheticModel, images: list[str]
) -> None:
    actions = make(tiny_model)
    last(actions.drop(images[:1], ME))
    answer = actions.ask("Why?", ME)
    next(answer)
    actions.uploads.keep("me", [])
    assert list(answer) == []
    last(actions.drop(images[:1], ME))
    answer = actions.ask("Why?", ME)
    next(answer)
    actions.leave(ME)
    (told,) = answer
    assert "not here any more: send it again" in told


def test_who_has_waited_too_long_is_told(
    make: Callable[..., Any], tiny_model: AestheticModel, uploads: Uploads, images: list[str]
) -> None:
    """Others' files took the room while the model was busy with them."""
    actions = make(tiny_model)
    waiting = actions.drop(images[:1], ME)
    next(waiting)
    uploads.most_bytes = 10
    uploads.keep("another", [uploads.take(images[1])])
    (told,) = waiting
    assert "not here any more: send it again" in told[1]


def test_a_file_that_went_before_its_turn_is_not_called_missing(
    make: Callable[..., Any], tiny_model: AestheticModel, uploads: Uploads, images: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    actions = make(tiny_model)

    def gone(image: Path) -> Iterator[Any]:
        uploads.forget("me")
        raise Refused(f"{image.name}: missing file")
        yield

    monkeypatch.setattr(actions.judge, "look", gone)
    assert "not here any more: send it again" in last(actions.drop(images[:1], ME))[0]


def test_who_leaves_leaves_nothing(
    make: Callable[..., Any], tiny_model: AestheticModel, uploads: Uploads, images: list[str]
) -> None:
    actions = make(tiny_model)
    last(actions.drop(images, ME))
    assert len(list(uploads.taken.iterdir())) == 3
    actions.leave(ME)
    assert list(uploads.taken.iterdir()) == []
    last(actions.choose(0, ME))
    actions.leave(ME)
    assert Path(images[0]).is_file()  # an example stays
