"""Whether phones reproduce a tokenizer: what the Java code of the app does exactly, and nothing else.

`COMPONENTS` is the list that Java's tokenizers are tested against: tests/android/test_tokenizers.py varies every
entry, and both sides must accept and refuse the same files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

from pocketzo.runtime.bundle.tokenizer import Tokenizer
from pocketzo.runtime.errors import BadInput, bad_input
from tokenizers import Tokenizer as Backend

Check = Callable[[Any], bool]
FIX = "Use a model with another tokenizer, or the app cannot read text"
LARGEST_ID = 1 << 24
DEEPEST = 32
BEHAVIORS = ("Removed", "Isolated", "Contiguous", "MergedWithPrevious", "MergedWithNext")

_CATEGORIES = "L|Lu|Ll|Lt|Lm|Lo|M|Mn|Mc|Me|N|Nd|Nl|No|P|Pc|Pd|Ps|Pe|Pi|Pf|Po|S|Sm|Sc|Sk|So|Z|Zs|Zl|Zp"
_ESCAPE = r"\\[rntfv!-/:-@\[-`{-~]"
_MANY = rf"\\[sSdDwW]|\\[pP]\{{(?:{_CATEGORIES})\}}"
_INSIDE = rf"(?:{_ESCAPE}|[^\[\]\\])"
_BRACKETS = rf"\[\^?(?:(?:{_MANY})(?!-[^\]])|(?!\\?-){_INSIDE}-(?!\\?-){_INSIDE}|{_INSIDE}(?!-[^\]]))+\]"
_ITEM = rf"(?:[^.^$|()\[\]{{}}*+?\\]|{_ESCAPE}|{_MANY}|{_BRACKETS})"
_TIMES = r"(?:[+*?]|\{[0-9]{1,3}(?:,[0-9]{0,3})?\})"
_FOLDED = r"\(\?i:(?:[a-z'|]|\[[a-z'|]+\])*\)"
_PATTERN = re.compile(
    rf"(?:{_ITEM}{_TIMES}?(?![+*?{{])|\(\?[!=]{_ITEM}\)|{_FOLDED}\??(?![+*?{{])|\(\?:|\)\??(?![+*?{{])|\|)*"
)


def _is(*kinds: type) -> Check:
    return lambda value: isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))


def _or_none(check: Check) -> Check:
    return lambda value: value is None or check(value)


TEXT, FLAG, LIST, OBJECT = _is(str), _is(bool), _is(list), _is(dict)


def COUNT(value: Any) -> bool:
    """A whole number of 0 or more."""
    return _is(int)(value) and value >= 0


def CHARACTER(value: Any) -> bool:
    """A text of one character."""
    return TEXT(value) and len(value) == 1


def ANYTHING(value: Any) -> bool:
    """A member that changes nothing."""
    return True


def PATTERN(value: Any) -> bool:
    """A text that is not empty, or a regular expression of the grammar that PatternParser reads."""
    if not OBJECT(value) or len(value) != 1 or not set(value) <= {"String", "Regex"}:
        return False
    if "String" in value:
        return bool(value["String"])
    return is_pattern(value["Regex"])


def is_pattern(source: str) -> bool:
    """Whether Java's PatternParser reads a regular expression that `tokenizers` accepts."""
    limits = re.findall(r"(?<!\\)\{([0-9]+),([0-9]+)\}", source)
    folded = re.findall(r"\(\?i:([^)]*)\)", source)
    return (
        all(int(low) <= int(high) for low, high in limits)
        and not any(re.search("ss|st|ff|fi|fl", group) for group in folded)
        and not re.search(r"\[[^\]]*&&", source)
        and _PATTERN.fullmatch(source) is not None
    )


