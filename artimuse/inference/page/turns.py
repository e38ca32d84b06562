"""A model is asked one thing at a time, in the order of asking, and so many may wait.

    turns = Turns(most_waiting=20)
    turns.run(lambda: model.score(path))                # waits for its turn, and for the result
    for one in turns.stream(lambda: critic.stream(path, questions)):
        ...                                             # Waiting(3), Waiting(0), and then what comes

Whoever asks may leave: what was not begun is not done, and a stream ends with its next item.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")

MOST_WAITING = 20
LOOK_UP_S = 0.5
"""A stream that nothing comes from says so this often; it can be left at those moments."""


class Busy(Exception):
    """As many wait as may."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many are served before this one; with 0 it is at work, and nothing has come of it yet."""

    ahead: int


@dataclass(frozen=True, slots=True)
class _Came(Generic[T]):
    one: T


class Turns:
    """One thread, which owns the model.

    Args:
        most_waiting: beside the one that is served.
    """

    def __init__(self, most_waiting: int = MOST_WAITING) -> None:
        self.most_waiting = most_waiting
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="model")
        self._lock = threading.Lock()
        self._line: list[Future[Any]] = []
        self._closed = threading.Event()

    def run(self, work: Callable[[], T]) -> T:
        """What work returns, or raises.

        Raises:
            Busy: at once, where as many wait as may.
        """
        return self._join(work).result()

    def stream(self, work: Callable[[], Generator[T, None, None]]) -> Iterator[T | Waiting]:
        """What work yields, as it comes, and while nothing comes how many are ahead.

        Raises:
            Busy: before anything, where as many wait as may.
        """
        came: queue.SimpleQueue[_Came[T] | None] = queue.SimpleQueue()
        left = threading.Event()

        def go_through() -> None:
            try:
                if left.is_set():
                    return
                with closing(work()) as found:
                    for one in found:
                        came.put(_Came(one))
                        if left.is_set() or self._closed.is_set():
                            return
            finally:
                came.put(None)

        place = self._join(go_through)
        try:
            yield Waiting(self._ahead(place))
            while True:
                try:
                    one = came.get(timeout=LOOK_UP_S)
                except queue.Empty:
                    yield Waiting(self._ahead(place))
                    continue
                if one is None:
                    break
                yield one.one
            place.result()
        finally:
            left.set()
            place.cancel()

    def close(self) -> None:
        """Serve nobody any more; a stream that goes on ends with its next item."""
        self._closed.set()
        self._thread.shutdown(wait=True, cancel_futures=True)

    @property
    def waiting(self) -> int:
        """How many wait, beside the one that is served."""
        with self._lock:
            return max(0, len(self._line) - 1)

    def _join(self, work: Callable[[], T]) -> Future[T]:
        with self._lock:
            if len(self._line) > self.most_waiting:
                raise Busy(
                    f"the model is busy, and {self.most_waiting} wait for it already: try again in a moment"
                )
            place = self._thread.submit(work)
            self._line.append(place)
        place.add_done_callback(self._leave)
        return place

    def _leave(self, place: Future[Any]) -> None:
        with self._lock:
            self._line.remove(place)

    def _ahead(self, place: Future[Any]) -> int:
        with self._lock:
            return self._line.index(place) if place in self._line else 0
