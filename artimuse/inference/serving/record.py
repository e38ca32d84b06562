"""serving.json: everything that another engine, or a client of it, has to know to give the model's score.

    record = serving_record(model)          # of the model as it is exported, its rows in lm_head

The prompt is there as chat messages, as the text that the chat template makes of them, and as token ids; it was
checked here that the three are one. Where the tokenizer's own template does not write the prompt that the model
was trained with, `chat_template` is one that does.
"""

from __future__ import annotations

import json
from typing import Any

from artimuse.inference.serving import FORMAT_VERSION, TEMPLATE_FILE
from artimuse.models.aesthetic import AestheticModel
from artimuse.models.families import ChatFamily
from artimuse.models.readouts import WordsReadout, words_of
from artimuse.prompts import PromptProtocol, protocol

IMAGE = "IMAGE"
"""Stands in the messages where the address of the image comes, a data URI."""
LEAST_LOGPROBS = 20
"""Asked for also where the words are fewer: what vLLM and OpenAI give without being told."""

_CHAT_TEMPLATE = (
    "{{{{ {head} }}}}{{% for message in messages %}}{{% if message['role'] == 'user' %}}"
    "{{% for content in message['content'] %}}{{% if content['type'] == 'text' %}}{{{{ content['text'] }}}}"
    "{{% endif %}}{{% endfor %}}{{% endif %}}{{% endfor %}}{{{{ {tail} }}}}"
)


class NotServable(ValueError):
    """A model whose score such a server cannot give; the text says why."""


def own_server(model: object) -> str:
    """How this project serves what other engines cannot."""
    return f"python scripts/demo.py --model {model}"


def serving_record(model: AestheticModel, *, in_head: bool) -> dict[str, Any]:
    """What serving.json holds.

    Args:
        in_head: whether the rows of the read-out are those of the language model's head.

    Raises:
        NotServable: for a read-out that is not in the head, and a prompt that no chat template renders.
    """
    readout = model.readout
    if readout is None:
        raise NotServable(
            "this model has no score read-out: a server answers questions with it, no more"
        )
    if not isinstance(readout, WordsReadout):
        raise NotServable(
            f"vLLM, SGLang and llama.cpp cannot give this score: a {model.info.readout_kind!r} head reads a "
            "hidden state, and such servers give nothing but the probabilities of tokens"
        )
    if not in_head:
        raise NotServable(
            "vLLM, SGLang and llama.cpp would give another score: the read-out's words are not the rows of "
            "lm_head; export with --score-rows, which puts them there"
        )
    assert model.info.readout is not None
    family, wording = model.family, protocol(model.info.prompt)
    words = words_of(model.info.readout)
    prompts = {aspect: _prompt(family, wording, aspect) for aspect in model.info.aspects}
    # The same for all: only the question differs.
    (template,) = {prompt.pop("chat_template") for prompt in prompts.values()}
    (special,) = {prompt.pop("add_special_tokens") for prompt in prompts.values()}
    ids = family.word_ids(words)
    asked = max(LEAST_LOGPROBS, len(words))
    return {
        "format_version": FORMAT_VERSION,
        "family": family.name,
        "readout": model.info.readout_kind,
        "scale": {"low": 0, "high": 100, "unit": "points"},
        "prompts": prompts,
        "chat_template": template,
        "answer": {
            "words": list(words),
            "values": [100 * k / (len(words) - 1) for k in range(len(words))],
            "token_ids": ids,
            **_texts(family, ids),
        },
        "arithmetic": [
            "of the first token that is generated, take ln p of each of the answer's tokens (token_ids)",
            "score = sum_k p_k values_k / sum_k p_k: the expectation over these tokens alone, on 0-100",
            "a token that is not among the top k has at most the smallest probability that is among them, and "
            "all such tokens together at most 1 - sum of the top k: that bounds the score from both sides",
        ],
        "request": {
            "max_tokens": 1,
            "temperature": 0,
            "logprobs": True,
            "top_logprobs": asked,
            # Not of OpenAI's interface; servers that do not know them leave them alone.
            "return_tokens_as_token_ids": True,
            "allowed_token_ids": ids,
            "add_special_tokens": special,
        },
        "images": family.preprocessing(),
        "notes": _notes(asked),
    }


