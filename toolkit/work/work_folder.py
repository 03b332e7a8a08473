"""The work folder of an export: what is finished so far, so that an export that was stopped goes on from there.

A journal has a line for each finished piece with the SHA-256 of its bytes, flushed to disk after the piece itself. What
the journal does not name is as good as absent, and if anything it names is not as it says, all of it starts over.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from pocketzo.runtime.system.files import CHUNK, disk_errors, flush, write_tensors, written_atomically
from pocketzo.runtime.system.locked_folder import LockedFolder
from safetensors.numpy import load

JOURNAL = "journal.jsonl"


class WorkFolder:
    """Pieces of finished work by name, under `path`, of the export that `key` describes; used in a `with` block.

    A folder of another key, or a damaged one, is emptied. Raises BadInput if another process uses it, DiskFailed if
    what is there cannot be read now.
    """

    def __init__(self, path: Path, key: str) -> None:
        self.path = path
        taken, fix = "another export writes there", "Wait for it, or choose another folder"
        self._journal = LockedFolder(path, JOURNAL, taken, fix).file
        self._pieces: dict[str, dict[str, Any]] = {}
        try:
            if not self._read(key):
                self._start_over(key)
        except BaseException:
            self._journal.close()
            raise

    def __contains__(self, name: str) -> bool:
        return name in self._pieces

    def once(self, name: str, compute: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        """The tensors kept as `name`; if there are none, what `compute` gives, which is kept first."""
        if name not in self:
            self.keep(name, compute())
        return self.tensors(name)

    def keep(self, name: str, tensors: dict[str, np.ndarray]) -> None:
        """Keep `tensors` as `name`."""
        write_tensors(self.path / name, tensors)
        self.record(name, name, 0, (self.path / name).stat().st_size)

    def tensors(self, name: str) -> dict[str, np.ndarray]:
        """The tensors kept as `name`."""
        return load((self.path / name).read_bytes())

    @contextlib.contextmanager
    def writing(self, name: str) -> Iterator[BinaryIO]:
        """A file to fill piece by piece; it is kept as `name` if the body succeeds."""
        with written_atomically(self.path / name) as part, open(part, "wb") as file:
            yield file
        self.record(name, name, 0, (self.path / name).stat().st_size)

    def rows(self, name: str, start: int, shape: tuple[int, ...]) -> np.ndarray:
        """A piece of the file kept as `name`: fp32 of `shape`, after `start` others of that shape."""
        count = int(np.prod(shape))
        return np.fromfile(self.path / name, np.float32, count, offset=4 * count * start).reshape(shape)

    def record(self, name: str, file: str, begin: int, end: int, **more: Any) -> None:
        """Say in the journal that bytes `begin` to `end` of `file`, which are on disk, are `name`."""
        digest = _digest(self.path / file, begin, end)
        self._write({"name": name, "file": file, "begin": begin, "end": end, "sha256": digest, **more})

    def said(self, name: str) -> dict[str, Any]:
        """What `record` was told of `name`."""
        return self._pieces[name]

    def drop(self, *names: str) -> None:
        """Forget `names`, as far as they are kept, and remove their files."""
        for name in [n for n in names if n in self]:
            self._write({"name": name, "dropped": True})
            (self.path / name).unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _read(self, key: str) -> bool:
        """Whether the journal is one of `key`, and all that it names is there; its last line may be cut off."""
        with disk_errors(self.path):
            lines = (self.path / JOURNAL).read_bytes().split(b"\n")
        try:
            entries = [json.loads(line) for line in lines[:-1]]
            if not entries or entries[0] != {"key": key}:
                return False
            for entry in entries[1:]:
                self._note(entry)
            with disk_errors(self.path):
                return all(
                    _digest(self.path / e["file"], e["begin"], e["end"]) == e["sha256"] for e in self._pieces.values()
                )
        except (ValueError, KeyError, TypeError):
            return False
        finally:
            self._journal.truncate(sum(len(line) + 1 for line in lines[:-1]))

    def _start_over(self, key: str) -> None:
        self._pieces = {}
        for path in self.path.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != JOURNAL:
                path.unlink()
        self._journal.truncate(0)
        self._write({"key": key})

    def _write(self, entry: dict[str, Any]) -> None:
        with disk_errors(self.path):
            self._journal.write(json.dumps(entry).encode() + b"\n")
            self._journal.flush()
            flush(self._journal.fileno())
        if "name" in entry:
            self._note(entry)

    def _note(self, entry: dict[str, Any]) -> None:
        if entry.get("dropped"):
            self._pieces.pop(entry["name"], None)
        else:
            self._pieces[entry["name"]] = entry

    def __enter__(self) -> WorkFolder:
        return self

    def __exit__(self, *error: object) -> None:
        self._journal.close()


def _digest(path: Path, begin: int, end: int) -> str:
    """SHA-256 of the bytes `begin` to `end` of `path`, or nothing like one if it is shorter or not there."""
    if not path.is_file():
        return "not there"
    digest, left = hashlib.sha256(), end - begin
    with open(path, "rb") as file:
        file.seek(begin)
        while chunk := file.read(min(CHUNK, left)):
            digest.update(chunk)
            left -= len(chunk)
    return digest.hexdigest() if not left else "cut off"
