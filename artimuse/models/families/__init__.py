"""Model families: what differs between open MLLM architectures is here and nowhere else."""

from artimuse.models.families.chat import ChatFamily
from artimuse.models.families.internvl import InternVLFamily
from artimuse.models.families.llava import LlavaFamily
from artimuse.models.families.qwen_vl import QwenVLFamily

FAMILIES: dict[str, type[InternVLFamily] | type[LlavaFamily] | type[QwenVLFamily]] = {
    "internvl": InternVLFamily,
    "llava": LlavaFamily,
    "qwen2_5_vl": QwenVLFamily,
    "qwen3_vl": QwenVLFamily,
}
"""Family by transformers' `model_type`."""

__all__ = ["FAMILIES", "ChatFamily", "InternVLFamily", "LlavaFamily", "QwenVLFamily"]
