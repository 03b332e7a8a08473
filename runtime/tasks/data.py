"""Examples in files: JSON Lines, plain or by gzip, each bad line named by file, line number and reason."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import BadInput, bad_input
from ..system.files import decode_text, parse_json, read_file
from .compressed import unpacked


@dataclass(frozen=True)
class Record:
    """One line of a data file: its fields and where it stands."""

    fields: dict[str, Any]
    where: str

    def text(self, key: str) -> str:
        """The string under `key`. Raises BadInput naming file and line if it is absent or not a string."""
        if key not in self.fields:
            keys = ", ".join(self.fields) or "none"
            raise BadInput(
                f'{self.where}: lacks the key "{key}" (keys here: {keys}). Add it or change the task\'s prompt.'
            )
        value = self.fields[key]
        if not isinstance(value, str):
            simple = isinstance(value, bool | int | float)
            fix = f'Write it in quotes: "{written(value)}".' if simple else "Write a text, in quotes."
            raise BadInput(f'{self.where}: "{key}" is {named(value)}, and must be a text. {fix}')
        return value


def named(value: Any) -> str:
    """What a JSON value is, in JSON's words."""
    if isinstance(value, bool):
        return f"{written(value)}, a boolean"
    if isinstance(value, int | float):
        return f"the number {written(value)}"
    kinds: dict[type, str] = {str: "a text", list: "an array", dict: "an object"}
    return kinds.get(type(value), "null")


def written(value: bool | int | float | None) -> str:
    """A JSON value as it is written."""
    return repr(value) if isinstance(value, float) else json.dumps(value)


@dataclass(frozen=True)
class DataSet:
    """The records of one file and the SHA-256 of its bytes as they lie there, compressed or not."""

    path: Path
    records: list[Record]
    hash: str


def read_data(path: Path) -> DataSet:
    """Read a JSON Lines file, which may be compressed by gzip; blank lines are passed over.

    Raises BadInput if the file is missing, compressed otherwise, not UTF-8, empty, or a line is not a JSON object.
    """
    content = read_file(path, "data file")
    text = decode_text(unpacked(content, path, "data file"), path, "data file")
    records = [_record(path, n, line) for n, line in enumerate(text.split("\n"), 1) if line.strip()]
    if not records:
        bad_input(path, "holds no example", 'Give at least one line such as {"text": "...", "label": "..."}')
    return DataSet(path, records, hashlib.sha256(content).hexdigest())


def _record(path: Path, number: int, line: str) -> Record:
    where = f"{path}, line {number}"
    try:
        fields = parse_json(line)
    except ValueError as e:
        raise BadInput(f"{where}: is not JSON ({e}). Each line must be one JSON object.") from None
    if not isinstance(fields, dict):
        raise BadInput(f"{where}: is {named(fields)}, and must be an object. Write {{...}} on each line.")
    return Record(fields, where)
