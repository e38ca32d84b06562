"""`objective.align`: the texts that compare pairs, and the encoder that reads them; or why the term is off."""

from __future__ import annotations

from dataclasses import replace

from artimuse.config import Config, ConfigError
from artimuse.data.recipe import RecipeData
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.fgaesq import FGAesQModel
from artimuse.models.text_tower import attach_text_tower


def align_with_texts(model: AestheticModel, config: Config, data: RecipeData) -> None:
    """Give a model the text encoder where there is something to compare with, and record what became of it.

    Raises:
        ConfigError: for a model that is no FGAesQ, or a text encoder that is not to be had.
    """
    compared, cut = data.comparison_texts(), 0
    if config.objective.align and compared:
        if not isinstance(model, FGAesQModel):
            raise ConfigError(
                f"objective.align: a {model.family.name} model has no text encoder of its own to compare "
                "pairs with: expected 0, or a model of family fgaesq"
            )
        attach_text_tower(model, config.model, compared, seed=config.run.seed + 3)
        cut = model.family.cut_texts(compared)
    if isinstance(model, FGAesQModel):
        model.info = replace(model.info, align=alignment(config, data, cut=cut))


def alignment(config: Config, data: RecipeData, *, cut: int = 0) -> str:
    """What becomes of `objective.align`: for the banner, and for the model folder.

    Args:
        cut: how many of the texts are longer than the text encoder reads.
    """
    pairs = [pair for source in data.train for pair in source.pairs]
    texts = sum(pair.text is not None for pair in pairs)
    if not config.objective.align:
        return "off: objective.align is 0"
    if not texts:
        return (
            f"off: none of {len(pairs)} training pairs has a text that compares its images "
            "(data.sources.N.comparison_texts; scripts/write_comparisons.py writes them)"
        )
    longer = f"; {cut} of these are longer than the text encoder reads, and cut" if cut else ""
    weight = f"weight {config.objective.align:g}"
    return f"{weight}, on the {texts} of {len(pairs)} training pairs with a text{longer}"
