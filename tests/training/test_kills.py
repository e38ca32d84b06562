"""kill -9 at random moments, also during a save: a run ends with the weights and rows of one that ran through.

The moments are drawn by a seed. A run that was killed goes on; one that is done is compared, and begun anew.
"""

from __future__ import annotations

import random
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from resuming import assert_equal, finish, result, start

pytestmark = pytest.mark.slow

LARGEST = 40
"""Calls of the file system: a save with the removal of an old checkpoint is about twenty."""


@pytest.mark.parametrize(
    ("processes", "kills", "options"),
    [
        (1, 20, {"tuning": "lora", "mixture": "alternate", "accumulation": 2}),
        (2, 6, {"mixture": "blend"}),
    ],
)
def test_killed_at_random_moments(
    tmp_path: Path, processes: int, kills: int, options: dict[str, Any]
) -> None:
    settings: dict[str, Any] = options | {"checkpoint_every": 1, "processes": processes}
    began = time.monotonic()
    assert set(finish(start(tmp_path, "through", **settings))) == {0}
    took = time.monotonic() - began
    weights, rows = result(tmp_path, "through")
    draw = random.Random(8)
    done = killed = in_a_save = 0
    while killed < kills or done == 0:
        name = f"killed-{done}"
        saving = killed % 2 == 1 and killed < kills
        started = start(
            tmp_path, name, kill_at=draw.randint(1, LARGEST) if saving else None, **settings
        )
        if killed < kills and not saving:
            time.sleep(draw.uniform(0, took))
            for process in started:
                process.kill()
        if saving:  # the first process kills itself; the others cannot go on
            started[0].join(600)
            time.sleep(draw.uniform(0, 0.2))
            for process in started[1:] if started[0].exitcode != 0 else ():
                process.kill()
        statuses = finish(started)
        if statuses[0] == -signal.SIGKILL:
            killed += 1
            in_a_save += saving
        elif set(statuses) == {0}:
            found, found_rows = result(tmp_path, name)
            assert_equal(found, weights)
            assert found_rows == rows
            done += 1
        else:
            # One that was done when it was killed begins with nothing left to do.
            assert -signal.SIGKILL in statuses, statuses
    print(f"{killed} kills, {in_a_save} of them in a save; {done} runs came to their end")
    assert in_a_save >= kills // 3
