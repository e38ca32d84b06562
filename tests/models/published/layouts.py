"""Tiny checkpoints in the published layouts: random transformers models, written under the published names.

The names are put down here a second time, the other way round than in artimuse/models/published.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sentencepiece
import torch
from safetensors.torch import save_file
from tokenizers import pre_tokenizers
from torch import Tensor
from transformers import (
    CLIPVisionConfig,
    InternVLConfig,
    InternVLForConditionalGeneration,
    InternVLVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    Qwen2Config,
)

from artimuse.prompts import SCORE_TOKENS

SIDE, PATCH = 56, 14
ADDED = (
    "<|im_end|>", "<|endoftext|>", "<|im_start|>", "<img>", "</img>", "<IMG_CONTEXT>", "<quad>",
)  # fmt: skip
WRITERS = ("safetensors", "safetensors shards", "bin", "bin shards")


def randomize(model: Any, seed: int = 0) -> Any:
    """Every weight drawn, norms and biases too, so that none may be mixed up with another."""
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            around = 1.0 if "norm" in name and name.endswith("weight") else 0.0
            parameter.copy_(around + 0.2 * torch.randn(parameter.shape, generator=random))
    return model.eval()


def write(folder: Path, tensors: Mapping[str, Tensor], how: str) -> None:
    """A whole file, or two files and their index."""
    folder.mkdir(parents=True, exist_ok=True)
    suffix = ".bin" if how.startswith("bin") else ".safetensors"
    stem = "pytorch_model" if suffix == ".bin" else "model"
    if how.endswith("shards"):
        names = list(tensors)
        halves = [names[: len(names) // 2], names[len(names) // 2 :]]
        files = [f"{stem}-0000{n + 1}-of-00002{suffix}" for n in range(2)]
        where = {name: file for file, half in zip(files, halves, strict=True) for name in half}
        index = {"metadata": {"total_size": 0}, "weight_map": where}
        (folder / f"{stem}{suffix}.index.json").write_text(json.dumps(index))
    else:
        files, halves = [f"{stem}{suffix}"], [list(tensors)]
    for file, half in zip(files, halves, strict=True):
        state = {name: tensors[name].clone().contiguous() for name in half}
        if suffix == ".bin":
            torch.save(state, folder / file)
        else:
            save_file(state, folder / file, metadata={"format": "pt"})


# InternVLChat


def qwen_files(folder: Path) -> int:
    """vocab.json, merges.txt and tokenizer_config.json of a slow Qwen2 tokenizer; returns its size."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = [*alphabet, *SCORE_TOKENS]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({w: n for n, w in enumerate(words)}))
    merges = "".join(f"{word[0]} {word[1]}\n" for word in SCORE_TOKENS)
    (folder / "merges.txt").write_text("#version: 0.2\n" + merges)
    plain = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False}
    added = {len(words) + n: {"content": t, "special": True, **plain} for n, t in enumerate(ADDED)}
    settings = {
        "added_tokens_decoder": added,
        "pad_token": "<|endoftext|>",
        "eos_token": "<|im_end|>",
        "tokenizer_class": "Qwen2Tokenizer",
        "auto_map": {"AutoTokenizer": ["tokenization_evil.Evil", None]},
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    (folder / "tokenization_evil.py").write_text("raise RuntimeError('code of a checkpoint ran')")
    return len(words) + len(ADDED)


def tiny_internvl(
    vocabulary: int, *, qk_norm: bool = False, tied: bool = False, layers: int = 2
) -> Any:
    vision = InternVLVisionConfig(
        hidden_size=32, num_hidden_layers=layers, num_attention_heads=2, intermediate_size=48,
        image_size=SIDE, patch_size=PATCH, attention_bias=not qk_norm, use_qk_norm=qk_norm,
        norm_type="rms_norm" if qk_norm else "layer_norm",
    )  # fmt: skip
    text = Qwen2Config(
        vocab_size=vocabulary, hidden_size=32, num_hidden_layers=layers, num_attention_heads=4,
        num_key_value_heads=2, intermediate_size=48, max_position_embeddings=512,
        rms_norm_eps=1e-6, tie_word_embeddings=tied,
        rope_parameters={"rope_type": "default", "rope_theta": 5e4},
    )  # fmt: skip
    config = InternVLConfig(
        vision_config=vision, text_config=text, image_token_id=vocabulary - 2,
        image_seq_length=4, tie_word_embeddings=tied,
    )  # fmt: skip
    return randomize(InternVLForConditionalGeneration._from_config(config))


def internvl_settings(model: Any, **changes: Any) -> dict[str, Any]:
    """config.json as InternVLChat writes it."""
    vision, text = model.config.vision_config, model.config.text_config
    return {
        "architectures": ["InternVLChatModel"],
        "auto_map": {"AutoModel": "modeling_evil.Evil"},
        "downsample_ratio": 0.5,
        "force_image_size": SIDE,
        "model_type": "internvl_chat",
        "ps_version": "v2",
        "select_layer": -1,
        "template": "internvl2_5",
        "use_backbone_lora": 0,
        "use_llm_lora": 0,
        "llm_config": {
            "architectures": ["Qwen2ForCausalLM"],
            "attn_implementation": "flash_attention_2",
            "model_type": "qwen2",
            "hidden_act": "silu",
            "hidden_size": 32,
            "intermediate_size": 48,
            "max_length": 20,
            "max_position_embeddings": 512,
            "num_attention_heads": 4,
            "num_hidden_layers": text.num_hidden_layers,
            "num_key_value_heads": 2,
            "rms_norm_eps": 1e-6,
            "rope_scaling": None,
            "rope_theta": 5e4,
            "sliding_window": 4096,
            "tie_word_embeddings": text.tie_word_embeddings,
            "torch_dtype": "bfloat16",
            "use_sliding_window": False,
            "vocab_size": text.vocab_size,
        },
        "vision_config": {
            "architectures": ["InternVisionModel"],
            "attention_dropout": 0.0,
            "drop_path_rate": 0.1,
            "dropout": 0.0,
            "hidden_act": "gelu",
            "hidden_size": 32,
            "image_size": SIDE,
            "initializer_factor": 0.1,
            "intermediate_size": 48,
            "layer_norm_eps": 1e-6,
            "model_type": "intern_vit_6b",
            "norm_type": vision.norm_type,
            "num_attention_heads": 2,
            "num_channels": 3,
            "num_hidden_layers": vision.num_hidden_layers,
            "patch_size": PATCH,
            "qk_normalization": vision.use_qk_norm,
            "qkv_bias": vision.attention_bias,
            "use_flash_attn": True,
        },
        **changes,
    }


def internvl_tensors(model: Any) -> dict[str, Tensor]:
    """The weights under InternVLChat's names; q, k and v of the vision tower in one."""
    state = model.state_dict()
    tower, projector = "model.vision_tower.", "model.multi_modal_projector."
    found: dict[str, Tensor] = {}
    for name, tensor in state.items():
        if name == "lm_head.weight":
            if not model.config.tie_word_embeddings:
                found["language_model.lm_head.weight"] = tensor
        elif name.startswith("model.language_model."):
            found[f"language_model.model.{name.removeprefix('model.language_model.')}"] = tensor
        elif name.startswith(projector):
            layer, kind = name.removeprefix(projector).split(".")
            place = {"layer_norm": 0, "linear_1": 1, "linear_2": 3}[layer]
            found[f"mlp1.{place}.{kind}"] = tensor
        elif ".k_proj." in name or ".v_proj." in name:
            continue
        else:
            new = name.removeprefix(tower).replace("encoder.layer.", "encoder.layers.")
            for ours, theirs in (
                ("cls_token", "class_embedding"), ("position_embeddings", "position_embedding"),
                ("patch_embeddings.projection", "patch_embedding"), ("lambda_", "ls"),
                ("layernorm_before", "norm1"), ("layernorm_after", "norm2"),
                ("attention.projection_layer", "attn.proj"), ("attention.q_proj", "attn.qkv"),
                ("attention.q_norm", "attn.q_norm"), ("attention.k_norm", "attn.k_norm"),
            ):  # fmt: skip
                new = new.replace(ours, theirs)
            if ".q_proj." in name:
                others = [state[name.replace(".q_proj.", f".{x}_proj.")] for x in "kv"]
                tensor = torch.cat([tensor, *others])
            found[f"vision_model.{new}"] = tensor
    return found


def internvl_checkpoint(folder: Path, *, how: str = "safetensors", **changes: Any) -> Any:
    """Writes a whole InternVLChat folder; returns the model that it was made from."""
    model = tiny_internvl(qwen_files(folder), **changes)
    write(folder, internvl_tensors(model), how)
    (folder / "config.json").write_text(json.dumps(internvl_settings(model)))
    (folder / "modeling_evil.py").write_text("raise RuntimeError('code of a checkpoint ran')")
    return model


# LLaVA


def sentencepiece_model(
    folder: Path, vocabulary: int = 400
) -> sentencepiece.SentencePieceProcessor:
    """tokenizer.model and tokenizer_config.json as Llama's: BPE with bytes, no normalizer."""
    folder.mkdir(parents=True, exist_ok=True)
    words = "the light is soft and warm while a dark tree stands left of the house USER ASSISTANT"
    text = folder.parent / "sentences.txt"
    text.write_text(f"{words}\n{words.title()}.\nWhat is, in this image, best?\n" * 20)
    sentencepiece.SentencePieceTrainer.train(
        input=str(text), model_prefix=str(folder / "tokenizer"), model_type="bpe",
        vocab_size=vocabulary, byte_fallback=True, normalization_rule_name="identity",
        remove_extra_whitespaces=False, split_digits=True, hard_vocab_limit=False,
        allow_whitespace_only_pieces=True, minloglevel=2,
    )  # fmt: skip
    (folder / "tokenizer.vocab").unlink()
    settings = {
        "add_bos_token": True, "add_eos_token": False, "bos_token": "<s>", "eos_token": "</s>",
        "legacy": True, "model_max_length": 2048, "pad_token": "<unk>", "unk_token": "<unk>",
        "tokenizer_class": "LlamaTokenizer",
    }  # fmt: skip
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))


