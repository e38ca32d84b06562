"""The sources of a recipe: one class per data set format, told apart by `format`.

    - {name: ava, format: ava, images: AVA/images, votes: AVA/AVA.txt, minus: [AVA_test.json]}

All paths are relative to `data.root`. Every field is documented by the string under it; `data/README.md`
has an example of each format.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

Scale = tuple[float, float]


class InRoot:
    """Marks a field as the path of a file or folder below data.root that has to be there."""


RootPath = Annotated[str, InRoot]

# The scales on which the published score lists are released.
SCALES: dict[str, Scale] = {
    "artimuse-10k": (0.0, 10.0),
    "ava": (1.0, 10.0),
    "para": (1.0, 5.0),
    "tad66k": (1.0, 10.0),
    "flickr-aes": (0.2, 1.0),
    "icaa17k": (0.0, 10.0),
    "aadb": (0.0, 1.0),
}
EVALUATION_ONLY = ("aesbench", "unipercept_bench")
"""Formats of benchmarks that may not be trained on."""
NEVER_TRAINED = ("aesbench",)
"""Those whose terms forbid it, so that not even an overlap can be accepted."""


def _one_or_more(value: str | int) -> str | int:
    if isinstance(value, int) and value < 1:
        raise ValueError("expected 'all' or a number of 1 or more")
    return value


QuestionsPerImage = Annotated[Literal["all"] | int, AfterValidator(_one_or_more)]


class Section(BaseModel):
    """A part of the configuration: unknown keys and lax types are errors."""

    model_config = ConfigDict(
        extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


def different(names: list[str]) -> list[str]:
    """The names, if no two are equal."""
    if len(set(names)) < len(names):
        raise ValueError(f"expected different names, found {names}")
    return names


def _rising(scale: Scale) -> Scale:
    if not scale[0] < scale[1]:
        raise ValueError(f"expected [low, high] with low < high, found {list(scale)}")
    return scale


StatedScale = Annotated[Scale, AfterValidator(_rising)]
Names = Annotated[list[str], AfterValidator(different), Field(min_length=1)]


class SourceBase(Section):
    name: str = Field(min_length=1, pattern=r"^[\w.-]+$")
    """The data set's name; it prefixes sample ids."""
    images: RootPath
    """Image folder, relative to data.root."""
    weight: float = Field(default=1.0, gt=0)
    """Share of a step's images relative to the other sources."""
    licence: str | None = Field(default=None, min_length=1)
    """The terms of the data, for the model card (`CC BY-NC 4.0`); None is "not stated" there."""
    questions_per_image: QuestionsPerImage | None = None
    """Overrides data.questions_per_image for this source."""
    minus: list[RootPath] = []
    """Lists whose images are taken out of this source, such as a test list: score lists, or text with a
    name a line."""


class RankedSource(SourceBase):
    """A source of series whose images are ranked, or compared in pairs."""

    comparisons: float = Field(default=0.0, ge=0, le=1)
    """Share of the pairs that are also asked about in words, both images in one prompt: which is better?"""
    comparison_texts: RootPath | None = None
    """Texts that compare the images of pairs, JSONL of {first, second, text}; for `objective.align`.
    `scripts/write_comparisons.py` writes them."""


class ArtiMuseSource(SourceBase):
    format: Literal["artimuse10k"]
    scores: RootPath | None = None
    """Score list: JSON `[{"image", "gt_score"}]`, relative to data.root."""
    texts: RootPath | None = None
    """Critiques: JSONL of LLaVA-style records, one per image and attribute."""
    scale: StatedScale = SCALES["artimuse-10k"]
    """The stated ends of the scores' native scale."""

    @model_validator(mode="after")
    def _something(self) -> ArtiMuseSource:
        if self.scores is None and self.texts is None:
            raise ValueError("expected `scores`, `texts` or both, found neither")
        return self


class ScoreListSource(SourceBase):
    format: Literal["scores"]
    scores: RootPath
    """Score list: JSON `[{"image", "gt_score"}]`."""
    dataset: (
        Literal["artimuse-10k", "ava", "para", "tad66k", "flickr-aes", "icaa17k", "aadb"] | None
    ) = None
    """Whose list it is: gives the scale."""
    scale: StatedScale | None = None
    """The stated ends of the scores' native scale; for a list of any other data set."""

    @model_validator(mode="after")
    def _one_scale(self) -> ScoreListSource:
        if (self.dataset is None) == (self.scale is None):
            raise ValueError("expected exactly one of `dataset` and `scale`")
        return self

    @property
    def native_scale(self) -> Scale:
        if self.scale is not None:
            return self.scale
        assert self.dataset is not None
        return SCALES[self.dataset]


