"""The sensitive weights of a layer, for each perturbation, as its side channels take them.

The frozen product holds 0 in their place, so the layer is x @ frozen.T + x[:, :, channels] @ block: a gather of the few
input channels that have sensitive weights, and one small matmul. `block` is [P, channels, R].
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from onnxscript import OpBuilder

from ..weights.layout import SensitiveLayer


def of_channels(op: OpBuilder, values: ir.Value, layer: SensitiveLayer) -> tuple[np.ndarray, ir.Value]:
    """The input channels with sensitive weights and their block, which is `values` [P, count] in another shape."""
    return layer.entries, op.Reshape(values, [0, len(layer.entries), layer.rows])


def of_weights(op: OpBuilder, values: ir.Value, layer: SensitiveLayer) -> tuple[np.ndarray, ir.Value]:
    """The same for single weights: `values` [P, count] are scattered into a block that is 0 elsewhere."""
    rows, columns = layer.index("weights")
    used, position = np.unique(columns, return_inverse=True)
    flat = (position * layer.rows + rows).astype(np.int64)
    size = len(used) * layer.rows
    perturbations = op.Slice(op.Shape(values), [0], [1])
    zeros = op.ConstantOfShape(op.Concat(perturbations, [size], axis=0))
    indices = op.Expand(op.Constant(value=ir.tensor(flat[None])), op.Shape(values))
    return used, op.Reshape(op.ScatterElements(zeros, indices, values, axis=1), [0, len(used), layer.rows])


SENSITIVE = {"channels": of_channels, "weights": of_weights}
"""by scope: of a layer's values, its channels with sensitive weights and their block"""