_BYTES = {"add_prefix_space": FLAG, "trim_offsets": FLAG, "use_regex?": FLAG}
_META = {
    "replacement": CHARACTER,
    "prepend_scheme?": lambda value: value in ("always", "never", "first"),
    "split?": FLAG,
    "add_prefix_space?": _or_none(FLAG),
    "str_rep?": ANYTHING,
}
_ENDS = {"sep": LIST, "cls": LIST}
COMPONENTS: dict[str, dict[str, dict[str, Check]]] = {
    "normalizer": {
        "Sequence": {"normalizers": LIST},
        **{name: {} for name in ("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents")},
        "Strip": {"strip_left": FLAG, "strip_right": FLAG},
        "Prepend": {"prepend": TEXT},
        "Replace": {"pattern": PATTERN, "content": TEXT},
        "BertNormalizer": {
            "clean_text": FLAG,
            "handle_chinese_chars": FLAG,
            "strip_accents?": _or_none(FLAG),
            "lowercase": FLAG,
        },
    },
    "pre-tokenizer": {
        "Sequence": {"pretokenizers": LIST},
        "ByteLevel": _BYTES,
        "Split": {"pattern": PATTERN, "behavior": lambda value: value in BEHAVIORS, "invert": FLAG},
        "Digits": {"individual_digits": FLAG},
        "Metaspace": _META,
        **{name: {} for name in ("BertPreTokenizer", "Whitespace", "WhitespaceSplit")},
        "Punctuation": {"behavior?": lambda value: value in BEHAVIORS},
    },
    "post-processor": {
        "Sequence": {"processors": LIST},
        "ByteLevel": _BYTES,
        "TemplateProcessing": {"single": LIST, "pair": LIST, "special_tokens": OBJECT},
        "BertProcessing": _ENDS,
        "RobertaProcessing": {**_ENDS, "trim_offsets": FLAG, "add_prefix_space": FLAG},
    },
    "decoder": {
        "Sequence": {"decoders": LIST},
        "ByteLevel": _BYTES,
        **{name: {} for name in ("ByteFallback", "Fuse")},
        "Replace": {"pattern": PATTERN, "content": TEXT},
        "Strip": {"content": CHARACTER, "start": COUNT, "stop": lambda value: value == 0},
        "Metaspace": _META,
        "WordPiece": {"prefix": TEXT, "cleanup": FLAG},
    },
    "model": {
        "BPE": {
            "dropout?": lambda value: value is None,
            "unk_token?": _or_none(TEXT),
            "continuing_subword_prefix?": lambda value: not value,
            "end_of_word_suffix?": lambda value: not value,
            "fuse_unk?": _or_none(FLAG),
            "byte_fallback?": _or_none(FLAG),
            "ignore_merges?": _or_none(FLAG),
            "vocab": OBJECT,
            "merges": LIST,
        },
        "WordPiece": {
            "unk_token": TEXT,
            "continuing_subword_prefix": TEXT,
            "max_input_chars_per_word": COUNT,
            "vocab": OBJECT,
        },
    },
}
PARTS = {"normalizers": "normalizer", "pretokenizers": "pre-tokenizer", "processors": "post-processor"}
PARTS["decoders"] = "decoder"
FILE = {
    "version": lambda value: value == "1.0",
    "truncation?": ANYTHING,
    "padding?": ANYTHING,
    "added_tokens?": LIST,
    **{f"{name}?": ANYTHING for name in ("normalizer", "pre_tokenizer", "post_processor", "decoder")},
    "model": OBJECT,
}
ADDED = {"id": COUNT, "content": TEXT}
ADDED |= {name: FLAG for name in ("single_word", "lstrip", "rstrip", "normalized", "special")}


def check(path: Path) -> None:
    """Raises BadInput, naming the component, if the app does not reproduce the tokenizer.json exactly."""
    Tokenizer.open(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_object)
        _check_file(content, Backend.from_file(str(path)))
    except _RefusedError as e:
        bad_input(path, f"phones do not reproduce this tokenizer: {e}", FIX)
    except (ValueError, RecursionError) as e:
        bad_input(path, f"is not strict JSON ({e})", FIX)


class _RefusedError(BadInput):
    """Why, before it is known of which file."""


def _refuse(why: str) -> NoReturn:
    raise _RefusedError(why)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        _refuse("an object has the same member twice")
    return members


def _check_members(what: str, value: Any, members: dict[str, Check]) -> None:
    if not isinstance(value, dict):
        _refuse(f"the {what} is no object")
    known = {name.rstrip("?"): check for name, check in members.items()}
    for name, given in value.items():
        if name != "type" and name not in known:
            _refuse(f'the {what} has the member "{name}", which the app does not know')
        if name in known and not known[name](given):
            shown = json.dumps(given)
            _refuse(f'the {what} has "{name}": {shown[:100]}, which the app does not reproduce')
    for name in members:
        if not name.endswith("?") and name not in value:
            _refuse(f'the {what} has no member "{name}"')


