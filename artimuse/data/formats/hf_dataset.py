"""A Hugging Face data set on disk, one split of it: rows and columns as in a custom table.

    Dataset.from_dict({"image": [...], "mos": [...]}).save_to_disk("data/mine/train")
    {format: hf_dataset, folder: mine/train, images: mine/images, columns: {score: mos}, ...}

The image column holds text (a path below `images`), or the images themselves: these are unpacked
into `images` once, under the name that comes with them, else as `<row number>.jpg` and the like
(from 0, as `dataset[0]` has it). Equal images without a name are one file, thus one image.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artimuse.config.sources import HFDatasetSource
from artimuse.data.formats.columns import wanted_columns
from artimuse.data.formats.fields import BadRow, bad_item
from artimuse.data.formats.folder import ImageFolder
from artimuse.data.formats.gather import gather
from artimuse.data.formats.tables import Row, Table
from artimuse.data.formats.unpack import suffix_of, unpack
from artimuse.records import DataError, Source

if TYPE_CHECKING:
    from datasets import Dataset

_HINT = "name its columns under `columns`, such as `columns: {image: photo, score: mos}`"


def load(config: HFDatasetSource, root: Path) -> Source:
    """One sample per image, in the order of the rows; `gather` says how rows are put together."""
    folder, images = root / config.folder, root / config.images
    dataset = _open(folder)
    source = Source(config.name, [])
    wanted = [name for name in dataset.column_names if name in wanted_columns(config)]
    rows = _rows(dataset.select_columns(wanted), config, folder, images, source)
    table = Table(folder, dataset.column_names, rows, _HINT)
    gather(table, config, ImageFolder(images), source)
    return source


def _open(folder: Path) -> Dataset:
    if not folder.is_dir():
        raise DataError(
            f"{folder}: expected the folder of a Hugging Face data set, found nothing there; check "
            "the path in the configuration, and data.root that it is relative to"
        )
    # Here, not above: it takes a second, and only this format needs it.
    import datasets

    try:
        opened = datasets.load_from_disk(str(folder))
    except Exception as error:  # whatever the library makes of a damaged folder
        raise DataError(
            f"{folder}: expected a data set as `Dataset.save_to_disk` writes it, found: {error!r}; "
            "save it anew, or name the folder that holds `dataset_info.json`"
        ) from error
    if isinstance(opened, datasets.DatasetDict):
        splits = [str(name) for name in opened] or ["train"]
        raise DataError(
            f"{folder}: expected one split of a data set, found the splits {', '.join(splits)}; name "
            f"the folder of one, such as {folder.name}/{splits[0]}"
        )
    return opened.with_format(None)


def _rows(
    dataset: Dataset, config: HFDatasetSource, folder: Path, images: Path, source: Source
) -> Iterator[tuple[str, Row]]:
    """Each row as a table has it: names of images for images, names of classes for numbers.

    Raises:
        DataError: where the files turn out to be damaged.
    """
    from datasets import ClassLabel, Image

    column = config.columns.image or "image"
    if isinstance(dataset.features[column], Image):
        # As bytes: an image is decoded when it is checked, not here.
        dataset = dataset.cast_column(column, Image(decode=False))
    classes = {
        name: feature.names
        for name, feature in dataset.features.items()
        if isinstance(feature, ClassLabel)
    }
    unpacking = _Unpacking(images)
    for number, row in enumerate(_read(dataset, folder)):
        for name, called in classes.items():
            # -1 stands for no class.
            index = row[name]
            row[name] = None if index is None or index < 0 else called[index]
        try:
            row[column] = unpacking.name_of(row[column], number)
        except BadRow as error:
            source.items += 1
            source.bad.append(bad_item(folder, f"row {number}", None, error))
            continue
        yield f"row {number}", row


def _read(dataset: Dataset, folder: Path) -> Iterator[dict[str, Any]]:
    rows = iter(dataset)
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except Exception as error:  # whatever the library makes of damaged files
            raise DataError(
                f"{folder}: expected rows that can be read, found: {error!r}; save the data set anew"
            ) from error
        yield dict(row)


class _Unpacking:
    """Names of images in the image folder, where those that are bytes become files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._unnamed: dict[bytes, str] = {}

    def name_of(self, image: Any, number: int) -> Any:
        """The name of a row's image: itself where it is one, else that of its file.

        Raises:
            BadRow: for bytes that are no image, and a name that leaves the folder.
            DataError: where another file of that name is there.
        """
        if isinstance(image, bytes):
            image = {"bytes": image, "path": None}
        if not isinstance(image, dict) or "bytes" not in image:
            return image
        name, data = image.get("path"), image["bytes"]
        if data is None:
            return name
        if name is None:
            digest = hashlib.blake2b(data, digest_size=16).digest()
            name = self._unnamed.setdefault(digest, f"{number}{suffix_of(data)}")
        unpack(self.folder, name, data)
        return name
