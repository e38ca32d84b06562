"""One YAML file <-> one typed object. Strict: an unknown key is an error that suggests the nearest one.

    config = load_config("configs/quickstart.yaml", ["train.steps=10"])
    config.train.steps, to_yaml(config)

No torch here: `--dry-run` and configuration errors answer in a moment. Every field is documented by the
string under it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from artimuse.config.objective import ObjectiveConfig, refuse_unfit
from artimuse.config.selection import TRAINED_BY, SelectConfig
from artimuse.config.sources import (
    EVALUATION_ONLY,
    NEVER_TRAINED,
    QuestionsPerImage,
    Section,
    SourceConfig,
    different,
)
from artimuse.config.stages import StageConfig, refuse_origins
from artimuse.config.tuning import LoraConfig, PartTuning, Quantization

ReadoutKind = Literal["regression", "tokens", "levels", "bins"]
PromptName = Literal["plain", "artimuse", "unipercept", "llava_v1"]
FamilyName = Literal["internvl", "llava", "qwen2_5_vl", "qwen3_vl", "fgaesq"]


class RunConfig(Section):
    name: str = Field(pattern=r"^[\w-][\w.-]*$")
    """The run's name: its folder is folder/name."""
    folder: str = "runs"
    """Where run folders are made, relative to the working directory."""
    seed: int = Field(default=0, ge=0)
    """Every random number is derived from it."""
    wandb: Literal["off", "offline", "online"] = "off"
    """Also log to Weights & Biases."""


class DemoConfig(Section):
    seed: int = Field(default=0, ge=0)
    """Seed of the drawing (not of the training)."""
    scale: float = Field(default=1.0, gt=0)
    """Number of scenes relative to the default of `scripts/make_demo_data.py`."""


class DataConfig(Section):
    root: str
    """Folder that all paths of the sources are relative to."""
    demo: DemoConfig | None = None
    """Draw the demo data into `root` before anything else, where it is not there yet."""
    sources: list[SourceConfig] = Field(min_length=1)
    """What is trained on."""
    mixture: Literal["blend", "alternate"] = "blend"
    """Every step holds all sources by weight, or one source after the other."""
    validation_frac: float = Field(default=0.0, ge=0, lt=1)
    """Share of every training source that is cut off for validation (by hash; a series is never cut). It
    selects (train.select), and is what the run is evaluated on where evaluation.sources are not given."""
    questions_per_image: QuestionsPerImage = "all"
    """Text questions of an image in a step: all, or so many drawn by seed (score questions always stay)."""
    workers: int = Field(default=1, ge=0)
    """Loader processes; the order of samples does not depend on them."""
    cache: str | None = None
    """Where parsed annotations are kept; None is `artimuse/sources` in the user's cache folder."""
    check_images: bool = True
    """Decode every image fully before training starts."""
    max_bad_frac: float = Field(default=0.01, ge=0, le=1)
    """A run stops when more of its images or annotation rows are bad; fewer are left out and listed."""
    allow_leakage: Annotated[list[str], AfterValidator(different)] = Field(default=[])
    """Evaluation sources (by name) that may have images in common with what is trained on."""

    @model_validator(mode="after")
    def _names(self) -> DataConfig:
        names = [source.name for source in self.sources]
        if len(set(names)) < len(names):
            raise ValueError(f"sources: expected different names, found {names}")
        return self

    @model_validator(mode="after")
    def _trainable(self) -> DataConfig:
        for number, source in enumerate(self.sources):
            if source.format in EVALUATION_ONLY:
                raise ValueError(
                    f"sources.{number}: {source.name!r} ({source.format}) is a benchmark: its terms "
                    "forbid training on it; name it in evaluation.sources"
                )
        return self


