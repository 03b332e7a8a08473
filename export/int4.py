"""The 4-bit format: groups along the input with one fp32 scale and one 4-bit zero point each, as MatMulNBits reads it.

weight[r, c] = (codes[r, c] - zero_points[r, g]) * scales[r, g] with g = c // group_size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


def _nibbles(codes: np.ndarray) -> np.ndarray:
    """Pack uint4 pairs of the last axis (even length), low nibble first."""
    return codes[..., 0::2] | (codes[..., 1::2] << 4)


@dataclass(frozen=True)
class Int4:
    """A weight [R, C]: codes uint8 [R, G * group_size] (0 to 15), scales fp32 [R, G], zero points uint8 [R, G].

    Columns beyond C, where C is no multiple of the group size, hold the zero point.
    """

    codes: np.ndarray
    scales: np.ndarray
    zero_points: np.ndarray
    columns: int

    @property
    def group_size(self) -> int:
        """Weights that share one scale and zero point."""
        return self.codes.shape[1] // self.scales.shape[1]

    def dequantize(self) -> np.ndarray:
        """The weight that an engine multiplies by, fp32 [R, C]."""
        rows, groups = self.scales.shape
        codes = self.codes.reshape(rows, groups, -1).astype(np.float32)
        weight = (codes - self.zero_points[..., None].astype(np.float32)) * self.scales[..., None]
        return weight.reshape(rows, -1)[:, : self.columns]

    def packed_codes(self) -> np.ndarray:
        """uint8 [R, G, group_size / 2]."""
        rows, groups = self.scales.shape
        return _nibbles(self.codes).reshape(rows, groups, -1)

    def packed_zero_points(self) -> np.ndarray:
        """uint8 [R, ceil(G / 2)]; an odd last group is followed by a nibble of 0."""
        groups = self.zero_points.shape[1]
        return _nibbles(np.pad(self.zero_points, ((0, 0), (0, groups % 2))))
