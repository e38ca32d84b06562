"""Your own photographs: a table in CSV, TSV or JSONL, by its ending.

    image,score,std,series,rank,category,question,answer
    hall/0001.jpg,62.5,8,hall-1,1,interior,Is it sharp?,"Yes, all of it."
    {"filename": "hall/0001.jpg", "mos": 62.5, "comp_score": 7}       mapped: columns, aspects

Only `image` and one kind of label are needed: a score (on the stated `scale`), scores of own
aspects, a rank, or a question with its answer. `image` is relative to the source's image folder,
`std` the spread of the raters in units of the score, `series` the images of one subject that differ
subtly, `rank` the place in the series (1 the best). A cell may be empty. Further questions about an
image stand in further rows.
"""

from __future__ import annotations

from pathlib import Path

from artimuse.config.sources import CustomSource
from artimuse.data.formats.folder import ImageFolder
from artimuse.data.formats.gather import gather
from artimuse.data.formats.tables import read_table
from artimuse.records import Source


def load(config: CustomSource, root: Path) -> Source:
    """One sample per image, in the order of the table; `gather` says how rows are put together."""
    source = Source(config.name, [])
    table = read_table(root / config.table, source)
    gather(table, config, ImageFolder(root / config.images), source)
    return source
