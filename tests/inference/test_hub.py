"""--push-to-hub against a hub of our own: which files it sees, what is said before; and loading them by id."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants
from inference.fake_hub import REPO, FakeHub
from integration.calls import call_script

import artimuse
from artimuse.config import ConfigError
from artimuse.inference.hub import prepare_repo, push_folder, require_token
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.folder import save_model


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_TOKEN", "hf_made")
    fake = FakeHub()
    thread = threading.Thread(target=fake.server.serve_forever)
    thread.start()
    yield fake
    fake.server.shutdown()
    thread.join()
    fake.server.server_close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model folder beside things that are nobody's business."""
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "run.json").write_text("{}")
    place = tmp_path / "model"
    (place / "base").mkdir(parents=True)
    (place / "README.md").write_text("---\nlicense: unknown\n---\n# made\n")
    (place / "artimuse.json").write_text('{"family": "internvl"}')
    (place / "base" / "config.json").write_text("{}\n")
    (place / "readout.safetensors").write_bytes(bytes(range(256)))
    return place


def test_the_hub_sees_the_folders_files_and_no_others(hub: FakeHub, folder: Path) -> None:
    said = prepare_repo(REPO, endpoint=hub.address)
    assert "(private)" in said
    (made,) = hub.created
    # Either word, by the version of huggingface_hub.
    assert made.get("private") is True or made.get("visibility") == "private"
    assert push_folder(folder, REPO, endpoint=hub.address).endswith("/commit/1")
    own = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*") if path.is_file()
    }  # fmt: skip
    assert hub.files == own
    assert sum(re.search("/commit/", request) is not None for request in hub.requests) == 1


def test_where_this_machine_has_its_data_stays_on_it(hub: FakeHub, folder: Path) -> None:
    place = str(folder.parent / "data")
    for path in (folder, folder / "base"):
        (path / "training.json").write_text(json.dumps({"directory": place}))
    said = push_folder(folder, REPO, endpoint=hub.address)
    assert said.endswith("/commit/1 (without training.json, which names places on this machine)")
    assert "artimuse.json" in hub.files
    assert all(Path(name).name != "training.json" for name in hub.files)
    assert all(place.encode() not in content for content in hub.files.values())


def test_a_public_repository_that_was_there_is_said(hub: FakeHub) -> None:
    hub.private = False
    assert "PUBLIC" in prepare_repo(REPO, endpoint=hub.address)


def test_what_the_hub_refuses_is_said_before_training(hub: FakeHub) -> None:
    hub.refuses = True
    with pytest.raises(
        ConfigError, match=r"--push-to-hub me/photo-judge: the hub does not take it"
    ):
        prepare_repo(REPO, endpoint=hub.address)


def test_a_push_that_fails_says_where_the_model_is(hub: FakeHub, folder: Path) -> None:
    hub.refuses = True
    with pytest.raises(OSError, match=re.escape(f"the model is complete in {folder}")):
        push_folder(folder, REPO, endpoint=hub.address)


def test_a_link_is_not_followed_out_of_the_folder(hub: FakeHub, folder: Path) -> None:
    (folder / "private.txt").symlink_to(folder.parent / "run.json")
    with pytest.raises(ValueError, match=r"private\.txt: a link"):
        push_folder(folder, REPO, endpoint=hub.address)
    assert hub.requests == []


def test_without_a_token_there_is_one_error(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "none"))
    with pytest.raises(ConfigError, match=r"no token is there; log in with `hf auth login`"):
        require_token(REPO)


def test_offline_mode_and_a_name_that_is_none_are_refused(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="expected OWNER/NAME"):
        require_token("a/b/c")
    with pytest.raises(ConfigError, match="expected OWNER/NAME"):
        require_token("bare-name")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ConfigError, match="HF_HUB_OFFLINE is set"):
        require_token(REPO)


# A model that was pushed is loaded by its id


@pytest.fixture
def usual_hub(hub: FakeHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeHub:
    """The hub that is asked where none is named, and an empty cache."""
    monkeypatch.setattr(constants, "ENDPOINT", hub.address)
    place = f"{hub.address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", place)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    return hub


def sent(hub: FakeHub) -> list[str]:
    """Requests that carry anything to the hub."""
    return [request for request in hub.requests if not request.startswith(("GET ", "HEAD "))]


def test_what_was_pushed_is_loaded_by_its_id(
    usual_hub: FakeHub,
    tiny_model: AestheticModel,
    tmp_path: Path,
    draw_image: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    image, here = draw_image("a"), tmp_path / "model"
    save_model(tiny_model, here)
    expected = artimuse.load(here, device="cpu").score(image)
    exported = call_script("export", "--model", here, tmp_path / "new", "--push-to-hub", REPO)
    assert exported.status == 0, exported.err
    assert usual_hub.files.keys() == {path.name for path in (tmp_path / "new").iterdir()}

    # Somewhere else: another folder, nothing in the cache, and no word but the id.
    usual_hub.requests.clear()
    monkeypatch.chdir(tmp_path)
    assert artimuse.load(REPO, device="cpu").score(image) == expected
    called = call_script("score", "--model", REPO, image, "--output", "scores.jsonl")
    assert called.status == 0, called.err
    row = json.loads(Path("scores.jsonl").read_text(encoding="utf-8"))
    assert (row["score"], row["spread"]) == (expected.value, expected.spread)
    assert any(
        request.startswith("GET") and "/resolve/" in request for request in usual_hub.requests
    )
    assert sent(usual_hub) == []
    again = call_script("export", "--model", REPO, tmp_path / "again")
    assert again.status == 0, again.err
    assert sent(usual_hub) == []

    # And from the cache, where there is no hub at all.
    usual_hub.requests.clear()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert artimuse.load(REPO, device="cpu").score(image) == expected
    assert usual_hub.requests == []


def test_a_private_model_needs_its_owners_token(
    usual_hub: FakeHub,
    tiny_model: AestheticModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    save_model(tiny_model, tmp_path / "model")
    push_folder(tmp_path / "model", REPO)
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "none"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="for a private model log in with `hf auth login`"):
        artimuse.load(REPO, device="cpu")
    usual_hub.private = False
    usual_hub.tokens.clear()
    artimuse.load(REPO, device="cpu")
    assert set(usual_hub.tokens) == {None}


def test_a_token_alone_sends_nothing(
    usual_hub: FakeHub,
    tiny_model: AestheticModel,
    tmp_path: Path,
    draw_image: Callable[[str], Path],
) -> None:
    """Without the flag, not even a question goes out, whatever token is there."""
    save_model(tiny_model, tmp_path / "model")
    require_token(REPO)  # there is one
    called = call_script("export", "--model", tmp_path / "model", tmp_path / "new")
    assert called.status == 0, called.err
    output = tmp_path / "s.jsonl"
    called = call_script(
        "score", "--model", tmp_path / "model", draw_image("a"), "--output", output
    )
    assert called.status == 0, called.err
    assert usual_hub.requests == []