class ScratchConfig(Section):
    """A small model of a real architecture with random weights and a tokenizer of its own."""

    family: FamilyName = "internvl"
    image_size: int = Field(default=112, gt=0, multiple_of=28)
    """Width and height of a tile; of the Qwen-VL families the square root of the most pixels of an image."""
    vision_width: int = Field(default=96, gt=0)
    vision_layers: int = Field(default=3, gt=0)
    vision_heads: int = Field(default=4, gt=0)
    language_width: int = Field(default=128, gt=0)
    language_layers: int = Field(default=3, gt=0)
    language_heads: int = Field(default=4, gt=0)
    key_value_heads: int = Field(default=2, gt=0)
    vocabulary: int = Field(default=800, ge=300)
    """Size of the byte-level BPE vocabulary trained on the training texts (special tokens included)."""
    score_words: bool = False
    """The vocabulary also holds ArtiMuse's 101 score tokens and the five level words, as that of a pretrained
    model does, so that a model trained from this one can have any read-out; without it, its own one's."""
    layer_scale: float = Field(default=0.1, gt=0)
    """InternVL: start of the vision tower's layer scales; InternViT's .1 is for towers trained for long."""
    position_range: float = Field(default=1.0, ge=0)
    """InternVL: standard deviation of the tower's position embeddings at the start (transformers: 0)."""
    detail_gain: float = Field(default=4.0, ge=0)
    """InternVL: half of the patch filters start without a mean and this much larger; 0: all as drawn."""
    initializer_range: float = Field(default=0.08, gt=0)
    """Decides what a small model learns in minutes: transformers' .02 stays far behind."""

    @model_validator(mode="after")
    def _heads(self) -> ScratchConfig:
        # Rotary positions turn pairs of a head's dimensions, so a language head is even.
        for width, parts in (
            ("vision_width", self.vision_heads),
            ("language_width", 2 * self.language_heads),
        ):
            if getattr(self, width) % parts:
                raise ValueError(
                    f"{width}: expected a multiple of {parts}, found {getattr(self, width)}"
                )
        if self.language_heads % self.key_value_heads:
            raise ValueError(
                f"language_heads: expected a multiple of key_value_heads {self.key_value_heads}, "
                f"found {self.language_heads}"
            )
        return self


class ReadoutConfig(Section):
    kind: ReadoutKind = "regression"
    hidden: int = Field(default=256, gt=0)
    """Width of the float32 MLP of `regression` and `bins`."""
    bins: int = Field(default=10, ge=2)
    """Bins of the `bins` read-out."""
    head: Literal["mlp", "fgaesq"] = "mlp"
    """Layers of `bins`: mlp has one hidden layer of `hidden`; fgaesq is that paper's, 256 and 64 wide with
    dropout."""
    words: Annotated[list[str], AfterValidator(different)] | None = Field(
        default=None, min_length=2
    )
    """Vocabulary entries of `tokens` and `levels`, lowest score first; None is ArtiMuse's 101 score tokens,
    and bad, poor, fair, good, excellent."""

    @model_validator(mode="after")
    def _words(self) -> ReadoutConfig:
        if self.words is not None and self.kind not in ("tokens", "levels"):
            raise ValueError(
                f"words: a {self.kind!r} read-out has none; expected kind 'tokens' or 'levels'"
            )
        if self.head != "mlp" and self.kind != "bins":
            raise ValueError(f"head: {self.head!r} is of kind 'bins', found kind {self.kind!r}")
        return self


class ImagesConfig(Section):
    """How an image is brought to the size that the model sees."""

    fit: Literal["squash", "pad", "crop", "keep"] | None = None
    """squash: to a square, the aspect ratio is lost (InternVL's tile, and ArtiMuse's). pad: to a square with
    the mean colour. crop: the centre (CLIP). keep: the aspect ratio (Qwen-VL). None is what the model's own
    image processor does."""
    min_pixels: int | None = Field(default=None, gt=0)
    max_pixels: int | None = Field(default=None, gt=0)
    """Qwen-VL: an image is resized to at least and at most so many pixels; None is its processor's setting."""
    difftoken: Literal["corrected", "released", "none"] | None = None
    """FGAesQ: which tokens the two images of a pair become. corrected (None is that), or released, as the
    published weights were trained with its faults; none: every image alone, as a plain grid."""
    tokens: int | None = Field(default=None, ge=16)
    """FGAesQ: most tokens of an image, the CLS token included; None is 512."""
    short_side: int | None = Field(default=None, gt=0)
    """FGAesQ: the images of a pair are enlarged to at least this short side where they are below the budget;
    None is 384."""


