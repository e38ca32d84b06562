"""Score images with a trained model, ask it about them, and rank bursts of shots.

    python scripts/score.py --model runs/quickstart/model photos/ --output scores.jsonl
    python scripts/score.py --model runs/quickstart/model a.jpg b.jpg --output scores.csv --describe
    python scripts/score.py --model M photos/ --output answers.jsonl --questions questions.txt
    python scripts/score.py --model M photos/ --series time --output bursts.jsonl --sheet bursts.html
    python scripts/score.py --server http://127.0.0.1:8000 --serving exported/serving.json --model exported \\
        photos/ --output served.jsonl

A row per image, written as soon as it is done. The same command goes on where it was stopped: images that
OUTPUT has already are skipped. OUTPUT.meta.json says how the rows were made (scale, read-out, model, prompts);
OUTPUT.not_scored.jsonl lists images that cannot be read, with reasons.

--series ranks shots of one subject: those of a folder, or those that one camera took with at most --gap seconds
between two of them (EXIF DateTimeOriginal). Rows have place, P(better) than the next shot and than the best;
--sheet writes a page with the pictures, best first. A series that has changed since is ranked anew.

Exit status 0 only when every image has its row; 1 when some could not be read (the next call tries them
again); 2 for a wrong call; 130 when interrupted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Generator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from artimuse.inference.asked import Asked, read_questions
from artimuse.inference.burst_file import open_burst_file
from artimuse.inference.bursts import by_folder, by_time
from artimuse.inference.contact_sheet import check_sheet, write_sheet
from artimuse.inference.progress import Progress
from artimuse.inference.score_arguments import score_arguments
from artimuse.inference.score_file import ScoreFile, check_output, find_images

if TYPE_CHECKING:
    from artimuse.inference.assess import Assessed
    from artimuse.inference.stream import Broken
    from artimuse.models.aesthetic import AestheticModel

AT_ONCE = 8
BROKEN, WRONG_CALL, INTERRUPTED = 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    args = score_arguments(argv, description=__doc__ or "")
    try:
        check_output(args.output)
        if args.sheet:
            check_sheet(args.sheet)
        images = find_images(args.images)
        if args.series:
            return rank(args, images)
        if args.server:
            return ask_server(args, images)
        questions = read_questions(args.questions) if args.questions else ()
        return score(args, images, Asked(args.describe, questions, args.max_new_tokens))
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return WRONG_CALL


def score(args: argparse.Namespace, images: Sequence[Path], asked: Asked) -> int:
    """Everything from the model to the last row."""
    # Imported here: a wrong call must not wait for torch.
    from artimuse.inference.assess import assess, check_asked, row_fields
    from artimuse.inference.provenance import describe_run

    model, folder = _load(args)
    check_asked(model.info, asked)
    meta = describe_run(model, folder, asked)
    with closing(ScoreFile(args.output, row_fields(model.info, asked), meta)) as output:
        waiting = [image for image in images if str(image) not in output.done]
        progress = Progress(len(images), skipped=len(images) - len(waiting))
        rows = assess(model, waiting, asked, device=args.device, batch_images=args.batch_images)
        status = _write(rows, output, progress)
    _say(progress, args, model)
    return status


def rank(args: argparse.Namespace, images: Sequence[Path]) -> int:
    """The same for series: from their grouping to the contact sheet."""
    from artimuse.inference.provenance import describe_run
    from artimuse.inference.rank_bursts import (
        burst_fields,
        check_ranks,
        describe_ranking,
        rank_bursts,
    )

    grouped = by_time(images, gap_s=args.gap) if args.series == "time" else by_folder(images)
    model, folder = _load(args)
    check_ranks(model.info)
    meta = describe_run(model, folder, Asked())
    meta["same"]["series"] = describe_ranking(model, grouped.by, grouped.gap_s)
    fields = burst_fields(model.info, grouped.by)
    with closing(open_burst_file(args.output, fields, meta, grouped.bursts)) as output:
        output.notes += grouped.notes()
        waiting = [b for b in grouped.bursts if not {str(i) for i in b.images} <= output.done]
        left = sum(len(burst.images) for burst in waiting)
        progress = Progress(len(images), skipped=len(images) - left)
        rows = rank_bursts(
            model, waiting, by=grouped.by, device=args.device, batch_images=args.batch_images
        )
        status = _write(rows, output, progress)
    _say(progress, args, model)
    print(grouped.summary())
    if args.sheet and status != INTERRUPTED:
        write_sheet(args.sheet, args.output, grouped, model=str(args.model))
        print(f"sheet={args.sheet}")
    return status


def ask_server(args: argparse.Namespace, images: Sequence[Path]) -> int:
    """The scores that another engine gives, for a model that was exported to it."""
    from artimuse.inference.serving.client import LIMIT, ServedModel
    from artimuse.inference.serving.loading import load_record
    from artimuse.inference.serving.rows import describe_served, served_fields, served_rows

    served = ServedModel(
        load_record(args.serving), args.server, args.model, top_logprobs=args.top_logprobs,
        limit=LIMIT if args.max_width is None else args.max_width,
    )  # fmt: skip
    meta = describe_served(served, args.serving)
    with closing(ScoreFile(args.output, served_fields(served.aspects), meta)) as output:
        waiting = [image for image in images if str(image) not in output.done]
        progress = Progress(len(images), skipped=len(images) - len(waiting))
        status = _write(
            served_rows(served, waiting, at_once=args.batch_images or AT_ONCE), output, progress
        )
    print(
        f"{progress.summary()} scale=0-100 read_out={served.record['readout']} model={args.model} "
        f"server={served.url} output={args.output}"
    )
    return status


def _load(args: argparse.Namespace) -> tuple[AestheticModel, Path]:
    from artimuse.inference.device import pick_device, pick_dtype
    from artimuse.models.base import model_folder
    from artimuse.models.folder import load_model

    device, folder = pick_device(args.device), model_folder(args.model)
    return load_model(folder, dtype=pick_dtype(args.dtype)).to(device), folder


def _say(progress: Progress, args: argparse.Namespace, model: AestheticModel) -> None:
    print(
        f"{progress.summary()} scale=0-100 read_out={model.info.readout_kind or 'none'} "
        f"model={args.model} output={args.output}"
    )


def _write(
    rows: Generator[Assessed | Broken, None, None], output: ScoreFile, progress: Progress
) -> int:
    """Write rows as they come; returns the exit status."""
    from artimuse.inference.stream import Broken

    for note in output.notes:
        progress.say(f"{output.path}: {note}")
    try:
        with closing(progress), closing(rows):
            for one in rows:
                if isinstance(one, Broken):
                    output.not_scored(str(one.image), one.reason)
                    progress.no_row(one.reason)
                else:
                    output.write(one.row)
                    progress.row(cut_texts=one.cut)
    except KeyboardInterrupt:
        progress.say("interrupted: the same command goes on from here")
        return INTERRUPTED
    return BROKEN if progress.not_scored else 0


if __name__ == "__main__":
    sys.exit(main())
