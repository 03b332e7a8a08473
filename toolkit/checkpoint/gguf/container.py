"""What the files of a GGUF model hold: metadata, and tensors that are read and dequantized when they are asked for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGML_QUANT_SIZES, GGUFReader
from gguf.quants import dequantize
from pocketzo.runtime.errors import bad_input

AT_ONCE = 1 << 22
"""numbers that are dequantized at once"""


@dataclass(frozen=True)
class Stored:
    """Where a tensor lies: its rows follow each other, each `row_bytes` long and of the ggml type `kind`."""

    path: Path
    offset: int
    shape: tuple[int, ...]
    kind: Any
    row_bytes: int


class Container:
    """The metadata of a GGUF model by key, and its tensors by name; of all its files, the first of which leads."""

    def __init__(self, files: Sequence[Path], where: Path) -> None:
        """Raises BadInput, naming `where` or one of `files`, if a file is damaged or does not belong to the others,
        or a tensor is of a type that cannot be dequantized.
        """
        self.where = where
        self.tensors: dict[str, Stored] = {}
        self.metadata: dict[str, Any] = {}
        for number, path in enumerate(files):
            metadata = self._read(path)
            if (parts := metadata.get("split.count", 1) or 1) != len(files) or metadata.get("split.no", 0) != number:
                here = metadata.get("split.no", 0)
                why = f"says that it is part {here + 1 if isinstance(here, int) else repr(here)} of {parts}"
                bad_input(path, why, "Name the parts NAME-00001-of-0000N.gguf and so on, in one folder")
            self.metadata = self.metadata or metadata
        if (said := self.metadata.get("split.tensors.count", len(self.tensors))) != len(self.tensors):
            bad_input(where, f"its parts hold {len(self.tensors)} tensors of {said}", "Copy all of its parts again")
        self._check_kinds()

    def tensor(self, name: str) -> np.ndarray:
        """The tensor `name`, fp32."""
        stored = self.tensors[name]
        width = stored.shape[-1]
        made = np.empty((math.prod(stored.shape[:-1]), width), np.float32)
        rows = max(1, AT_ONCE // width)
        # Read, not mapped: all that was ever read from a mapped file counts as this process's memory.
        with stored.path.open("rb") as file:
            file.seek(stored.offset)
            for first in range(0, len(made), rows):
                piece = made[first : first + rows]
                raw = np.fromfile(file, np.uint8, len(piece) * stored.row_bytes).reshape(len(piece), -1)
                piece[:] = dequantize(raw.view(_DTYPES.get(stored.kind.name, np.uint8)), stored.kind)
        return made.reshape(stored.shape)

    def _read(self, path: Path) -> dict[str, Any]:
        try:
            reader = _Reader(path)
            metadata = {key: field.contents() for key, field in reader.fields.items() if not key.startswith("GGUF.")}
            found = {}
            for t in reader.tensors:
                shape, (numbers, size) = tuple(int(n) for n in reversed(t.shape)), GGML_QUANT_SIZES[t.tensor_type]
                row = shape[-1] // numbers * size
                found[str(t.name)] = Stored(path, int(t.data_offset), shape, t.tensor_type, row)
        except Exception as e:  # the reader trusts what it reads, so a damaged file fails anywhere in it
            why = f"is truncated, or of a version or type that the package gguf does not know ({e})"
            bad_input(path, why, "Copy the file again, or upgrade gguf")
        if reader.byte_order == "S":
            bad_input(path, "is big-endian", "Give the little-endian file")
        if twice := self.tensors.keys() & found.keys():
            bad_input(path, f"holds {min(twice)}, which another part holds too", "Copy all of its parts again")
        self.tensors |= found
        return metadata

    def _check_kinds(self) -> None:
        fine = set(_DTYPES)
        for name, stored in self.tensors.items():
            if stored.kind.name not in fine:
                try:
                    dequantize(np.zeros((1, stored.row_bytes), np.uint8), stored.kind)
                except NotImplementedError:
                    why = f"{name} is of the type {stored.kind.name}, which the package gguf cannot dequantize"
                    bad_input(self.where, why, "Give a file in another type, such as Q8_0 or Q4_K")
                fine.add(stored.kind.name)


class _Reader(GGUFReader):
    """The package's reader over a plain array, whose slices take a fraction of the time that a memmap's take."""

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, np.asarray(value) if name == "data" else value)

    def _get(self, offset: int, dtype: Any, count: int = 1, override_order: Any = None) -> Any:
        # The package's own gives less than was asked for, and then goes on for as long as a damaged length says.
        if offset + np.dtype(dtype).itemsize * int(count) > len(self.data):
            raise ValueError(f"it ends at byte {len(self.data)}, within what it says that it holds")
        return super()._get(offset, dtype, count, override_order)


_DTYPES: dict[str, Any] = {"F32": np.float32, "F16": np.float16}
"""of the types that are no blocks of bytes"""
