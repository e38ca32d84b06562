"""Score images with a trained model, and ask it about them.

    python scripts/score.py --model runs/quickstart/model photos/ --output scores.jsonl
    python scripts/score.py --model runs/quickstart/model a.jpg b.jpg --output scores.csv --describe
    python scripts/score.py --model M photos/ --output answers.jsonl --questions questions.txt

Exit status 0 only when every image was scored; 1 when some could not be read (they are listed, and have no
row); 2 for a wrong call.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artimuse.inference.score_file import ScoreFile, find_images
from artimuse.prompts import ATTRIBUTES, protocol
from artimuse.records import DataError

if TYPE_CHECKING:
    from artimuse.inference.critic import Critic
    from artimuse.inference.scorer import Scorer


def main(argv: Sequence[str] | None = None) -> int:
    args = _arguments(argv)
    try:
        images = find_images(args.images)
        questions = _questions(args.questions)
        # Imported here: a wrong call must not wait for torch.
        from artimuse.inference.critic import Critic
        from artimuse.inference.scorer import Scorer
        from artimuse.models.folder import load_model

        model = load_model(args.model)
        output = ScoreFile(args.output)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    scorer = Scorer(model, batch_images=args.batch_images)
    critic = Critic(model)
    critiques = (
        {a: protocol(model.info.prompt).attribute(a) for a in ATTRIBUTES} if args.describe else {}
    )
    done, broken = 0, []
    for image, scores in _scores(scorer, images, broken):
        row: dict[str, Any] = {
            "image": str(image),
            "score": next(iter(scores.values())),
            "scores": scores,
        }
        row |= _texts(critic, image, critiques, questions, args.max_new_tokens)
        output.write(row)
        done += 1
        if sys.stderr.isatty():
            print(f"\r{done}/{len(images)}", end="", file=sys.stderr, flush=True)
    output.close()
    for reason in broken:
        print(f"not scored: {reason}", file=sys.stderr)
    print(
        f"scored={done} not_scored={len(broken)} scale=0-100 read_out={model.info.readout_kind} "
        f"model={args.model} output={args.output}"
    )
    return 1 if broken else 0


def _scores(
    scorer: Scorer, images: Sequence[Path], broken: list[str]
) -> Iterator[tuple[Path, dict[str, float]]]:
    """Scores batch by batch; what cannot be read is added to `broken` with its reason."""
    from artimuse.data.images import read_image

    for start in range(0, len(images), scorer.batch_images):
        readable = []
        for image in images[start : start + scorer.batch_images]:
            try:
                read_image(image)
                readable.append(image)
            except DataError as error:
                broken.append(str(error))
        yield from zip(readable, scorer.score_images(readable), strict=True)


def _texts(
    critic: Critic, image: Path, critiques: dict[str, str], questions: Sequence[str], limit: int
) -> dict[str, dict[str, str]]:
    """Critiques and answers of one image, from one encoding of it."""
    answers = critic.answer(image, [*critiques.values(), *questions], max_new_tokens=limit)
    texts: dict[str, dict[str, str]] = {}
    if critiques:
        texts["critiques"] = dict(zip(critiques, answers, strict=False))
    if questions:
        texts["answers"] = dict(zip(questions, answers[len(critiques) :], strict=True))
    return texts


def _questions(path: Path | None) -> list[str]:
    if path is None:
        return []
    if not path.is_file():
        raise ValueError(f"--questions {path}: no such file; expected one question a line")
    return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE_OR_FOLDER")
    parser.add_argument("--model", required=True, type=Path, help="a model folder")
    parser.add_argument("--output", required=True, type=Path, help="a new .jsonl or .csv file")
    parser.add_argument("--describe", action="store_true", help="write the eight critiques too")
    parser.add_argument("--questions", type=Path, help="a file with a question a line")
    parser.add_argument("--max-new-tokens", type=int, default=128, help="of a text (default 128)")
    parser.add_argument("--batch-images", type=int, default=32, help="images at once (default 32)")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
