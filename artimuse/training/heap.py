"""The heap of a process that computes on the CPU: what a tensor leaves can be taken by the next.

    if __name__ == "__main__":
        start_with_whole_heap()      # before anything large is imported

torch takes a tensor's memory by `posix_memalign`, and glibc's takes somewhat more and gives the rest back: into
a cache for small pieces (tcache), from where some small object gets it, and stays. The hole that the tensor
leaves is then too small for another one of its size (glibc's bug 14581), so that the heap grows where nothing
new is held. Without that cache the rest goes back to where it came from. It can be switched off before a
process starts, and not in one that runs.
"""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

NAME = "GLIBC_TUNABLES"
WITHOUT_CACHE = "glibc.malloc.tcache_count=0"
GPU = Path("/dev/nvidiactl")


def start_with_whole_heap() -> None:
    """Start this program anew, as it was called and as the same process, with a heap that does so.

    Nothing happens where there is no such heap (no glibc), where the work is a GPU's, where the variable says
    anything already, and in a script that some other program runs inside itself (a notebook's %run).
    """
    called = sys.argv[0] in sys.orig_argv
    if not called or NAME in os.environ or GPU.exists() or platform.libc_ver()[0] != "glibc":
        return
    os.environ[NAME] = WITHOUT_CACHE
    # What was printed so far would be lost with the buffers.
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
