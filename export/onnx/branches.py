"""The sensitive branch of a layer: what the tuned entries add to the frozen product, for each perturbation.

A branch is x[:, :, used] @ block: a gather of the few input channels that have entries, and one small matmul. x is
[P, R, C_in] (R = B * T rows), v the layer's part of the values, and the block [P, used, C_out].
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from onnxscript._internal.builder import OpBuilder

from ..weights.layout import SensitiveLayer


def channels(op: OpBuilder, v: ir.Value, layer: SensitiveLayer) -> tuple[np.ndarray, ir.Value]:
    """The channels in use and their block, which is v itself in another shape."""
    return layer.entries, op.Reshape(v, [0, len(layer.entries), layer.rows])


def weights(op: OpBuilder, v: ir.Value, layer: SensitiveLayer) -> tuple[np.ndarray, ir.Value]:
    """The same for single weights: v [P, entries] is scattered into a small dense block of the channels in use."""
    rows, columns = layer.index("weights")
    used, position = np.unique(columns, return_inverse=True)
    flat = (position * layer.rows + rows).astype(np.int64)
    size = len(used) * layer.rows
    perturbations = op.Slice(op.Shape(v), [0], [1])
    zeros = op.ConstantOfShape(op.Concat(perturbations, [size], axis=0))
    indices = op.Expand(op.Constant(value=ir.tensor(flat[None])), op.Shape(v))
    return used, op.Reshape(op.ScatterElements(zeros, indices, v, axis=1), [0, len(used), layer.rows])


BRANCHES = {"channels": channels, "weights": weights}
