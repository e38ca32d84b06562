"""Model families: what differs between open MLLM architectures is here and nowhere else."""

from artimuse.models.families.internvl import InternVLFamily

FAMILIES = {"internvl": InternVLFamily}
"""Family by transformers' `model_type`."""

__all__ = ["FAMILIES", "InternVLFamily"]
