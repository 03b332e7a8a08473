"""weights.bin: the one external data file that every graph of a bundle points into."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import onnx_ir as ir

PAGE = 4096
CACHE_LINE = 64

_TYPES = {
    np.dtype(np.uint8): ir.DataType.UINT8,
    np.dtype(np.int8): ir.DataType.INT8,
    np.dtype(np.float16): ir.DataType.FLOAT16,
    np.dtype(np.float32): ir.DataType.FLOAT,
}


class WeightsFile:
    """Appends tensors as they are made, so that only one is in memory; large ones begin on a page."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: BinaryIO = open(path, "wb")  # noqa: SIM115
        self._regions: dict[str, tuple[int, int, np.dtype, tuple[int, ...]]] = {}

    def add(self, name: str, array: np.ndarray) -> None:
        """Append `array` under `name`, little-endian and contiguous."""
        alignment = PAGE if array.nbytes >= 16 * PAGE else CACHE_LINE
        self._file.write(b"\0" * (-self._file.tell() % alignment))
        self._regions[name] = (self._file.tell(), array.nbytes, array.dtype, array.shape)
        self._file.write(np.ascontiguousarray(array).data)

    def __contains__(self, name: str) -> bool:
        return name in self._regions

    def tensor(self, name: str, shape: Sequence[int] | None = None, alias: str | None = None) -> ir.ExternalTensor:
        """A reference to the bytes of `name` for a graph, optionally in another shape and under another name."""
        offset, length, dtype, stored = self._regions[name]
        return ir.ExternalTensor(
            self.path.name,
            offset,
            length,
            _TYPES[dtype],
            shape=ir.Shape(shape or stored),
            name=alias or name,
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
