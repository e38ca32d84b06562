"""A sample per image, from a file that should have one row for each."""

from __future__ import annotations

from artimuse.data.formats.fields import BadRow
from artimuse.records import Sample


class OncePerImage:
    """Samples in the order of their first row; rows that repeat one are counted."""

    def __init__(self) -> None:
        self._rows: dict[str, tuple[Sample, str]] = {}
        self.repeated = 0

    def add(self, sample: Sample, place: str) -> None:
        """Take in the sample of a row, `place` being e.g. "line 3"; an equal one is only counted.

        Raises:
            BadRow: where an earlier row says something else of the image.
        """
        known, earlier = self._rows.setdefault(sample.id, (sample, place))
        if known is sample:
            return
        if known != sample:
            raise BadRow(f"second row of an image: found other values than in {earlier}")
        self.repeated += 1

    @property
    def samples(self) -> list[Sample]:
        return [sample for sample, _ in self._rows.values()]

    def notes(self, file: str) -> list[str]:
        return [f"{file}: {self.repeated} repeated rows dropped"] if self.repeated else []
