"""The two formats of frozen weights.

`Quantized`, 4 or 8 bits: groups along the input with one scale and one zero point each, as MatMulNBits reads it.
weight[r, c] = (codes[r, c] - zero_points[r, g]) * scales[r, g] with g = c // group_size. Scales are stored in fp16 and
widened by the graph: an fp32 scale for 32 weights would cost a whole bit a weight.

`Rounded`, 8 bits for an integer matmul: one scale a row, and the weights of the outlier channels beside it, in fp16.
weight[r, c] = codes[c, r] * scales[r], but outliers[o, r] where c is the o-th outlier channel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

Bits = Literal[4, 8]


@dataclass(frozen=True)
class Quantized:
    """A weight [R, C]: codes uint8 [R, G * group_size], scales fp16 [R, G], zero points uint8 [R, G].

    Columns beyond C, where C is no multiple of the group size, hold the zero point.
    """

    codes: np.ndarray
    scales: np.ndarray
    zero_points: np.ndarray
    columns: int
    bits: Bits = 4

    @classmethod
    def unpack(
        cls, codes: np.ndarray, scales: np.ndarray, zero_points: np.ndarray, columns: int, bits: Bits
    ) -> Quantized:
        """From `packed_codes()`, `scales` and `packed_zero_points()`."""
        rows, groups = scales.shape
        if bits == 4:
            codes, zero_points = (np.stack([x & 15, x >> 4], axis=-1) for x in (codes, zero_points))
        return cls(codes.reshape(rows, -1), scales, zero_points.reshape(rows, -1)[:, :groups], columns, bits)

    @property
    def group_size(self) -> int:
        """Weights that share one scale and zero point."""
        return self.codes.shape[1] // self.scales.shape[1]

    def dequantize(self) -> np.ndarray:
        """The weight that an engine multiplies by, fp32 [R, C]."""
        rows, groups = self.scales.shape
        weight = self.codes.reshape(rows, groups, -1).astype(np.float32)
        weight -= self.zero_points[..., None].astype(np.float32)
        weight *= self.scales[..., None].astype(np.float32)
        return weight.reshape(rows, -1)[:, : self.columns]

    def packed_codes(self) -> np.ndarray:
        """uint8 [R, G, group_size * bits / 8]."""
        rows, groups = self.scales.shape
        return self._packed(self.codes).reshape(rows, groups, -1)

    def packed_zero_points(self) -> np.ndarray:
        """uint8 [R, ceil(G * bits / 8)]; in 4 bits an odd last group is followed by a nibble of 0."""
        groups = self.zero_points.shape[1]
        return self._packed(np.pad(self.zero_points, ((0, 0), (0, groups % 2))) if self.bits == 4 else self.zero_points)

    def _packed(self, codes: np.ndarray) -> np.ndarray:
        """4-bit pairs of the last axis (even length) in a byte, low nibble first."""
        return codes[..., 0::2] | (codes[..., 1::2] << 4) if self.bits == 4 else codes

    def tensors(self) -> dict[str, np.ndarray]:
        """What is stored, by the last part of its name."""
        return {
            "codes": self.packed_codes(),
            "scales": self.scales,
            "zero_points": self.packed_zero_points(),
        }


@dataclass(frozen=True)
class Rounded:
    """A weight [R, C]: codes int8 [C, R], scales fp32 [R], and fp16 [outliers, R] of the outlier channels, whose codes
    are 0 because their activations are not rounded.
    """

    codes: np.ndarray
    scales: np.ndarray
    outliers: np.ndarray

    def dequantize(self, channels: np.ndarray) -> np.ndarray:
        """The weight that an engine multiplies by, fp32 [R, C]; `channels` are the outlier channels."""
        weight = self.codes.T.astype(np.float32) * self.scales[:, None]
        weight[:, channels] = self.outliers.T
        return weight

    def tensors(self) -> dict[str, np.ndarray]:
        """What is stored, by the last part of its name."""
        return {"codes": self.codes, "scales": self.scales, "outliers": self.outliers}
