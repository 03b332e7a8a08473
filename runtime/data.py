"""Examples in files: JSON Lines, each bad line named by file, line number and reason."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import BadInput, bad_input
from .files import decode_text, parse_json, read_file


@dataclass(frozen=True)
class Record:
    """One line of a data file: its fields and where it stands."""

    fields: dict[str, Any]
    where: str

    def text(self, key: str) -> str:
        """The string under `key`. Raises BadInput naming file and line if it is absent or not a string."""
        value = self.fields.get(key)
        if not isinstance(value, str):
            problem = f'lacks the key "{key}"' if value is None else f'"{key}" is {type(value).__name__}, not a string'
            keys = ", ".join(self.fields) or "none"
            raise BadInput(f"{self.where}: {problem} (keys here: {keys}). Add it or change the task's prompt.")
        return value


@dataclass(frozen=True)
class DataSet:
    """The records of one file and the SHA-256 of its bytes."""

    path: Path
    records: list[Record]
    hash: str


def read_data(path: Path) -> DataSet:
    """Read a JSON Lines file; blank lines are passed over.

    Raises BadInput if the file is missing, not UTF-8, empty, or a line is not a JSON object.
    """
    content = read_file(path, "data file")
    text = decode_text(content, path, "data file")
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
        raise BadInput(f"{where}: is a JSON {type(fields).__name__}, not an object. Write {{...}} on each line.")
    return Record(fields, where)