class ModelConfig(Section):
    base: str | None = None
    """A model folder of this project, a transformers folder, or a hub id."""
    scratch: ScratchConfig | None = None
    """Build a small model instead of loading a base."""
    tuning: Literal["full", "lora"] = "full"
    """The language model: all of its weights, or adapters. A base that holds an adapter is continued by
    `lora`, and merged first by `full`."""
    vision: PartTuning | None = None
    """The vision tower; None is `full` with tuning full, and with tuning lora `frozen` (or, where the base
    holds an adapter, as it was there)."""
    projector: PartTuning | None = None
    """What leads from the vision tower to the language model; None as for `vision`."""
    quantization: Quantization = "none"
    """4bit holds the language model's frozen weights in 4 bits (QLoRA); needs bitsandbytes."""
    lora: LoraConfig | None = None
    """None is the settings of the adapter that the base holds, else the defaults."""
    readout: ReadoutConfig | None = None
    """None keeps the read-out of a base that has one, else `regression`."""
    aspects: Annotated[list[str], AfterValidator(different)] = Field(default=["overall"])
    """What the model scores; one read-out output each. Empty: it only answers, and has no read-out."""
    prompt: PromptName | None = None
    """How the model is spoken to (artimuse/prompts.py); None is what a base was trained with, else `plain`."""
    images: ImagesConfig = ImagesConfig()
    text_tower: str | None = None
    """FGAesQ: a CLIP folder or hub id whose frozen text encoder `objective.align` compares with; None is the
    base's. random: a small one that was never trained, as a model from scratch has, for tests and demos."""
    links: bool = True
    """Learn an affine link per data set where several have score labels."""

    @model_validator(mode="after")
    def _origin(self) -> ModelConfig:
        if (self.base is None) == (self.scratch is None):
            raise ValueError("expected exactly one of `base` (a folder or hub id) and `scratch`")
        if self.tuning == "lora" and self.base is None:
            raise ValueError(
                "tuning: 'lora' adapts a `base`; a model from `scratch` is tuned 'full'"
            )
        return self

    @model_validator(mode="after")
    def _scores_nothing(self) -> ModelConfig:
        if self.readout is not None and not self.aspects:
            raise ValueError(
                "readout: a model without aspects scores nothing; leave it out, or name `aspects`"
            )
        return self

    @model_validator(mode="after")
    def _parts(self) -> ModelConfig:
        if self.tuning == "lora":
            return self
        for part in ("vision", "projector"):
            if getattr(self, part) == "lora":
                raise ValueError(
                    f"{part}: 'lora' belongs to tuning 'lora'; with tuning 'full' expected full or frozen"
                )
        if self.quantization != "none":
            raise ValueError(
                f"quantization: {self.quantization!r} is for frozen weights; expected tuning 'lora' "
                "beside it, found 'full'"
            )
        return self


class TrainConfig(Section):
    steps: int | None = Field(default=None, gt=0)
    """Optimizer steps; or give epochs."""
    epochs: float | None = Field(default=None, gt=0)
    """Passes over the first source."""
    batch_images: int = Field(default=16, gt=0)
    """Images of an optimizer step, over all processes and micro-batches."""
    series_images: int | None = Field(default=None, gt=0)
    """With data.mixture alternate: images of a step of a source that has pairs; None is batch_images."""
    accumulation: int = Field(default=1, gt=0)
    """Micro-batches that each process cuts its share of a step into."""
    row_tokens: int | None = Field(default=None, gt=0)
    """Pack several images' trees into rows of at most so many tokens; None is one tree a row."""
    lr: float = Field(default=1e-4, gt=0)
    readout_lr: float | None = Field(default=None, gt=0)
    """Learning rate of the read-out and links; None is lr."""
    vision_lr: float | None = Field(default=None, gt=0)
    projector_lr: float | None = Field(default=None, gt=0)
    """Learning rates of what is trained of the vision tower and of the projector, adapters included; None
    is lr. LLaVA-1.5's LoRA recipe has lr 2e-4 and projector_lr 2e-5."""
    schedule: Literal["cosine", "constant"] = "cosine"
    warmup_frac: float = Field(default=0.03, ge=0, lt=1)
    """Share of the steps with a linearly rising learning rate."""
    weight_decay: float = Field(default=0.0, ge=0)
    betas: tuple[float, float] = (0.9, 0.999)
    clip: float | None = Field(default=1.0, gt=0)
    """Largest norm of the whole gradient."""
    precision: Literal["fp32", "bf16"] = "fp32"
    activation_checkpointing: bool = False
    """Keep every layer's input alone, and compute the layer again in the backward pass: less memory, about a
    third more work, the same gradients."""
    checkpoint_every: int = Field(default=200, gt=0)
    """Steps between checkpoints; the last step always has one."""
    checkpoints_kept: int = Field(default=3, ge=3)
    log_every: int = Field(default=1, gt=0)
    """Steps between rows of metrics.jsonl."""
    threads: int | None = Field(default=None, gt=0)
    """CPU threads of torch; None leaves its default."""
    select: SelectConfig | None = None
    """Keep the best model of the run by a metric of the validation split; None keeps the last."""

    @model_validator(mode="after")
    def _length(self) -> TrainConfig:
        if (self.steps is None) == (self.epochs is None):
            raise ValueError("expected exactly one of `steps` and `epochs`")
        return self


