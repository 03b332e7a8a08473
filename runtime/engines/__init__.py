"""Engines: what runs the step graph. One small file each; the loop does not know which one it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ..errors import UsageError
from ..system.packages import needed

if TYPE_CHECKING:
    import numpy as np

    from ..bundle import Bundle
    from ..examples import Batch, Forward


@dataclass(frozen=True)
class Description:
    """What is known of an engine before it is loaded."""

    name: str
    title: str
    package: str
    minimum_version: str
    accuracy_levels: tuple[int, ...]
    external_weights: bool
    planned_memory: bool
    exact_outliers: bool
    bfloat16_scales: bool


ENGINES = {
    "onnx": Description("onnx", "ONNX Runtime", "onnxruntime", "1.29.0", (1, 4), True, False, False, False),
    "executorch": Description("executorch", "ExecuTorch", "executorch", "1.5.1", (4,), False, True, True, True),
}
DEFAULT = next(iter(ENGINES))
NAMES = tuple(ENGINES)


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


def check_engine(name: str) -> Description:
    """The engine `name`. Raises UsageError if there is none."""
    if name not in ENGINES:
        raise UsageError(f"--engine {name}: not known. Use one of: {', '.join(ENGINES)}.")
    return ENGINES[name]


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
