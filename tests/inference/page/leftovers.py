"""What Gradio leaves behind: event loops that it makes, and neither runs nor closes.

Left to the end of a test run, each would be an error there, as warnings are.
"""

from __future__ import annotations

import gc
import warnings


def collect_leftovers() -> None:
    """Have them collected now, without a word."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()