class EvaluationConfig(Section):
    sources: list[SourceConfig] = Field(default=[])
    """What the final table is about; without them, the validation cut. Nothing is selected by them."""
    batch_images: int = Field(default=32, gt=0)
    series: Literal["pairs", "single"] = "pairs"
    """How a model that compares (FGAesQ) scores a series: every pair as each image is seen beside the other, an
    image's score being the mean over its pairs; or every image alone, in one pass."""
    baselines: list[Literal["untrained", "pixels"]] = Field(default=[])
    """Rows of the table beside the model: itself before training; a linear fit on pixel statistics."""
    critique: bool = False
    """Print one critique that the model writes beside what the annotation says."""


class Config(Section):
    run: RunConfig
    data: DataConfig
    model: ModelConfig
    objective: ObjectiveConfig = ObjectiveConfig()
    train: TrainConfig
    evaluation: EvaluationConfig = EvaluationConfig()
    stages: list[StageConfig] = Field(default=[])
    """Runs one after the other, each with settings of its own (config/stages.py). The recipe has to be
    complete without them."""

    @model_validator(mode="after")
    def _stages(self) -> Config:
        refuse_origins(self.stages)
        return self

    @model_validator(mode="after")
    def _selects(self) -> Config:
        select = self.train.select
        if select is None:
            return self
        if not self.data.validation_frac:
            raise ValueError(
                "train.select: expected a validation split to select by; set data.validation_frac "
                "(evaluation.sources never select)"
            )
        parts = TRAINED_BY[select.metric]
        if not any(getattr(self.objective, part) for part in parts):
            weights = " or ".join(f"objective.{part}" for part in parts)
            raise ValueError(
                f"train.select.metric: {select.metric!r} is not trained, as {weights} is 0; expected a "
                "positive weight, another metric, or no train.select"
            )
        if select.metric == "loss" and self.objective.score and self.objective.score_loss == "plcc":
            raise ValueError(
                "train.select.metric: 'loss' is a mean over batches, which no correlation is; expected "
                "'plcc' (or another metric) with objective.score_loss plcc"
            )
        return self

    @model_validator(mode="after")
    def _leakage(self) -> Config:
        formats = {source.name: source.format for source in self.evaluation.sources}
        for name in self.data.allow_leakage:
            if name not in formats:
                known = ", ".join(formats) or "none"
                raise ValueError(
                    f"data.allow_leakage: expected names of evaluation.sources ({known}), found {name!r}"
                )
        forbidden = [s.name for s in self.evaluation.sources if s.format in NEVER_TRAINED]
        for name in forbidden:
            if name in self.data.allow_leakage:
                raise ValueError(
                    f"data.allow_leakage: {name!r} ({formats[name]}) cannot be accepted: its terms "
                    "forbid training on its images; take them out with `minus`"
                )
        return self

    @model_validator(mode="after")
    def _alternates(self) -> Config:
        if self.train.series_images is not None and self.data.mixture != "alternate":
            raise ValueError(
                "train.series_images: there are steps of series alone with data.mixture alternate: leave it "
                "out, or alternate"
            )
        return self

    @model_validator(mode="after")
    def _fits(self) -> Config:
        readout = self.model.readout
        if readout is None and self.model.scratch is not None:
            readout = ReadoutConfig()
        # What read-out a base has is known when it is read.
        kind = None if readout is None else readout.kind
        refuse_unfit(self.objective, kind, self.train.accumulation)
        drawn = self.objective.pairs_from_scores
        if drawn is not None and drawn.images > self.train.batch_images:
            raise ValueError(
                f"objective.pairs_from_scores.images: a group is drawn from one step; expected "
                f"{self.train.batch_images} (train.batch_images) or less, found {drawn.images}"
            )
        return self

    @property
    def run_folder(self) -> Path:
        return Path(self.run.folder) / self.run.name
