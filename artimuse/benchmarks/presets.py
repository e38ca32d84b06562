"""What the training and scoring benchmarks run: models by their sizes, for a CPU, a GPU, or a test.

    preset = PRESETS["gpu"]
    preset.chosen("nine", names=("InternVL3-8B",))

cpu: small models of the real architectures with the proportions of a real one: of the FLOPs of a row through
stock transformers the vocabulary head takes at most HEAD_SHARE, the vision tower at most VISION_SHARE.
gpu: the published models' own shapes. tiny: seconds, and every line of the code that the others run.
Weights are random, as speed, memory and gradients ask for no others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from artimuse.config import ConfigError, ScratchConfig

CaseName = Literal["nine", "nineteen"]
HEAD_SHARE, VISION_SHARE = 0.2, 0.1
LORA_RANK = 16


@dataclass(frozen=True, slots=True)
class Shape:
    """A model by its sizes.

    scratch: family and sizes, as of any model from scratch; its vocabulary is the tokenizer's. language,
    vision: what else transformers' configurations of the two parts hold, by its own names. tied: the head is
    the embeddings.
    """

    name: str
    case: CaseName
    scratch: ScratchConfig
    language: Mapping[str, Any] = field(default_factory=dict)
    vision: Mapping[str, Any] = field(default_factory=dict)
    tied: bool = False


@dataclass(frozen=True, slots=True)
class Preset:
    """Models, and how a step of them is cut.

    images: of an optimizer step. accumulation: micro-batches of the tree. row_tokens: trees are packed into
    rows of at most so many tokens, None is a row each. activation_checkpointing: of the tree, as
    train.activation_checkpointing. batches: values of Trainer's per_device_train_batch_size that are tried;
    each divides a step's rows. steps: optimizer steps of a repetition. shorter: divides the lengths of
    questions and answers.
    """

    name: str
    models: tuple[Shape, ...]
    precision: Literal["fp32", "bf16"]
    images: int
    accumulation: int
    batches: tuple[int, ...]
    row_tokens: int | None = None
    activation_checkpointing: bool = False
    steps: int = 1
    shorter: int = 1
    photograph: tuple[int, int] = (1000, 750)

    def chosen(self, case: str, names: Sequence[str] = ()) -> list[Shape]:
        """The models of a case ("all" for both), in order; with names only those.

        Raises:
            ConfigError: for a name that the preset does not have.
        """
        known = [shape.name for shape in self.models]
        for name in names:
            if name not in known:
                raise ConfigError(
                    f"--models: expected names of the preset {self.name!r} ({', '.join(known)}), found "
                    f"{name!r}"
                )
        shapes = [
            s for s in self.models if case in ("all", s.case) and (not names or s.name in names)
        ]
        if not shapes:
            raise ConfigError(
                f"--case {case}: the preset {self.name!r} has no such model among {', '.join(names)}"
            )
        return shapes


def _scratch(family: str, side: int, vision: Sequence[int], language: Sequence[int],
             vocabulary: int = 8000) -> ScratchConfig:  # fmt: skip
    """vision: width, layers, heads. language: width, layers, heads, key-value heads."""
    return ScratchConfig(
        family=family,  # type: ignore[arg-type]
        image_size=side,
        vision_width=vision[0], vision_layers=vision[1], vision_heads=vision[2],
        language_width=language[0], language_layers=language[1], language_heads=language[2],
        key_value_heads=language[3],
        vocabulary=vocabulary,
        initializer_range=0.02,
    )  # fmt: skip


def _qwen_vision() -> dict[str, Any]:
    return {"intermediate_size": 3420, "window_size": 112, "fullatt_block_indexes": [7, 15, 23, 31]}


_LANGUAGE = {"intermediate_size": 18944, "max_position_embeddings": 32768}
# Sizes of the published configurations (OpenGVLab/InternVL3-8B-hf, Qwen/Qwen2.5-VL-{7B,3B}-Instruct,
# llava-hf/llava-1.5-7b-hf). Features of LLaVA's tower come from its last layer but one.
_GPU = (
    Shape(
        "InternVL3-8B", "nine",
        _scratch("internvl", 448, (1024, 24, 16), (3584, 28, 28, 4)),
        {**_LANGUAGE, "vocab_size": 151_674},
    ),
    Shape(
        "Qwen2.5-VL-7B", "nine",
        _scratch("qwen2_5_vl", 448, (1280, 32, 16), (3584, 28, 28, 4)),
        {**_LANGUAGE, "vocab_size": 152_064}, _qwen_vision(),
    ),
    Shape(
        "Qwen2.5-VL-3B", "nine",
        _scratch("qwen2_5_vl", 448, (1280, 32, 16), (2048, 36, 16, 2)),
        {**_LANGUAGE, "intermediate_size": 11_008, "vocab_size": 151_936}, _qwen_vision(),
        tied=True,
    ),
    Shape(
        "LLaVA-1.5-7B", "nineteen",
        _scratch("llava", 336, (1024, 23, 16), (4096, 32, 32, 32)),
        {"intermediate_size": 11_008, "vocab_size": 32_064},
    ),
)  # fmt: skip
_CPU = (
    Shape("internvl-cpu", "nine", _scratch("internvl", 448, (96, 8, 4), (512, 8, 8, 4))),
    Shape("llava-cpu", "nineteen", _scratch("llava", 336, (128, 8, 4), (512, 8, 8, 4))),
)
_SMALL: Any = {"side": 56, "vision": (32, 2, 2), "language": (64, 2, 4, 2), "vocabulary": 600}
_TINY = (
    Shape("internvl-tiny", "nine", _scratch("internvl", **_SMALL)),
    Shape("qwen2_5_vl-tiny", "nine", _scratch("qwen2_5_vl", **{**_SMALL, "side": 112})),
    Shape("llava-tiny", "nineteen", _scratch("llava", **_SMALL), {"intermediate_size": 176}),
)

PRESETS = {
    preset.name: preset
    for preset in (
        Preset(
            "cpu", _CPU, "fp32", images=4, accumulation=4, batches=(1, 2, 4),
            activation_checkpointing=True,
        ),
        Preset("gpu", _GPU, "bf16", images=16, accumulation=8, batches=(1, 2, 4, 8, 16), steps=2),
        Preset(
            "tiny", _TINY, "fp32", images=2, accumulation=1, batches=(1, 2), row_tokens=2000,
            activation_checkpointing=True, steps=2, shorter=8, photograph=(80, 60),
        ),
    )
}  # fmt: skip
