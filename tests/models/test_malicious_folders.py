"""Model folders that somebody else made: nothing in them is run, and no path in them leads out of them."""

from __future__ import annotations

import builtins
import contextlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from malicious import Evil, evil_module, evil_pickle
from safetensors.torch import load_file, save_file
from trained import answers, batches, save_base, trained

from artimuse.batch import Batch
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.folder import load_model, save_model
from artimuse.records import Sample


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    """Is there when code of an attacker was run."""
    return tmp_path / "ran"


@pytest.fixture
def base(tmp_path: Path, texts: list[str]) -> Path:
    return save_base(tmp_path / "base", texts)


@pytest.fixture
def batch_for(make_sample: Callable[..., Sample]) -> Callable[[AestheticModel], Batch]:
    return batches(make_sample)


@pytest.fixture(autouse=True)
def _at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is asked whether to run the code says yes."""
    monkeypatch.setattr(builtins, "input", lambda *_: "y")
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)


def edit(path: Path, **changes: Any) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(content | changes), encoding="utf-8")


def plant_code(folder: Path, mark: Path) -> None:
    """Code in the folder, and every file that can name it names it."""
    (folder / "evil.py").write_text(evil_module(mark))
    autos = ("AutoConfig", "AutoModel", "AutoModelForImageTextToText", "AutoImageProcessor",
             "AutoProcessor")  # fmt: skip
    everything: dict[str, Any] = dict.fromkeys(autos, "evil.Evil")
    everything["AutoTokenizer"] = ["evil.Evil", "evil.Evil"]
    for name in ("config.json", "tokenizer_config.json", "preprocessor_config.json"):
        if (folder / name).exists():
            edit(folder / name, auto_map=everything)


def plant_pickles(folder: Path, mark: Path) -> None:
    names = ("pytorch_model.bin", "adapter_model.bin", "training_args.bin", "optimizer.pt",
             "model.safetensors.pkl", "readout.bin")  # fmt: skip
    for name in names:
        (folder / name).write_bytes(evil_pickle(mark))
    torch.save({"a": Evil(mark)}, folder / "pytorch_model-00001-of-00001.bin")


@pytest.mark.parametrize("kind", ["full", "lora"])
def test_code_and_pickles_beside_a_model_are_not_touched(
    kind: str, base: Path, tmp_path: Path, texts: list[str], mark: Path,
    batch_for: Callable[..., Batch],
) -> None:  # fmt: skip
    model = trained(kind, base, texts)
    folder = tmp_path / "model"
    save_model(model, folder)
    expected = answers(model, batch_for(model))
    for place in (folder, base) if kind == "lora" else (folder,):
        plant_pickles(place, mark)
        if place == folder:
            plant_code(place, mark)
    loaded = load_model(folder)
    assert not mark.exists()
    found = answers(loaded, batch_for(loaded))
    assert all(torch.equal(a, b) for a, b in zip(expected, found, strict=True))


def test_an_architecture_that_is_code_alone_is_refused(
    base: Path, tmp_path: Path, texts: list[str], mark: Path
) -> None:
    folder = tmp_path / "model"
    save_model(trained("full", base, texts), folder)
    plant_code(folder, mark)
    edit(folder / "config.json", model_type="evil")
    with pytest.raises(ValueError, match="trust_remote_code"):
        load_model(folder)
    assert not mark.exists()


def test_a_tokenizer_that_is_code_alone_is_refused(
    base: Path, tmp_path: Path, texts: list[str], mark: Path
) -> None:
    folder = tmp_path / "model"
    save_model(trained("full", base, texts), folder)
    plant_code(folder, mark)
    edit(folder / "tokenizer_config.json", tokenizer_class="EvilTokenizer")
    with contextlib.suppress(
        ValueError
    ):  # transformers falls back on the class it knows, or refuses
        load_model(folder)
    assert not mark.exists()


@pytest.mark.parametrize("kind", ["full", "lora"])
def test_pickles_in_place_of_weights_are_refused(
    kind: str, base: Path, tmp_path: Path, texts: list[str], mark: Path
) -> None:
    folder = tmp_path / "model"
    save_model(trained(kind, base, texts), folder)
    plant_pickles(folder, mark)
    (folder / ("model" if kind == "full" else "adapter_model")).with_suffix(".safetensors").unlink()
    with pytest.raises(ValueError, match="safetensors"):
        load_model(folder)
    assert not mark.exists()


@pytest.mark.parametrize("name", ["model.safetensors", "readout.safetensors"])
def test_a_pickle_under_the_name_of_safetensors_is_refused(
    name: str, base: Path, tmp_path: Path, texts: list[str], mark: Path
) -> None:
    folder = tmp_path / "model"
    save_model(trained("full", base, texts), folder)
    (folder / name).write_bytes(evil_pickle(mark))
    with pytest.raises(ValueError, match=rf"{name}: expected a whole safetensors file"):
        load_model(folder)
    assert not mark.exists()


def test_a_base_that_leads_elsewhere_runs_nothing(
    base: Path, tmp_path: Path, texts: list[str], mark: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`base` may name any folder; a folder of pickles and code is refused, wherever it lies."""
    folder = tmp_path / "inner" / "model"
    save_model(trained("lora", base, texts), folder)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "config.json").write_text('{"model_type": "evil"}')
    plant_code(elsewhere, mark)
    plant_pickles(elsewhere, mark)
    monkeypatch.chdir(folder)
    for where in ("../../elsewhere", str(elsewhere)):
        edit(folder / "artimuse.json", base=where, base_sha256=None)
        with pytest.raises(ValueError, match=r"expected weights as .*, which are pickles"):
            load_model(folder)
    assert not mark.exists()
    # And another base than the one that it was trained on is not taken for it.
    other = save_base(tmp_path / "other", [*texts, "another vocabulary"])
    tensors = load_file(other / "model.safetensors")
    save_file({n: t + 1 for n, t in tensors.items()}, other / "model.safetensors")
    hashed = json.loads((tmp_path / "inner/model/artimuse.json").read_text())
    edit(folder / "artimuse.json", **hashed | {"base": "../../other", "base_sha256": 64 * "0"})
    with pytest.raises(ValueError, match="changed since the adapter was trained"):
        load_model(folder)


