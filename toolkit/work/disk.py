"""How much disk space an export takes."""

from __future__ import annotations

from pathlib import Path

from ..plan import Plan

FLOAT, ENTRY = 4, 12
"""bytes of an activation, and of a candidate of a mask with its index"""
CANDIDATES = 6
"""candidates that statistics hold for each entry that is chosen: the harmonic number of a hundred layers, rounded up"""


def needed_bytes(plan: Plan) -> int:
    """Bytes that the work folder takes at its largest: activations of every block, then the bundle with the weights
    once for each engine, and statistics.
    """
    opened, rule = plan.opened, plan.rule
    activations = (opened.decoder.layers + 3) * plan.windows.size * opened.decoder.hidden * FLOAT
    weights = len(plan.config.engines) * opened.parameters * 5 // 4
    statistics = int(ENTRY * min(CANDIDATES * rule.budget, rule.weights))
    return max(activations, weights) + statistics


def size_of(folder: Path) -> int:
    """Bytes of the files in `folder`, 0 if there is none."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else 0