def _prompt(family: ChatFamily, wording: PromptProtocol, aspect: str) -> dict[str, Any]:
    """The score question of one aspect: messages, text and ids, and what makes a server render them."""
    question, separator = wording.score(aspect), wording.score_separator
    text = family.prompt_text(question, separator=separator)
    tokens = family.image_tokens((64, 64))
    ids = family.prompt_ids(question, [tokens], separator=separator)
    special = next(
        (flag for flag in (False, True) if _stock_ids(family, text, tokens, flag) == ids), None
    )
    if special is None or text.count(question) != 1:
        raise NotServable(
            f"vLLM, SGLang and llama.cpp cannot render this prompt: the protocol {wording.name!r} tokenizes "
            "the text before and after the image apart, and they tokenize it as one"
        )
    head, _, tail = text.partition(question)
    own = text == family.render(question, 1)
    first = ids.index(family.placeholder_id)
    return {
        "messages": _messages(wording, question),
        "text": text,
        "image_in_text": family.placeholder,
        "token_ids": {
            "before": ids[:first],
            "image": family.placeholder_id,
            "after": ids[first + tokens :],
        },
        "chat_template": None
        if own
        else _CHAT_TEMPLATE.format(head=json.dumps(head), tail=json.dumps(tail)),
        "add_special_tokens": special,
    }


def _messages(wording: PromptProtocol, question: str) -> list[dict[str, Any]]:
    content = [
        {"type": "image_url", "image_url": {"url": IMAGE}},
        {"type": "text", "text": question},
    ]
    user = [{"role": "user", "content": content}]
    if wording.system is None:
        return user
    return [{"role": "system", "content": [{"type": "text", "text": wording.system}]}, *user]


def _stock_ids(family: ChatFamily, text: str, image_tokens: int, special: bool) -> list[int]:
    """What a server tokenizes: the text with the image's block in it, all at once."""
    block = f"{family.block_start or ''}{family.placeholder * image_tokens}{family.block_end or ''}"
    whole = text.replace(family.placeholder, block)
    return list(family.tokenizer(whole, add_special_tokens=special)["input_ids"])  # type: ignore[arg-type]


def _texts(family: ChatFamily, ids: list[int]) -> dict[str, Any]:
    """How a server may write the tokens; and which of them it writes as it writes another token."""
    tokenizer = family.tokenizer
    # One list a token: joined, SentencePiece tokens would get spaces between them.
    every: Any = tokenizer.batch_decode([[number] for number in range(len(tokenizer))])
    texts = [every[number] for number in ids]
    counts = {text: every.count(text) for text in set(texts)}
    return {
        "tokens": tokenizer.convert_ids_to_tokens(ids),
        "texts": texts,
        "shared_texts": sorted(text for text, count in counts.items() if count > 1),
    }


def _notes(asked: int) -> list[str]:
    """For whoever starts the server, or writes another client."""
    return [
        f"vLLM: vllm serve FOLDER --max-logprobs {asked} --logprobs-mode processed_logprobs; with "
        "allowed_token_ids (in the request above) its top k are then the answer's tokens and no others, and "
        "the score is exact",
        "servers that take their top k before they restrict tokens (vLLM's raw_logprobs, SGLang, llama.cpp): "
        "ask for as many as they give; an equal logit_bias on all answer tokens leaves the score as it is, and "
        "brings them to the top where the server counts it in",
        "chat_template: where it is not null, the tokenizer's own writes another prompt. The client sends it "
        "(vLLM takes it with --trust-request-chat-template); servers that take none from a request need it at "
        f"their start: {TEMPLATE_FILE} (SGLang: --chat-template, llama.cpp: --chat-template-file)",
        "images: send them upright, at the model's own size and without loss, as artimuse's client does; "
        "otherwise the server resizes (and an InternVL processor cuts into tiles unless crop_to_patches is "
        "false), which moves the score",
        "add_special_tokens true: the prompt begins with the tokenizer's first token, which vLLM leaves out of "
        "a chat unless it is asked for",
    ]
