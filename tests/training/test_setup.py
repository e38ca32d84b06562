"""What stands between a configuration and the loop."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from artimuse.config import Config, ConfigError, ReadoutConfig
from artimuse.config.schema import ModelConfig
from artimuse.models.build import build_model
from artimuse.models.folder import save_model
from artimuse.training.setup import find_base

sys.path.insert(0, str(Path(__file__).parent))
import toy


def config(base: Path, score_loss: str) -> Config:
    return Config.model_validate(
        {
            "run": {"name": "trial"},
            "data": {
                "root": "data",
                "sources": [
                    {"name": "a", "format": "artimuse10k", "images": "i", "scores": "s.json"}
                ],
            },
            "model": {"base": str(base)},
            "objective": {"score_loss": score_loss},
            "train": {"steps": 1},
        }
    )


def test_a_loss_that_a_base_s_readout_does_not_admit_is_refused(tmp_path: Path) -> None:
    head = ReadoutConfig(kind="regression", hidden=16)
    save_model(
        build_model(ModelConfig(scratch=toy.SCRATCH, readout=head), texts=toy.LINES, seed=0),
        tmp_path / "base",
    )
    # The configuration alone does not know what read-out the base has.
    find_base(config(tmp_path / "base", "plcc"))
    with pytest.raises(
        ConfigError, match=r"objective\.score_loss: 'emd' does not work with .*regression"
    ):
        find_base(config(tmp_path / "base", "emd"))
