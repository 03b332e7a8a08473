"""Where an export keeps unfinished work, and how much disk it and the bundle take."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..checkpoint import Checkpoint
from ..select.mask import Rule
from ..select.processes import Processes

FLOAT, ENTRY = 4, 12
"""bytes of an activation, and of a candidate of a mask with its index"""
CROWD = 6
"""candidates that statistics hold, over those that are chosen: the harmonic number of a hundred layers, with room"""


def work_path(out: Path, processes: Processes) -> Path:
    """The work folder of an export to `out`, of each process its own."""
    out = out.absolute()
    return out.with_name(f".{out.name}.work{f'-{processes.rank}' if processes.rank else ''}")


def needed_bytes(opened: Checkpoint, windows: np.ndarray, rule: Rule, copies: int) -> int:
    """Bytes that the work folder takes at its largest: activations of every block, then the bundle with `copies` of
    the weights, and statistics.
    """
    activations = (opened.decoder.layers + 3) * windows.size * opened.decoder.hidden * FLOAT
    statistics = int(ENTRY * min(CROWD * rule.budget, rule.weights))
    return max(activations, copies * opened.parameters * 5 // 4) + statistics


def size_of(folder: Path) -> int:
    """Bytes of the files in `folder`, 0 if there is none."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else 0
