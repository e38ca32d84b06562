"""A model that is not there gives one error, which says what to download and where to put it."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants

from artimuse.config import ConfigError, ModelConfig, ReadoutConfig
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.base import base_folder, model_folder
from artimuse.models.build import build_family, build_model
from artimuse.models.folder import load_model, save_model

HUB_ID = "OpenGVLab/InternVL3-8B-hf"


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a trained model, and a cache of its own without anything in it."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    (tmp_path / "here" / "runs" / "model").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int, str], None]]:
    """A hub on this machine that answers everything with one status and error code."""
    answer = {"status": 404, "code": "RepoNotFound"}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(int(answer["status"]))
            self.send_header("X-Error-Code", str(answer["code"]))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.server_port}")

    def answers(status: int, code: str) -> None:
        answer.update(status=status, code=code)

    yield answers
    server.shutdown()
    thread.join()
    server.server_close()


def cached(cache: Path, name: str, files: dict[str, str]) -> Path:
    """What the hub's cache looks like after a download."""
    folder = cache / f"models--{name.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("a" * 40)
    snapshot = folder / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    for file, text in files.items():
        (snapshot / file).write_text(text)
    return snapshot


def refused(call: Callable[..., object], *arguments: object, **options: str) -> str:
    with pytest.raises(ConfigError) as error:
        call(*arguments, **options)
    return str(error.value)


def test_a_hub_id_without_a_network_says_what_to_do(place: Path) -> None:
    said = refused(base_folder, HUB_ID)
    assert said.startswith(
        f"model.base: {HUB_ID!r} is neither a folder here nor in the hub's cache"
    )
    assert str(place.parent / "cache") in said
    assert "the hub cannot be reached: HF_HUB_OFFLINE is set" in said
    assert f"`hf download {HUB_ID} --local-dir models/InternVL3-8B-hf`" in said
    assert "name it: model.base=models/InternVL3-8B-hf." in said
    assert "copy models--OpenGVLab--InternVL3-8B-hf from the cache there" in said
    said = refused(model_folder, HUB_ID)
    assert said.startswith("--model: ")
    assert "name it: --model models/InternVL3-8B-hf." in said
    said = refused(model_folder, HUB_ID, setting="artimuse.load")
    assert "name it: artimuse.load('models/InternVL3-8B-hf')." in said


def test_a_connection_that_fails_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    said = refused(base_folder, HUB_ID)
    assert "the hub cannot be reached: ConnectError: [Errno 111] Connection refused" in said
    assert f"`hf download {HUB_ID} --local-dir models/InternVL3-8B-hf`" in said


def test_a_mistyped_folder_that_looks_like_a_hub_id() -> None:
    said = refused(base_folder, "runs/modle")
    assert "`hf download runs/modle" in said
    assert said.endswith("a folder is meant: there is none of that name; did you mean runs/model?.")


@pytest.mark.parametrize("name", ["./runs/modle", "runs/modle/deep", "modle", "runs/a b"])
def test_what_cannot_be_a_hub_id_is_a_missing_folder(name: str, place: Path) -> None:
    said = refused(base_folder, name)
    assert f"model.base: no folder {name!r}" in said
    assert "hf download" not in said
    assert ("did you mean runs/model?" in said) == ("runs/modle" in name)
    (place / "runs" / "modle").touch()  # a file is no folder
    assert "no folder 'runs/modle'" in refused(base_folder, "runs/modle")


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (404, "RepoNotFound", "neither a folder here nor a model on the hub (404 Client Error"),
        (401, "RepoNotFound", "for a private model log in with `hf auth login`"),
        (403, "GatedRepo", "behind terms of its own (403 Client Error"),
        (500, "", "the hub cannot be reached: HfHubHTTPError: Server error '500"),
    ],
)
def test_the_hubs_own_reason_is_given(
    status: int, code: str, said: str, hub: Callable[[int, str], None]
) -> None:
    hub(status, code)
    found = refused(base_folder, HUB_ID)
    assert said in found
    assert "If a folder is meant: there is none of that name" in found


