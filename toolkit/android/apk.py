"""Android packages as zip files: entries in a given order, stored ones aligned, and the same bytes every time."""

from __future__ import annotations

import shutil
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from pocketzo.runtime.errors import UsageError

PAGE, NATIVE_PAGE, WORD = 4096, 16384, 4
"""bytes that assets, native libraries (new phones have pages of 16 KiB) and other stored entries are aligned to"""
ZIP_LIMIT = 2**32 - 1
"""bytes of the largest package: Android reads no zip64"""
CHUNK = 1 << 20
_ALIGNMENT = 0xD935
_EARLIEST = (1980, 1, 1, 0, 0, 0)
_LOCAL_HEADER = 30


class ApkWriter:
    """Writes a package; used in a `with` block. `advance` is told the bytes written of stored entries."""

    def __init__(self, path: Path, advance: Callable[[int], None] = lambda count: None) -> None:
        self._zip = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, allowZip64=False)
        self._advance = advance

    def stored(self, name: str, source: IO[bytes], size: int, alignment: int) -> None:
        """Add `size` bytes of `source` as they are, beginning at a multiple of `alignment` in the file.

        Raises UsageError if the package would outgrow what Android reads.
        """
        assert self._zip.fp is not None
        begin = self._zip.fp.tell()
        entry = _entry(name)
        entry.file_size = size
        entry.extra = _padding(begin + _LOCAL_HEADER + len(name.encode()), alignment)
        if begin + size > ZIP_LIMIT - PAGE * 16:
            raise UsageError(
                f"{name}: with its {size:,} bytes the package would be over 4 GiB, which Android does not read"
                " (Google Play takes 200 MB, and 4 GB with asset packs). Export with fewer bits, or a smaller model."
            )
        with self._zip.open(entry, "w") as target:
            while chunk := source.read(CHUNK):
                target.write(chunk)
                self._advance(len(chunk))

    def deflated(self, name: str, content: bytes) -> None:
        """Add `content` compressed."""
        entry = _entry(name)
        entry.compress_type = zipfile.ZIP_DEFLATED
        self._zip.writestr(entry, content)

    def copied(self, source: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
        """Add an entry of another package, stored ones at the alignment that `alignment_of` gives."""
        with source.open(info) as content:
            if info.compress_type == zipfile.ZIP_STORED:
                self.stored(info.filename, content, info.file_size, alignment_of(info.filename))
            else:
                self.deflated(info.filename, content.read())

    def __enter__(self) -> ApkWriter:
        return self

    def __exit__(self, kind: type | None, *error: object) -> None:
        if kind is not None:  # the caller removes the file; a directory of it is of no use
            assert self._zip.fp is not None
            self._zip.fp.close()
            self._zip.fp = None
            return
        self._zip.close()


def alignment_of(name: str) -> int:
    """The alignment of a stored entry: native libraries are mapped by the linker, assets may be by the app."""
    if name.endswith(".so"):
        return NATIVE_PAGE
    return PAGE if name.startswith("assets/") else WORD


def offset_of(apk: Path, info: zipfile.ZipInfo) -> int:
    """Where in the file `apk` the bytes of an entry begin."""
    with open(apk, "rb") as file:
        file.seek(info.header_offset + 26)
        name, extra = struct.unpack("<HH", file.read(4))
    return info.header_offset + _LOCAL_HEADER + name + extra


def write_entry(source: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> None:
    """Write one entry of a zip file to `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with source.open(info) as content, open(path, "wb") as file:
        shutil.copyfileobj(content, file, CHUNK)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _EARLIEST)
    entry.compress_type = zipfile.ZIP_STORED
    entry.create_system = 0  # the same on every host
    return entry


def _padding(end_of_name: int, alignment: int) -> bytes:
    """The extra field that Android's tools use for alignment: its id, its size, the alignment, and zeros."""
    fixed = 6
    zeros = -(end_of_name + fixed) % alignment
    return struct.pack("<HHH", _ALIGNMENT, 2 + zeros, alignment) + bytes(zeros)