def test_an_adapter_that_names_code_to_import_is_refused(
    base: Path, tmp_path: Path, texts: list[str], mark: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PEFT imports what an adapter calls its Megatron; a notebook imports from the folder that it lies in."""
    folder = tmp_path / "model"
    save_model(trained("lora", base, texts), folder)
    (folder / "evil_core.py").write_text(evil_module(mark))
    monkeypatch.syspath_prepend(tmp_path)
    settings = folder / "adapter_config.json"
    written = settings.read_text(encoding="utf-8")
    edit(settings, megatron_config={"a": 1}, megatron_core="model.evil_core")
    with pytest.raises(ValueError, match=r"adapter_config\.json: names code to import .*evil_core"):
        load_model(folder)
    assert not mark.exists()
    settings.write_text(written, encoding="utf-8")
    edit(settings, peft_type="XLORA", adapters={"a": str(folder)})
    with pytest.raises(ValueError, match="expected peft_type LORA, found 'XLORA'"):
        load_model(folder)


def test_an_index_that_names_files_elsewhere_is_refused(
    base: Path, tmp_path: Path, texts: list[str]
) -> None:
    folder = tmp_path / "model"
    save_model(trained("full", base, texts), folder)
    weights = folder / "model.safetensors"
    names = list(load_file(weights))
    weights.rename(tmp_path / "outside.safetensors")
    for shard in ("../outside.safetensors", str(tmp_path / "outside.safetensors")):
        index = {"metadata": {"total_size": 0}, "weight_map": dict.fromkeys(names, shard)}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))
        (folder / "model-1.safetensors").write_bytes((folder / "readout.safetensors").read_bytes())
        with pytest.raises(ValueError, match="shards of weights, found 0") as raised:
            load_model(folder)
        assert shard in str(raised.value)