@pytest.mark.parametrize("endpoint", ["offline", "http://127.0.0.1:9"])
def test_what_is_in_the_cache_needs_no_network(
    endpoint: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = cached(place.parent / "cache", HUB_ID, {"config.json": "{}", "a.safetensors": ""})
    if endpoint != "offline":
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    assert base_folder(HUB_ID) == snapshot
    assert model_folder(HUB_ID) == snapshot


def test_a_cache_that_holds_only_a_part(place: Path) -> None:
    cached(place.parent / "cache", HUB_ID, {"config.json": "{}"})
    assert base_folder(HUB_ID, weights=False).is_dir()
    said = refused(base_folder, HUB_ID)
    assert f"{HUB_ID!r} is only in part in the hub's cache" in said
    assert f"found none: run `hf download {HUB_ID}`" in said


def test_a_folder_is_itself(tiny_model: AestheticModel, tmp_path: Path) -> None:
    save_model(tiny_model, tmp_path / "model")
    for call in (base_folder, model_folder):
        assert call(tmp_path / "model") == tmp_path / "model"
    (tmp_path / "model" / "model.safetensors").unlink()
    assert base_folder(tmp_path / "model", weights=False) == tmp_path / "model"
    said = refused(base_folder, tmp_path / "model")
    assert "expected weights as *.safetensors, found none" in said


def test_a_folder_that_holds_no_model(place: Path) -> None:
    said = refused(base_folder, "runs/model")
    assert "runs/model: expected config.json in it" in said
    (place / "runs" / "model" / "config.json").write_text("{}")
    (place / "runs" / "model" / "pytorch_model.bin").touch()
    said = refused(base_folder, "runs/model")
    assert "expected weights as *.safetensors, found pytorch_model.bin, which are pickles" in said


def test_a_shard_that_is_missing(place: Path) -> None:
    folder = place / "runs" / "model"
    (folder / "config.json").write_text("{}")
    names = [f"model-{n}.safetensors" for n in (1, 2, 3)]
    index = {"weight_map": {f"layer{n}": name for n, name in enumerate(names)}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    for name in names[:2]:
        (folder / name).touch()
    said = refused(base_folder, folder)
    assert re.search(
        r"expected 3 shards of weights, found 2; model-3\.safetensors is missing", said
    )


# A model named by hub id works as its folder does


def test_a_model_folder_on_the_hub(tiny_model: AestheticModel, place: Path) -> None:
    snapshot = cached(place.parent / "cache", "someone/judge", {})
    save_model(tiny_model, snapshot)
    loaded = load_model("someone/judge")
    assert loaded.info == tiny_model.info
    state = tiny_model.state_dict()
    assert all(torch.equal(state[name], value) for name, value in loaded.state_dict().items())
    # As the start of training: with its read-out, as if the folder had been named.
    built = build_model(ModelConfig(base="someone/judge"), seed=1)
    assert built.info.base == "someone/judge"
    assert built.readout is not None
    for name, value in built.readout.state_dict().items():
        assert torch.equal(state[f"readout.{name}"], value)
    family, _ = build_family(ModelConfig(base="someone/judge"))
    assert family.prompt_ids("Why?", [4]) == tiny_model.family.prompt_ids("Why?", [4])


def test_an_adapter_of_a_base_on_the_hub(tiny_model: AestheticModel, place: Path) -> None:
    snapshot = cached(place.parent / "cache", HUB_ID, {})
    save_model(tiny_model, snapshot)
    for name in ("artimuse.json", "readout.safetensors"):  # a plain transformers model is left
        (snapshot / name).unlink()
    config = ModelConfig(base=HUB_ID, tuning="lora", readout=ReadoutConfig(hidden=16))
    save_model(build_model(config, seed=1), place / "tuned")
    adapter = json.loads((place / "tuned" / "adapter_config.json").read_text())
    assert adapter["base_model_name_or_path"] == HUB_ID
    assert load_model(place / "tuned").info.base == HUB_ID
    (snapshot.parent.parent / "refs" / "main").unlink()
    said = refused(lambda: load_model(place / "tuned"))
    assert (
        f"tuned/artimuse.json: base: {HUB_ID!r} is neither a folder here nor in the hub's" in said
    )
