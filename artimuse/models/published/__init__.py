"""Published checkpoints, each turned into a model folder: `scripts/import_checkpoint.py`.

source.py reads tensors, one at a time; shards.py writes them; convert.py is between the two. internvl.py and
llava.py know a format each, tokenizers.py its tokenizer, lora.py what an unmerged LoRA looks like.
"""

from artimuse.models.published.folder import FORMATS, import_checkpoint

NAMES = tuple(sorted((*FORMATS, "fgaesq")))
"""Every format that is read; FGAesQ's has no conversation and no configuration (fgaesq.py)."""

__all__ = ["FORMATS", "NAMES", "import_checkpoint"]
