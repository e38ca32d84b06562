"""A recipe's evaluation: the model before and after training, and the pixel baseline, on held-out data."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from artimuse.config import Config
from artimuse.data.recipe import RecipeData
from artimuse.evaluation.held_out import expected, predict, predict_pixels, save_results
from artimuse.evaluation.prediction_file import PREDICTIONS, read_predictions, write_predictions
from artimuse.evaluation.predictions import Prediction
from artimuse.evaluation.protocol import series_scores
from artimuse.evaluation.results import chance_levels
from artimuse.evaluation.table import table
from artimuse.inference.critic import Critic
from artimuse.inference.scorer import Scorer
from artimuse.models.aesthetic import AestheticModel
from artimuse.records import DataError

LEAST_SCORES = 3
UNTRAINED, PIXELS = "untrained", "pixel statistics"


@dataclass(frozen=True, slots=True)
class RecipeEvaluation:
    """Evaluates a run.

    config, data: of the recipe; data.held_out is what is evaluated on. folder: the results folder.
    device: of the model. start: what the model before this training is called in the table.

    Raises:
        DataError: when the held-out data is too little to measure; better now than after the training.
    """

    config: Config
    data: RecipeData
    folder: Path
    device: Any
    start: str = UNTRAINED

    def __post_init__(self) -> None:
        scores = expected(self.data.held_out).get("score", 0)
        if 0 < scores < LEAST_SCORES:
            raise DataError(
                f"held-out data: expected at least {LEAST_SCORES} scored images for a correlation, "
                f"found {scores}; raise data.validation_frac, or give more in evaluation.sources"
            )

    @property
    def _start_predictions(self) -> Path:
        return self.folder / self.start.replace(" ", "_") / PREDICTIONS

    def before_training(self, model: AestheticModel) -> None:
        """Predict with the untrained model, where the recipe asks for it and it was not done yet."""
        path = self._start_predictions
        if "untrained" in self.config.evaluation.baselines and not path.exists():
            write_predictions(path, self._predict(model))

    def after_training(self, model: AestheticModel, protocol: dict[str, Any]) -> str:
        """Write predictions and results, and return the table (and a critique) as text.

        Empty for a recipe without held-out data, or with held-out data that has nothing to measure.
        """
        n_expected = expected(self.data.held_out)
        if not n_expected:
            return "no held-out labels: nothing was evaluated"
        rows = self._predict(model)
        systems = save_results(
            self.folder,
            rows,
            benchmark="held-out data of the recipe",
            protocol=protocol | {"read_out": model.info.readout_kind, "prompt": model.info.prompt,
                                 "preprocessing": model.family.preprocessing(),
                                 "series_scores": self._series_scores(model)},
            n_expected=n_expected,
            baselines=self._baselines(),
        )  # fmt: skip
        text = table(systems, chance=chance_levels(rows))
        if self.config.train.select is not None and self.data.held_out is self.data.validation:
            text += (
                "\nselected on these very images; for a number to report, give evaluation.sources"
            )
        return text + (self._critique(model) if self.config.evaluation.critique else "")

    def _series_scores(self, model: AestheticModel) -> str:
        """Whether an image of a series was scored alone, or beside each of the others."""
        possible = series_scores(model)
        return self.config.evaluation.series if possible == "pairs" else possible

    def _predict(self, model: AestheticModel) -> list[Prediction]:
        scorer = Scorer(model, device=self.device, batch_images=self.config.evaluation.batch_images)
        settings = self.config
        return predict(
            scorer,
            self.data.held_out,
            tau=settings.objective.tau,
            series=settings.evaluation.series,
        )

    def _baselines(self) -> dict[str, Sequence[Prediction]]:
        wanted = self.config.evaluation.baselines
        found: dict[str, Sequence[Prediction]] = {}
        if "untrained" in wanted:
            found[self.start] = read_predictions(self._start_predictions)
        if "pixels" in wanted:
            rows = predict_pixels(
                self.data.train, self.data.held_out, tau=self.config.objective.tau
            )
            if rows:
                found[PIXELS] = rows
            else:
                print("pixel statistics: no training score labels to fit", file=sys.stderr)
        return found

    def _critique(self, model: AestheticModel) -> str:
        """One held-out critique in words, beside what the annotation says."""
        asked = (
            (sample, question)
            for source in self.data.held_out
            for sample in source.samples
            for question in sample.questions
            if question.kind == "text" and len(sample.images) == 1
        )
        sample, first = next(asked, (None, None))
        if sample is None or first is None:
            return ""
        questions = [q for q in sample.questions if q.kind == "text"]
        critic = Critic(model, device=self.device)
        answers = critic.answer(sample.images[0], [q.text for q in questions], max_new_tokens=64)
        lines = [f"\n\nA held-out image, {sample.id}:"]
        for question, answer in zip(questions, answers, strict=True):
            lines += [
                f"  {question.aspect or question.text}",
                f"    model       {answer}",
                f"    annotation  {question.answer}",
            ]
        return "\n".join(lines)
