"""Variants `rows` and `multiturn`: the same model, through transformers' own Trainer.

`Trainer.train()` runs as it is: its loader, its accumulation, full-vocabulary logits at every position and the
model's own loss, as `model(labels=...)` computes it. Losses are divided as in the tree: Trainer counts the
supervised tokens of a whole optimizer step and hands that number (`num_items_in_batch`) to the model, whose
loss is then a sum over it and is not divided by the accumulation; the read-outs' losses are a sum over the
step's read-outs, a number that comes with the batch. Torch's own switches (determinism, compiling) are left
as they are in Trainer: off.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from artimuse.batch import Batch, Counts
from artimuse.benchmarks.job import WORKERS, Job, Told
from artimuse.benchmarks.measured import Watch, gradients, save_gradient
from artimuse.benchmarks.models import make_model
from artimuse.benchmarks.rows import Row, RowCollator, RowDataset, conversation_rows, question_rows
from artimuse.benchmarks.steps import collator, order_of, train_config
from artimuse.config import ObjectiveConfig
from artimuse.models.aesthetic import AestheticModel
from artimuse.objectives.joint import Objective
from artimuse.training.optimizer import build_optimizer
from artimuse.training.speed import peak_memory_mb

SEARCH_REPEATS = 3
"""Of which the fastest counts: a machine that others share makes some slower."""
SEARCH_ROWS = 2
"""Times the largest batch size: rows that every batch size is tried on."""


class StockModel(nn.Module):
    """The transformers model with the read-out beside it, as Trainer calls a model: returns the loss."""

    def __init__(self, model: AestheticModel) -> None:
        super().__init__()
        self.model = model
        self.objective = Objective(ObjectiveConfig(text=0))

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        labels: Tensor,
        readouts: Tensor,
        scores: dict[str, Tensor],
        readouts_in_step: int,
        images: dict[str, Tensor],
        **loss: Any,
    ) -> dict[str, Tensor]:
        """B rows of L tokens; readouts: (Q) index into B*L. `loss` is what Trainer adds: num_items_in_batch."""
        stock, family = self.model.transformers_model, self.model.family
        given: dict[str, Any] = family.model_inputs(images)
        if "image_grid_thw" in given:
            # Qwen-VL works its positions out itself, from which tokens are of an image.
            given["mm_token_type_ids"] = (input_ids == family.placeholder_id).int()
        hidden = stock.model(
            input_ids=input_ids, attention_mask=attention_mask, use_cache=False, **given
        ).last_hidden_state
        logits = stock.lm_head(hidden)
        vocabulary = stock.config.get_text_config().vocab_size
        total = stock.loss_function(logits=logits, labels=labels, vocab_size=vocabulary, **loss)
        read = self.model.read_out(hidden.flatten(0, 1).index_select(0, readouts), scores["aspect"])
        batch = _labelled(scores, readouts)
        outputs = self.model.outputs(read, batch, text_logits=logits.new_zeros(0, 1))
        counts = Counts(tokens=0, readouts=readouts_in_step, pairs=0, images=len(input_ids))
        return {"loss": total + self.objective(outputs, batch, counts, scale=1.0).total}


def run_stock(job: Job, link: Told) -> None:
    """Measure Trainer on a job, as `artimuse.benchmarks.job` says."""
    _train(job, link, _model(job))


def run_search(job: Job, link: Told) -> None:
    """Tell the rows per second of every batch size of the preset, up to the first that memory is too small for,
    for both layouts; every size has the same rows."""
    model = _model(job)
    for variant in ("rows", "multiturn"):
        for batch in job.preset.batches:
            told = _Told()
            shorter = replace(
                job, variant=variant, batch=batch, steps=1, repeats=SEARCH_REPEATS,
                rows=SEARCH_ROWS, counts=False,
            )  # fmt: skip
            try:
                _train(shorter, told, model)
            except torch.OutOfMemoryError:
                model.zero_grad()
                torch.cuda.empty_cache()
                link.tell(variant=variant, batch=batch, out_of_memory=True)
                break
            rates = [fact["rows"] / fact["seconds"] for fact in told.facts if fact]
            link.tell(variant=variant, batch=batch, rows_per_s=max(rates), tried=rates)
    link.tell(done=True)


class _Told:
    """A Link to nobody: keeps what is told, and never waits."""

    def __init__(self) -> None:
        self.facts: list[dict[str, Any]] = []

    def tell(self, **facts: Any) -> None:
        self.facts.append(facts)

    def wait(self) -> None:
        return


def _model(job: Job) -> AestheticModel:
    device = torch.device(job.device)
    model = make_model(job.family, job.architecture, device=device, dtype=job.dtype, seed=job.seed)
    model.transformers_model.set_attn_implementation("sdpa")
    return model


def _train(job: Job, link: Told, model: AestheticModel) -> None:
    order, collate = order_of(job), collator(job)
    lay_out = question_rows if job.variant == "rows" else conversation_rows
    samples = [[s for unit in order.step(k) for s in unit.samples] for k in range(job.total_steps)]
    steps = [lay_out(step, collate) for step in samples]
    if job.rows is not None:
        steps = [_part(step, job.rows * max(job.preset.batches)) for step in steps]
    trainer = Trainer(
        model=StockModel(model),
        args=_arguments(job, rows=len(steps[0])),
        train_dataset=RowDataset([row for step in steps for row in step], job.family),
        data_collator=RowCollator(collate, readouts=sum(len(row.asked) for row in steps[0])),
        optimizers=_optimizers(model, job),
        callbacks=[_Measured(job, link, model, steps)],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()


def _part(rows: list[Row], wanted: int) -> list[Row]:
    """Rows of the middle lengths: like a whole step's, they need next to no padding."""
    start = max(0, len(rows) - wanted) // 2
    return rows[start : start + wanted]


