"""FGAesQ as released (arXiv 2603.03907): one state dict, `model.pt`, with the names of OpenAI's CLIP.

    clip_model.visual.*       the image encoder; the released module holds some of it twice, without the prefix
    clip_model.*              the text encoder, which scoring has no use for
    scale_embedding (1,2,H), mask_token (1,1,H), iqa_head.{0,3,6}.{weight,bias}

It is a pickle, read with `weights_only=True`. What no file says (heads of 64, quick GELU, normalisation) is
CLIP's.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import CLIPImageProcessorPil, CLIPVisionConfig, CLIPVisionModelWithProjection

from artimuse.config import ImagesConfig, ReadoutConfig
from artimuse.models.families import FGAesQFamily
from artimuse.models.fgaesq import FGAesQModel
from artimuse.models.folder import assemble, save_model
from artimuse.models.info import ModelInfo
from artimuse.models.published.source import load_pickle, sha256

WEIGHTS = "model.pt"
_VISUAL = "clip_model.visual."
_TEXT = re.compile(
    r"clip_model\.(transformer\..*|token_embedding\.weight|positional_embedding|ln_final\.\w+|text_projection"
    r"|logit_scale)"
)
_OF_A_BLOCK = {
    "ln_1": "layer_norm1", "ln_2": "layer_norm2", "attn.out_proj": "self_attn.out_proj",
    "mlp.c_fc": "mlp.fc1", "mlp.c_proj": "mlp.fc2",
}  # fmt: skip
_HEAD = ("0", "3", "6")


def import_fgaesq(source: str, folder: Path) -> dict[str, Any]:
    """Write a model folder of protocol `released`, and return what was done.

    Args:
        source: `model.pt`, or the folder that holds it.

    Raises:
        ValueError: for a file that is not there, holds anything but tensors, or lacks a weight; and for
            tensors that the model has no place for.
    """
    path = Path(source) / WEIGHTS if Path(source).is_dir() else Path(source)
    if not path.is_file():
        raise ValueError(
            f"{path}: expected the released state dict ({WEIGHTS}), found no file there"
        )
    state = load_pickle(path)
    visual = {k.removeprefix(_VISUAL): t.float() for k, t in state.items() if k.startswith(_VISUAL)}
    unused = _unused(state, visual, path)
    try:
        encoder, used = vision_state(visual)
        config = vision_config(visual)
        model = _model(config, source)
        missing, extra = model.backbone.load_state_dict(encoder, strict=False)
        missing = [name for name in missing if not name.endswith("position_ids")]
        if missing or extra:
            raise KeyError((missing + extra)[0])
        used |= _own_parts(model, state)
    except (KeyError, RuntimeError) as error:
        raise ValueError(
            f"{path}: expected the weights of FGAesQ with OpenAI CLIP's names, found it damaged or of another "
            f"model ({error}): download it again"
        ) from error
    unexpected = sorted(
        name for name in state
        if name not in unused and name not in used and name.removeprefix(_VISUAL) not in used
    )  # fmt: skip
    if unexpected:
        raise ValueError(
            f"{path}: the model has no place for {', '.join(unexpected[:5])} ({len(unexpected)} in all): "
            "expected none"
        )
    save_model(model.eval(), folder)
    return {
        "source": source, "format": "fgaesq", "sha256": {str(path): sha256([path])},
        "tensors_read": len(state) - len(unused), "tensors_written": len(model.state_dict()),
        "missing": [], "unexpected": [], "unused": unused, "lora": None, "rows_added": 0,
    }  # fmt: skip


def vision_config(visual: Mapping[str, Tensor]) -> CLIPVisionConfig:
    """transformers' configuration of an image encoder of OpenAI's CLIP, from the shapes of its weights."""
    width, _, patch, _ = visual["conv1.weight"].shape
    side = math.isqrt(len(visual["positional_embedding"]) - 1)
    blocks = {int(k.split(".")[2]) for k in visual if k.startswith("transformer.resblocks.")}
    return CLIPVisionConfig(
        hidden_size=width,
        intermediate_size=len(visual["transformer.resblocks.0.mlp.c_fc.weight"]),
        num_hidden_layers=len(blocks),
        num_attention_heads=max(1, width // 64),
        projection_dim=visual["proj"].shape[1],
        image_size=side * patch,
        patch_size=patch,
        hidden_act="quick_gelu",
    )


def vision_state(visual: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], set[str]]:
    """An image encoder of OpenAI's CLIP under transformers' names, and the names that it was made of."""
    whole = {
        "class_embedding": "embeddings.class_embedding",
        "conv1.weight": "embeddings.patch_embedding.weight",
        "positional_embedding": "embeddings.position_embedding.weight",
    } | {
        f"{theirs}.{kind}": f"{ours}.{kind}"
        for theirs, ours in (("ln_pre", "pre_layrnorm"), ("ln_post", "post_layernorm"))
        for kind in ("weight", "bias")
    }
    made = {f"vision_model.{ours}": visual[theirs] for theirs, ours in whole.items()}
    made["visual_projection.weight"] = visual["proj"].T.contiguous()
    used = {*whole, "proj"}
    for name, tensor in visual.items():
        found = re.fullmatch(r"transformer\.resblocks\.(\d+)\.(.+?)[._](weight|bias)", name)
        if found is None:
            continue
        number, part, kind = found.groups()
        layer = f"vision_model.encoder.layers.{number}"
        if part == "attn.in_proj":
            for projection, rows in zip("qkv", tensor.chunk(3), strict=True):
                made[f"{layer}.self_attn.{projection}_proj.{kind}"] = rows.contiguous()
        else:
            made[f"{layer}.{_OF_A_BLOCK[part]}.{kind}"] = tensor
        used.add(name)
    return made, used


def _model(config: CLIPVisionConfig, source: str) -> FGAesQModel:
    images = ImagesConfig(difftoken="released")
    processor = CLIPImageProcessorPil()
    family = FGAesQFamily(processor, patch=config.patch_size, images=images)
    info = ModelInfo(
        base=source, base_sha256=None, tuning="full",
        readout=ReadoutConfig(kind="bins", bins=10, head="fgaesq"),
        aspects=("overall",), datasets=(), prompt="plain", images=images,
    )  # fmt: skip
    backbone = CLIPVisionModelWithProjection._from_config(config, attn_implementation="sdpa")
    model = assemble(backbone, family, info)
    assert isinstance(model, FGAesQModel)
    return model


@torch.no_grad()
def _own_parts(model: FGAesQModel, state: Mapping[str, Tensor]) -> set[str]:
    """Copy the token embeddings and the head; returns the names that were used."""
    own = {"scale_embedding": model.tokens.scale, "mask_token": model.tokens.padding}
    for number in _HEAD:
        layer = model.readout.mlp[int(number)]
        own |= {f"iqa_head.{number}.weight": layer.weight, f"iqa_head.{number}.bias": layer.bias}
    for name, parameter in own.items():
        parameter.copy_(state[name].float().reshape(parameter.shape))
    return set(own)


def _unused(state: Mapping[str, Tensor], visual: Mapping[str, Tensor], path: Path) -> list[str]:
    """The text encoder, and what of the image encoder is there a second time.

    Raises:
        ValueError: where the second is not equal to the first.
    """
    again = [name for name in state if name in visual]
    for name in again:
        if not torch.equal(state[name].float(), visual[name]):
            raise ValueError(
                f"{path}: {name} differs from {_VISUAL}{name}: expected the same weights twice"
            )
    return sorted([*again, *(name for name in state if _TEXT.fullmatch(name))])
