"""Tokenizers trained on a run's own texts, of the stock classes that the real checkpoints have."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence

from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import CLIPTokenizer, LlamaTokenizer, Qwen2Tokenizer

State = tuple[dict[str, int], list[tuple[str, str]]]


def train_qwen(
    texts: Iterable[str],
    vocabulary: int,
    *,
    special: Sequence[str],
    names: dict[str, str],
    words: Sequence[str] = (),
) -> Qwen2Tokenizer:
    """A byte-level BPE tokenizer of at most `vocabulary` entries, special tokens included, and `words`.

    Args:
        special: special tokens; the first is the padding, and one is `<|im_end|>`.
        names: attribute of the tokenizer -> special token.
        words: each is one token where it starts an answer.
    """
    stock = Qwen2Tokenizer()
    backend = Tokenizer(models.BPE())
    pre_tokenizer = stock.backend_tokenizer.pre_tokenizer
    normalizer = stock.backend_tokenizer.normalizer
    assert pre_tokenizer is not None
    assert normalizer is not None
    backend.pre_tokenizer, backend.normalizer = pre_tokenizer, normalizer
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - len(special),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
        special_tokens=[],
    )
    # Sorted distinct texts: the vocabulary must not depend on the order of a data set.
    backend.train_from_iterator(sorted(set(texts)), trainer)
    vocab, merges = _with_words(_state(backend), words)
    tokenizer = Qwen2Tokenizer(
        vocab=vocab,
        merges=merges,  # type: ignore[arg-type]  # tuples of two strings are what BPE takes
        extra_special_tokens=names,
        eos_token="<|im_end|>",
        pad_token=special[0],
    )
    tokenizer.add_tokens(list(special), special_tokens=True)
    return tokenizer


def train_llama(
    texts: Iterable[str], vocabulary: int, *, special: Sequence[str], words: Sequence[str] = ()
) -> LlamaTokenizer:
    """A SentencePiece-like BPE tokenizer with byte fallback, as Llama 2's is.

    Args:
        vocabulary: entries at most, with `<unk>`, `<s>`, `</s>`, 256 bytes and `special`; `words` come on top.
        special: special tokens beside those three.
    """
    own = ["<unk>", "<s>", "</s>"]
    byte_tokens = [f"<0x{byte:02X}>" for byte in range(256)]
    backend = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True))
    backend.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    trainer = trainers.BpeTrainer(
        vocab_size=max(vocabulary - len(special), len(own) + len(byte_tokens) + 1),
        special_tokens=[*own, *byte_tokens],
        show_progress=False,
    )
    backend.train_from_iterator(sorted(set(texts)), trainer)
    vocab, merges = _with_words(_state(backend), ["▁" + word for word in words])
    tokenizer = LlamaTokenizer(
        vocab=vocab,
        merges=merges,  # type: ignore[arg-type]
        pad_token="<unk>",
        add_bos_token=True,
    )
    tokenizer.add_tokens(list(special), special_tokens=True)
    return tokenizer


def train_clip(texts: Iterable[str], vocabulary: int, *, longest: int) -> CLIPTokenizer:
    """A byte-level BPE tokenizer of about `vocabulary` entries as CLIP's is: lower case, `</w>` ends a word.

    Its merges spell the most frequent words. They are not trained: the trainer gives equal counts with `</w>`
    another order in every process, and a run that is resumed needs the same tokenizer.

    Args:
        longest: tokens at which a text is cut, its first and last included.
    """
    stock = CLIPTokenizer().backend_tokenizer
    assert stock.pre_tokenizer is not None
    assert stock.normalizer is not None
    counts: Counter[str] = Counter()
    for text in texts:
        plain = stock.normalizer.normalize_str(text)
        counts.update(word for word, _ in stock.pre_tokenizer.pre_tokenize_str(plain))
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    letters = [*alphabet, *(letter + "</w>" for letter in alphabet)]
    vocab = {
        token: number for number, token in enumerate(("<|startoftext|>", "<|endoftext|>", *letters))
    }
    merges: dict[tuple[str, str], None] = {}
    for word in sorted(counts, key=lambda word: (-counts[word], word)):
        if len(vocab) >= vocabulary:
            break
        read, *rest = (*word[:-1], word[-1] + "</w>")
        for piece in rest:
            merges[read, piece] = None
            read += piece
            vocab.setdefault(read, len(vocab))
    return CLIPTokenizer(
        vocab=vocab,
        merges=list(merges),  # type: ignore[arg-type]
        model_max_length=longest,
    )


def _state(backend: Tokenizer) -> State:
    """Vocabulary and merges of a trained backend."""
    model = json.loads(backend.to_str())["model"]
    return model["vocab"], [tuple(merge) for merge in model["merges"]]


def _with_words(state: State, words: Sequence[str]) -> State:
    """Add merges, after all others, that make each word one token; other texts keep their tokens as far as
    these do not occur in them."""
    vocab, merges = dict(state[0]), list(state[1])
    for word in words:
        for letter in word:
            vocab.setdefault(letter, len(vocab))
        known = set(merges)
        pieces = [t.value for t in models.BPE(vocab=vocab, merges=merges).tokenize(word)]
        while len(pieces) > 1:
            joined = pieces[0] + pieces[1]
            if (pieces[0], pieces[1]) not in known:
                merges.append((pieces[0], pieces[1]))
            vocab.setdefault(joined, len(vocab))
            pieces[:2] = [joined]
    return vocab, merges
