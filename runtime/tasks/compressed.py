"""Data files that are compressed: by gzip they are read, by others they are named. What a file is, its bytes say."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path

from ..errors import bad_input
from ..system.files import CHUNK, MEMORY_LIMIT

GZIP = b"\x1f\x8b"
OTHERS = {
    b"PK\x03\x04": "zip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"7z\xbc\xaf\x27\x1c": "7-Zip",
}


def unpacked(content: bytes, path: Path, what: str, limit: int = MEMORY_LIMIT) -> bytes:
    """The bytes that `content`, the file `path`, holds: unpacked if they are gzip, themselves if nothing compressed
    them. Raises BadInput (naming `what`) for another kind, for damage, and if there are more than `limit`.
    """
    for magic, name in OTHERS.items():
        if content.startswith(magic):
            bad_input(
                path, f"the {what} is compressed by {name}, which is not read", "Unpack it, or compress it by gzip"
            )
    if not content.startswith(GZIP):
        return content
    try:
        # Counted before they are kept, so that a few bytes that unpack to very many fill no memory.
        count = 0
        for piece in _pieces(content):
            count += len(piece)
            if count > limit:
                bad_input(path, f"the {what} unpacks to more than {limit:,} bytes, the limit", "Use a smaller one")
        return b"".join(_pieces(content))
    except (EOFError, gzip.BadGzipFile, zlib.error):
        bad_input(path, f"the {what} is gzip that is truncated or damaged", "Copy it again")


def _pieces(content: bytes) -> Iterator[bytes]:
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
        while piece := file.read(CHUNK):
            yield piece
