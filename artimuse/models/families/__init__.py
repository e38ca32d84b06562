"""Model families: what differs between open architectures is here and nowhere else."""

from artimuse.models.families.chat import ChatFamily
from artimuse.models.families.fgaesq import FGAesQFamily
from artimuse.models.families.internvl import InternVLFamily
from artimuse.models.families.llava import LlavaFamily
from artimuse.models.families.qwen_vl import QwenVLFamily

FamilyClass = type[InternVLFamily] | type[LlavaFamily] | type[QwenVLFamily] | type[FGAesQFamily]
FAMILIES: dict[str, FamilyClass] = {
    "internvl": InternVLFamily,
    "llava": LlavaFamily,
    "qwen2_5_vl": QwenVLFamily,
    "qwen3_vl": QwenVLFamily,
    "clip": FGAesQFamily,
    "clip_vision_model": FGAesQFamily,
}
"""Family by transformers' `model_type`; of CLIP the image encoder, with or without its text encoder."""

__all__ = [
    "FAMILIES",
    "ChatFamily",
    "FGAesQFamily",
    "InternVLFamily",
    "LlavaFamily",
    "QwenVLFamily",
]
