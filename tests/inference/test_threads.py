"""One model asked by several threads at once says what it says to one: a server has such threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch

from artimuse.inference.critic import Critic
from artimuse.inference.scorer import Scorer
from artimuse.models.aesthetic import AestheticModel

QUESTIONS = ["Rate the light.", "?"]
ROUNDS = 12


def test_threads_do_not_see_each_other(
    tiny_model: AestheticModel, draw_image: Callable[[str], Path]
) -> None:
    images = [draw_image(name) for name in "abcd"]
    critic, scorer = Critic(tiny_model, device="cpu"), Scorer(tiny_model, device="cpu")

    def ask(number: int) -> tuple[object, ...]:
        image = images[number % len(images)]
        if number % 2:
            return tuple(critic.answer(image, QUESTIONS, max_new_tokens=6))
        return tuple(scorer.score_images([image, *images][: 1 + number % 3])[0].values())

    asked = list(range(ROUNDS))
    expected = [ask(number) for number in asked]
    before = torch.get_num_threads()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(ask, asked * 4))
    assert torch.get_num_threads() == before
    assert found == expected * 4
