"""FGAesQ (arXiv 2603.03907): CLIP's image encoder over tokens of two scales, and a score of each view.

    features = model.encode(images)          # (V,D) projected CLS
    outputs = model(batch)                   # scores per read-out, S(x|y) and S(y|x) per pair

A *view* is an image as tokens: patches of 16 px, some of them halves of 32 px (`families/fgaesq.py`). An image
that is compared with a partner has a view for every pair, S(x|y); its own score is the mean over its views.

Shape legend: V views, N tokens of the longest, p patch side, H width of the encoder, D of its projection,
E readings (a view read for a question), Q read-outs, P pairs, C pairs with a text that compares them.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import Cache

from artimuse.batch import Batch, Outputs
from artimuse.models.aesthetic import AestheticModel, LastLayer
from artimuse.models.difftoken import position_weights
from artimuse.models.info import ModelInfo
from artimuse.models.readouts import Reading, Readout, ScoreLinks

COARSE, FINE = 0, 1
"""Rows of the scale embedding."""


class TokenEmbeddings(nn.Module):
    """What FGAesQ adds to CLIP's embeddings: a vector per scale, and one that stands for padding.

    Args:
        attend_padding: as the released weights were trained: padding is attended to, and so the vector for
            it is trained; but the scale embedding is not.
    """

    def __init__(self, width: int, *, attend_padding: bool) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.zeros(2, width), requires_grad=not attend_padding)
        self.padding = nn.Parameter(torch.zeros(width), requires_grad=attend_padding)
        self.attend_padding = attend_padding

    def forward(self, patches: Tensor, scale: Tensor, present: Tensor) -> Tensor:
        """(V,N,H) patches embedded and placed, (V,N) scale, (V,N) bool where there is one -> (V,N,H)."""
        tokens = torch.where(present[..., None], patches, self.padding.to(patches.dtype))
        # A product and not a look-up, whose backward depends on the order of threads.
        fine = scale[..., None].to(patches.dtype)
        scales = self.scale.to(patches.dtype)
        return tokens + fine * scales[FINE] + (1 - fine) * scales[COARSE]


class FGAesQModel(AestheticModel):
    """Reads every view of a batch once. See `AestheticModel` for the arguments.

    The backbone is transformers' `CLIPVisionModelWithProjection`. `text_tower` is CLIP's text encoder, frozen,
    where training compares in words (`objective.align`); it is no part of the model folder.
    """

    def __init__(
        self,
        backbone: nn.Module,
        family: Any,
        readout: Readout | None,
        links: ScoreLinks | None,
        info: ModelInfo,
    ) -> None:
        super().__init__(backbone, family, readout, links, info)
        width = self.transformers_model.config.hidden_size
        self.tokens = TokenEmbeddings(width, attend_padding=family.attend_padding)
        self.text_tower: Any = None

    def forward(
        self, batch: Batch, *, cache: Cache | None = None, last_layer: LastLayer = "whole"
    ) -> Outputs:
        """One pass over all views; a read-out's score is the mean over its image's views."""
        del cache, last_layer  # of language
        features = self.encode(batch.images)
        index = batch.images["reading_view"], batch.images["reading_readout"]
        aspects = batch.aspect.index_select(0, index[1])
        read = self.read_out(features.index_select(0, index[0]), aspects)
        pairs = batch.images["pair_readings"]
        return self.outputs(
            _mean_reading(read, index[1], len(batch.readouts)),
            batch,
            text_logits=features.new_zeros(0, 1),
            pair_scores=read.scores.index_select(0, pairs.flatten()).view(-1, 2)
            if len(pairs)
            else None,
            agreement=self._agreement(features, batch),
        )

    def encode(self, images: dict[str, Tensor]) -> Tensor:
        """(V,D) projected CLS states of the views that `FGAesQFamily.collate_images` gave."""
        model = self.transformers_model
        vision, embeddings = model.vision_model, model.vision_model.embeddings
        table = embeddings.position_embedding.weight
        pixels = self.family.model_inputs(images)["patches"].flatten(2)
        # The convolution of a patch with kernels of its own size is a product.
        patches = F.linear(pixels.to(table.dtype), embeddings.patch_embedding.weight.flatten(1))
        # Bicubic, at the centre of every token. The published weights' training left the table as it was.
        places = table[1:].detach() if self.tokens.attend_padding else table[1:]
        weights = position_weights(images["centers"], side=math.isqrt(len(places)))
        positions = (weights.to(table.dtype) @ places).to(patches.dtype)
        tokens = self.tokens(patches + positions, images["scale"], images["present"])
        first = (embeddings.class_embedding + table[0]).to(tokens.dtype).expand(len(tokens), 1, -1)
        hidden = vision.pre_layrnorm(torch.cat([first, tokens], dim=1))
        hidden = vision.encoder(
            hidden, attention_mask=self._mask(images["present"])
        ).last_hidden_state
        return model.visual_projection(vision.post_layernorm(hidden[:, 0]))

    def _mask(self, present: Tensor) -> Tensor | None:
        """(V,1,N+1,N+1) bool: CLS and real tokens are seen; None where everything is."""
        if self.tokens.attend_padding:
            return None
        seen = F.pad(present, (1, 0), value=True)
        return seen[:, None, None, :].expand(-1, 1, seen.shape[1], -1)

    def _agreement(self, features: Tensor, batch: Batch) -> Tensor | None:
        """(C) cosine of E_v(x) - E_v(y) and E_t(T) for the pairs that a text compares."""
        ids = batch.images.get("text_ids")
        if self.text_tower is None or ids is None:
            return None
        with torch.no_grad():
            said = self.text_tower(
                input_ids=ids, attention_mask=batch.images["text_mask"]
            ).text_embeds
        views = batch.images["text_views"]
        first, second = (features.index_select(0, views[:, end]) for end in (0, 1))
        return F.cosine_similarity((first - second).float(), said.float(), dim=-1)


def _mean_reading(read: Reading, readout: Tensor, number: int) -> Reading:
    """(E) readings -> (Q): the mean of those of each read-out, and of their distributions."""
    mine = readout == torch.arange(number, device=readout.device)[:, None]
    share = mine / mine.sum(1, keepdim=True)
    # Sums and not matrix products: those may round to ten bits on a GPU.
    scores = (share * read.scores).sum(1)
    spreads = (share * read.spreads).sum(1)
    if read.bins is None:
        return Reading(scores, spreads, None)
    alone = torch.where(mine[:, :, None], read.bins, -torch.inf)
    return Reading(scores, spreads, alone.logsumexp(1) - mine.sum(1, keepdim=True).log())
