"""Which entries of which weights are sensitive, and where their values stand in the graph's `values` input."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pocketzo.runtime.bundle.manifest import Block

Scope = Literal["channels", "weights"]


@dataclass(frozen=True)
class SensitiveLayer:
    """The sensitive entries of one weight [rows, columns], int64, ascending.

    In scope channels, `entries` are input channels (columns); in scope weights, flat indices row * columns + column.
    """

    layer: str
    rows: int
    columns: int
    entries: np.ndarray

    def index(self, scope: Scope) -> tuple[np.ndarray, np.ndarray]:
        """Rows and columns, int64 [count] each, of the layer's values in their order in `values`."""
        if scope == "weights":
            return np.divmod(self.entries, self.columns)
        row = np.tile(np.arange(self.rows), len(self.entries))
        return row, np.repeat(self.entries, self.rows)


@dataclass(frozen=True)
class Layout:
    """The sensitive layers in the order of their values; layers with none are absent."""

    scope: Scope
    layers: Sequence[SensitiveLayer]

    def blocks(self) -> Iterator[Block]:
        """The manifest's description of each layer's values."""
        offset = entries_offset = 0
        for layer in self.layers:
            count = len(layer.entries) * (layer.rows if self.scope == "channels" else 1)
            yield Block(
                layer=layer.layer,
                rows=layer.rows,
                columns=layer.columns,
                offset=offset,
                count=count,
                entries_offset=entries_offset,
                entries=len(layer.entries),
            )
            offset += count
            entries_offset += len(layer.entries)

    @property
    def count(self) -> int:
        """K, the number of values."""
        return sum(block.count for block in self.blocks())

    def of(self, layer: str) -> SensitiveLayer | None:
        """The sensitive entries of `layer`, if it has any."""
        return next((s for s in self.layers if s.layer == layer), None)
