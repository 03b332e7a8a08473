"""Engines: what runs the step graph. One small file each; the loop does not know which one it has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from ..bundle import Bundle
from ..errors import UsageError
from ..examples import Batch, Forward
from ..system.packages import needed

NAMES = ("onnx", "executorch")


class Engine(Protocol):
    """A stock inference engine holding the step graph of a bundle.

    `bounds` are the largest sizes that a pass may have, by letter, and under "tokens" P * B * T and P * B * L; none
    means any size.
    """

    name: str
    version: str
    bounds: Mapping[str, int]

    def forward(self, batch: Batch, values: np.ndarray) -> Forward:
        """Pass `batch` through the graph under each row of `values` (fp32 [P,K])."""


def open_engine(name: str, bundle: Bundle, threads: int = 0) -> Engine:
    """Load the bundle's graph into engine `name`; `threads` 0 leaves the choice to the engine.

    Raises UsageError if the engine is not known, not installed or cannot be loaded, BadInput if it cannot run this
    graph.
    """
    if name not in NAMES:
        raise UsageError(f"--engine {name}: not known. Use one of: {', '.join(NAMES)}.")
    if name == "executorch":
        from .executorch.engine import ExecuTorchEngine

        return ExecuTorchEngine(bundle, threads)
    with needed("--engine onnx", "pip install onnxruntime"):
        from .onnx.engine import OnnxEngine

    return OnnxEngine(bundle, threads)
