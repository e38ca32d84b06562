"""DeepSpeed's ZeRO: optimizer state (stage 2) and also the weights (stage 3) in shards, one per process.

    accelerate launch --config_file configs/accelerate/zero2.yaml scripts/train.py --config ...
    ACCELERATE_USE_DEEPSPEED=true ACCELERATE_DEEPSPEED_ZERO_STAGE=3 torchrun ... scripts/train.py --config ...

How a run is launched decides the stage; everything else is the recipe's. What is trained is float32 and bf16
is autocast, as without DeepSpeed: its own bf16 mode would narrow the read-out too.
"""

from __future__ import annotations

import os
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import DeepSpeedPlugin, is_deepspeed_available

from artimuse.config import Config, ConfigError, TrainConfig
from artimuse.models.cpu_linear import use_onednn
from artimuse.models.mlp_blocks import mlp_whole

STAGES = (2, 3)


def asked_for() -> bool:
    """Whether this process was launched under DeepSpeed."""
    return os.environ.get("ACCELERATE_USE_DEEPSPEED", "false").lower() == "true"


def stage_of(accelerator: Accelerator) -> int:
    """2 or 3; 0 without DeepSpeed."""
    plugin = accelerator.state.deepspeed_plugin
    return 0 if plugin is None else plugin.zero_stage


def deepspeed_plugin(config: TrainConfig) -> DeepSpeedPlugin:
    """What accelerate is given for a launch under DeepSpeed.

    Raises:
        ConfigError: where DeepSpeed is not installed, and for what a launcher's configuration asks for beyond
            the stage: the rest is the recipe's.
    """
    if "LOCAL_RANK" not in os.environ:
        raise ConfigError(
            "ACCELERATE_USE_DEEPSPEED is set, and this is a single process that no launcher started: start it "
            "with `torchrun` or `accelerate launch`, or unset the variable"
        )
    if not is_deepspeed_available():
        raise ConfigError(
            'launched under DeepSpeed, which is not installed: pip install "artimuse[deepspeed]", or launch '
            "with configs/accelerate/ddp.yaml or torchrun alone"
        )
    stage = os.environ.get("ACCELERATE_DEEPSPEED_ZERO_STAGE", "2")
    if stage not in map(str, STAGES):
        raise ConfigError(f"launched under DeepSpeed with ZeRO stage {stage}: expected 2 or 3")
    for part in ("OPTIMIZER", "PARAM"):
        name = f"ACCELERATE_DEEPSPEED_OFFLOAD_{part}_DEVICE"
        if os.environ.get(name, "none") != "none":
            raise ConfigError(
                f"launched under DeepSpeed with {name}={os.environ[name]}: expected none; use more processes, "
                "or a larger train.accumulation"
            )
    if os.environ.get("ACCELERATE_DEEPSPEED_CONFIG_FILE", "none") != "none":
        raise ConfigError(
            "launched with a DeepSpeed configuration file: expected the stage alone, as in "
            "configs/accelerate/zero2.yaml; precision, clipping and accumulation are settings of the recipe"
        )
    if not torch.cuda.is_available():
        _without_compiler()
    # `accelerate launch` lists the fields of its file here, and its plugin refuses them beside settings: those
    # that mean anything were looked at above.
    os.environ.pop("ACCELERATE_CONFIG_DS_FIELDS", None)
    return DeepSpeedPlugin(hf_ds_config=_settings(config, int(stage)), zero3_init_flag=False)


def _without_compiler() -> None:
    """On the CPU DeepSpeed would compile an operator, for a minute, that inference alone has a use for."""
    os.environ.setdefault("DS_ACCELERATOR", "cpu")
    import deepspeed

    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False


def load_models_whole() -> None:
    """After the accelerator is built: transformers loads a model as it is, and `prepare` cuts it.

    Else `from_pretrained` would give every process its shards alone, which this project's own loading,
    adapters and read-outs would have to know of.
    """
    from transformers.integrations.deepspeed import unset_hf_deepspeed_config

    unset_hf_deepspeed_config()


def prepare_stage(accelerator: Accelerator, config: TrainConfig) -> None:
    """Give an accelerator that trained one stage of a recipe the settings of the next."""
    plugin = accelerator.state.deepspeed_plugin
    if plugin is not None:
        plugin.deepspeed_config.update(_settings(config, plugin.zero_stage))


def refuse_unfit(config: Config, accelerator: Accelerator) -> None:
    """Raise ConfigError for a recipe that does not go with how it was launched."""
    if stage_of(accelerator) != 3:
        return
    lora = config.model.lora
    unfit = {
        "train.select": (
            config.train.select is not None,
            "processes evaluate shares of unequal length, and each forward pass needs all of them",
        ),
        "model.lora.dora": (
            lora is not None and lora.dora,
            "its magnitudes need whole weights outside of their layer's own forward pass",
        ),
        "model.quantization": (
            config.model.quantization != "none",
            "weights of 4 bits cannot be cut into shards",
        ),
    }
    for setting, (given, reason) in unfit.items():
        if given:
            raise ConfigError(
                f"{setting}: does not work under ZeRO-3: {reason}; launch with configs/accelerate/zero2.yaml "
                "or ddp.yaml, or leave it out"
            )


def fit_model(model: Any, accelerator: Accelerator) -> None:
    """Make a model ready to be cut into shards of its weights, where it will be.

    Raises:
        ConfigError: for one that cannot be.
    """
    if stage_of(accelerator) != 3:
        return
    if not model.family.language:
        raise ConfigError(
            f"a {model.family.name} model does not work under ZeRO-3: it reads weights outside of the layers "
            "that hold them; launch with configs/accelerate/ddp.yaml, as it fits any GPU whole"
        )
    # A head in shards is put together by all processes at every call: all have to call it as often.
    model.text_chunk = None
    # Weights are looked up in the backward pass by torch's own linear function alone.
    use_onednn(model, trained=False)
    for module in model.modules():
        mlp_whole(module)


def _settings(config: TrainConfig, stage: int) -> dict[str, Any]:
    return {
        "zero_optimization": {"stage": stage},
        "gradient_accumulation_steps": config.accumulation,
        # Batches are of any size: DeepSpeed uses the number for its own throughput alone.
        "train_micro_batch_size_per_gpu": 1,
        "train_batch_size": "auto",
        "gradient_clipping": config.clip or 0.0,
        "bf16": {"enabled": False},
        # No module is "safe": gradients and weights of all are sent in float32.
        "torch_autocast": {
            "enabled": config.precision == "bf16",
            "dtype": "bfloat16",
            "lower_precision_safe_modules": [],
        },
        "steps_per_print": float("inf"),
    }
