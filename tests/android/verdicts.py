"""Descriptions of tokenizers, good and bad, on which Python's check and the Java code must have one opinion."""
# ruff: noqa: E501

from __future__ import annotations

import copy
import itertools
import json
import random
from collections.abc import Iterator
from typing import Any, get_args

from pocketzo.toolkit.android import schema
from pydantic import BaseModel

TEXT_PATTERN = {"String": "a"}
ENDS = {"sep": ["b", 1], "cls": ["a", 0]}
TEMPLATE = {
    "single": [{"SpecialToken": {"id": "a", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
    "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
    "special_tokens": {"a": {"id": "a", "ids": [0], "tokens": ["a"]}},
}
BYTES = {"add_prefix_space": False, "trim_offsets": True, "use_regex": True}
META = {"replacement": "_", "prepend_scheme": "always", "split": True}
VOCABULARY = {"a": 0, "b": 1, "ab": 2, "u": 3}
GOOD: dict[str, dict[str, dict[str, Any]]] = {
    "normalizer": {
        "Sequence": {"normalizers": [{"type": "NFC"}]},
        "Strip": {"strip_left": True, "strip_right": False},
        "Prepend": {"prepend": "_"},
        "Replace": {"pattern": TEXT_PATTERN, "content": "b"},
        "BertNormalizer": {"clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True},
    },
    "pre-tokenizer": {
        "Sequence": {"pretokenizers": [{"type": "Whitespace"}]},
        "ByteLevel": BYTES,
        "Split": {"pattern": TEXT_PATTERN, "behavior": "Isolated", "invert": False},
        "Digits": {"individual_digits": True},
        "Metaspace": META,
        "Punctuation": {"behavior": "Removed"},
    },
    "post-processor": {
        "Sequence": {"processors": [{"type": "BertProcessing", **ENDS}]},
        "ByteLevel": BYTES,
        "TemplateProcessing": TEMPLATE,
        "BertProcessing": ENDS,
        "RobertaProcessing": {**ENDS, "trim_offsets": True, "add_prefix_space": True},
    },
    "decoder": {
        "Sequence": {"decoders": [{"type": "Fuse"}]},
        "ByteLevel": BYTES,
        "Replace": {"pattern": TEXT_PATTERN, "content": "b"},
        "Strip": {"content": "a", "start": 1, "stop": 0},
        "Metaspace": META,
        "WordPiece": {"prefix": "##", "cleanup": True},
    },
    "model": {
        "BPE": {
            "dropout": None,
            "unk_token": "u",
            "continuing_subword_prefix": "",
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": VOCABULARY,
            "merges": [["a", "b"]],
        },
        "WordPiece": {
            "unk_token": "u",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": VOCABULARY,
        },
    },
}
OTHERS = {
    "normalizer": ["Nmt", "Precompiled", "ByteLevel", "Bert", "New"],
    "pre-tokenizer": ["CharDelimiterSplit", "UnicodeScripts", "FixedLength", "New"],
    "post-processor": ["New"],
    "decoder": ["BPEDecoder", "CTC", "New"],
    "model": ["Unigram", "WordLevel", "New"],
}
BAD = [
    None,
    True,
    7,
    -1,
    1.5,
    "",
    "x",
    "xy",
    "\U0001f600",
    [],
    {},
    ["a", 0],
    {"String": "", "Regex": "a"},
    {"Regex": "a"},
]
PATTERNS = [
    *("a", "a+", "a*?", "a++", "a{2}", "a{2,}", "a{,2}", "a{1,3}", "a{3,1}", "a{2}+", ".", "^a", "a$", "(a)", "(?:a)", ""),
    *("(?:a)?", "(?:a)*", "(?:a|b)+", "(?:a|b)?b", "(?=a)", "(?!\\s)", "(?!ab)", "(?<=a)b", "(?<!a)b", "a|b|", "(?i:ab)"),
    *("(?i:ss)", "(?i:st)", "(?i:[sdmt]|ll)", "(?i:[a-z])", "(?i:A)", "(?i:é)", "(?i:a)?", "(?i:'s|'t)?b", "(?i)a", "(?i:k)+"),
    *("[a-z]", "[^a-z]", "[z-a]", "[a\\-z]", "[-a]", "[a-]", "[a-\\d]", "[\\d-a]", "[a&&b]", "[a&b]", "[[:alpha:]]", "[a[b]]"),
    *("[]a]", "[^]", "[\\]]", "[\\[\\]]", "\\p{L}", "\\P{L}", "\\p{Lu}+", "\\p{Han}", "\\p{^L}", "\\pL", "\\p{Cc}", "[\\p{L}\\p{N}]"),
    *("\\d\\D\\s\\S\\w\\W", "\\h", "\\b", "\\R", "\\X", "\\x41", "\\u0041", "\\1", "\\A", "\\z", "\\r\\n\\t\\f\\v", "\\e", "\\.", "\\ "),
    *("\\/", "\\é", " ?[^\\s\\p{L}]+", "a{1000}", "a{999}", "{", "}", "]", "a{", "a{b}", "é+", "[é-ü]", "😀*", "[^\\r\\n]", "(?#a)b", "(?>a)"),
    *("(?i:a|b)*", "(?:a", "a)", "?", "*a", "(?!a)?", "(?!a)+", "(?:)", "(?:|a)b", "(?i:)", "(?:(?:a)?b|c)?d", "[+--]", "[a-a]", "[\\--a]"),
]  # fmt: skip


def pattern(rng: random.Random) -> str:
    """A pattern of the grammar, with alternatives that begin alike so that it has to go back."""
    items = [
        "a",
        "b",
        " ",
        "-",
        "é",
        "\\s",
        "\\S",
        "\\w",
        "\\d",
        "\\p{L}",
        "\\P{L}",
        "\\p{Lu}",
        "\\p{M}",
        "\\n",
        "[ab]",
        "[^a\\s]",
        "[a-f0-9]",
    ]
    ahead = ["(?!\\S)", "(?=a)", "(?![\\p{L}])", "(?=\\s)"]

    def sequence(depth: int) -> str:
        parts = []
        for _ in range(rng.randint(1, 4)):
            kind = rng.random()
            if kind < 0.75 or depth > 2:
                parts.append(rng.choice(items) + rng.choice(["", "", "+", "*", "?", "{2}", "{1,3}", "{2,}"]))
            elif kind < 0.85:
                parts.append(rng.choice(ahead))
            else:
                parts.append(
                    "(?:"
                    + "|".join(sequence(depth + 1) for _ in range(rng.randint(1, 3)))
                    + ")"
                    + rng.choice(["", "?"])
                )
        return "".join(parts)

    return "|".join(sequence(0) for _ in range(rng.randint(1, 4)))


KINDS = {
    "normalizer": schema.Normalizer,
    "pre-tokenizer": schema.PreTokenizer,
    "post-processor": schema.PostProcessor,
    "decoder": schema.Decoder,
    "model": schema.Model,
}


def types(kind: str) -> dict[str, type[BaseModel]]:
    """The components of a kind that the schema has, by the type that a tokenizer.json gives."""
    union = get_args(KINDS[kind])[0]
    return {name: part for part in get_args(union) for name in get_args(part.model_fields["type"].annotation)}


def whole(kind: str, component: Any) -> dict[str, Any]:
    """A tokenizer.json with one component in question."""
    file: dict[str, Any] = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        **dict.fromkeys(["normalizer", "pre_tokenizer", "post_processor", "decoder"]),
        "model": {"type": "BPE", **GOOD["model"]["BPE"]},
    }
    file[kind.replace("-", "_")] = component
    return file


def _changed(members: dict[str, Any], part: type[BaseModel]) -> Iterator[dict[str, Any]]:
    """The members with one missing, one too many, or one that is something else; every field of the schema in turn."""
    yield {**members, "more": 1}
    for name, field in part.model_fields.items():
        if name in members:
            yield {key: value for key, value in members.items() if key != name}
        if name != "type":
            assert name in members or not field.is_required(), f"{part.__name__}.{name} needs a good value in GOOD"
        for other in BAD:
            yield {**members, name: other}
        for allowed in _named(field.annotation):
            yield {**members, name: allowed}


def _named(annotation: Any) -> list[Any]:
    """The values that an annotation names one by one."""
    return [a for a in get_args(annotation) if isinstance(a, str | bool | int)]


def _components() -> Iterator[dict[str, Any]]:
    for kind, others in OTHERS.items():
        for name, part in types(kind).items():
            good = {"type": name, **GOOD[kind].get(name, {})}
            yield whole(kind, good)
            for changed in _changed(good, part):
                yield whole(kind, changed)
        for name in others:
            yield whole(kind, {"type": name})
    for name, scheme in itertools.product(["first", "never", "last"], [True, False]):
        pre_tokenizer = {"type": "Metaspace", **META, "prepend_scheme": name, "add_prefix_space": scheme}
        yield whole("pre-tokenizer", pre_tokenizer)
        yield whole("decoder", pre_tokenizer)
        yield whole("pre-tokenizer", pre_tokenizer) | {"normalizer": {"type": "NFC"}}
    for pattern in PATTERNS:
        yield whole("normalizer", {"type": "Replace", "pattern": {"Regex": pattern}, "content": ""})


def _files() -> Iterator[dict[str, Any]]:
    good = whole("normalizer", None)
    yield from _changed(good, schema.TokenizerFile)
    token = {"id": 4, "content": "<t>", "single_word": False, "lstrip": False, "rstrip": False, "normalized": True}
    token["special"] = True
    yield good | {"added_tokens": [token]}
    for changed in _changed(token, schema.AddedToken):
        yield good | {"added_tokens": [changed]}
    for second in [token, {**token, "id": 5, "content": "<T>"}, {**token, "id": 0, "content": "a"}, {**token, "id": 9}]:
        for normalizer in [None, {"type": "Lowercase"}, {"type": "Replace", "pattern": {"Regex": "."}, "content": ""}]:
            yield good | {"added_tokens": [token, second], "normalizer": normalizer}
    model = good["model"]
    for vocabulary in [
        {"a": 0, "b": 0, "ab": 1, "u": 2},
        {**VOCABULARY, "x": 1 << 25},
        {**VOCABULARY, "x": 99},
        {**VOCABULARY, "": 4},
    ]:
        yield good | {"model": {**model, "vocab": vocabulary}}
    for merges in [
        ["a b"],
        ["#version: 0.2", "a b"],
        ["a b c"],
        ["ab"],
        [["a", "a"]],
        [["a"]],
        [["a", "b"], "a b"],
        [["a", "b"]] * 2,
    ]:
        yield good | {"model": {**model, "merges": merges}}
    for name, value in itertools.product(
        ["single", "special_tokens"],
        [
            [],
            {},
            [{"Sequence": {"id": "B", "type_id": 0}}],
            [{"SpecialToken": {"id": "x", "type_id": 0}}],
            {"a": {"id": "b", "ids": [0], "tokens": ["a"]}},
        ],
    ):
        yield good | {"post_processor": {"type": "TemplateProcessing", **TEMPLATE, name: value}}
    yield from _templates()
    deep: Any = {"type": "NFC"}
    for depth in range(1, 40):
        deep = {"type": "Sequence", "normalizers": [copy.deepcopy(deep)]}
        if depth % 5 == 0:
            yield good | {"normalizer": deep}


def _templates() -> Iterator[dict[str, Any]]:
    """A template with one of its own objects changed."""
    special, text = TEMPLATE["single"]
    token = TEMPLATE["special_tokens"]["a"]
    changes: list[dict[str, Any]] = [{"single": [special, part]} for part in _changed(text, schema.Part)]
    changes += [{"single": [special, {"Sequence": place}]} for place in _changed(text["Sequence"], schema.Place)]
    changes += [{"special_tokens": {"a": other}} for other in _changed(token, schema.NamedSpecialToken)]
    for change in changes:
        yield whole("post-processor", {"type": "TemplateProcessing", **TEMPLATE, **change})


def descriptions() -> list[str]:
    """Every tokenizer.json as a text, and some that are no good JSON."""
    texts = [json.dumps(file) for file in [*_components(), *_files()]]
    text = texts[0]
    doubled = [text.replace('"a": 0', '"a": 0, "a": 0'), text.replace('"version"', '"version": "1.0", "version"')]
    return [*texts, *doubled, text + " ", text + "x", text[:-1], "[]", "", text.replace('"u": 3', '"\\ud800": 3')]
