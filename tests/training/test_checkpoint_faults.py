"""Checkpoints that are incomplete, damaged, of another run, or cannot be written."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
from full_disk import largest_file
from malicious import evil_pickle

from artimuse.training import checkpoint_folder
from artimuse.training.checkpoint import list_checkpoints
from artimuse.training.checkpoint_folder import facts
from artimuse.training.faults import CheckpointError, RunError

sys.path.insert(0, str(Path(__file__).parent))
import toy
from resuming import FINGERPRINT, assert_equal, finish, run, said, start


@pytest.fixture(autouse=True)
def _fresh_accelerate():
    toy.reset_accelerate()
    yield
    toy.reset_accelerate()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "checkpoints").iterdir())


def test_what_is_not_complete_is_skipped_with_a_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    through, rows, _ = run(tmp_path, "through")
    run(tmp_path, "r", stop_after=5)
    checkpoints = tmp_path / "r" / "checkpoints"
    # The newest one lost its mark, and there is one that was being written.
    (checkpoints / "step-000004" / "complete.json").unlink()
    shutil.copytree(checkpoints / "step-000004", checkpoints / ".writing-step-000006")
    shutil.copytree(checkpoints / "step-000002", checkpoints / ".removing-step-000001")
    capsys.readouterr()
    resumed, resumed_rows, _ = run(tmp_path, "r")
    out = capsys.readouterr().out
    assert f"{checkpoints / '.writing-step-000006'}: the run was stopped while it wrote" in out
    assert f"{checkpoints / 'step-000004'}: not complete, it has no complete.json" in out
    assert names(tmp_path / "r") == ["step-000002", "step-000004", "step-000006"]
    assert_equal(resumed, through)
    assert resumed_rows == rows


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors", "state.json"])
def test_a_missing_piece_is_an_error(tmp_path: Path, name: str) -> None:
    run(tmp_path, "r", stop_after=3)
    (tmp_path / "r" / "checkpoints" / "step-000002" / name).unlink()
    with pytest.raises(CheckpointError, match=rf"step-000002: {name} is missing; remove this"):
        run(tmp_path, "r")


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors", "state.json"])
def test_a_changed_piece_is_an_error(tmp_path: Path, name: str) -> None:
    """One bit of it, where nothing but the hash can tell."""
    run(tmp_path, "r", stop_after=3)
    path = tmp_path / "r" / "checkpoints" / "step-000002" / name
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=rf"{name} is not what was written: .*sha256"):
        run(tmp_path, "r")


def test_a_state_of_another_version_is_an_error(tmp_path: Path) -> None:
    run(tmp_path, "r", stop_after=3)
    checkpoint = tmp_path / "r" / "checkpoints" / "step-000002"
    state = json.loads((checkpoint / "state.json").read_text())
    del state["seen"]
    (checkpoint / "state.json").write_text(json.dumps(state))
    mark = json.loads((checkpoint / "complete.json").read_text())
    mark["files"]["state.json"] = facts(checkpoint / "state.json")
    (checkpoint / "complete.json").write_text(json.dumps(mark))
    with pytest.raises(CheckpointError, match=r"says nothing of seen: another version of artimuse"):
        run(tmp_path, "r")


def test_a_damaged_mark_is_an_error(tmp_path: Path) -> None:
    run(tmp_path, "r", stop_after=3)
    (tmp_path / "r" / "checkpoints" / "step-000002" / "complete.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"complete\.json is damaged .*remove this folder"):
        run(tmp_path, "r")


@pytest.mark.parametrize("name", ["../step-000001/state.json", "/etc/passwd"])
def test_a_mark_that_names_files_elsewhere_is_an_error(tmp_path: Path, name: str) -> None:
    run(tmp_path, "r", stop_after=3)
    mark = tmp_path / "r" / "checkpoints" / "step-000002" / "complete.json"
    written = json.loads(mark.read_text())
    written["files"][name] = {"bytes": 1, "sha256": "0"}
    mark.write_text(json.dumps(written))
    with pytest.raises(CheckpointError, match=r"names '.*', which is no file of it"):
        run(tmp_path, "r")


@pytest.mark.parametrize("what", ["configuration", "data"])
def test_another_configuration_or_other_data_are_refused(tmp_path: Path, what: str) -> None:
    run(tmp_path, "r", stop_after=3)
    with pytest.raises(CheckpointError, match=f"the {what} changed since this checkpoint"):
        run(tmp_path, "r", fingerprint=FINGERPRINT | {what: "other"})


def test_a_full_disk_leaves_the_last_checkpoint(tmp_path: Path) -> None:
    through, rows, _ = run(tmp_path, "through")
    run(tmp_path, "r", stop_after=3)
    before = {
        p: p.read_bytes() for p in (tmp_path / "r" / "checkpoints").rglob("*.*") if p.is_file()
    }
    with largest_file(20_000), pytest.raises(RunError) as raised:
        run(tmp_path, "r")
    said = str(raised.value)
    last = tmp_path / "r" / "checkpoints" / "step-000002"
    assert "step-000004: this checkpoint could not be written: " in said
    assert "too large" in said
    assert f"The last complete one is {last}; free space, and go on with --resume" in said
    assert list_checkpoints(last.parent) == [last]
    assert names(tmp_path / "r") == ["step-000002"]
    assert {p: p.read_bytes() for p in before} == before
    resumed, resumed_rows, _ = run(tmp_path, "r")
    assert_equal(resumed, through)
    assert resumed_rows == rows


def test_a_full_disk_ends_the_other_process_too(tmp_path: Path) -> None:
    """It waits for the first one's checkpoint, however long that takes."""
    started = start(tmp_path, "r", processes=2, fault="full_disk", fault_in=0)
    assert finish(started, timeout_s=120) == [1, 1]
    assert "step-000002: this checkpoint could not be written: " in said(tmp_path, "r", 0)
    assert "another process of this run ended" in said(tmp_path, "r", 1)


