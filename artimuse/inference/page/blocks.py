"""What the page is made of: components of Gradio, and what happens when they are used.

blocks = build_blocks(judge, uploads, meaning, examples, name=folder)
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.themes import Base

from artimuse.data.pages.thumbnails import thumbnail
from artimuse.inference.page import drawing
from artimuse.inference.page.actions import Actions
from artimuse.inference.page.interface import add_interface
from artimuse.inference.page.judge import LONGEST_QUESTION, MOST_IMAGES, Judge
from artimuse.inference.page.meaning import Meaning
from artimuse.inference.page.uploads import Uploads

_FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif")
# Named as text, fonts are those of the system; Gradio's own would be files to fetch.
THEME = Base(font=_FONTS, font_mono=("ui-monospace", "Consolas", "monospace"), primary_hue="blue")

# Not for programs, whose names these must not take; what goes on is drawn by the page itself.
_OF_THE_PAGE: dict[str, Any] = {
    "api_visibility": "private",
    "show_progress": "hidden",
}
# What is dropped is taken at once, and ends what is written of the picture before: left to wait for that, as a
# page does of itself, it would be swept away.
_AT_ONCE: dict[str, Any] = _OF_THE_PAGE | {"trigger_mode": "multiple"}
_ONE_BY_ONE: dict[str, Any] = _OF_THE_PAGE | {"trigger_mode": "always_last"}

HINT = (
    "Drop a photograph for its score and what the model writes of it, or several of one subject to have "
    "them ranked; or choose an example. What you send goes to the machine that serves this page, no further, "
    "and is deleted afterwards."
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
        _page(Actions(judge, uploads, meaning, examples), blocks, _facts(judge, name))
        add_interface(judge, uploads)
    # Every call starts at once and takes its files; for the model it waits in `Turns`.
    blocks.queue(default_concurrency_limit=None, max_size=None)
    return blocks


def _page(actions: Actions, blocks: gr.Blocks, facts: Sequence[str]) -> None:
    """What a person sees; facts: of the model."""
    gr.HTML(drawing.header(facts))
    files = gr.File(
        label=f"One photograph, or 2 to {MOST_IMAGES} of the same subject",
        file_count="multiple", file_types=["image"], height=150, elem_id="drop",
    )  # fmt: skip
    look = gr.HTML(drawing.said(drawing.note(HINT)), elem_id="look")
    words = gr.HTML("", elem_id="words")
    if actions.judge.writes:
        with gr.Row(elem_id="asking"):
            question = gr.Textbox(
                label="A question of your own", placeholder="Is the light soft?", scale=4,
                max_length=LONGEST_QUESTION, lines=1, max_lines=3, elem_id="question",
            )  # fmt: skip
            button = gr.Button("Ask", variant="primary", scale=1, min_width=90, elem_id="ask")
        answer = gr.HTML("", elem_id="answer")
        gr.on([question.submit, button.click], actions.ask, [question], [answer],
              api_name="page_ask", **_ONE_BY_ONE)  # fmt: skip
    else:
        answer = gr.HTML("", visible=False)
    # Below what is said of an image, which a phone would otherwise have to be scrolled to.
    shown = gr.Dataset(
        label="Examples (drawn, not photographed)", components=[gr.HTML(render=False)],
        samples=[[_example(images)] for images in actions.examples], type="index", elem_id="examples",
    )  # fmt: skip
    outputs = [files, look, words, answer]
    files.upload(actions.drop, [files], outputs, api_name="page_drop", **_AT_ONCE)
    shown.click(actions.choose, [shown], outputs, api_name="page_choose", **_AT_ONCE)
    blocks.unload(actions.leave)


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