def tiny_llava(vocabulary: int, image_token: int) -> Any:
    vision = CLIPVisionConfig(
        hidden_size=32, num_hidden_layers=3, num_attention_heads=2, intermediate_size=48,
        image_size=SIDE, patch_size=PATCH, projection_dim=16,
    )  # fmt: skip
    text = LlamaConfig(
        vocab_size=vocabulary, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=4, intermediate_size=48, max_position_embeddings=512,
        rms_norm_eps=1e-5, tie_word_embeddings=False,
    )  # fmt: skip
    config = LlavaConfig(
        vision_config=vision, text_config=text, image_token_index=image_token, image_seq_length=16
    )
    return randomize(LlavaForConditionalGeneration._from_config(config))


def llava_checkpoint(
    folder: Path, *, how: str = "bin shards", inside: bool = False, spare_rows: int = 0
) -> Any:
    """Writes a LLaVA folder, and a CLIP folder `tower` beside it; returns the model that both were made from.

    Args:
        inside: the tower's weights are in the checkpoint, and its folder has none.
        spare_rows: of the embeddings past the vocabulary.
    """
    pieces = sentencepiece_model(folder)
    byte = pieces.piece_to_id("<0xC0>")
    token = len(pieces) if spare_rows else byte
    model = tiny_llava(len(pieces) + spare_rows, token)
    tower, tensors = "model.vision_tower.", {}
    clip: dict[str, Tensor] = {}
    for name, tensor in model.state_dict().items():
        if name.startswith(tower):
            clip[f"vision_model.{name.removeprefix(tower)}"] = tensor
        elif name.startswith("model.multi_modal_projector.linear_"):
            number, kind = name.removeprefix("model.multi_modal_projector.linear_").split(".")
            tensors[f"model.mm_projector.{ {'1': 0, '2': 2}[number] }.{kind}"] = tensor
        else:
            tensors[name.replace("model.language_model.", "model.")] = tensor
    tensors["model.layers.0.self_attn.rotary_emb.inv_freq"] = torch.ones(4)
    if inside:
        tensors |= {f"model.vision_tower.vision_tower.{name}": t for name, t in clip.items()}
    write(folder, tensors, how)
    (folder / "config.json").write_text(json.dumps(llava_settings(model)))
    _clip_folder(folder.parent / "tower", model, {} if inside else clip)
    return model


