"""What makes an imported checkpoint an aesthetic model: its prompts, and its read-out where it has one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from artimuse.config import ReadoutConfig
from artimuse.models.families import FAMILIES, ChatFamily
from artimuse.models.folder import READOUT_FILE, weights_sha256, write_info
from artimuse.models.info import ModelInfo
from artimuse.models.published.checkpoint import Checkpoint
from artimuse.models.readouts import WordsReadout, words_of
from artimuse.prompts import protocol


@dataclass(frozen=True, slots=True)
class Format:
    """A published format: its architecture, how it is asked, and what it scores (nothing without aspects)."""

    family: str
    prompt: str
    aspects: tuple[str, ...] = ()

    @property
    def readout(self) -> ReadoutConfig | None:
        """Token-as-Score (arXiv 2507.14533) is how the published scorers score."""
        return ReadoutConfig(kind="tokens") if self.aspects else None


FORMATS = {
    "artimuse": Format("internvl", "artimuse", ("overall",)),
    "unipercept": Format("internvl", "unipercept", ("aesthetics", "quality", "structure")),
    "internvl": Format("internvl", "plain"),
    "llava": Format("llava", "llava_v1"),
}


class Record:
    """artimuse.json and readout.safetensors of an import.

    Args:
        head: name on disk of the language model's head, whose rows a `tokens` read-out starts as.

    Raises:
        ValueError: for a tokenizer in which a score word is not one token.
    """

    def __init__(self, form: Format, checkpoint: Checkpoint, head: str) -> None:
        self.form, self._head = form, head
        self.family = FAMILIES[form.family].from_config(
            checkpoint.tokenizer,
            checkpoint.image_processor,
            checkpoint.config,
            protocol=protocol(form.prompt),
        )
        assert isinstance(self.family, ChatFamily)
        self._ids = self.family.word_ids(words_of(form.readout)) if form.readout else []
        self._rows: Tensor | None = None

    def see(self, name: str, tensor: Tensor) -> None:
        """Keep the head's rows when they come by."""
        if self._ids and name == self._head:
            self._rows = tensor[self._ids].float()

    def write(self, folder: Path, *, source: str, base: Path | None, base_name: str) -> None:
        """Both files.

        Args:
            base: folder of a kept adapter's base, None for a model that is whole.
            base_name: where that folder will be found.
        """
        info = ModelInfo(
            base=base_name if base else source,
            base_sha256=weights_sha256(base) if base else None,
            tuning="lora" if base else "full",
            readout=self.form.readout,
            aspects=self.form.aspects,
            datasets=(),
            prompt=self.form.prompt,
        )
        write_info(folder, info, self.family)
        if self._ids:
            assert self._rows is not None
            readout = WordsReadout(self._rows.shape[1], len(self._ids), bias=False)
            readout.rows.weight.data.copy_(self._rows)
            state = {f"readout.{name}": tensor for name, tensor in readout.state_dict().items()}
            save_file(state, folder / READOUT_FILE)
