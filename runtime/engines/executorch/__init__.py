"""ExecuTorch with XNNPACK: what is known of it before it is loaded."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..description import Description, Engine, Estimate

if TYPE_CHECKING:
    from ...bundle import Bundle
    from ...bundle.manifest import Graph, Manifest

CHILD = 585_000_000
"""bytes of the child process with torch and the other libraries loaded, before any model"""
PLANNED_WIDTHS = 9
"""hidden states in the memory plan of a graph, for each token of its bounds"""
PLANNED_WORDS = 1024
"""words whose logits a graph computes at once; its memory plan holds them and what is computed from them"""
FLOAT = 4


def _open(bundle: Bundle, threads: int) -> Engine:
    from .engine import ExecuTorchEngine

    return ExecuTorchEngine(bundle, threads)


def _memory(manifest: Manifest, graph: Graph, mapped: Estimate) -> Estimate:
    """The child process holds the graph with its weights, the plan, and the values once more."""
    return replace(
        mapped,
        process=mapped.process + CHILD,
        weights=manifest.files[graph.file].bytes,
        activations=mapped.activations + _planned(manifest, graph),
        values=2 * mapped.values,
    )


def _planned(manifest: Manifest, graph: Graph) -> int:
    """What a graph takes for the largest pass of its bounds, whatever is run: hidden states, the values as layers take
    them, and logits.
    """
    tokens, rows = graph.bounds.get("tokens", 0), graph.bounds.get("P", 0)
    states = tokens * (PLANNED_WIDTHS * manifest.model.hidden_size + 2 * PLANNED_WORDS)
    return FLOAT * (states + rows * manifest.values.count)


EXECUTORCH = Description(
    name="executorch",
    title="ExecuTorch",
    package="executorch",
    minimum_version="1.5.1",
    install="pip install 'pocketzo[executorch]'",
    install_export="pip install 'pocketzo[host,executorch]'",
    graph_file="step.pte",
    accuracy_levels=(4,),
    tolerance={1: 0.5, 4: 0.5},
    external_weights=False,
    planned_memory=True,
    exact_outliers=True,
    bfloat16_scales=True,
    open=_open,
    memory=_memory,
)
