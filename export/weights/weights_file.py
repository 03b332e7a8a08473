"""weights.bin: the one external data file that every graph of a bundle points into."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import onnx_ir as ir
from pocketzo.runtime.system.files import flush

PAGE = 4096
CACHE_LINE = 64

_TYPES = {
    np.dtype(np.uint8): ir.DataType.UINT8,
    np.dtype(np.int8): ir.DataType.INT8,
    np.dtype(np.float16): ir.DataType.FLOAT16,
    np.dtype(np.float32): ir.DataType.FLOAT,
}


Region = tuple[int, int, str, list[int]]
"""where a tensor lies: offset and length in bytes, numpy's name of its type, shape"""


class WeightsFile:
    """Appends tensors as they are made, so that only one is in memory; large ones begin on a page.

    With `regions`, those of an earlier one, it goes on in the same file after the first `end` bytes.
    """

    def __init__(self, path: Path, regions: Mapping[str, Region] | None = None, end: int = 0) -> None:
        self.path = path
        self.regions: dict[str, Region] = dict(regions or {})
        self._file: BinaryIO = open(path, "rb+" if end else "wb")  # noqa: SIM115
        self._file.truncate(end)
        self._file.seek(end)

    def add(self, name: str, array: np.ndarray) -> None:
        """Append `array` under `name`, little-endian and contiguous."""
        alignment = PAGE if array.nbytes >= 16 * PAGE else CACHE_LINE
        self._file.write(b"\0" * (-self._file.tell() % alignment))
        self.regions[name] = (self._file.tell(), array.nbytes, array.dtype.name, list(array.shape))
        self._file.write(np.ascontiguousarray(array).data)

    def flush(self) -> int:
        """Everything so far on disk; returns how many bytes that is."""
        self._file.flush()
        flush(self._file.fileno())
        return self._file.tell()

    def __contains__(self, name: str) -> bool:
        return name in self.regions

    def read(self, name: str) -> np.ndarray:
        """The array that was added under `name`; the file must be flushed or closed."""
        offset, length, dtype, shape = self.regions[name]
        return np.fromfile(self.path, np.uint8, length, offset=offset).view(dtype).reshape(shape)

    def tensor(self, name: str, shape: Sequence[int] | None = None) -> ir.ExternalTensor:
        """A reference to the bytes of `name` for a graph, optionally in another shape."""
        offset, length, dtype, stored = self.regions[name]
        return ir.ExternalTensor(
            self.path.name,
            offset,
            length,
            _TYPES[np.dtype(dtype)],
            shape=ir.Shape(shape or stored),
            name=name,
            base_dir=self.path.parent,
        )

    def __enter__(self) -> WeightsFile:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: object) -> None:
        """Finish the file with a whole page."""
        if error is None:
            self._file.write(b"\0" * (-self._file.tell() % PAGE))
            self._file.close()
        with contextlib.suppress(OSError):  # a full disk was reported already
            self._file.close()
