"""The aesthetic model: a transformers MLLM, a read-out, links. `model(batch) -> Outputs`, nothing else.

PEFT wraps the transformers model, never this one; this one owns both.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, Literal

import torch
from peft import PeftModel
from torch import Tensor, nn
from transformers import Cache

from artimuse.batch import Batch, Outputs, attention_mask
from artimuse.models.info import ModelInfo
from artimuse.models.last_layer import only_rows
from artimuse.models.patch_embedding import flatten_patches
from artimuse.models.readouts import Reading, Readout, ScoreLinks
from artimuse.models.text_losses import target_losses
from artimuse.models.tree_attention import tree_layout, use_tree_attention

LastLayer = Literal["whole", "read"]


class AestheticModel(nn.Module):
    """Reads a batch of trees once and answers every branch.

    Args:
        backbone: a transformers image-text-to-text model, or PEFT around one.
        family: normalises images on the device.
        readout: hidden state -> score; None for a model that only answers.
        links: affine links per data set, or None.
        info: what the model folder records.
    """

    def __init__(
        self,
        backbone: nn.Module,
        family: Any,
        readout: Readout | None,
        links: ScoreLinks | None,
        info: ModelInfo,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.family = family
        self.readout: Any = readout
        self.links = links
        self.info = info
        self.frozen: tuple[nn.Module, ...] = ()
        """Modules inside that are run without a graph, and in evaluation mode also while training."""
        flatten_patches(self.transformers_model)
        self.tree_attention = family.language and use_tree_attention(self.transformers_model)
        """Attend by the structure of the trees, and not by a dense mask; on the CPU, whose kernels can."""
        self.text_chunk: int | None = None
        """In training give the targets' losses, so many at a time, in place of all logits at once."""

    def train(self, mode: bool = True) -> AestheticModel:
        """A frozen part has no dropout in training: it says the same of an image in every step."""
        super().train(mode)
        for module in self.frozen:
            module.eval()
        return self

    @property
    def transformers_model(self) -> Any:
        """The transformers model itself, with adapters inside it but no wrapper around it."""
        if isinstance(self.backbone, PeftModel):
            return self.backbone.get_base_model()
        return self.backbone

    def forward(
        self, batch: Batch, *, cache: Cache | None = None, last_layer: LastLayer = "whole"
    ) -> Outputs:
        """One pass over R rows of T tokens; logits only at the S supervised positions.

        Args:
            cache: an empty one, filled with the keys and values of all tokens.
            last_layer: "read" computes it only where its output is read, which is less work.
        """
        places = torch.cat([batch.supervised, batch.readouts]) if last_layer == "read" else None
        hidden = self.hidden_states(batch, cache=cache, read=places)
        # index_select: the prefix's last token is gathered once per branch, and the backward of
        # hidden[index] would then depend on the order of threads.
        predicting, head = hidden.index_select(0, batch.supervised), self.transformers_model.lm_head
        read = self.read_out(hidden.index_select(0, batch.readouts), batch.aspect)
        if self.text_chunk is None or not (self.training and torch.is_grad_enabled()):
            return self.outputs(read, batch, text_logits=head(predicting))
        outputs = self.outputs(read, batch, text_logits=predicting.new_zeros(0, 1))
        outputs.text_losses = target_losses(head, predicting, batch.targets, chunk=self.text_chunk)
        return outputs

    def outputs(
        self,
        read: Reading,
        batch: Batch,
        *,
        text_logits: Tensor,
        pair_scores: Tensor | None = None,
        agreement: Tensor | None = None,
    ) -> Outputs:
        """The reading of Q read-outs, and what it is on each data set's own scale."""
        linked, linked_spreads, linked_values = read.scores, read.spreads, None
        if self.links is not None:
            linked = self.links(linked, batch.dataset)
            if read.bins is not None:
                linked_values = self.links.values(read.bins.shape[1], batch.dataset)
            linked_spreads = self.links.spread(linked_spreads, batch.dataset)
        return Outputs(
            text_logits=text_logits,
            scores=read.scores,
            linked=linked,
            spreads=read.spreads,
            linked_spreads=linked_spreads,
            bins=read.bins,
            linked_values=linked_values,
            pair_scores=pair_scores,
            agreement=agreement,
        )

    def hidden_states(
        self, batch: Batch, *, cache: Cache | None = None, read: Tensor | None = None
    ) -> Tensor:
        """(R*T, H) last hidden states; with `read`, indices into R*T, defined at these alone."""
        model = self.transformers_model
        with only_rows(model, read) if read is not None else nullcontext():
            hidden = model.model(
                input_ids=batch.input_ids,
                position_ids=axes(batch.positions),
                past_key_values=cache,
                use_cache=cache is not None,
                **self._attending(batch),
                **self.family.model_inputs(batch.images),
            ).last_hidden_state
        return hidden.flatten(0, 1)

    def _attending(self, batch: Batch) -> dict[str, Any]:
        """What a token may attend to, as transformers is told."""
        if not self.tree_attention or batch.tree.device.type != "cpu":
            return {"attention_mask": attention_mask(batch.tree, batch.branch)}
        # Without a mask of four axes transformers would make one of its own, which nothing would read.
        unread = batch.tree.new_ones((len(batch.tree), 1, 1, 1), dtype=torch.bool)
        return {
            "attention_mask": unread,
            "tree_layout": tree_layout(batch.tree, batch.branch),
        }

    def read_out(self, hidden: Tensor, aspect: Tensor) -> Reading:
        """(Q,H) hidden states -> their reading, in float32. Without a read-out Q is 0."""
        if self.readout is None:
            assert not len(hidden), "a model without a read-out was asked for a score"
            nothing = hidden.new_zeros(0, dtype=torch.float32)
            return Reading(nothing, nothing, None)
        with torch.autocast(device_type=hidden.device.type, enabled=False):
            return self.readout(hidden.float(), aspect)

    def trainable(self) -> dict[str, nn.Parameter]:
        """Trainable parameters by name."""
        return {name: p for name, p in self.named_parameters() if p.requires_grad}


def axes(positions: Tensor) -> Tensor:
    """(A,R,T) -> what transformers takes: (R,T) for a family of one position axis."""
    return positions[0] if len(positions) == 1 else positions
