"""The heap of a process that computes on the CPU: what a tensor leaves can be taken by the next.

    if __name__ == "__main__":
        start_with_whole_heap(__file__)

torch takes a tensor's memory by `posix_memalign`, and glibc's takes somewhat more and gives the rest back:
into its lists of small pieces (tcache; fast bins where that is full or off), from where some small object
gets it, and stays. The hole that the tensor leaves is then too small for another one of its size, so that the
heap grows where nothing new is held: glibc's bug 30723, mended in 2.39. Without both lists the rest goes back
to where it came from. They can be switched off before a process starts, and not in one that runs.
"""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

NAME = "GLIBC_TUNABLES"
# With the first alone a quarter of the starts still lost a tensor's place at each turn of the test.
WITHOUT_LISTS = "glibc.malloc.tcache_count=0:glibc.malloc.mxfast=0"
MENDED = (2, 39)
GPU = Path("/dev/nvidiactl")


def start_with_whole_heap(script: str) -> None:
    """Start this program anew, as it was called and as the same process, with a heap that does so.

    Nothing happens where the heap does so by itself or is not glibc's; where there is an NVIDIA GPU, whose
    memory is what counts; where the variable says anything already; and where python was not called with the
    script itself, but with something that runs it inside (a notebook, a debugger, -m).

    Args:
        script: its `__file__`.
    """
    first = next((word for word in sys.orig_argv[1:] if not word.startswith("-")), None)
    if first is None or first != sys.argv[0] or not Path(first).exists():
        return
    called = Path(first).samefile(script)
    if not called or not sys.executable or NAME in os.environ or GPU.exists() or not _scatters():
        return
    os.environ[NAME] = WITHOUT_LISTS
    # What was printed so far would be lost with the buffers.
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _scatters() -> bool:
    """Whether this is a glibc of before it was mended."""
    name, version = platform.libc_ver()
    return name == "glibc" and tuple(int(part) for part in version.split(".")[:2]) < MENDED
