"""The configuration of a run: `schema` says what there is, `load` reads it from YAML and overrides."""

from artimuse.config.load import ConfigError, check_files, load_config, root_paths, to_yaml
from artimuse.config.schema import (
    READOUT_LOSSES,
    Config,
    DataConfig,
    DemoConfig,
    EvaluationConfig,
    LoraConfig,
    ModelConfig,
    ObjectiveConfig,
    ReadoutConfig,
    RunConfig,
    ScratchConfig,
    TrainConfig,
)
from artimuse.config.sources import (
    SCALES,
    AesMMITSource,
    ArtiMuseSource,
    CustomSource,
    FGAestheticsSource,
    SourceBase,
    SourceConfig,
)

__all__ = [
    "READOUT_LOSSES",
    "SCALES",
    "AesMMITSource",
    "ArtiMuseSource",
    "Config",
    "ConfigError",
    "CustomSource",
    "DataConfig",
    "DemoConfig",
    "EvaluationConfig",
    "FGAestheticsSource",
    "LoraConfig",
    "ModelConfig",
    "ObjectiveConfig",
    "ReadoutConfig",
    "RunConfig",
    "ScratchConfig",
    "SourceBase",
    "SourceConfig",
    "TrainConfig",
    "check_files",
    "load_config",
    "root_paths",
    "to_yaml",
]
