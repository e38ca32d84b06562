"""What `benchmark.py ablate` compares: variants of one recipe, in studies.

A variant is a name and the overrides that make it from the recipe. Each study has the recipe itself as its
first row, so that runs are shared between studies. The variants of a recipe train the same number of steps of
as many images, but where their name says otherwise; a variant in stages divides them.
"""

from __future__ import annotations

from collections.abc import Mapping

BASE = "full"
OF_A_RECIPE = ("fgaesq",)
"""Studies of a recipe of their own, which `all` leaves out: they make no sense of the quickstart recipe."""

Variants = Mapping[str, tuple[str, ...]]

# Score losses differ in size: with these weights each is about 1 where training starts, so that none has a
# larger say in the shared layers. (The recipe's own weight, 20, gives its Huber loss a quarter of that.)
_WEIGHTS = {
    ("regression", "huber"): 80.0,
    ("regression", "l1"): 6.0,
    ("tokens", "cross_entropy"): 0.19,
    ("tokens", "soft_label"): 0.21,
    ("levels", "cross_entropy"): 0.55,
    ("levels", "soft_label"): 0.7,
    ("bins", "cross_entropy"): 0.42,
    ("bins", "soft_label"): 0.53,
    ("bins", "emd"): 7.8,
}


def _score(kind: str, loss: str) -> tuple[str, ...]:
    return (
        f"model.readout.kind={kind}",
        f"objective.score_loss={loss}",
        f"objective.score={_WEIGHTS[kind, loss]}",
    )


def _stages(first: tuple[str, str], second: tuple[str, str], steps: int) -> tuple[str, ...]:
    """Two stages, (name, objective) each, that divide the steps."""
    text = ", ".join(f"{{name: {name}, objective: {{{what}}}}}" for name, what in (first, second))
    return (
        f"stages=[{text}]",
        f"stages.0.train.steps={steps // 2}",
        f"stages.1.train.steps={steps - steps // 2}",
    )


# Of configs/fgaesq_demo.yaml: its coarse and its fine source.
_COARSE = (
    "{name: artimuse, format: artimuse10k, images: artimuse/images, "
    "scores: artimuse/ArtiMuse-10K_train.json}"
)
_FINE = (
    "{name: fgaesthetics, format: fgaesthetics, images: fgaesthetics/images, labels: "
    "[fgaesthetics/natural_train.txt, fgaesthetics/cropping_train.txt], "
    "comparison_texts: fgaesthetics/comparisons_train.jsonl}"
)
_ONLY_COARSE = f"data: {{sources: [{_COARSE}]}}, objective: {{rank: 0, align: 0}}"
_ONLY_FINE = f"data: {{sources: [{_FINE}]}}, objective: {{score: 0}}"


def _fgaesq(steps: int) -> Variants:
    """What arXiv 2603.03907 takes away. All train as many steps, but where their name says otherwise; those of
    the joint runs begin with 3 in 10 coarse ones, as the paper's 3 of 10 epochs."""
    coarse = max(1, round(0.3 * steps))
    joint = (f"stages.coarse.train.steps={coarse}", f"stages.joint.train.steps={steps - coarse}")

    def alone(what: str, number: int = steps) -> tuple[str, ...]:
        return f"stages=[{{name: alone, {what}}}]", f"stages.alone.train.steps={number}"

    sequence = (
        f"stages=[{{name: coarse, {_ONLY_COARSE}}}, {{name: fine, {_ONLY_FINE}}}]",
        f"stages.coarse.train.steps={steps - steps // 2}",
        f"stages.fine.train.steps={steps // 2}",
    )
    return {
        BASE: joint,
        "coarse only": alone(_ONLY_COARSE),
        "no DiffToken": ("model.images.difftoken=none", *joint),
        "coarse only, as many coarse steps": alone(
            _ONLY_COARSE, coarse + (steps - coarse + 1) // 2
        ),
        "coarse, then fine": sequence,
        "no align": ("objective.align=0", *joint),
        "fine only": alone(_ONLY_FINE),
    }


def _questions(number: str) -> tuple[str, ...]:
    return tuple(
        f"data.sources.{name}.questions_per_image={number}" for name in ("artimuse", "aesmmit")
    )


def studies(steps: int) -> dict[str, Variants]:
    """Every study by name, for a recipe of so many steps.

    losses: each loss taken away. read-outs: how a hidden state becomes a score, with hard and with soft
    labels. schedules: joint, alternating, and one after the other (what arXiv 2507.14533 and 2603.03907
    report of: staged close to joint, coarse then fine far behind). sampling: one question of an image, as the
    papers draw them, or all; the recipe has one critique and up to eight instructions. Who asks less of as
    many images also trains on less text.

    fgaesq: of configs/fgaesq_demo.yaml, fine and coarse steps together, alone and one after the other, without
    DiffToken, and without the texts.

    The demo data know neither spread nor votes, so soft labels and EMD have the two values nearest to the score
    as their target.
    """
    return {
        "losses": {
            BASE: (),
            "no text": ("objective.text=0",),
            "no score": ("objective.score=0",),
            "no rank": ("objective.rank=0",),
        },
        "read-outs": {
            BASE: (),
            "regression, huber": _score("regression", "huber"),
            "regression, l1": _score("regression", "l1"),
            "tokens, hard labels": _score("tokens", "cross_entropy"),
            "tokens, soft labels": _score("tokens", "soft_label"),
            "levels, hard labels": _score("levels", "cross_entropy"),
            "levels, soft labels": _score("levels", "soft_label"),
            "bins, hard labels": _score("bins", "cross_entropy"),
            "bins, soft labels": _score("bins", "soft_label"),
            "bins, emd": _score("bins", "emd"),
        },
        "schedules": {
            BASE: (),
            "alternating": ("data.mixture=alternate",),
            "text, then score and rank": _stages(
                ("text", "score: 0, rank: 0"), ("judge", "text: 0"), steps
            ),
            "coarse, then fine": _stages(("coarse", "rank: 0"), ("fine", "score: 0"), steps),
            "fine, then coarse": _stages(("fine", "score: 0"), ("coarse", "rank: 0"), steps),
        },
        "fgaesq": _fgaesq(steps),
        "sampling": {
            BASE: (),
            # Half of them take about as long, as the trees are larger.
            "all questions, half the steps": (
                *_questions("all"),
                f"train.steps={steps // 2}",
            ),
            "one question an image": _questions("1"),
        },
        "layouts": {
            BASE: (),
            "a row a question": ("train.layout=rows",),
            "one question an image": _questions("1"),
        },
    }
