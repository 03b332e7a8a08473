"""Token ids against llama.cpp's own, for every kind of pre-tokenizer and for sentencepiece's vocabularies."""
# ruff: noqa: RUF001

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pocketzo.toolkit.checkpoint.gguf.container import Container
from pocketzo.toolkit.checkpoint.gguf.metadata import Metadata
from pocketzo.toolkit.checkpoint.gguf.pre_tokenizers import KINDS
from pocketzo.toolkit.checkpoint.gguf.tokenizer import read_tokenizer
from pocketzo.toolkit.checkpoint.tokenizer import ModelTokenizer

from .files import BYTE, CONTROL, NORMAL, UNKNOWN, USER_DEFINED, byte_level_keys, splitting_tokenizer, write
from .llama import tokenizer as llama_tokenizer

TEXTS = [
    "Hello world", "  two spaces", "   lead", "trail   ", "a", " ", "\n", "\t", "ab\n", "a  1", "1\n 2\n  3",
    "tabs\tand\nnewlines\r\n\n", "\r\n\r\n x", "  \n  \n a", "tab\t\t9", "\n\n1. x", "HELLO\n\nWorld",
    "In 2023 we paid 12345 for 67,890.12 at 3.14159", "1234567 12 1 123 1,000,000", "½ ² Ⅷ ٣",
    "Café déjà vu — naïve", "e\u0301 vs \u00e9 a\u0300b", "ÀÉÎ àéî ẞß", "αβγ ΑΒΓ дом ДОМ", "camelCase HTTPServer",
    "ÉCOLE École",
    "日本語 テスト 😀👩‍👩‍👧 中文字", "한국어 조선", "مرحبا بالعالم ١٢٣", "हिन्दी ไทย", "𝔘𝔫𝔦 𐐀𐐨",
    "don't can't I'LL we'Ve ſ 'ſ it'ſ", "don’t", "…“quoted”‘x’。，！", "!!!wow??? (see)", "_under__score",
    "x = [1, 2];  // ok", "#include <a.h>\n\tint x;/// y\n/z", "%$&*()_+ a$b ^^ ~~ ||", "\x00\x07x",
    "a\u00a0b\u3000c\u2003d", "\u200b\ufeff z", "<s>special</s> a</s>b", "<sep> a<sep><sep>b",
]  # fmt: skip


def read(path: Path) -> ModelTokenizer:
    """Our reading of a file."""
    return read_tokenizer(Metadata(Container([path], path).metadata, path))[0]


@pytest.fixture(scope="module")
def splitting(tmp_path_factory) -> dict[str, Any]:
    """Keys of a tokenizer whose ids show every place where a text is split; one of its tokens is the user's own."""
    path = splitting_tokenizer(TEXTS[:-1], tmp_path_factory.mktemp("splitting") / "tokenizer.json")
    keys = byte_level_keys(path, 0)
    return keys | {
        "tokenizer.ggml.tokens": [*keys["tokenizer.ggml.tokens"], "<sep>", ""],
        "tokenizer.ggml.token_type": [*keys["tokenizer.ggml.token_type"], USER_DEFINED, NORMAL],
    }


@pytest.mark.parametrize("pre", KINDS)
def test_splits_are_those_of_llama_cpp(pre, splitting, tmp_path):
    changes = {"tokenizer.ggml.pre": pre or None, "tokenizer.ggml.add_bos_token": None}
    path = write(tmp_path / "m.gguf", "llama", splitting | changes)
    ours, theirs = read(path).backend, llama_tokenizer(path)
    for text in TEXTS:
        assert ours.encode(text).ids == theirs(text), text


def test_the_kinds_are_told_apart_by_these_texts(splitting, tmp_path):
    """Without this, the test above would prove nothing."""
    found = {}
    for pre in KINDS:
        path = write(tmp_path / "m.gguf", "llama", splitting | {"tokenizer.ggml.pre": pre})
        found[pre] = str([encoding.ids for encoding in read(path).backend.encode_batch(TEXTS)])
    assert len(set(found.values())) == len({kind.patterns for kind in KINDS.values()})


SENTENCEPIECE = [
    {},
    {"add_space_prefix": False},
    {"add_bos_token": False},
    {"bos_token_id": None, "eos_token_id": None, "unknown_token_id": None},
]


def sentencepiece_keys(**changes: Any) -> dict[str, Any]:
    """Keys of a small vocabulary of sentencepiece's kind."""
    pieces = ["▁", *"abcdefghijklmnopqrstuvwxyzHW1230'.,", "é", "日"]
    longer = ["▁a", "an", "▁an", "in", "on", "or", "ld", "wor", "▁w", "▁wor", "▁world", "ll", "He", "Hell", "Hello",
              "aa", "aaa", "▁▁", "▁▁▁▁", "▁t", "wo", "th", "the", "▁the", "12", "20", "▁20"]  # fmt: skip
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{i:02X}>" for i in range(256)), *longer, *pieces, "<sep>"]
    types = [UNKNOWN, CONTROL, CONTROL, *[BYTE] * 256, *[NORMAL] * (len(longer) + len(pieces)), USER_DEFINED]
    keys = {
        "model": "llama",
        "pre": "default",
        "tokens": tokens,
        "token_type": types,
        "scores": [-float(max(0, i - 258)) for i in range(len(tokens))],
        "bos_token_id": 1,
        "eos_token_id": 2,
        **changes,
    }
    return {f"tokenizer.ggml.{key}": value for key, value in keys.items()}


@pytest.mark.parametrize("changes", SENTENCEPIECE, ids=str)
def test_sentencepiece_is_that_of_llama_cpp(changes, tmp_path):
    path = write(tmp_path / "m.gguf", "llama", sentencepiece_keys(**changes))
    ours, theirs = read(path).backend, llama_tokenizer(path)
    for text in [*TEXTS, "the world and the 2012", "aa aaa aaaa aaaaaa", "     x", "<unk> x", "éa日z"]:
        assert ours.encode(text).ids == theirs(text), text


@pytest.mark.parametrize("end", ["<|endoftext|>", "<|im_end|>"])
def test_a_token_that_ends_a_turn_is_special_whatever_its_type(end, splitting, tmp_path):
    tokens = [*splitting["tokenizer.ggml.tokens"], end]
    types = [*splitting["tokenizer.ggml.token_type"], NORMAL]
    changes = {"tokenizer.ggml.tokens": tokens, "tokenizer.ggml.token_type": types}
    path = write(tmp_path / "m.gguf", "llama", splitting | changes)
    ids = read(path).backend.encode(f"a{end}b").ids
    assert ids[-2] == len(tokens) - 1
    assert ids == llama_tokenizer(path)(f"a{end}b")


def test_the_demo_models_digits_stand_alone(smollm2):
    """Its pre-tokenizer splits digits before anything else: white space before them is whole."""
    backend = read(smollm2).backend
    assert backend.encode("\n\n1. x").tokens == ["ĊĊ", "1", ".", "Ġx"]
    theirs = llama_tokenizer(smollm2)
    for text in TEXTS:
        assert backend.encode(text).ids == theirs(text), text
