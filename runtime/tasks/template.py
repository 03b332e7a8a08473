"""Prompts with {field} places: plain substitution, so that no text can reach into the program."""

from __future__ import annotations

import re

from ..data import Record

_PLACE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


def fields(template: str) -> list[str]:
    """The names of the places of `template`, in order."""
    return _PLACE.findall(template)


def fill(template: str, record: Record) -> str:
    """`template` with each {name} replaced by the record's string. Raises BadInput if a field is missing."""
    return _PLACE.sub(lambda m: record.text(m.group(1)), template)
