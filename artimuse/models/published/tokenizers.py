"""Published slow-tokenizer files -> stock fast tokenizers with the same ids.

Built from data alone: vocabulary, merges, added tokens, SentencePiece model. Code that a folder brings along
for its tokenizer is never run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sentencepiece
from tokenizers import Tokenizer, normalizers
from transformers import AddedToken, LlamaTokenizer, PreTrainedTokenizerFast, Qwen2Tokenizer

from artimuse.models.families.internvl import (
    CHAT_TEMPLATE,
    END_OF_TURN,
    IMAGE_CONTEXT,
    IMAGE_END,
    IMAGE_START,
)
from artimuse.models.families.llava import CHAT_TEMPLATE as LLAVA_TEMPLATE
from artimuse.models.families.llava import IMAGE
from artimuse.models.published.source import read_json

# Bytes 0xC0 and 0xC1 never occur in UTF-8, so that no text is tokenized to their pieces.
_FREE_BYTES = ("<0xC0>", "<0xC1>")
_PROBES = (
    "A photograph of a lake, at dusk.",
    "  two  spaces\tand a tab ",
    "\nWhat is it?\n\n\nASSISTANT:",
    "USER: ",
    " ",
    "ünïcödé é 书生·万象 😀 ﬁ ½ 12345",
)


def qwen2_tokenizer(folder: Path) -> Qwen2Tokenizer:
    """The Qwen2 tokenizer of vocab.json, merges.txt and the added tokens, with InternVL's chat template.

    Raises:
        ValueError: for a folder without these files, or whose added tokens are not told apart.
    """
    config = read_json(folder / "tokenizer_config.json")
    vocabulary: dict[str, int] = read_json(folder / "vocab.json")
    added = _added_tokens(folder, config)
    for number, token in added.items():
        if vocabulary.setdefault(str(token), number) != number:
            raise ValueError(
                f"{folder}: {token!s} has the id {number} as an added token, and {vocabulary[str(token)]} in "
                "vocab.json: download the folder again"
            )
    if len(set(vocabulary.values())) != len(vocabulary):
        raise ValueError(f"{folder}: two tokens have the same id: download the folder again")
    # Added tokens are in the vocabulary from the start: the class adds tokens of its own as it is made, and
    # would take the ids.
    tokenizer = Qwen2Tokenizer(
        vocab=vocabulary,
        merges=_merges(folder / "merges.txt"),  # type: ignore[arg-type]  # pairs are what BPE takes
        extra_special_tokens={
            "start_image_token": IMAGE_START,
            "end_image_token": IMAGE_END,
            "context_image_token": IMAGE_CONTEXT,
        },
        eos_token=END_OF_TURN,
        pad_token=_content(config.get("pad_token")) or "<|endoftext|>",
        model_max_length=config.get("model_max_length"),
    )
    for _, token in sorted(added.items(), key=lambda entry: entry[0]):
        tokenizer.add_tokens([token], special_tokens=token.special)
    tokenizer.chat_template = CHAT_TEMPLATE
    wrong = {t: n for t, n in vocabulary.items() if tokenizer.convert_tokens_to_ids(t) != n}
    for token in (IMAGE_START, IMAGE_CONTEXT, IMAGE_END, END_OF_TURN):
        if token not in vocabulary:
            raise ValueError(
                f"{folder}: its tokenizer has no {token}: expected that of an InternVLChat model"
            )
    if wrong or len(tokenizer) != len(vocabulary):
        raise ValueError(
            f"{folder}: the tokenizer that was built has {len(tokenizer)} tokens, and other ids for "
            f"{sorted(wrong)[:5]}; expected the {len(vocabulary)} of its files"
        )
    return tokenizer


def llava_tokenizer(folder: Path, rows: int) -> tuple[PreTrainedTokenizerFast, dict[str, Any]]:
    """The SentencePiece tokenizer of `tokenizer.model`, with a token for an image.

    Ids equal sentencepiece's own, a leading space included: LlamaTokenizer would leave out the space that
    sentencepiece puts before it, and so the tokenizer is kept as a plain one of the `tokenizers` library.

    A language model's head has no bias, so a new row would change every probability. The image token therefore
    takes an id that the checkpoint has already and that no text is tokenized to: its own `<image>`, a row past
    the vocabulary, or the piece of a byte that UTF-8 does not have. Only a vocabulary without
    any of these grows.

    Args:
        rows: of the checkpoint's embeddings.

    Returns:
        The tokenizer, and what the report says of the image token.

    Raises:
        ValueError: for a tokenizer.model that is missing or that `tokenizers` would read differently.
    """
    path = folder / "tokenizer.model"
    if not path.is_file():
        raise ValueError(f"{folder}: expected tokenizer.model (SentencePiece) in it, found none")
    try:
        original = sentencepiece.SentencePieceProcessor(model_file=str(path))
    except (RuntimeError, OSError) as error:
        raise ValueError(f"{path}: no SentencePiece model ({error}): download it again") from error
    slow = LlamaTokenizer.from_pretrained(folder)
    state = json.loads(slow.backend_tokenizer.to_str())
    vocabulary: dict[str, int] = state["model"]["vocab"]
    known = {entry["content"]: entry["id"] for entry in state["added_tokens"]} | vocabulary
    how = _place_image_token(known, vocabulary, rows)
    backend = Tokenizer.from_str(json.dumps(state))
    prefix, space = normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")
    backend.normalizer = normalizers.Sequence([prefix, space])
    backend.pre_tokenizer = None  # type: ignore[assignment]  # its type leaves the deleter out
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token=slow.bos_token,
        eos_token=slow.eos_token,
        unk_token=slow.unk_token,
        pad_token=slow.pad_token or slow.unk_token,
        model_max_length=slow.model_max_length,
        padding_side="right",
        clean_up_tokenization_spaces=False,
        extra_special_tokens={"image_token": IMAGE},
    )
    tokenizer.add_tokens([AddedToken(IMAGE, special=True, normalized=False)], special_tokens=True)
    tokenizer.chat_template = LLAVA_TEMPLATE
    _check_ids(tokenizer, original, path)
    number = tokenizer.convert_tokens_to_ids(IMAGE)
    assert isinstance(number, int)
    return tokenizer, {"token": IMAGE, "id": number, "how": how}


def _place_image_token(known: Mapping[str, int], vocabulary: dict[str, int], rows: int) -> str:
    """Give `<image>` a place in the vocabulary where it needs one there; returns how, in words."""
    if IMAGE in known:
        return "the checkpoint's own token"
    if len(known) < rows:
        return "a row past the vocabulary that no token used"
    free = next((piece for piece in _FREE_BYTES if piece in vocabulary), None)
    if free is None:
        return "a new row of zeros: its logit is always 0"
    vocabulary[IMAGE] = vocabulary.pop(free)
    return f"the id of {free}, a byte that no text has"


def _check_ids(tokenizer: Any, original: Any, path: Path) -> None:
    for text in _PROBES:
        found = tokenizer(text, add_special_tokens=False)["input_ids"]
        if found != original.encode(text):
            raise ValueError(
                f"{path}: {text!r} becomes {found}, and {original.encode(text)} by sentencepiece: expected a "
                "BPE model without a normalizer, with a dummy prefix, as Llama's is"
            )


def _added_tokens(folder: Path, config: Mapping[str, Any]) -> dict[int, AddedToken]:
    """Added tokens by id: those of tokenizer_config.json, else of added_tokens.json."""
    described = config.get("added_tokens_decoder")
    if described:
        return {int(number): AddedToken(**entry) for number, entry in described.items()}
    path = folder / "added_tokens.json"
    plain = read_json(path) if path.is_file() else {}
    return {n: AddedToken(token, special=True, normalized=False) for token, n in plain.items()}


def _merges(path: Path) -> list[tuple[str, str]]:
    if not path.is_file():
        raise ValueError(f"{path}: expected this file, found none: download the folder again")
    first, *lines = path.read_text(encoding="utf-8").split("\n")
    lines = lines if first.startswith("#version") else [first, *lines]
    merges = [tuple(line.rstrip("\r").split(" ")) for line in lines if line.strip()]
    if any(len(merge) != 2 for merge in merges):
        raise ValueError(f"{path}: expected two pieces in every line: download the folder again")
    return merges  # type: ignore[return-value]


def _content(token: Any) -> str | None:
    """A token as old versions wrote it: text, or an object with `content`."""
    return token.get("content") if isinstance(token, dict) else token
