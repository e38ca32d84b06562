"""What ends a run early, and how a program that started it can tell.

    0     finished
    1     a fault: the message says what happened, what is safe, and what to do
    2     refused before anything was trained: configuration, data, or a damaged checkpoint
    75    stopped by SIGTERM or SIGINT and saved: start the same command with --resume (EX_TEMPFAIL)

No torch here: configuration errors answer in a moment.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

RESUME_STATUS = 75
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""No space left, quota exceeded, file larger than allowed."""

# What gloo, NCCL and torch's store say when the process at the other end is gone.
LOST = ("Connection closed by peer", "Connection reset by peer", "Broken pipe", "Connection refused",
        "NCCL", "gloo", "Socket Timeout", "failed to recv", "store->")  # fmt: skip


class RunError(RuntimeError):
    """A run that cannot go on. What was saved before stays, and --resume goes on from it."""


class CheckpointError(ValueError):
    """A checkpoint that is damaged, or belongs to another configuration or other data."""


def worker_ended(what: str) -> RunError:
    return RunError(
        f"a data worker ended: {what}. Mostly the machine had no memory left (dmesg tells): "
        "lower data.workers, and go on with --resume"
    )


@contextmanager
def explained() -> Iterator[None]:
    """Turn what the system says of a fault into a RunError that says what to do.

    A full disk, a loader worker that was killed, and another process of the run that is gone. Everything else
    is passed on as it is.
    """
    several = int(os.environ.get("WORLD_SIZE", "1")) > 1
    try:
        yield
    except RunError:
        raise
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise RunError(
            f"the run folder cannot be written: {error}. Free space and go on with --resume"
        ) from error
    except RuntimeError as error:
        text = str(error)
        # Not what a worker itself raised: "Caught RuntimeError in DataLoader worker process 0."
        if "DataLoader worker (pid" in text:
            raise worker_ended(text.strip()) from error
        if several and any(sign.lower() in text.lower() for sign in LOST):
            raise RunError(
                "another process of this run ended or cannot be reached, so this one ends too; what happened "
                f"is in its own message. Go on with --resume. ({text.strip().splitlines()[0]})"
            ) from error
        raise
