"""The page's HTTP API: endpoints of Gradio with fixed names, which take files and give plain JSON.

add_interface(judge, uploads)           # within gr.Blocks(): /score, /rank, /ask, /describe
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gradio as gr

from artimuse.inference.page.actions import taken
from artimuse.inference.page.judge import Judge, Refused
from artimuse.inference.page.turns import Busy
from artimuse.inference.page.uploads import Uploads


def add_interface(judge: Judge, uploads: Uploads) -> None:
    """The endpoints, and what stands for their parameters on the page, where it is not seen."""
    with gr.Row(visible=False):
        image = gr.File(label="image", file_count="single")
        images = gr.File(label="images", file_count="multiple")
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


@contextmanager
def _sent(uploads: Uploads, files: Any) -> Iterator[list[Path]]:
    """The files of a call by program, removed at its end; what is wrong with them is told to the caller."""
    mine: list[Path] = []
    try:
        mine = taken(uploads, files)
        yield mine
    except (Refused, Busy) as error:
        raise gr.Error(str(error)) from error
    finally:
        uploads.remove(mine)
