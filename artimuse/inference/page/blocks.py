"""What the page is made of: components of Gradio, and what happens when they are used.

blocks = build_blocks(judge, uploads, meaning, examples, name=folder)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.themes import Base

from artimuse.data.pages.thumbnails import thumbnail
from artimuse.inference.api import Ranking, Score
from artimuse.inference.critic import Answer
from artimuse.inference.page import drawing
from artimuse.inference.page.judge import (
    LONGEST_QUESTION,
    MOST_IMAGES,
    Judge,
    Of,
    Pictures,
    Refused,
    Texts,
    Why,
)
from artimuse.inference.page.meaning import Meaning
from artimuse.inference.page.turns import Busy, Waiting
from artimuse.inference.page.uploads import Uploads

_FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif")
# Named as text, fonts are those of the system; Gradio's own would be files to fetch.
THEME = Base(font=_FONTS, font_mono=("ui-monospace", "Consolas", "monospace"), primary_hue="blue")

HINT = (
    "Drop a photograph above for its score and what the model writes of it, or several of one subject to have "
    "them ranked; or choose an example. What you send stays on this machine, and is deleted afterwards."
)


def build_blocks(
    judge: Judge,
    uploads: Uploads,
    meaning: Meaning,
    examples: Sequence[Sequence[Path]],
    *,
    name: Path,
) -> gr.Blocks:
    """The page of a model; name: its folder, to show."""
    with gr.Blocks(title="artimuse", analytics_enabled=False, delete_cache=None) as blocks:
        _page(judge, uploads, meaning, examples, name)
        _interface(judge, uploads)
    # Every call starts at once and takes its files; for the model it waits in `Turns`.
    blocks.queue(default_concurrency_limit=None, max_size=None)
    return blocks


def _page(
    judge: Judge,
    uploads: Uploads,
    meaning: Meaning,
    examples: Sequence[Sequence[Path]],
    name: Path,
) -> None:
    """What a person sees."""
    actions = _Actions(judge, uploads, meaning, examples)
    gr.HTML(drawing.header(_facts(judge, name)))
    files = _upload_box(
        label=f"One photograph, or 2 to {MOST_IMAGES} of the same subject",
        file_count="multiple", height=150, elem_id="drop",
    )  # fmt: skip
    shown = gr.Dataset(
        label="Examples (drawn, not photographed)", components=[gr.HTML(render=False)],
        samples=[[_example(images)] for images in examples], type="index", elem_id="examples",
    )  # fmt: skip
    look = gr.HTML(drawing.said(drawing.note(HINT)), elem_id="look")
    words = gr.HTML("", elem_id="words")
    if judge.writes:
        with gr.Row(elem_id="asking"):
            question = gr.Textbox(
                label="A question of your own", placeholder="Is the light soft?", scale=4,
                max_length=LONGEST_QUESTION, lines=1, max_lines=3, elem_id="question",
            )  # fmt: skip
            button = gr.Button("Ask", variant="primary", scale=1, min_width=90, elem_id="ask")
        answer = gr.HTML("", elem_id="answer")
        gr.on(
            [question.submit, button.click], actions.ask, [question], [answer],
            api_visibility="private", show_progress="hidden", trigger_mode="always_last",
        )  # fmt: skip
    else:
        answer = gr.HTML("", visible=False)
    settings: dict[str, Any] = {
        "api_visibility": "private", "show_progress": "hidden", "trigger_mode": "always_last",
    }  # fmt: skip
    outputs = [files, look, words, answer]
    files.upload(actions.drop, [files], outputs, **settings)
    shown.click(actions.choose, [shown], outputs, **settings)
    gr.context.Context.root_block.unload(actions.leave)  # type: ignore[union-attr]


def _interface(judge: Judge, uploads: Uploads) -> None:
    """The same for programs."""
    with gr.Row(visible=False):
        image = _upload_box(label="image", file_count="single")
        images = _upload_box(label="images", file_count="multiple")
        question = gr.Textbox(label="question")
        found, text = gr.JSON(label="found"), gr.Textbox(label="answer")
        button = gr.Button()

    def score(image: str) -> dict[str, Any]:
        with _sent(uploads, image) as (path,):
            return judge.score_row(path)

    def rank(images: list[str]) -> dict[str, Any]:
        with _sent(uploads, images) as paths:
            return judge.rank_row(paths)

    def ask(image: str, question: str) -> str:
        with _sent(uploads, image) as (path,):
            return judge.answer(path, question)

    def describe(image: str) -> dict[str, str]:
        with _sent(uploads, image) as (path,):
            return judge.describe(path)

    for act, inputs, output, told in (
        (score, [image], found, "The row that scripts/score.py writes of an image."),
        (rank, [images], found, "A series, best first: order, scores, P(better) of neighbours."),
        (ask, [image, question], text, "The answer to a question about an image."),
        (describe, [image], found, "The eight critiques of an image, by attribute."),
    ):
        button.click(act, inputs, output, api_name=act.__name__, api_description=told)


class _Actions:
    """What happens on the page. Every action yields (files, look, words, answer) as they change."""

    def __init__(
        self,
        judge: Judge,
        uploads: Uploads,
        meaning: Meaning,
        examples: Sequence[Sequence[Path]],
    ) -> None:
        self.judge, self.uploads, self.meaning, self.examples = judge, uploads, meaning, examples

    def drop(self, files: list[str], request: gr.Request) -> Iterator[tuple[Any, ...]]:
        """One image is looked at, several are ranked; the box is empty again at once."""
        try:
            taken = _taken(self.uploads, files)
        except Refused as error:
            yield None, drawing.message(str(error)), "", ""
            return
        yield from self._show(taken, str(request.session_hash))

    def choose(self, number: int, request: gr.Request) -> Iterator[tuple[Any, ...]]:
        """An example, as if it had been dropped."""
        yield from self._show(list(self.examples[number]), str(request.session_hash))

    def ask(self, question: str, request: gr.Request) -> Iterator[str]:
        """An own question about what is shown; of a series about the best shot."""
        kept = self.uploads.kept(str(request.session_hash))
        if not kept:
            yield drawing.message(
                "There is no image to ask about: drop one first, or choose an example."
            )
            return
        texts: dict[str, Answer] = {}
        try:
            for found in self.judge.ask(kept[0], question):
                if isinstance(found, Texts):
                    texts = found.by_name
                yield drawing.answered(texts, done=False) if texts else drawing.busy(_ahead(found))
            yield drawing.answered(texts, done=True)
        except (Refused, Busy) as error:
            yield drawing.message(str(error))
        except Exception:
            yield drawing.message(_FAILED)
            raise

    def leave(self, request: gr.Request) -> None:
        """Somebody closed the page."""
        self.uploads.forget(str(request.session_hash))

    def _show(self, paths: list[Path], owner: str) -> Iterator[tuple[Any, ...]]:
        self.uploads.keep(owner, paths)
        yield None, drawing.busy(0), "", ""
        show = self._alone(paths[0]) if len(paths) == 1 else self._series(paths, owner)
        try:
            for look, words in show:
                yield gr.skip(), look, words, gr.skip()
        except (Refused, Busy) as error:
            self.uploads.forget(owner)
            yield gr.skip(), drawing.message(str(error)), "", gr.skip()
        except Exception:
            self.uploads.forget(owner)
            yield gr.skip(), drawing.message(_FAILED), "", gr.skip()
            raise

    def _alone(self, path: Path) -> Iterator[tuple[Any, Any]]:
        """(look, words) of one image."""
        judge, note = self.judge, self.meaning.critiques
        shown: Pictures | None = None
        score: Score | None = None
        texts: dict[str, Answer] = {}
        for found in judge.look(path):
            if isinstance(found, Waiting) and shown is None:
                yield drawing.busy(found.ahead), ""
            elif isinstance(found, Pictures):
                shown = found
            elif isinstance(found, Score):
                score = found
            elif isinstance(found, Texts):
                if not texts and shown is not None:
                    yield drawing.alone(shown.pictures[0], score, self.meaning), gr.skip()
                texts = found.by_name
                yield gr.skip(), drawing.critiques(texts, done=False, note=note)
        assert shown is not None
        end = drawing.critiques(texts, done=True, note=note) if judge.writes else drawing.no_words()
        yield drawing.alone(shown.pictures[0], score, self.meaning), end

    def _series(self, paths: list[Path], owner: str) -> Iterator[tuple[Any, Any]]:
        """(look, words) of a series."""
        shown: Pictures | None = None
        ranking: Ranking | None = None
        of: dict[int, Answer] = {}
        why: dict[int, Answer] = {}
        for found in self.judge.rank(paths, compare=self.meaning.compares):
            if isinstance(found, Pictures):
                shown = found
            elif isinstance(found, Ranking):
                ranking = found
                self.uploads.reorder(owner, [paths[number] for number in ranking.order])
            elif isinstance(found, Of):
                of[found.place] = found.answer
            elif isinstance(found, Why):
                why[found.place] = found.answer
            elif isinstance(found, Waiting) and ranking is None:
                yield drawing.busy(found.ahead), ""
                continue
            if ranking is not None and shown is not None and not isinstance(found, Waiting):
                yield self._drawn(shown, ranking, of, why, done=False), ""
        assert shown is not None
        assert ranking is not None
        yield self._drawn(shown, ranking, of, why, done=True), ""

    def _drawn(
        self,
        shown: Pictures,
        ranking: Ranking,
        of: dict[int, Answer],
        why: dict[int, Answer],
        *,
        done: bool,
    ) -> str:
        return drawing.series(
            shown.pictures, ranking, of, why, self.meaning, writes=self.judge.writes, done=done
        )


_FAILED = "The model failed; what happened is in the log of the server."


def _ahead(found: object) -> int:
    return found.ahead if isinstance(found, Waiting) else 0


def _facts(judge: Judge, name: Path) -> list[str]:
    info, family = judge.model.info, judge.model.critic.family.name
    aspects = f"scores {', '.join(info.aspects)} ({info.readout_kind} read-out)"
    return [
        f"{name.parent.name}/{name.name}", family, aspects if judge.scores else "no scores",
        "writes and answers" if judge.writes else "no language", f"on {judge.model.device}",
    ]  # fmt: skip


def _example(images: Sequence[Path]) -> str:
    what = "An example image" if len(images) == 1 else f"An example series of {len(images)}"
    return drawing.thumbs([uri for uri in map(thumbnail, images) if uri], what)


def _upload_box(**settings: Any) -> gr.File:
    return gr.File(file_types=None, type="filepath", **settings)


def _taken(uploads: Uploads, sent: Any) -> list[Path]:
    """Names of one's own for what a box of files holds.

    Raises:
        Refused: for nothing, or for a file that is gone.
    """
    files = [sent] if isinstance(sent, str) else list(sent or [])
    if not files:
        raise Refused("expected an image, found none: send one")
    taken: list[Path] = []
    try:
        for one in files:
            taken.append(uploads.take(str(one)))
    except (OSError, ValueError) as error:
        uploads.remove(taken)
        raise Refused("the file is not here any more: send it again") from error
    return taken


@contextmanager
def _sent(uploads: Uploads, files: Any) -> Iterator[list[Path]]:
    """The files of a call by program, removed at its end; what is wrong with them is told to the caller."""
    taken: list[Path] = []
    try:
        taken = _taken(uploads, files)
        yield taken
    except (Refused, Busy) as error:
        raise gr.Error(str(error)) from error
    finally:
        uploads.remove(taken)
