"""The parts of a model, and how each is trained.

vision, projector, language, head (lm_head), read-out, links, tokens (FGAesQ's embeddings): told apart by
module names, of which the longest match wins, as Qwen-VL's projector lies inside its vision module
(`visual.merger`).
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from typing import Any, Literal

from torch import nn

from artimuse.config import ModelConfig
from artimuse.config.tuning import PartTuning

Part = Literal[
    "vision",
    "projector",
    "language",
    "head",
    "read-out",
    "links",
    "tokens",
    "text encoder",
    "other",
]

# What PEFT puts into the names of fully trained modules, and where it keeps what they were before.
_WRAPPED, _ORIGINAL = ".modules_to_save.default", ".original_module"


_OWN_NAMES: list[tuple[str, Part]] = [
    ("language_model", "language"),
    ("lm_head", "head"),
    ("readout", "read-out"),
    ("links", "links"),
    ("tokens", "tokens"),
    ("text_tower", "text encoder"),
]


@dataclass(frozen=True, slots=True)
class Tuning:
    """How each part of the transformers model is trained; the lm_head goes with `full` language."""

    language: Literal["lora", "full"]
    vision: PartTuning
    projector: PartTuning

    @classmethod
    def of(cls, config: ModelConfig) -> Tuning:
        """What a recipe asks for, for a base without an adapter."""
        default: PartTuning = "frozen" if config.tuning == "lora" else "full"
        return cls(config.tuning, config.vision or default, config.projector or default)

    def parts(self, tuning: PartTuning) -> set[str]:
        """The parts that are trained in this way."""
        return {
            part for part in ("vision", "projector", "language") if getattr(self, part) == tuning
        }


def part_of(name: str, family: Any) -> Part:
    """The part that a module or parameter belongs to, by its name in the aesthetic or transformers model."""
    pieces = plain_name(name).split(".")
    best: tuple[int, Part] = (0, "other")
    for key, part in _part_names(family):
        words = key.split(".")
        inside = any(
            pieces[n : n + len(words)] == words for n in range(len(pieces) - len(words) + 1)
        )
        if inside and len(words) > best[0]:
            best = (len(words), part)
    return best[1]


def plain_name(name: str) -> str:
    """A name without what PEFT puts into it around modules that are trained fully."""
    return name.replace(_WRAPPED, "").replace(_ORIGINAL, "")


def _part_names(family: Any) -> list[tuple[str, Part]]:
    names: list[tuple[str, Part]] = [(family.vision, "vision")]
    for name in projector_names(family):
        names.append((name, "projector"))
    return [*names, *_OWN_NAMES]


def projector_names(family: Any) -> list[str]:
    """A family's projector is one module or, in Qwen3-VL, several."""
    return [family.projector] if isinstance(family.projector, str) else list(family.projector)


def part_modules(model: nn.Module, family: Any, parts: Set[str]) -> dict[str, nn.Module]:
    """The largest modules that hold parameters of these parts only, by name; together they hold all of them.

    Lists of modules, which have no forward and which PEFT cannot wrap, are given as their members.

    Raises:
        ValueError: for a parameter directly in a module that also holds other parts.
    """
    found: dict[str, nn.Module] = {}

    def visit(module: nn.Module, name: str) -> None:
        inside = {part_of(f"{name}.{p}", family) for p, _ in module.named_parameters()}
        if not inside & parts:
            return
        if inside <= parts and not isinstance(module, nn.ModuleList | nn.ModuleDict):
            found[name] = module
            return
        for parameter, _ in module.named_parameters(recurse=False):
            if part_of(f"{name}.{parameter}", family) in parts:
                raise ValueError(
                    f"{name}.{parameter}: expected it inside a module of {sorted(parts)} alone; its "
                    "module holds other parts too, so that it cannot be trained or frozen with them"
                )
        for child, inner in module.named_children():
            visit(inner, f"{name}.{child}" if name else child)

    visit(model, "")
    return found


def trained_counts(model: nn.Module, family: Any) -> dict[str, tuple[int, int]]:
    """Per part: trainable and total parameters, an adapter's own included."""
    counts: dict[str, tuple[int, int]] = {}
    for name, parameter in model.named_parameters():
        # What PEFT keeps of a module that is trained fully is not used, and would count twice.
        if _ORIGINAL in name:
            continue
        part = part_of(name, family)
        trainable, total = counts.get(part, (0, 0))
        number = _numel(parameter)
        counts[part] = (trainable + number * parameter.requires_grad, total + number)
    return counts


def _numel(parameter: nn.Parameter) -> int:
    """Of a 4-bit parameter the number of weights, not of the bytes that hold them."""
    state = getattr(parameter, "quant_state", None)
    return parameter.numel() if state is None else state.shape.numel()
