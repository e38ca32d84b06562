"""Benchmark files that somebody else made: YAML that names code is refused, and runs nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from artimuse.config import ConfigError
from artimuse.evaluation.benchmarks.known import BENCHMARKS
from artimuse.evaluation.listed import listed


@pytest.mark.parametrize("tag", ["python/object/apply:os.system", "python/object/new:os.system"])
def test_a_benchmark_file_that_names_code_is_refused(tag: str, tmp_path: Path) -> None:
    mark, path = tmp_path / "ran", tmp_path / "list.yaml"
    path.write_text(f"- benchmark: !!{tag} [touch {mark}]\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="could not determine a constructor for the tag"):
        listed(path)
    path.write_text(f"name: !!{tag} [touch {mark}]\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="could not determine a constructor for the tag"):
        BENCHMARKS["custom"].source(path, images=None, scale=None, output=tmp_path)
    assert not mark.exists()
