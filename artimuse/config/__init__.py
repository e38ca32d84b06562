"""The configuration of a run: `schema` says what there is, `load` reads it from YAML and overrides."""

from artimuse.config.load import (
    ConfigError,
    check_data,
    check_files,
    load_config,
    root_paths,
    to_yaml,
)
from artimuse.config.objective import (
    READOUT_LOSSES,
    ObjectiveConfig,
    PairsFromScores,
    refuse_unfit,
)
from artimuse.config.schema import (
    Config,
    DataConfig,
    DemoConfig,
    EvaluationConfig,
    ImagesConfig,
    LoraConfig,
    ModelConfig,
    ReadoutConfig,
    RunConfig,
    ScratchConfig,
)
from artimuse.config.selection import SelectConfig
from artimuse.config.sources import (
    SCALES,
    AesMMITSource,
    ArtiMuseSource,
    CustomSource,
    FGAestheticsSource,
    SourceBase,
    SourceConfig,
)
from artimuse.config.stages import Stage, StageConfig, stages_of
from artimuse.config.training import TrainConfig

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
    "ImagesConfig",
    "LoraConfig",
    "ModelConfig",
    "ObjectiveConfig",
    "PairsFromScores",
    "ReadoutConfig",
    "RunConfig",
    "ScratchConfig",
    "SelectConfig",
    "SourceBase",
    "SourceConfig",
    "Stage",
    "StageConfig",
    "TrainConfig",
    "check_data",
    "check_files",
    "load_config",
    "refuse_unfit",
    "root_paths",
    "stages_of",
    "to_yaml",
]