def _optimizers(model: AestheticModel, job: Job) -> tuple[Any, Any]:
    optimizer = build_optimizer(model, train_config(job))
    return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, lambda _: 1.0)


def _arguments(job: Job, *, rows: int) -> TrainingArguments:
    return TrainingArguments(
        output_dir=str(job.folder),
        per_device_train_batch_size=job.batch,
        gradient_accumulation_steps=rows // job.batch,
        max_steps=job.total_steps,
        max_grad_norm=0.0,
        bf16=job.preset.precision == "bf16",
        use_cpu=job.device == "cpu",
        seed=job.seed,
        train_sampling_strategy="sequential",
        remove_unused_columns=False,
        label_names=["labels"],
        dataloader_num_workers=WORKERS,
        # Trainer draws a whole step's micro-batches before it begins with it.
        dataloader_prefetch_factor=max(2, 2 * rows // job.batch // WORKERS),
        dataloader_pin_memory=job.device != "cpu",
        # Would wait for the device after every micro-batch.
        logging_nan_inf_filter=False,
        logging_strategy="no",
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )


def _labelled(scores: dict[str, Tensor], readouts: Tensor) -> Batch:
    """A Batch of nothing but labels, for the objective."""
    nothing = readouts.new_zeros(0)
    return Batch(
        input_ids=nothing, tree=nothing, branch=nothing, positions=nothing, images={},
        supervised=nothing, targets=nothing, weights=nothing.float(), readouts=readouts,
        pair_list=nothing, **scores,
    )  # fmt: skip


class _Measured(TrainerCallback):
    """Keeps the gradient of the first step, measures repetitions as it is told to, and counts the last step's
    FLOPs."""

    def __init__(self, job: Job, link: Told, model: AestheticModel, steps: list[list[Row]]) -> None:
        self.job, self.link, self.model, self.steps = job, link, model, steps
        self.watch = Watch(model)
        self.began = 0.0

    def _counted(self, state: Any) -> bool:
        return self.job.counts and state.global_step == self.job.total_steps - 1

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if self._counted(state):
            self.watch.__enter__()

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if self._counted(state):
            self.watch.__exit__()
        if state.global_step == 0 and self.job.gradient is not None:
            save_gradient(gradients(self.model), self.job.gradient)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        done, job = state.global_step - self.job.warm_up, self.job
        if job.counts and state.global_step == job.total_steps:
            self.link.tell(**self.watch.facts())
            return
        if done < 0 or done % job.steps:
            return
        if job.device != "cpu":
            torch.cuda.synchronize()
        if done == 0:
            self.link.tell()
        else:
            seconds = time.perf_counter() - self.began
            steps = self.steps[state.global_step - job.steps : state.global_step]
            self.link.tell(
                seconds=seconds,
                rows=sum(len(step) for step in steps),
                images=job.steps * job.preset.images,
                tokens=sum(row.supervised for step in steps for row in step),
                peak_memory_mb=peak_memory_mb(torch.device(job.device)),
                **self.watch.spent(seconds),
            )
        if state.global_step < job.total_steps:
            self.link.wait()
            self.watch.restart()
            self.began = time.perf_counter()
