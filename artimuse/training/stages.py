"""The run folders of a recipe's stages, and what a later stage records of those before it.

runs/NAME/stages/01-text/        a complete run folder
runs/NAME/                       the last stage; config.yaml holds the whole recipe
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from accelerate import Accelerator

from artimuse.config import Config, ConfigError, stages_of
from artimuse.config.stages import FOLDER
from artimuse.data.recipe import RecipeData, load_sources, recipe_data
from artimuse.data.store import identities
from artimuse.models.weight_files import weights_sha256
from artimuse.records import Source
from artimuse.training.accelerator import wait_for_all
from artimuse.training.run import RunFolder
from artimuse.training.selection import selected


def open_runs(recipe: Config, accelerator: Accelerator, *, resume: bool) -> list[RunFolder]:
    """The run folders of a recipe's stages, in their order; only the main process writes into them.

    Raises:
        ConfigError: see `RunFolder.check`, and for the folder of a stage that the recipe does not have.
    """
    stages = stages_of(recipe)
    folders = [RunFolder(stage.config, recipe if stage.last else None) for stage in stages]
    if accelerator.is_main_process:
        # All are looked at before one is written.
        for folder in folders:
            folder.check(resume=resume)
        known = {folder.path for folder in folders}
        for other in sorted((recipe.run_folder / FOLDER).glob("*/config.yaml")):
            if other.parent not in known:
                raise ConfigError(
                    f"{other.parent}: the recipe has no such stage; choose another name with "
                    "run.name=NAME, or delete the folder"
                )
        for folder in folders:
            folder.make()
    wait_for_all(accelerator)
    return folders


def result(folder: RunFolder) -> dict[str, Any]:
    """What run.json says of the model that was saved: its hash, and the step that was selected."""
    return {"model_sha256": weights_sha256(folder.model), "selection": selected(folder.path)}


def seen_before(data: RecipeData, folders: Sequence[RunFolder]) -> int:
    """How many images of the validation split were trained on in the stages before.

    Other sources than this stage's are cut in another way, although they may show the same images.
    """
    trained: set[Path] = set()
    for folder in folders:
        earlier = recipe_data(folder.config, load_sources(folder.config))
        trained |= _images(earlier.train)
    return len(_images(data.validation) & trained)


def _images(sources: Sequence[Source]) -> set[Path]:
    every = (sample for source in sources for sample in identities(source.samples))
    return {image.resolve() for sample in every for image in sample.images}


def stages_before(folders: Sequence[RunFolder]) -> list[dict[str, Any]]:
    """What run.json says of the finished stages before this one: folder, hashes, and what was selected."""
    kept = ("seed", "config_sha256", "data_sha256", "model_sha256", "selection")
    rows: list[dict[str, Any]] = []
    for folder in folders:
        run = folder.read()
        rows.append({"folder": str(folder.path)} | {key: run[key] for key in kept if key in run})
    return rows
