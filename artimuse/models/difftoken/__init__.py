"""DiffToken, difference-preserved tokenization (FGAesQ, arXiv 2603.03907): detail where two images differ.

    tokenization = DiffToken()
    one, other = tokenization.pair(first_image, second_image, pair_key("a", "b"))
    batch = collate_tokens([one, other], tokenization.pad_to)

Two images are brought to one width or height and compared in patches of 32 x 32 by SSIM. Patches of the most
different half are kept as four tokens of 16 x 16; every other patch is scaled down to one. At most 511 patch
tokens.

What is known of it: [paper] the above, p = .5, the budget of 512 with the class token. [code] The sizes, and
all that `released.py` lists. [ours] Under `corrected`, what neither fixes: images are rounded to whole patches,
unequal images compared in their middle (`sizes.py`, `select.py`), the number of fine patches where the budget
binds, tokens dropped from the least important, coarse patches averaged 2 x 2, larger images scaled down, and
`plain`. [unknown] How training chose patches, and how many of them were fine.

Pure functions of PIL images, on the CPU, for data loader processes; bytes leave them, the device normalises.
"""

from artimuse.models.difftoken.positions import position_weights
from artimuse.models.difftoken.protocol import DiffToken, pair_key
from artimuse.models.difftoken.ssim import patch_ssim
from artimuse.models.difftoken.tokens import Tokens, collate_tokens

__all__ = [
    "DiffToken", "Tokens", "collate_tokens", "pair_key", "patch_ssim", "position_weights",
]  # fmt: skip