class AVASource(SourceBase):
    format: Literal["ava"]
    votes: RootPath
    """`AVA.txt`: ten counts of votes per image."""


class PARASource(SourceBase):
    format: Literal["para"]
    annotations: RootPath
    """`annotation/PARA-GiaaTrain.csv` or `PARA-GiaaTest.csv`."""
    aspects: Literal["all"] | Names = ["overall"]
    """Of overall, quality, composition, color, dof, light, content, content_preference, share."""


class AADBSource(SourceBase):
    format: Literal["aadb"]
    lists: RootPath
    """Folder of `imgList{Train,Validation,TestNew}Regression_{score or attribute}.txt`."""
    split: Literal["Train", "Validation", "TestNew"]
    aspects: Literal["all"] | Names = ["overall"]
    """Overall, or any of the eleven attributes as its files name them (`ColorHarmony`)."""


class ICAA17KSource(SourceBase):
    format: Literal["icaa17k"]
    annotations: RootPath
    """CSV with the columns `ID`, `MOS`, `color`."""
    aspects: Literal["all"] | Names = ["overall"]
    """Of overall (`MOS`) and color."""


class AesMMITSource(SourceBase):
    format: Literal["aesmmit"]
    annotations: RootPath
    """JSON list of LLaVA-style records with `type` and `qtype`."""


class FGAestheticsSource(RankedSource):
    format: Literal["fgaesthetics"]
    labels: list[RootPath] = Field(min_length=1)
    """Six-column label files, relative to data.root."""


class AesBenchSource(SourceBase):
    format: Literal["aesbench"]
    images: str
    """Image folder; what the data set holds as bytes is unpacked there, so it may be absent."""
    annotations: RootPath
    """`AesBench_evaluation.json`, or the validation `.tsv` with the images inside."""


class UniPerceptBenchSource(SourceBase):
    format: Literal["unipercept_bench"]
    annotations: RootPath
    """The list of visual questions."""


class AspectColumn(Section):
    """A column that holds the scores of an aspect, on a scale of its own."""

    column: str
    scale: StatedScale


Aspects = dict[str, str | AspectColumn]


class Columns(Section):
    """Which column of a table holds what; None: the column that is called as its key, if there is one."""

    image: str | None = None
    score: str | None = None
    std: str | None = None
    series: str | None = None
    rank: str | None = None
    question: str | None = None
    answer: str | None = None
    category: str | None = None


def _own_aspects(aspects: Aspects) -> Aspects:
    if "overall" in aspects:
        raise ValueError("expected own attributes, found overall; its column is `columns.score`")
    return aspects


class TableSource(RankedSource):
    """What a custom table and a Hugging Face data set share."""

    columns: Columns = Columns()
    scale: StatedScale | None = None
    """The stated ends of the scores' scale; needed where there are scores."""
    aspects: Annotated[Aspects, AfterValidator(_own_aspects)] = {}
    """Own attributes: aspect -> its column (on `scale`), or {column, scale}."""


class CustomSource(TableSource):
    format: Literal["custom"]
    table: RootPath
    """CSV, TSV or JSONL (by its ending) with a row per image, or per image and question."""


class HFDatasetSource(TableSource):
    format: Literal["hf_dataset"]
    images: str
    """Image folder; what the data set holds as bytes is unpacked there, so it may be absent."""
    folder: RootPath
    """A Hugging Face data set (one split) as `Dataset.save_to_disk` writes it."""


class SeriesFolderSource(RankedSource):
    format: Literal["series_folder"]
    order: Literal["best_first", "worst_first"]
    """What the order of the file names in a series' folder says."""


class VotesSource(RankedSource):
    format: Literal["votes"]
    table: RootPath
    """CSV, TSV or JSONL with the columns series, a, b, wins_a, wins_b."""


SourceConfig = Annotated[
    ArtiMuseSource
    | ScoreListSource
    | AVASource
    | PARASource
    | AADBSource
    | ICAA17KSource
    | AesMMITSource
    | FGAestheticsSource
    | AesBenchSource
    | UniPerceptBenchSource
    | CustomSource
    | HFDatasetSource
    | SeriesFolderSource
    | VotesSource,
    Field(discriminator="format"),
]
