"""FGAesQ: what a view becomes, what padding may do, and what is the mean of what."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file
from transformers import CLIPVisionModelWithProjection

from artimuse.config import (
    ConfigError,
    ImagesConfig,
    LoraConfig,
    ModelConfig,
    ReadoutConfig,
    ScratchConfig,
)
from artimuse.data.collate import Item
from artimuse.data.images import read_image
from artimuse.data.views import collator
from artimuse.inference.api import Model
from artimuse.inference.ranking import TAU
from artimuse.inference.scorer import Scorer
from artimuse.inference.series import score_series
from artimuse.models.build import build_model
from artimuse.models.difftoken import DiffToken, Tokens, pair_key, position_weights
from artimuse.models.families.fgaesq import released_key
from artimuse.models.fgaesq import FGAesQModel
from artimuse.models.folder import load_model, save_model
from artimuse.models.skeleton import skeleton
from artimuse.models.text_tower import attach_text_tower
from artimuse.prompts import protocol
from artimuse.records import Pair, Question, Sample

CLIP_MEAN, CLIP_STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
SCRATCH = ScratchConfig(
    family="fgaesq",
    image_size=56,
    vision_width=32,
    vision_layers=1,
    vision_heads=2,
    language_width=32,
)


def config(difftoken: str = "corrected", **settings) -> ModelConfig:
    tokens = {} if difftoken == "released" else {"tokens": 24, "short_side": 64}
    images = ImagesConfig(difftoken=difftoken, **tokens)  # type: ignore[arg-type]
    readout = ReadoutConfig(kind="bins", head="fgaesq")
    return ModelConfig(**({"scratch": SCRATCH, "readout": readout, "images": images} | settings))


def build(difftoken: str = "corrected", **settings) -> FGAesQModel:
    model = build_model(config(difftoken, **settings), seed=0).eval()
    assert isinstance(model, FGAesQModel)
    torch.manual_seed(1)  # zeros hide what they are added to
    torch.nn.init.normal_(model.tokens.scale)
    torch.nn.init.normal_(model.tokens.padding)
    return model


@pytest.fixture
def series(tmp_path: Path) -> list[Sample]:
    made: list[Sample] = []
    for number, size in enumerate(((90, 72), (90, 72), (64, 110))):
        pixels = np.random.default_rng(number).integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
        path = tmp_path / f"{number}.png"
        Image.fromarray(pixels).save(path)
        asked = (Question("score", aspect="overall"),)
        made.append(Sample(f"t/{number}.png", (path,), asked, "t", series="s"))
    return made


def batch_of(model: FGAesQModel, samples: list[Sample], pairs: list[Pair], **options):
    collate = collator(
        model.family, protocol=protocol("plain"), aspects=["overall"], datasets=[], **options
    )
    return collate([Item(s, s.questions) for s in samples], pairs)


@pytest.mark.parametrize("difftoken", ["corrected", "released", "none"])
def test_what_is_loaded_is_what_was_saved(
    difftoken: str, series: list[Sample], tmp_path: Path
) -> None:
    model = build(difftoken)
    save_model(model, tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    assert isinstance(loaded, FGAesQModel)
    assert loaded.info == model.info
    assert loaded.family.preprocessing() == model.family.preprocessing()
    pairs = [Pair("t/0.png", "t/1.png", 0.7)]
    with torch.inference_mode():
        one, other = (m(batch_of(m, series[:2], pairs)) for m in (model, loaded))
    assert torch.equal(one.scores, other.scores)
    # The encoder is a plain transformers folder.
    stock = CLIPVisionModelWithProjection.from_pretrained(tmp_path / "model")
    backbone: Any = model.backbone
    assert torch.equal(stock.visual_projection.weight, backbone.visual_projection.weight)
    assert "tokens.scale" in load_file(tmp_path / "model" / "readout.safetensors")


def test_padding_changes_nothing_unless_it_is_attended_to(series: list[Sample]) -> None:
    for difftoken, alike in (("corrected", True), ("released", False)):
        model = build(difftoken)
        images = batch_of(model, series[:1], []).images
        wider = {name: tensor.clone() for name, tensor in images.items()}
        for name in ("patches", "centers", "scale", "present"):
            blank = torch.zeros(1, 40, *images[name].shape[2:], dtype=images[name].dtype)
            wider[name] = torch.cat([images[name], blank], dim=1)
        with torch.inference_mode():
            difference = (model.encode(images) - model.encode(wider)).abs().max()
        assert (difference < 1e-5) == alike


def test_an_image_scores_the_mean_over_its_pairs(series: list[Sample]) -> None:
    model = build()
    pairs = [Pair("t/0.png", "t/1.png", 0.7), Pair("t/2.png", "t/0.png", 0.7)]
    with torch.inference_mode():
        outputs = model(batch_of(model, series, pairs))
        alone = model(batch_of(model, series, pairs, compare=False))
    assert outputs.pair_scores is not None
    mine = outputs.pair_scores[0, 0], outputs.pair_scores[1, 1]
    assert mine[0] != mine[1]
    torch.testing.assert_close(outputs.scores[0], torch.stack(mine).mean())
    torch.testing.assert_close(outputs.scores[2], outputs.pair_scores[1, 0])
    assert outputs.bins is not None
    torch.testing.assert_close(outputs.bins.exp().sum(1), torch.ones(3))
    torch.testing.assert_close(outputs.bins.exp() @ torch.linspace(0, 100, 10), outputs.scores)
    assert alone.pair_scores is None


@pytest.mark.parametrize("difftoken", ["corrected", "released"])
def test_where_images_lie_changes_no_score(
    difftoken: str, series: list[Sample], tmp_path: Path
) -> None:
    """Through the API, in any folder and order, and as an evaluation of the same pairs has them."""
    model = build(difftoken)
    scored = score_series(Scorer(model, device="cpu"), [
        replace(sample, id=f"test/000009/000009-{n:02d}.png") for n, sample in enumerate(series, 1)
    ])  # fmt: skip
    for folder in ("here", "there"):
        (tmp_path / folder).mkdir()
        paths = [tmp_path / folder / f"000009-{n:02d}.png" for n in range(1, 4)]
        for path, sample in zip(paths, series, strict=True):
            path.write_bytes(sample.images[0].read_bytes())
        for given in (paths, paths[::-1]):
            ranked = Model(model, device="cpu").rank(given)
            found = {
                given[p].name: s.value for p, s in zip(ranked.order, ranked.scores, strict=True)
            }
            for name, value in found.items():
                assert value == pytest.approx(scored.images[f"test/000009/{name}"], abs=1e-4)
            for (a, b), odds in zip(pairwise(ranked.order), ranked.ahead, strict=True):
                ends = tuple(f"test/000009/{given[n].name}" for n in (a, b))
                first, second = scored.pairs[ends[0], ends[1]]
                assert odds == pytest.approx(1 / (1 + math.exp((second - first) / TAU)), abs=1e-4)


def test_the_released_code_draws_by_its_own_name_of_a_pair(
    series: list[Sample], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert released_key("fg/000009/000009-02.jpg", "fg/000009/000009-01.jpg") == "9_1_2"
    assert released_key("/a/b.jpg#1", "/c/b.jpg#2") == pair_key("b.jpg", "b.jpg")
    keys: list[str] = []

    def pair(self: DiffToken, first, second, key: str):
        keys.append(key)
        return self.single(first, key), self.single(second, key)

    monkeypatch.setattr(DiffToken, "pair", pair)
    paths = [tmp_path / f"000009-{n:02d}.png" for n in (2, 1)]
    for path, sample in zip(paths, series, strict=False):
        path.write_bytes(sample.images[0].read_bytes())
    Model(build("released"), device="cpu").rank(paths)
    assert keys == ["9_1_2"]


def test_texts_that_are_cut_are_counted() -> None:
    model = build()
    attach_text_tower(model, config(), ["sharp"], seed=0)
    assert model.family.cut_texts(["sharp", "sharp " * 100]) == 1


def test_every_pair_of_a_series_is_scored(series: list[Sample]) -> None:
    scored = score_series(Scorer(build(), device="cpu", batch_images=2), series)
    assert len(scored.pairs) == 6
    first, second = (sample.id for sample in series[:2])
    assert scored.pairs[first, second] == scored.pairs[second, first][::-1]
    own = [scored.pairs[first, other.id][0] for other in series[1:]]
    assert scored.images[first] == pytest.approx(sum(own) / 2)


def released_score(model: FGAesQModel, view: Tokens) -> float:
    """What the released code makes of a view, on 0-100: written down once more, from its description."""
    backbone: Any = model.backbone
    vision, n = backbone.vision_model, len(view)
    mean, std = (torch.tensor(v)[:, None, None] for v in (CLIP_MEAN, CLIP_STD))
    pixels = (view.patches.float() / 255 - mean) / std
    table = vision.embeddings.position_embedding.weight
    tokens = model.tokens.padding.expand(511, -1).clone()
    tokens[:n] = F.conv2d(pixels, vision.embeddings.patch_embedding.weight)[:, :, 0, 0]
    scale = torch.zeros(511, dtype=torch.int64)
    scale[:n] = view.scale
    tokens += model.tokens.scale[scale]  # 0 coarse, 1 fine; padding is coarse
    side = math.isqrt(len(table) - 1)
    tokens[:n] += position_weights(view.centers, side=side) @ table[1:]  # none on padding
    first = vision.embeddings.class_embedding + table[0]
    hidden = vision.pre_layrnorm(torch.cat([first[None], tokens])[None])
    state = vision.post_layernorm(vision.encoder(inputs_embeds=hidden).last_hidden_state[:, 0])
    logits = model.readout.mlp(state @ backbone.visual_projection.weight.T)[0]
    expected = float(logits.softmax(0) @ torch.arange(1.0, 11.0))
    return (expected - 1) / 9 * 100


def test_released_scores_as_the_released_code(series: list[Sample]) -> None:
    """An image alone, which is padded; and a pair, of fine and coarse tokens."""
    model = build("released")
    torch.nn.init.normal_(model.readout.mlp[-1].weight)  # scores far apart
    images = [read_image(sample.images[0]) for sample in series[:2]]
    names = (series[0].id, series[1].id)
    both = model.family.pair_views(images[0], images[1], names)
    assert set(both[0].scale.tolist()) == {0, 1}
    alone = model.family.view(images[0])
    assert len(alone) < 511
    with torch.inference_mode():
        found = model(batch_of(model, series[:1], [])).scores
        beside = model(batch_of(model, series[:2], [Pair(*names, 0.7)])).pair_scores
        assert float(found[0]) == pytest.approx(released_score(model, alone), abs=1e-3)
        expected = [released_score(model, view) for view in both]
    assert beside[0].tolist() == pytest.approx(expected, abs=1e-3)
    assert abs(expected[0] - float(found[0])) > 1e-2


def test_what_trains_is_what_the_protocol_says() -> None:
    assert {"tokens.scale"} == {n for n in build().trainable() if n.startswith("tokens")}
    released = build("released").train()
    assert {"tokens.padding"} == {n for n in released.trainable() if n.startswith("tokens")}


def test_a_text_agrees_with_what_it_was_made_of(series: list[Sample]) -> None:
    """The cosine is 1 for a text whose embedding is the views' difference."""
    model = build()
    attach_text_tower(model, config(), ["the first is sharp"], seed=0)
    assert not any(p.requires_grad for p in model.text_tower.parameters())
    model.train()
    assert not model.text_tower.training
    model.eval()
    batch = batch_of(
        model, series[:2], [Pair("t/0.png", "t/1.png", 0.7, "the first is sharp")], texts=True
    )
    with torch.inference_mode():
        views = model.encode(batch.images)
        agreement = model(batch).agreement
        said = model.text_tower(
            input_ids=batch.images["text_ids"], attention_mask=batch.images["text_mask"]
        ).text_embeds
    expected = torch.nn.functional.cosine_similarity(views[:1] - views[1:], said)
    torch.testing.assert_close(agreement, expected)


