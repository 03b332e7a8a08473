"""Writing that never leaves half a file under its final name, and reading that names what is wrong."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import numpy as np
from safetensors.numpy import save

from ..errors import DiskFailed, DiskFull, bad_input

CHUNK = 1 << 22
MEMORY_LIMIT = 1 << 30
"""bytes of the largest text or JSON file that is read into memory at once"""
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
NO_FLUSH = (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
"""what file systems answer that cannot be flushed, such as some network mounts with their folders"""


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals to write at `path` into errors that say what to do.

    Raises DiskFull when the disk or quota is full, DiskFailed when the place cannot be written to.
    """
    try:
        yield
    except OSError as e:
        if e.errno in FULL:
            raise DiskFull(
                f"{path}: the disk is full. Free some space or choose another disk; nothing was left behind there."
            ) from e
        raise DiskFailed(f"{path}: cannot be written ({e.strerror}). Choose a folder that you may write to") from e


def flush(handle: int) -> None:
    """Put an open file or folder on the disk itself, as far as its file system has a way to."""
    try:
        os.fsync(handle)
    except OSError as e:
        if e.errno not in NO_FLUSH:
            raise


@contextlib.contextmanager
def written_atomically(path: Path, suffix: str = ".part") -> Iterator[Path]:
    """A temporary neighbour of `path` for the body to fill; it is then flushed to disk and renamed into place.

    Its name is that of `path` and `suffix`, which must be one of this process alone where no lock keeps others from
    writing `path` at the same time. Raises DiskFull or DiskFailed as `disk_errors` does. After any error `path` still
    holds what it held before, and the neighbour is gone.
    """
    temporary = path.with_name(path.name + suffix)
    try:
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            with open(temporary, "rb+") as f:
                flush(f.fileno())
            os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):  # a disk that fails may refuse this too
            temporary.unlink(missing_ok=True)
        raise


def write_json(path: Path, content: Any) -> None:
    """Write `content` as JSON, atomically. Raises as `written_atomically` does."""
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    with written_atomically(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_tensors(path: Path, tensors: dict[str, np.ndarray], metadata: dict[str, str] | None = None) -> None:
    """Write a safetensors file, atomically. Raises as `written_atomically` does."""
    # Serialized here and written by Python, because the library hides a full disk in an error of its own kind.
    content = save({name: np.ascontiguousarray(t) for name, t in tensors.items()}, metadata=metadata)
    with written_atomically(path) as temporary:
        temporary.write_bytes(content)


def sha256(path: Path, progress: Callable[[int], None] = lambda done: None) -> str:
    """SHA-256 of a file's bytes, in hexadecimal, read in chunks so that size does not matter.

    `progress` is told the bytes read so far.
    """
    digest, done = hashlib.sha256(), 0
    with open(path, "rb") as f:
        while chunk := f.read(CHUNK):
            digest.update(chunk)
            done += len(chunk)
            progress(done)
    return digest.hexdigest()


def read_file(path: Path, what: str, limit: int = MEMORY_LIMIT) -> bytes:
    """The bytes of `path`. Raises BadInput (naming `what`) if it cannot be read or is longer than `limit` bytes."""
    try:
        with open(path, "rb") as f:
            content = f.read(limit + 1)
    except FileNotFoundError:
        bad_input(path, f"there is no such {what}", "Check the path")
    except IsADirectoryError:
        bad_input(path, f"is a directory, not a {what}", "Name the file itself")
    except (OSError, ValueError) as e:
        bad_input(path, f"the {what} cannot be read ({getattr(e, 'strerror', e)})", "Check the path")
    if len(content) > limit:
        bad_input(path, f"the {what} has more than {limit:,} bytes, the limit", "Use a smaller one")
    return content


@contextlib.contextmanager
def open_regular(path: Path, what: str) -> Iterator[BinaryIO]:
    """Open a file that is none of a pipe, a device or a directory. Raises BadInput (naming `what`) if it cannot."""
    if path.exists() and not path.is_file():
        bad_input(path, f"is not a {what} but something else than a file", "Check the path")
    try:
        file = open(path, "rb")  # noqa: SIM115
    except OSError as e:
        bad_input(path, f"the {what} cannot be read ({e.strerror})", "Check the path")
    with file:
        yield file


def decode_text(content: bytes, path: Path, what: str) -> str:
    """UTF-8 text, with or without a byte-order mark. Raises BadInput (naming `what`) for other bytes."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        bad_input(path, f"the {what} is not UTF-8 (byte {e.start})", "Save it as UTF-8")


def parse_json(text: str) -> Any:
    """Parse strict JSON. Raises ValueError saying what is wrong, be it NaN, a key given twice or half a character."""
    try:
        content = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_without_duplicates)
        if "\\u" in text:
            json.dumps(content, ensure_ascii=False).encode("utf-8")
        return content
    except UnicodeEncodeError:
        raise ValueError("half a character, a lone surrogate such as \\ud83d") from None
    except json.JSONDecodeError as e:
        raise ValueError(f"line {e.lineno}, column {e.colno}: {e.msg}" if e.lineno > 1 else e.msg) from None
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f'the key "{next(k for k in keys if keys.count(k) > 1)}" is given twice')
    return content


def read_json(path: Path, what: str, limit: int = MEMORY_LIMIT) -> Any:
    """Parse the JSON file `path`. Raises BadInput (naming `what`) if it cannot be read or is not strict JSON."""
    try:
        return parse_json(decode_text(read_file(path, what, limit), path, what))
    except ValueError as e:
        bad_input(path, f"the {what} is not JSON ({e})", "Mend it")


def combined_sha256(paths: Iterable[Path]) -> str:
    """SHA-256 over the lines "<sha256>  <name>" of several files, in order of name."""
    lines = [f"{sha256(path)}  {path.name}\n" for path in sorted(paths, key=lambda p: p.name)]
    return hashlib.sha256(os.fsencode("".join(lines))).hexdigest()
