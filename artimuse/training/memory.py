"""Memory that runs out: which samples it was, and what to lower."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from artimuse.data.loader import StepData, StepDataset
from artimuse.training.faults import RunError, worker_ended

STEP_ADVICE = (
    "lower train.batch_images or raise train.accumulation (--dry-run estimates it) or the number of processes; "
    "where it is one image alone, lower model.images.max_pixels or data.questions_per_image"
)
LOADER_ADVICE = "lower data.workers, or look at the size of these images"


@contextmanager
def step_memory(data: StepData, number: int) -> Iterator[None]:
    """Around forward and backward of a micro-batch: an end of memory names its samples.

    Raises:
        RunError: in place of torch's OutOfMemoryError, a MemoryError, and what torch's CPU allocator says.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        # The CPU's allocator raises a plain RuntimeError.
        if not (
            isinstance(error, (MemoryError, torch.OutOfMemoryError))
            or "can't allocate memory" in str(error)
        ):
            raise
        rows, tokens = data.micro_batches[number].input_ids.shape
        where = (
            f"micro-batch {number + 1} of {len(data.micro_batches)}: {rows} rows of {tokens} tokens"
        )
        raise _out_of_memory(
            error, f"step {data.step + 1} ({where})", data.sample_ids[number], STEP_ADVICE
        ) from error


def fetched(loader: Iterator[StepData], data: StepDataset, start: int) -> Iterator[StepData]:
    """What a loader gives from step `start` on; an end of memory on the way names the step's samples.

    Raises:
        RunError: in place of a MemoryError, of this process or of a loader worker.
    """
    for step in range(start, len(data)):
        try:
            step_data = next(loader)
        except StopIteration:
            return
        except MemoryError as error:
            ids = [sample.id for unit in data.units(step) for sample in unit.samples]
            where = f"step {step + 1}, while its images were read"
            raise _out_of_memory(error, where, ids, LOADER_ADVICE) from error
        # A worker that is killed while it hands over a step: its socket ends before torch misses it.
        except (ConnectionError, EOFError) as error:
            raise worker_ended(f"{error!r} before step {step + 1} was handed over") from error
        yield step_data


def _out_of_memory(error: BaseException, where: str, ids: list[str], advice: str) -> RunError:
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    return RunError(
        f"out of memory in {where}, with the samples {', '.join(ids)}. To go on, {advice}; settings that "
        f"decide the result need a new run (run.name=NAME). The system says: {first}"
    )
