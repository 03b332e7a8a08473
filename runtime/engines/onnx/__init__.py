"""ONNX Runtime: what is known of it before it is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...system.packages import needed
from ..description import Description, Engine, Estimate
from .references import read_references

if TYPE_CHECKING:
    from ...bundle import Bundle
    from ...bundle.manifest import Graph, Manifest


def _open(bundle: Bundle, threads: int) -> Engine:
    with needed(f"--engine {ONNX.name}", ONNX.install):
        from .engine import OnnxEngine

    return OnnxEngine(bundle, threads)


def _memory(manifest: Manifest, graph: Graph, mapped: Estimate) -> Estimate:
    return mapped


ONNX = Description(
    name="onnx",
    title="ONNX Runtime",
    package="onnxruntime",
    minimum_version="1.29.0",
    install="pip install onnxruntime",
    install_export="pip install 'pocketzo[host]'",
    graph_file="step.onnx",
    accuracy_levels=(1, 4),
    tolerance={1: 1e-3, 4: 0.5},
    external_weights=True,
    planned_memory=False,
    exact_outliers=False,
    bfloat16_scales=False,
    open=_open,
    memory=_memory,
    references=read_references,
)
