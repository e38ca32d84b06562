"""One thing at a time, in order, so many waiting, and whoever leaves holds nobody up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from artimuse.inference.page.turns import Busy, Turns, Waiting


@pytest.fixture
def turns() -> Iterator[Turns]:
    made = Turns(most_waiting=2)
    yield made
    made.close()


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


class Door:
    """Work that does not end before it is let go."""

    def __init__(self) -> None:
        self.begun, self.go = threading.Event(), threading.Event()

    def __call__(self) -> str:
        self.begun.set()
        assert self.go.wait(20)
        return "done"


def test_ten_at_once_are_served_one_at_a_time() -> None:
    turns, inside, most = Turns(most_waiting=20), [0], [0]

    def work() -> int:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        time.sleep(0.01)
        inside[0] -= 1
        return threading.get_ident()

    with ThreadPoolExecutor(10) as pool:
        threads = list(pool.map(lambda _: turns.run(work), range(10)))
    assert len(threads) == 10
    assert len(set(threads)) == 1
    assert most == [1]
    turns.close()


def test_more_than_may_wait_are_told_at_once(turns: Turns) -> None:
    door = Door()
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(turns.run, door) for _ in range(3)]
        until(lambda: turns.waiting == 2)
        with pytest.raises(Busy, match="2 wait for it already: try again"):
            turns.run(lambda: None)
        with pytest.raises(Busy):
            list(turns.stream(lambda: (one for one in ())))
        door.go.set()
        assert [one.result() for one in asked] == ["done"] * 3
    assert turns.waiting == 0
    assert turns.run(lambda: 4) == 4


def test_a_stream_yields_what_comes_and_says_how_many_are_ahead(turns: Turns) -> None:
    door = Door()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(turns.run, door)
        assert door.begun.wait(20)
        stream = turns.stream(lambda: (letter for letter in "abc"))
        assert next(stream) == Waiting(1)
        door.go.set()
        assert [one for one in stream if not isinstance(one, Waiting)] == ["a", "b", "c"]
        assert first.result() == "done"


def test_what_the_work_raises_is_raised(turns: Turns) -> None:
    def broken() -> Generator[int, None, None]:
        yield 1
        raise KeyError("two")

    with pytest.raises(KeyError, match="two"):
        list(turns.stream(broken))
    with pytest.raises(KeyError):
        turns.run(lambda: {}["two"])
    assert turns.run(lambda: 5) == 5


def test_who_leaves_holds_nobody_up(turns: Turns) -> None:
    closed = threading.Event()

    def endless() -> Generator[int, None, None]:
        try:
            for number in range(30_000):
                yield number
                time.sleep(0.001)
        finally:
            closed.set()

    stream: Any = turns.stream(endless)
    while next(stream) != 3:
        pass
    stream.close()
    assert closed.wait(15)
    assert turns.run(lambda: "next") == "next"


def test_what_was_not_begun_is_not_done(turns: Turns) -> None:
    door, begun = Door(), []
    with ThreadPoolExecutor(1) as pool:
        pool.submit(turns.run, door)
        assert door.begun.wait(20)
        stream: Any = turns.stream(lambda: (begun.append(n) for n in range(3)))
        assert next(stream) == Waiting(1)
        assert turns.waiting == 1
        stream.close()
        assert turns.waiting == 0
        door.go.set()
        assert turns.run(lambda: "next") == "next"
    assert begun == []


def test_closing_does_not_wait_for_the_end_of_a_stream() -> None:
    turns, closed = Turns(), threading.Event()

    def long() -> Generator[int, None, None]:
        try:
            for number in range(30_000):
                yield number
                time.sleep(0.001)
        finally:
            closed.set()

    stream: Any = turns.stream(long)
    while next(stream) != 3:
        pass
    turns.close()
    assert closed.is_set()
    assert list(stream)[-1] < 29_999
