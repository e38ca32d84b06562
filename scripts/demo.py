"""A page in the browser for a model: scores, critiques, questions, and series ranked.

    python scripts/demo.py --model runs/quickstart/model
    python scripts/demo.py --model M --port 8000 --device cuda:0 --dtype bfloat16

Opens http://127.0.0.1:7860, which nobody but this machine reaches unless --host says otherwise. Needs the extra
`demo` (pip install "artimuse[demo]"). What is sent is deleted afterwards; nothing is fetched or reported. The
same by program: see artimuse/inference/page/__init__.py.

Exit status 0 when it was ended (Ctrl-C), 2 for a wrong call.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import signal
import sys
from collections.abc import Sequence

WRONG_CALL = 2
HOST, PORT = "127.0.0.1", 7860


def main(argv: Sequence[str] | None = None) -> int:
    args = _arguments(argv)
    try:
        if importlib.util.find_spec("gradio") is None:
            raise ValueError('the page needs Gradio: pip install "artimuse[demo]"')
        return serve(args)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return WRONG_CALL


def serve(args: argparse.Namespace) -> int:
    """Open the page, and wait for the end."""
    # Imported here: a wrong call must not wait for torch.
    from artimuse.inference.api import load
    from artimuse.inference.page.server import open_page
    from artimuse.models.base import model_folder

    folder = model_folder(args.model)
    # One image a pass: an image of a series then has the very score that it has alone.
    model = load(folder, device=args.device, dtype=args.dtype, batch_images=1)
    with open_page(model, folder, host=args.host, port=args.port) as page:
        print(f"page={page.url} model={args.model} device={model.device}", flush=True)
        if args.host not in ("127.0.0.1", "localhost", "::1"):
            print(f"whoever reaches {args.host}:{args.port} may use it", flush=True)
        # Whatever the shell has set: what was sent is to be removed.
        for one in (signal.SIGINT, signal.SIGTERM):
            signal.signal(one, _end)
        with contextlib.suppress(KeyboardInterrupt):
            page.wait()
    return 0


def _end(*_: object) -> None:
    raise KeyboardInterrupt


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", required=True, help="a model folder, or a hub id of one")
    parser.add_argument(
        "--host", default=HOST,
        help=f"address to listen on (default {HOST}: this machine alone; 0.0.0.0: whoever reaches it)",
    )  # fmt: skip
    parser.add_argument("--port", type=int, default=PORT, help=f"(default {PORT})")
    parser.add_argument("--device", help="cpu, cuda:0, ... (default: CUDA where there is one)")
    parser.add_argument(
        "--dtype", choices=["float32", "bfloat16", "float16"], default="float32",
        help="of the base's weights (default float32)",
    )  # fmt: skip
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