def test_a_mark_follows_what_it_marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Power that fails in between leaves a checkpoint whole or unmarked: no kill shows that order."""
    done: list[str] = []
    real_sync, real_rename = checkpoint_folder.sync, Path.rename

    def sync(path: Path) -> None:
        real_sync(path)
        done.append(path.name)
        if path.parent == folder:
            assert (path.name == "complete.json") == (folder / "complete.json").exists()

    def rename(self: Path, target: Path) -> Path:
        done.append(f"-> {target.name}")
        return real_rename(self, target)

    monkeypatch.setattr(checkpoint_folder, "sync", sync)
    monkeypatch.setattr(Path, "rename", rename)
    with checkpoint_folder.written_whole(tmp_path / "step-000002") as folder:
        for name in ("a", "b"):
            (folder / name).write_text(name)
    assert done == ["a", "b", "complete.json", folder.name, "-> step-000002", tmp_path.name]


def test_pickles_in_a_checkpoint_are_not_read(tmp_path: Path) -> None:
    """What lies beside the files that a checkpoint is made of, or in their place, is never loaded."""
    ran = tmp_path / "ran"
    through, _, _ = run(tmp_path, "through")
    run(tmp_path, "r", stop_after=3)
    checkpoint = tmp_path / "r" / "checkpoints" / "step-000002"
    for name in ("optimizer.bin", "random_states_0.pkl", "pytorch_model.bin", "scheduler.bin"):
        (checkpoint / name).write_bytes(evil_pickle(ran))
    resumed, _, _ = run(tmp_path, "r")
    assert_equal(resumed, through)
    assert not ran.exists()

    run(tmp_path, "s", stop_after=3)
    replaced = tmp_path / "s" / "checkpoints" / "step-000002" / "optimizer.safetensors"
    content = evil_pickle(ran)
    replaced.write_bytes(content)
    with pytest.raises(CheckpointError, match="is not what was written"):
        run(tmp_path, "s")
    # With a hash that says so, it is still no safetensors file.
    mark = replaced.with_name("complete.json")
    written = json.loads(mark.read_text())
    written["files"][replaced.name] = facts(replaced)
    mark.write_text(json.dumps(written))
    with pytest.raises(CheckpointError, match=r"optimizer\.safetensors: no safetensors file"):
        run(tmp_path, "s")
    assert not ran.exists()
