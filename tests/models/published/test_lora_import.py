"""LoRA that a checkpoint still carries: merged as PEFT merges it, or kept as an adapter that PEFT loads."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from layouts import internvl_checkpoint, internvl_settings, internvl_tensors, write
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file
from test_internvl_import import load_whole, logits
from torch import Tensor, nn
from transformers import Qwen2ForCausalLM

from artimuse.models.folder import load_model
from artimuse.models.published import import_checkpoint

pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing.*")
LANGUAGE = [
    "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
    "mlp.gate_proj", "mlp.down_proj", "mlp.up_proj",
]  # fmt: skip
VISION = ["attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2"]
RANKS = {"use_llm_lora": 4, "use_backbone_lora": 2}


class Tree(nn.Module):
    """Modules under given names: enough of a vision tower for PEFT to wrap and merge."""

    def __init__(self, tensors: dict[str, Tensor]) -> None:
        super().__init__()
        # In order, a module before what is inside it.
        for name in sorted({name.rpartition(".")[0] for name in tensors}):
            *parents, leaf = name.split(".")
            place: nn.Module = self
            for parent in parents:
                if not hasattr(place, parent):
                    place.add_module(parent, nn.Module())
                place = getattr(place, parent)
            weight = tensors.get(f"{name}.weight", torch.ones(1))
            if weight.ndim == 2:
                place.add_module(leaf, nn.Linear(weight.shape[1], weight.shape[0]))
            else:
                place.add_module(leaf, nn.Module())
        for name, tensor in tensors.items():
            module, _, kind = name.rpartition(".")
            self.get_submodule(module).register_parameter(kind, nn.Parameter(tensor.clone()))


def with_lora(model: nn.Module, targets: list[str], rank: int) -> Any:
    """As InternVLChat wraps its parts: alpha is twice the rank."""
    wrapped: Any = get_peft_model(
        model,  # type: ignore[arg-type]
        LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=targets),
    )
    random = torch.Generator().manual_seed(rank)
    with torch.no_grad():
        for name, parameter in wrapped.named_parameters():
            if "lora_" in name:
                parameter.copy_(0.2 * torch.randn(parameter.shape, generator=random))
    return wrapped


def unmerged(folder: Path, how: str = "safetensors", *, vision: bool = True) -> dict[str, Tensor]:
    """Writes a checkpoint with LoRA keys; returns the tensors that PEFT's own merging gives."""
    original = internvl_checkpoint(folder, how=how)
    tensors = internvl_tensors(original)
    parts = {
        part: {n.removeprefix(part): t for n, t in tensors.items() if n.startswith(part)}
        for part in ("language_model.", "vision_model.")
    }
    language = Qwen2ForCausalLM(original.config.text_config)
    language.load_state_dict(parts["language_model."])
    wrapped = {"language_model.": with_lora(language, LANGUAGE, RANKS["use_llm_lora"])}
    if vision:
        tower = Tree(parts["vision_model."])
        wrapped["vision_model."] = with_lora(tower, VISION, RANKS["use_backbone_lora"])
    saved = {n: t for n, t in tensors.items() if not n.startswith(tuple(wrapped))}
    for part, model in wrapped.items():
        saved |= {part + n: t.detach().clone() for n, t in model.state_dict().items()}
    write(folder, saved, how)
    ranks = RANKS if vision else {"use_llm_lora": RANKS["use_llm_lora"]}
    (folder / "config.json").write_text(json.dumps(internvl_settings(original, **ranks)))
    merged = {n: t for n, t in tensors.items() if not n.startswith(tuple(wrapped))}
    for part, model in wrapped.items():
        merged |= {part + n: t for n, t in model.merge_and_unload().state_dict().items()}
    return {name: tensor.detach() for name, tensor in merged.items()}


def run(source: Path, destination: Path, **options: Any) -> dict[str, Any]:
    return import_checkpoint(str(source), destination, **{"format": "artimuse", **options})


@pytest.mark.parametrize("how", ["safetensors", "safetensors shards", "bin shards"])
def test_merged_as_peft_merges(how: str, tmp_path: Path) -> None:
    merged = unmerged(tmp_path / "source", how)
    report = run(tmp_path / "source", tmp_path / "model")
    assert report["lora"] == {"done": "merged", "pairs": 2 * 7 + 2 * 4, "ranks": [2, 4]}
    internvl_checkpoint(tmp_path / "plain")
    write(tmp_path / "plain", merged, "safetensors")
    run(tmp_path / "plain", tmp_path / "expected")
    found = load_file(tmp_path / "model" / "model.safetensors")
    expected = load_file(tmp_path / "expected" / "model.safetensors")
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert (found[name] - tensor).abs().max() <= 1e-6, name
    untouched = logits(internvl_checkpoint(tmp_path / "untouched"))
    assert (logits(load_whole(tmp_path / "model")) - untouched).abs().max() > 1e-2


