"""score.py --server: the rows that a served model gives, going on, and calls that are wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from inference.mixed_images import BROKEN, break_some, write_mixed
from inference.serving import FakeServer
from integration.calls import Called, call_script

from artimuse.config import ModelConfig, ReadoutConfig
from artimuse.models.build import build_model
from artimuse.models.folder import save_model
from conftest import TINY


@pytest.fixture(scope="module")
def exported(texts: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Exported by the script, from a model whose rows are not the head's own."""
    folder = tmp_path_factory.mktemp("served")
    model = build_model(
        ModelConfig(scratch=TINY, readout=ReadoutConfig(kind="levels")), texts=texts, seed=0
    )
    with torch.no_grad():
        model.readout.rows.weight.mul_(3)
    save_model(model, folder / "model")
    called = call_script("export", "--model", folder / "model", folder / "exported", "--score-rows")
    assert called.status == 0, called.err
    assert f"score.py --server URL --serving {folder}/exported/serving.json" in called.out
    return folder / "exported"


@pytest.fixture
def server(exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    write_mixed(tmp_path / "photos")
    monkeypatch.chdir(tmp_path)
    with FakeServer(exported) as fake:
        fake.restrict = True
        yield fake


def ask(server: FakeServer, exported: Path, output: str, *options: object) -> Called:
    return call_script(
        "score", "--server", server.address, "--serving", exported / "serving.json", "--model", "m",
        "photos", "--output", output, *options,
    )  # fmt: skip


def rows(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(output).read_text(encoding="utf-8").splitlines()]


def test_rows_are_those_of_the_model(server: FakeServer, exported: Path) -> None:
    assert call_script("score", "--model", exported, "photos", "--output", "own.jsonl").status == 0
    called = ask(server, exported, "served.jsonl", "--batch-images", 4)
    assert called.status == 0, called.err
    assert "scored=10 not_scored=0" in called.out
    assert "read_out=levels model=m" in called.out
    for own, served in zip(rows("own.jsonl"), rows("served.jsonl"), strict=True):
        assert list(served) == ["image", "score", "spread", "scores", "spreads", "lows", "highs"]
        assert served["image"] == own["image"]
        assert served["score"] == pytest.approx(own["score"], abs=1e-3)
        assert served["spread"] == pytest.approx(own["spread"], abs=1e-3)
        assert served["lows"]["overall"] == served["score"] == served["highs"]["overall"]
    meta = json.loads(Path("served.jsonl.meta.json").read_text())
    assert meta["server"] == f"{server.address}/v1/chat/completions"
    assert meta["same"]["served_model"] == "m"
    again = ask(server, exported, "served.jsonl")
    assert "scored=0 not_scored=0 skipped=10" in again.out
    other = ask(server, exported, "served.jsonl", "--top-logprobs", 7)
    assert other.status == 2
    assert "top_logprobs: 20 there, 7 now" in other.err


def test_bad_images_and_unsure_scores_are_listed(server: FakeServer, exported: Path) -> None:
    break_some(Path("photos"))
    called = ask(server, exported, "served.csv")
    assert called.status == 1
    assert f"scored=10 not_scored={len(BROKEN)}" in called.out
    server.most = 2
    called = ask(server, exported, "unsure.jsonl", "--max-width", "0.001")
    assert called.status == 1
    assert "the server left out 3 of 5 tokens" in called.err
    assert len(rows("unsure.jsonl.not_scored.jsonl")) > len(BROKEN)
    wide = ask(server, exported, "wide.jsonl", "--max-width", "100")
    assert "scored=10 " in wide.out
    assert all(
        row["lows"]["overall"] <= row["score"] <= row["highs"]["overall"]
        for row in rows("wide.jsonl")
    )


def test_a_server_that_fails_ends_the_call_and_rows_stay(
    server: FakeServer, exported: Path
) -> None:
    answered: list[Any] = []

    def fail_later(answer: Any) -> Any:
        answered.append(answer)
        server.status = 200 if len(answered) <= 3 else 503
        return answer if len(answered) <= 3 else {"error": "overloaded"}

    server.answer = fail_later
    called = ask(server, exported, "served.jsonl", "--batch-images", 1)
    assert called.status == 2
    assert called.err.count("error: ") == 1
    assert "HTTP 503" in called.err
    assert len(rows("served.jsonl")) == 3
    server.answer, server.status = (lambda answer: answer), 200
    assert "scored=7 not_scored=0 skipped=3" in ask(server, exported, "served.jsonl").out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--describe",), "--server: of a server scores are asked, no texts and no series"),
        (("--series", "time"), "--server: of a server scores are asked, no texts and no series"),
        (("--max-width", "-1"), "expected at least 0 points, found -1"),
        (("--top-logprobs", "0"), "expected at least 1, found 0"),
        (("--server", "localhost:8000"), "--server localhost:8000: expected an address such as"),
        (
            ("--serving", "photos"),
            "--serving photos: expected the serving.json of an exported folder",
        ),
    ],
)
def test_a_wrong_call_is_one_error(
    server: FakeServer, exported: Path, options: tuple[str, ...], said: str
) -> None:
    called = ask(server, exported, "s.jsonl", *options)
    assert called.status == 2
    assert said in called.err
    called = call_script(
        "score", "--server", server.address, "--model", "m", "photos", "--output", "s.csv"
    )
    assert "--server and --serving: expected both or none" in called.err
    called = call_script("score", "--model", "m", "photos", "--output", "s.csv", "--max-width", "2")
    assert "of a server's answers: expected --server with them" in called.err
    assert not list(Path().glob("s.*"))
    assert server.requests == []
