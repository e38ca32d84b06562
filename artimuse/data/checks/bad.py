"""What is left out of a run, with the reason of each item: nothing is dropped in silence.

enforce_limit(sources, bad_images, max_bad_frac=0.01)
sources, bad = drop_bad(sources, bad_images)
counts = write_bad(run_folder / "bad_items.jsonl", sources)
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from artimuse.data.store import identities, take
from artimuse.records import BadItem, DataError, Source

SHOWN = 20
"""Bad items that an error lists."""


def drop_bad(
    sources: Sequence[Source], bad_images: Sequence[BadItem]
) -> tuple[list[Source], list[BadItem]]:
    """The sources without samples that have a bad image, and without pairs of a dropped sample.

    Returns:
        New sources, whose `bad` lists each dropped sample and each dropped pair beside the bad
        rows; and the bad items of all sources in one list.
    """
    reasons = {item.file: item.reason for item in bad_images}
    kept = [_without(source, reasons) for source in sources]
    return kept, [item for source in kept for item in source.bad]


def _without(source: Source, reasons: dict[str, str]) -> Source:
    kept: list[int] = []
    bad = list(source.bad)
    dropped: dict[str, str] = {}
    for place, sample in enumerate(identities(source.samples)):
        image = next((str(image) for image in sample.images if str(image) in reasons), None)
        if image is None:
            kept.append(place)
        else:
            dropped[sample.id] = image
            bad.append(BadItem(image, sample.id, reasons[image]))
    pairs = []
    for pair in source.pairs:
        image = dropped.get(pair.first) or dropped.get(pair.second)
        if image is None:
            pairs.append(pair)
        else:
            bad.append(
                BadItem(image, f"pair {pair.first} - {pair.second}", f"its image {image} is bad")
            )
    return replace(source, samples=take(source.samples, kept), pairs=pairs, bad=bad)


def enforce_limit(
    sources: Sequence[Source], bad_images: Sequence[BadItem], max_bad_frac: float
) -> None:
    """Stop a run whose data is not what it should be. Call it before `drop_bad`.

    Rows and images are judged apart, so that many rows about few images do not hide that the images
    are bad (AesMMIT has 19 rows an image).

    Raises:
        DataError: when more than `max_bad_frac` of all annotation rows, or of all distinct images,
            is bad; it counts them per source and kind, and shows the first 20.
    """
    rows = sum(source.items for source in sources)
    images = len(
        {i for source in sources for sample in identities(source.samples) for i in sample.images}
    )
    bad_rows = sum(len(source.bad) for source in sources)
    if bad_rows <= max_bad_frac * rows and len(bad_images) <= max_bad_frac * images:
        return
    users = {
        str(i): source.name
        for source in reversed(sources)
        for s in identities(source.samples)
        for i in s.images
    }
    listed = [(source.name, item) for source in sources for item in source.bad]
    listed += [(users.get(item.file, "unknown source"), item) for item in bad_images]
    lines = [
        f"data: expected at most {max_bad_frac:.2%} bad, found {bad_rows} of {rows} annotation "
        f"rows and {len(bad_images)} of {images} images; repair them, or raise data.max_bad_frac "
        "to leave them out"
    ]
    for name, kinds in count_bad(listed).items():
        lines += [f"  {name}: {count} x {kind}" for kind, count in kinds.items()]
    lines += [f"first {min(SHOWN, len(listed))} of {len(listed)}:"]
    lines += [f"  {item}" for _, item in listed[:SHOWN]]
    raise DataError("\n".join(lines))


def write_bad(path: Path, sources: Sequence[Source]) -> dict[str, dict[str, int]]:
    """Write the bad items, one JSON object `{"source", "file", "item", "reason"}` a line.

    Without bad items the file is empty.

    Returns:
        Counts per source name and kind of reason, most frequent first.
    """
    listed = [(source.name, item) for source in sources for item in source.bad]
    with path.open("w", encoding="utf-8") as file:
        for name, item in listed:
            file.write(json.dumps({"source": name, **asdict(item)}) + "\n")
    return count_bad(listed)


def count_bad(listed: Iterable[tuple[str, BadItem]]) -> dict[str, dict[str, int]]:
    """Counts per source name and kind of reason (what stands before its first colon)."""
    counts: dict[str, Counter[str]] = {}
    for name, item in listed:
        counts.setdefault(name, Counter())[_kind(item)] += 1
    return {name: dict(counter.most_common()) for name, counter in counts.items()}


def _kind(item: BadItem) -> str:
    # The reason of a pair names its image, which would make every reason a kind of its own.
    if item.reason == f"its image {item.file} is bad":
        return "pair of a bad image"
    return item.reason.partition(":")[0]