@pytest.mark.parametrize("vision", [False, True], ids=["language", "language and vision"])
def test_kept_as_an_adapter(vision: bool, tmp_path: Path) -> None:
    unmerged(tmp_path / "source", vision=vision)
    run(tmp_path / "source", tmp_path / "merged")
    report = run(tmp_path / "source", tmp_path / "kept", lora="keep")
    assert report["lora"]["done"] == "kept"
    expected = logits(load_whole(tmp_path / "merged"))
    # Through PEFT alone, and as a model folder.
    base = load_whole(tmp_path / "kept" / "base")
    assert (logits(base) - logits(internvl_checkpoint(tmp_path / "o"))).abs().max() <= 1e-5
    adapted = PeftModel.from_pretrained(base, tmp_path / "kept").eval()
    assert (logits(adapted) - expected).abs().max() <= 1e-5
    model = load_model(tmp_path / "kept")
    assert model.info.tuning == "lora"
    assert model.info.base == str(tmp_path / "kept" / "base")
    assert (logits(model.transformers_model) - expected).abs().max() <= 1e-5
    settings = json.loads((tmp_path / "kept" / "adapter_config.json").read_text())
    assert settings["base_model_name_or_path"] == str(tmp_path / "kept" / "base")
    assert (settings["r"], settings["lora_alpha"]) == (4, 8)


def test_kept_scores_equal_merged_ones(tmp_path: Path) -> None:
    unmerged(tmp_path / "source")
    run(tmp_path / "source", tmp_path / "merged")
    run(tmp_path / "source", tmp_path / "kept", lora="keep")
    rows = [load_file(tmp_path / name / "readout.safetensors") for name in ("merged", "kept")]
    assert all(torch.equal(rows[0][name], rows[1][name]) for name in rows[0])


def test_an_adapter_notices_another_base(tmp_path: Path) -> None:
    unmerged(tmp_path / "source")
    run(tmp_path / "source", tmp_path / "kept", lora="keep")
    run(tmp_path / "source", tmp_path / "merged")
    file = tmp_path / "kept" / "base" / "model.safetensors"
    file.write_bytes((tmp_path / "merged" / "model.safetensors").read_bytes())
    with pytest.raises(ValueError, match=r"the weights of its base .* changed since"):
        load_model(tmp_path / "kept")


def test_keep_without_lora_is_a_plain_folder(tmp_path: Path) -> None:
    internvl_checkpoint(tmp_path / "source")
    assert run(tmp_path / "source", tmp_path / "model", lora="keep")["lora"] is None
    assert not (tmp_path / "model" / "base").exists()
    assert load_model(tmp_path / "model").info.tuning == "full"


# Keys and configuration that disagree


def change_config(folder: Path, **changes: int) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def drop(folder: Path, part: str) -> None:
    tensors = load_file(folder / "model.safetensors")
    del tensors[next(name for name in tensors if part in name)]
    write(folder, tensors, "safetensors")


def double(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    name = next(name for name in tensors if name.endswith("q_proj.base_layer.weight"))
    plain = name.replace("base_model.model.", "", 1).replace(".base_layer", "")
    write(folder, tensors | {plain: tensors[name]}, "safetensors")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: change_config(f, use_llm_lora=0), "rank 0 for the LoRA of language_model"),
        (lambda f: change_config(f, use_backbone_lora=0), "rank 0 for the LoRA of vision_model"),
        (lambda f: change_config(f, use_llm_lora=8), r"expected shapes \(8, \d+\) and .*rank 8"),
        (lambda f: drop(f, "lora_B"), "expected base_layer, lora_A and lora_B"),
        (lambda f: drop(f, "lora_A"), "expected base_layer, lora_A and lora_B"),
        (lambda f: drop(f, "q_proj.base_layer.weight"), "expected base_layer, lora_A and lora_B"),
        (double, r"are both language_model\.model\.layers.*: expected one"),
    ],
)
def test_keys_and_configuration_that_disagree(
    damage: Callable[[Path], None], message: str, tmp_path: Path
) -> None:
    unmerged(tmp_path / "source")
    damage(tmp_path / "source")
    with pytest.raises(ValueError, match=message):
        run(tmp_path / "source", tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_rank_without_keys_is_an_error_whatever_the_folder_is_called(tmp_path: Path) -> None:
    source = tmp_path / "artimuse-lora-unmerged"
    internvl_checkpoint(source)
    assert run(source, tmp_path / "model")["lora"] is None
    change_config(source, use_llm_lora=16)
    with pytest.raises(ValueError, match="rank 16 for the LoRA of language_model, and the weights"):
        run(source, tmp_path / "other")
