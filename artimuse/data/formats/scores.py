"""A score list alone: one score per image, on the scale of the data set whose list it is.

    [{"image": "session144/iaa_pub10022_.jpg", "gt_score": 3.148148148}, ...]

The lists of AVA, PARA, TAD66K, FLICKR-AES and ArtiMuse-10K are published in this form, the test
lists at least. `dataset` names the list's data set and with it the scale; a list of any other data
set needs a `scale`.
"""

from __future__ import annotations

from pathlib import Path

from artimuse.config.sources import ScoreListSource
from artimuse.data.formats import artimuse10k
from artimuse.data.formats.folder import ImageFolder
from artimuse.data.formats.score_list import read_score_list
from artimuse.records import OVERALL, Question, Sample, Source


def load(config: ScoreListSource, root: Path) -> Source:
    """One sample per image, in the order of the list.

    Only ArtiMuse-10K's names say something of the image: there, the prefix gives the category.
    """
    source = Source(config.name, [])
    folder = ImageFolder(root / config.images)
    scored = read_score_list(root / config.scores, config.native_scale, folder, source)
    named = config.dataset == "artimuse-10k"
    source.samples = [
        Sample(
            id=f"{config.name}/{name}",
            images=(image_path,),
            questions=(Question(kind="score", aspect=OVERALL, label=label),),
            dataset=config.name,
            category=artimuse10k.category(name) if named else None,
        )
        for name, (image_path, label) in scored.items()
    ]
    return source
