"""The frozen product of a layer, x @ weight.T with quantized weights, in both formats of export/weights/packing.py.

x has `rows` of all examples, B * T or B * S.

Four bits: MatMulNBits. Eight bits: an integer matmul. Each row of x is scaled to the range of an integer and rounded to
8 bits; the outlier channels, the few input channels with large activations, which would set that range, are left out
and multiplied in fp32 beside it (the idea of LLM.int8(), arXiv 2208.07339, with channels that calibration chose).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx_ir as ir
from onnxscript import OpBuilder
from pocketzo.runtime.bundle.manifest import Quantization

from ..model.decoder import Linear

CONTRIB = "com.microsoft"
ZERO_POINT = 128
"""of rounded activations"""

Constant = Callable[[str], ir.Value]


class FourBits:
    """Products with 4-bit weights."""

    def __init__(self, op: OpBuilder, constant: Constant, quantization: Quantization) -> None:
        self._op, self._constant, self._quantization = op, constant, quantization

    def product(self, x: ir.Value, linear: Linear) -> ir.Value:
        """x [P, rows, C] times the weight, fp32 [P, rows, R]."""
        q, name, op = self._quantization, linear.name, self._op
        return op.MatMulNBits(
            x,
            self._constant(f"{name}.codes"),
            op.Cast(self._constant(f"{name}.scales"), to=ir.DataType.FLOAT),  # widened once, when the graph is loaded
            self._constant(f"{name}.zero_points"),
            K=linear.columns,
            N=linear.rows,
            bits=q.weight_bits,
            block_size=q.group_size,
            accuracy_level=q.accuracy_level,
            _domain=CONTRIB,
        )

    def outlier_channels(self, linear: Linear) -> tuple[np.ndarray, ir.Value] | None:
        """Input channels that the product leaves out, with their weights: none."""
        return None


class EightBits:
    """Products with 8-bit weights and activations; layers that share an input share its rounding."""

    def __init__(self, op: OpBuilder, constant: Constant, outliers: Callable[[str], np.ndarray]) -> None:
        """`outliers(layer)` gives the input channels of a layer that are not rounded."""
        self._op, self._constant, self._outliers = op, constant, outliers
        self._rounded: dict[ir.Value, tuple[ir.Value, ir.Value]] = {}

    def product(self, x: ir.Value, linear: Linear) -> ir.Value:
        """x [P, rows, C] times the weight without its outlier channels, fp32 [P, rows, R]."""
        op, name = self._op, linear.name
        if x not in self._rounded:
            self._rounded[x] = self._round(x, linear)
        codes, scale = self._rounded[x]
        y = op.MatMulIntegerToFloat(
            codes,
            self._constant(f"{name}.codes"),
            op.Constant(value=ir.tensor(np.float32(1))),
            self._constant(f"{name}.scales"),
            op.Constant(value=ir.tensor(np.uint8(ZERO_POINT))),
            _domain=CONTRIB,
        )
        rows = op.Slice(op.Shape(x), [0], [2])
        return op.Reshape(op.Mul(y, scale), op.Concat(rows, [linear.rows], axis=0))

    def outlier_channels(self, linear: Linear) -> tuple[np.ndarray, ir.Value] | None:
        """Input channels that the product leaves out, with their weights [channels, R]."""
        weights = self._op.Cast(self._constant(f"{linear.name}.outliers"), to=ir.DataType.FLOAT)
        return self._outliers(linear.name), weights

    def _round(self, x: ir.Value, linear: Linear) -> tuple[ir.Value, ir.Value]:
        """uint8 [P * rows, C] and the scale of each row [P * rows, 1].

        Outliers need not be taken out: where they leave the range they saturate, and their weights here are 0.
        """
        op = self._op
        rows = op.Reshape(x, [-1, linear.columns])
        keep = np.ones(linear.columns, dtype=np.float32)
        keep[self._outliers(linear.name)] = 0
        masked = op.Mul(rows, op.Constant(value=ir.tensor(keep)))
        high, low = op.ReduceMax(masked, [1], keepdims=0), op.ReduceMin(masked, [1], keepdims=0)
        largest = op.Max(high, op.Neg(low), op.Constant(value=ir.tensor(np.float32(1e-20))))
        scale = op.Div(largest, op.Constant(value=ir.tensor(np.float32(127))))
        zero_points = op.Expand(op.Constant(value=ir.tensor(np.uint8(ZERO_POINT))), op.Shape(scale))
        return op.QuantizeLinear(rows, scale, zero_points, axis=0), op.Unsqueeze(scale, [1])