def llava_settings(model: Any) -> dict[str, Any]:
    """config.json as LLaVA writes it."""
    return {
        "architectures": ["LlavaLlamaForCausalLM"], "bos_token_id": 1, "eos_token_id": 2,
        "hidden_act": "silu", "hidden_size": 32, "image_aspect_ratio": "pad",
        "intermediate_size": 48, "max_length": 4096, "max_position_embeddings": 512,
        "mm_hidden_size": 32, "mm_projector_type": "mlp2x_gelu", "mm_use_im_start_end": False,
        "mm_vision_select_feature": "patch", "mm_vision_select_layer": -2,
        "mm_vision_tower": "somebody/clip-tiny", "model_type": "llava_llama",
        "num_attention_heads": 4, "num_hidden_layers": 2, "num_key_value_heads": 4,
        "pad_token_id": 0, "rms_norm_eps": 1e-5, "rope_scaling": None,
        "tie_word_embeddings": False, "vocab_size": model.config.text_config.vocab_size,
    }  # fmt: skip


def _clip_folder(folder: Path, model: Any, tensors: dict[str, Tensor]) -> None:
    """A whole CLIP model's folder, in the style of 2022: sizes as numbers, the text tower beside the other."""
    folder.mkdir()
    vision = model.config.vision_config.to_dict()
    config = {"model_type": "clip", "vision_config": vision, "text_config": {"hidden_size": 16}}
    (folder / "config.json").write_text(json.dumps(config))
    processor = {
        "crop_size": SIDE, "do_center_crop": True, "do_normalize": True, "do_resize": True,
        "feature_extractor_type": "CLIPFeatureExtractor", "resample": 3, "size": SIDE,
        "image_mean": [0.4, 0.5, 0.6], "image_std": [0.2, 0.3, 0.4],
    }  # fmt: skip
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    if tensors:
        beside = {
            "text_model.final_layer_norm.weight": torch.ones(16),
            "logit_scale": torch.ones(()),
        }
        beside["vision_model.embeddings.position_ids"] = torch.arange(17)[None]
        write(folder, tensors | beside, "safetensors")
