"""Engines: what runs the step graph. One folder each; the loop does not know which one it has.

docs/extending.md adds one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import UsageError
from .description import Description, Engine
from .executorch import EXECUTORCH
from .onnx import ONNX

if TYPE_CHECKING:
    from ..bundle import Bundle

ENGINES: dict[str, Description] = {
    ONNX.name: ONNX,
    EXECUTORCH.name: EXECUTORCH,
}
"""by name; the first is the one that is taken where none is named"""
DEFAULT = next(iter(ENGINES))

__all__ = ["DEFAULT", "ENGINES", "Description", "Engine", "check_engine", "open_engine"]


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
    return check_engine(name).open(bundle, threads)
