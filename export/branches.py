"""The sensitive branch of a layer: what the tuned entries add to the 4-bit product, for each perturbation.

x is [P, R, C_in] (R = B * T rows), v the layer's part of the values, and the result [P, R, C_out].
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from onnxscript._internal.builder import OpBuilder

from .layout import SensitiveLayer


def channels(op: OpBuilder, x: ir.Value, v: ir.Value, layer: SensitiveLayer) -> ir.Value:
    """x[:, :, entries] @ v, with v [P, entries, C_out]: a gather of a few columns and one small matmul."""
    block = op.Reshape(v, [0, len(layer.entries), layer.rows])
    return op.MatMul(op.Gather(x, op.Constant(value=ir.tensor(layer.entries)), axis=2), block)


def weights(op: OpBuilder, x: ir.Value, v: ir.Value, layer: SensitiveLayer) -> ir.Value:
    """The same for single weights: v [P, entries] is scattered into a small dense block of the columns in use."""
    rows, columns = layer.index("weights")
    used, position = np.unique(columns, return_inverse=True)
    flat = (position * layer.rows + rows).astype(np.int64)
    size = len(used) * layer.rows
    perturbations = op.Slice(op.Shape(v), [0], [1])
    zeros = op.ConstantOfShape(op.Concat(perturbations, [size], axis=0))
    indices = op.Expand(op.Constant(value=ir.tensor(flat[None])), op.Shape(v))
    block = op.Reshape(op.ScatterElements(zeros, indices, v, axis=1), [0, len(used), layer.rows])
    return op.MatMul(op.Gather(x, op.Constant(value=ir.tensor(used)), axis=2), block)


BRANCHES = {"channels": channels, "weights": weights}
