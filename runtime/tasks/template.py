"""Prompts with {field} places: plain substitution, so that no text can reach into the program."""

from __future__ import annotations

import re
from typing import Any

from ..errors import bad_input
from .data import Record

_PLACE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


def fields(template: str) -> list[str]:
    """The names of the places of `template`, in order."""
    return _PLACE.findall(template)


def check(template: Any, where: object, key: str, example: str) -> str:
    """`template` itself. Raises BadInput naming `where` and `key` unless it is a text with a place for a field."""
    if not isinstance(template, str) or not fields(template):
        bad_input(where, f'"{key}" must be a text with a place for a field', f'Such as "{example}"')
    return template


def body(text: str) -> str:
    """`text` without its `end`."""
    return text.rstrip(" ")


def end(text: str) -> str:
    """The spaces that `text` ends in. Tokenizers read a space as the beginning of the word behind it, so these belong
    to what follows; line ends and tabs are tokens of their own and stay.
    """
    return text[len(body(text)) :]


def fill(template: str, record: Record) -> str:
    """`template` with each {name} replaced by the record's string. Raises BadInput if a field is missing."""
    return _PLACE.sub(lambda m: record.text(m.group(1)), template)