def _check_component(kind: str, value: Any) -> None:
    name = value.get("type") if isinstance(value, dict) else None
    if not isinstance(name, str) or name not in COMPONENTS[kind]:
        _refuse(f"the {kind} {name} is not one that the app has")
    _check_members(f"{kind} {name}", value, COMPONENTS[kind][name])
    for member, part in PARTS.items():
        for step in value.get(member, []):
            _check_component(part, step)
    if name == "TemplateProcessing":
        _check_template(value)
    if name in ("BertProcessing", "RobertaProcessing"):
        for end in (value["sep"], value["cls"]):
            if len(end) != 2 or not TEXT(end[0]) or not _is_id(end[1]):
                _refuse(f"the {kind} {name} has {end}, which is no token and its id")


def _is_id(value: Any) -> bool:
    return COUNT(value) and value < 1 << 31


def _check_template(value: dict[str, Any]) -> None:
    for name, token in value["special_tokens"].items():
        _check_members("special token", token, {"id": TEXT, "ids": LIST, "tokens?": ANYTHING})
        if token["id"] != name or not all(map(_is_id, token["ids"])):
            _refuse(f"the special token {name} of the TemplateProcessing has another name or ids that are none")
    for part in value["single"]:
        _check_members("part of the TemplateProcessing", part, {"SpecialToken?": OBJECT, "Sequence?": OBJECT})
        if ("SpecialToken" in part) == ("Sequence" in part):
            _refuse("a part of the TemplateProcessing is no SpecialToken and no Sequence")
        inner = part.get("SpecialToken", part.get("Sequence"))
        _check_members("part of the TemplateProcessing", inner, {"id": TEXT, "type_id?": ANYTHING})
        if inner["id"] not in (["A"] if "Sequence" in part else value["special_tokens"]):
            _refuse(f"a part of the TemplateProcessing names {inner['id']}")


def _check_file(content: Any, backend: Backend) -> None:
    _check_members("file", content, FILE)
    _check_depth({**content, "model": None})
    for kind in ("normalizer", "pre-tokenizer", "post-processor", "decoder"):
        if (value := content.get(kind.replace("-", "_"))) is not None:
            _check_component(kind, value)
    _check_component("model", content["model"])
    _check_model(content["model"])
    if content.get("normalizer") is not None and _asks_for_first(content.get("pre_tokenizer")):
        _refuse("the prepend_scheme first together with a normalizer is not one that the app reproduces")
    _check_added(content.get("added_tokens") or [], content["model"]["vocab"], backend)


def _check_depth(value: Any, depth: int = -1) -> None:
    if depth > DEEPEST:
        _refuse(f"it is nested more than {DEEPEST} times")
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else []:
        _check_depth(item, depth + 1)


def _asks_for_first(value: Any) -> bool:
    return any(member == "first" for member in _members(value, "prepend_scheme"))


def _members(value: Any, name: str) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from (member for key, member in value.items() if key == name)
        value = list(value.values())
    for item in value if isinstance(value, list) else []:
        yield from _members(item, name)


def _check_model(model: dict[str, Any]) -> None:
    vocabulary = model["vocab"]
    ids = vocabulary.values()
    if not all(COUNT(number) and number <= LARGEST_ID for number in ids) or len(set(ids)) != len(vocabulary):
        _refuse(f"its vocabulary has an id twice or beyond {LARGEST_ID}")
    if model.get("unk_token") is not None and model["unk_token"] not in vocabulary:
        _refuse("its unk_token is not in its vocabulary")
    for merge in model.get("merges", []):
        if isinstance(merge, str) and merge.startswith("#version"):
            _refuse(f'the merge "{merge}" is none')


def _check_added(added: list[Any], vocabulary: dict[str, int], backend: Backend) -> None:
    sought: set[tuple[bool, str]] = set()
    contents = set()
    following = len(vocabulary)
    for token in added:
        _check_members("added token", token, ADDED)
        content, normal = token["content"], token["normalized"]
        expected = vocabulary.get(content, following)
        following += content not in vocabulary
        if token["id"] != expected:
            _refuse(f'the added token "{content}" has the id {token["id"]} where {expected} is expected')
        if normal and backend.normalizer is not None:
            content = backend.normalizer.normalize_str(content)
        if not content or token["content"] in contents or (normal, content) in sought:
            _refuse(f'the added token "{token["content"]}" is empty or there twice, when it is normalized')
        contents.add(token["content"])
        sought.add((normal, content))
