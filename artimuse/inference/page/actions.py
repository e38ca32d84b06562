"""What happens on the page when it is used: every action is a generator of what changes, drawn.

actions = Actions(judge, uploads, meaning, examples)
files.upload(actions.drop, [files], [files, look, words, answer])
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import gradio as gr

from artimuse.inference.api import Ranking, Score
from artimuse.inference.critic import Answer
from artimuse.inference.page import drawing
from artimuse.inference.page.judge import Judge, Of, Pictures, Refused, Texts, Why
from artimuse.inference.page.meaning import Meaning
from artimuse.inference.page.turns import Busy, Waiting
from artimuse.inference.page.uploads import Uploads

_GONE = "The image is not here any more: send it again."
_FAILED = "The model failed; what happened is in the log of the server."


class Actions:
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
            sent = taken(self.uploads, files)
        except Refused as error:
            yield None, drawing.message(str(error)), "", ""
            return
        yield from self._show(sent, str(request.session_hash))

    def choose(self, number: int, request: gr.Request) -> Iterator[tuple[Any, ...]]:
        """An example, as if it had been dropped."""
        yield from self._show(list(self.examples[number]), str(request.session_hash))

    def ask(self, question: str, request: gr.Request) -> Iterator[str]:
        """An own question about what is shown; of a series about the best shot."""
        owner = str(request.session_hash)
        mine, kept = self.uploads.number(owner), self.uploads.kept(owner)
        if not kept:
            yield drawing.message(
                "There is no image to ask about: drop one first, or choose an example."
            )
            return
        texts: dict[str, Answer] = {}
        try:
            for found in self.judge.ask(kept[0], question):
                if (now := self.uploads.number(owner)) != mine:  # of what is not shown any more
                    if now is None:
                        yield drawing.message(_GONE)
                    return
                if isinstance(found, Texts):
                    texts = found.by_name
                yield drawing.answered(texts, done=False) if texts else drawing.busy(_ahead(found))
            yield drawing.answered(texts, done=True)
        except (Refused, Busy) as error:
            now = self.uploads.number(owner)
            if now in (mine, None):
                yield drawing.message(_GONE if now is None else str(error))
        except Exception:
            yield drawing.message(_FAILED)
            raise

    def leave(self, request: gr.Request) -> None:
        """Somebody closed the page."""
        self.uploads.forget(str(request.session_hash))

    def _show(self, paths: list[Path], owner: str) -> Iterator[tuple[Any, ...]]:
        """Until it is done, or the owner is shown something else."""
        mine = self.uploads.keep(owner, paths)
        yield None, drawing.busy(0), "", ""
        show = self._alone(paths[0]) if len(paths) == 1 else self._series(paths, owner)
        told: str | None = None
        try:
            with closing(show):
                for look, words in show:
                    if self.uploads.number(owner) != mine:
                        told = _GONE
                        break
                    yield gr.skip(), look, words, gr.skip()
        except (Refused, Busy) as error:
            told = str(error)
        except Exception:
            if self.uploads.number(owner) in (mine, None):
                self.uploads.forget(owner, mine)
                yield gr.skip(), drawing.message(_FAILED), "", gr.skip()
            raise
        now = self.uploads.number(owner)
        if told is not None and now in (mine, None):
            self.uploads.forget(owner, mine)
            # None: they were in the way of others', or the page was closed.
            told = _GONE if now is None else told
            yield gr.skip(), drawing.message(told), "", gr.skip()

    def _alone(self, path: Path) -> Generator[tuple[Any, Any], None, None]:
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

    def _series(self, paths: list[Path], owner: str) -> Generator[tuple[Any, Any], None, None]:
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


def taken(uploads: Uploads, sent: Any) -> list[Path]:
    """Names of one's own for what a box of files holds.

    Raises:
        Refused: for nothing, or for a file that is gone.
    """
    files = [sent] if isinstance(sent, str) else list(sent or [])
    if not files:
        raise Refused("expected an image, found none: send one")
    found: list[Path] = []
    try:
        for one in files:
            found.append(uploads.take(str(one)))
    except (OSError, ValueError) as error:
        uploads.remove(found)
        raise Refused("the file is not here any more: send it again") from error
    return found


def _ahead(found: object) -> int:
    return found.ahead if isinstance(found, Waiting) else 0
