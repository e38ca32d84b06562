"""LoRA that a published checkpoint still carries beside its base weights.

InternVLChat wraps its language model and its vision tower in PEFT and saves the wrapped names:
`language_model.base_model.model.model.layers.0.self_attn.q_proj.base_layer.weight`, and beside it
`lora_A.default.weight` and `lora_B.default.weight`. The rank is in config.json, and alpha is twice the rank.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peft import LoraConfig as PeftLoraConfig
from safetensors.torch import save_file
from torch import Tensor

ALPHA_OVER_RANK = 2.0
_WRAPPER = re.compile(r"^(language_model|vision_model)\.base_model\.model\.")
_FACTOR = re.compile(r"^(.*)\.lora_([AB])\.default\.weight$")


@dataclass(frozen=True, slots=True)
class LoraPair:
    """Names in the checkpoint of A (rank, in) and B (out, rank), and the rank that config.json says."""

    a: str
    b: str
    rank: int

    @property
    def alpha(self) -> float:
        return ALPHA_OVER_RANK * self.rank


def split_lora(
    names: Iterable[str], ranks: Mapping[str, int], place: Path
) -> tuple[dict[str, str], dict[str, LoraPair]]:
    """Names without PEFT's additions -> names in the checkpoint, and the LoRA pair of each weight.

    Args:
        ranks: by part (`language_model`, `vision_model`) what config.json says, 0 for no LoRA.
        place: config.json, for messages.

    Raises:
        ValueError: where keys and configuration disagree, or half of a pair is missing.
    """
    weights: dict[str, str] = {}
    factors: dict[str, dict[str, str]] = {}
    for name in names:
        plain = _WRAPPER.sub(r"\1.", name)
        found = _FACTOR.match(plain)
        if found:
            factors.setdefault(f"{found[1]}.weight", {})[found[2]] = name
            continue
        plain = plain.replace(".base_layer.", ".")
        if plain in weights:
            raise ValueError(
                f"{place.parent}: {weights[plain]} and {name} are both {plain}: expected one"
            )
        weights[plain] = name
    for part, rank in ranks.items():
        carries = any(name.startswith(f"{part}.") for name in factors)
        if carries != (rank > 0):
            raise ValueError(
                f"{place}: says rank {rank} for the LoRA of {part}, and the weights hold "
                f"{'such keys' if carries else 'no LoRA keys'}: expected both or neither; correct the rank "
                "(0 for weights without LoRA keys)"
            )
    return weights, {
        name: _pair(name, pair, weights, ranks, place) for name, pair in factors.items()
    }


def _pair(
    name: str,
    factors: Mapping[str, str],
    weights: Mapping[str, str],
    ranks: Mapping[str, int],
    place: Path,
) -> LoraPair:
    if factors.keys() != {"A", "B"} or name not in weights:
        raise ValueError(
            f"{place.parent}: expected base_layer, lora_A and lora_B for {name}, found "
            f"{sorted([*factors.values(), *([weights[name]] if name in weights else [])])}: "
            "download the folder again"
        )
    rank = ranks.get(name.partition(".")[0], 0)
    if rank == 0:
        raise ValueError(f"{place}: says no rank for the LoRA of {name}, which the weights hold")
    return LoraPair(factors["A"], factors["B"], rank)


def check_shapes(pair: LoraPair, a: Tensor, b: Tensor, weight: tuple[int, ...]) -> None:
    """Raise ValueError unless A and B have the stated rank and the shape of their weight."""
    expected = ((pair.rank, weight[1]), (weight[0], pair.rank))
    if (tuple(a.shape), tuple(b.shape)) != expected:
        raise ValueError(
            f"{pair.a}, {pair.b}: expected shapes {expected[0]} and {expected[1]} (rank {pair.rank} by "
            f"config.json), found {tuple(a.shape)} and {tuple(b.shape)}"
        )


def merged(weight: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """W + B A alpha / rank (arXiv 2106.09685, equation 3), in float32, rounded to the type of W."""
    return (weight.float() + ALPHA_OVER_RANK * (b.float() @ a.float())).to(weight.dtype)


class AdapterWriter:
    """PEFT's files for pairs that are kept, under the names of the transformers model.

    Args:
        modules: every linear layer of that model, by its name in memory.
    """

    def __init__(self, modules: Iterable[str]) -> None:
        self._modules = frozenset(modules)
        self._state: dict[str, Tensor] = {}
        self._ranks: dict[str, int] = {}

    def add(self, module: str, a: Tensor, b: Tensor) -> None:
        """A (rank, in) and B (out, rank) of one linear layer."""
        self._state[f"base_model.model.{module}.lora_A.weight"] = a.clone()
        self._state[f"base_model.model.{module}.lora_B.weight"] = b.clone()
        self._ranks[module] = a.shape[0]

    def write(self, folder: Path, *, base: str) -> None:
        """adapter_config.json and adapter_model.safetensors; `base` is where the adapter finds its base."""
        rank = max(set(self._ranks.values()), key=list(self._ranks.values()).count)
        others = {re.escape(name): r for name, r in self._ranks.items() if r != rank}
        config = PeftLoraConfig(
            r=rank,
            lora_alpha=int(ALPHA_OVER_RANK * rank),
            target_modules=self._target(),
            rank_pattern=others,
            alpha_pattern={name: int(ALPHA_OVER_RANK * r) for name, r in others.items()},
            base_model_name_or_path=base,
            inference_mode=True,
        )
        config.save_pretrained(str(folder))
        save_file(self._state, folder / "adapter_model.safetensors", metadata={"format": "pt"})

    def _target(self) -> str | list[str]:
        """A regular expression over the layers where it says exactly these modules, else their names."""
        shapes = sorted({re.sub(r"\d+", "0", name) for name in self._ranks})
        pattern = "|".join(re.escape(shape).replace("0", r"\d+") for shape in shapes)
        matched = {name for name in self._modules if re.fullmatch(pattern, name)}
        return pattern if matched == set(self._ranks) else sorted(self._ranks)

    def summary(self) -> dict[str, Any]:
        return {"modules": len(self._ranks), "ranks": sorted(set(self._ranks.values()))}
