"""How ONNX Runtime computes the norms and activations that families name, with standard operators alone."""

from __future__ import annotations

from collections.abc import Callable

import onnx_ir as ir
from onnxscript import OpBuilder


def rms_norm(op: OpBuilder, x: ir.Value, weight: ir.Value, eps: float) -> ir.Value:
    """x / sqrt(mean(x^2) + eps) * weight, over the last axis."""
    return op.RMSNormalization(x, weight, axis=-1, epsilon=eps)


def silu(op: OpBuilder, x: ir.Value) -> ir.Value:
    """x * sigmoid(x)."""
    return op.Mul(x, op.Sigmoid(x))


NORMS: dict[str, Callable[[OpBuilder, ir.Value, ir.Value, float], ir.Value]] = {"rms": rms_norm}
"""by the name that a family gives: of x, the weight and eps the norm"""
ACTIVATIONS: dict[str, Callable[[OpBuilder, ir.Value], ir.Value]] = {"silu": silu}
"""by the name that a family gives"""