def test_what_has_no_place_in_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="reads words of a vocabulary"):
        build_model(config(readout=ReadoutConfig(kind="tokens")), seed=0)
    with pytest.raises(ValueError, match=r"model\.images\.fit"):
        build_model(config(images=ImagesConfig(fit="pad")), seed=0)
    save_model(build(), tmp_path / "base")
    with pytest.raises(ConfigError, match="'lora' adapts a language model"):
        build_model(
            ModelConfig(base=str(tmp_path / "base"), tuning="lora", lora=LoraConfig()), seed=0
        )
    with pytest.raises(ConfigError, match="holds no text encoder"):
        attach_text_tower(build(), ModelConfig(base=str(tmp_path / "base")), ["a"], seed=0)


def test_its_settings_are_refused_by_families_with_language() -> None:
    tiny = ScratchConfig(
        vision_width=32, vision_layers=1, language_width=32, language_layers=1, image_size=56
    )
    with pytest.raises(ValueError, match=r"model\.images\.difftoken: of FGAesQ"):
        build_model(ModelConfig(scratch=tiny, images=ImagesConfig(difftoken="released")), seed=0)
    with pytest.raises(ConfigError, match=r"model\.text_tower: of FGAesQ"):
        build_model(ModelConfig(scratch=tiny, text_tower="nowhere/at-all"), seed=0)


def test_its_skeleton_has_its_shapes(series: list[Sample]) -> None:
    bare, model = skeleton(config()), build()
    assert {n: p.shape for n, p in bare.named_parameters()} == {
        n: p.shape for n, p in model.named_parameters()
    }
    assert bare(batch_of(model, series, [])).scores.shape == (3,)
