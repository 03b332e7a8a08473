"""Fitting eps: how well the artifact's projected gradient agrees with the true derivative, over a grid of eps.

A small perturbation drowns in the rounding of the engine (int8 activations most of all), a large one leaves the range
in which the loss is straight. Where the window between lies is a property of the artifact, so it is measured on it,
against the directional derivative by torch on the same dequantized weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from pocketzo.runtime.bundle.manifest import EpsPoint
from pocketzo.runtime.directions import directions
from pocketzo.runtime.engines import Engine
from pocketzo.runtime.errors import bad_input
from pocketzo.runtime.examples import Batch, Example, collate
from pocketzo.runtime.limits.eps_window import TRUSTED
from pocketzo.runtime.loop import mean_loss

Once = Callable[[str, Callable[[], dict[str, np.ndarray]]], dict[str, np.ndarray]]
GRID = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
DIRECTIONS, EXAMPLES, TOKENS = 6, 8, 16
SEED = 2913
SLACK, GOOD_ENOUGH = 1.2, 0.02
"""an error that is this many times the least, or this small, counts as good as the least"""


def eps_curve(
    engine: Engine,
    gradient: np.ndarray,
    batch: Batch,
    values: np.ndarray,
    progress: Callable[[int], None] = lambda units: None,
    once: Once = lambda name, measure: measure(),
) -> list[EpsPoint]:
    """Error and correlation of the projected gradient at each eps of GRID. Raises BadInput if none gives a number.

    `gradient` (fp32 [K]) is that of the mean loss of `batch`, as `eps_batch` makes it, at `values` (fp32 [K]) with the
    artifact's dequantized weights. `progress` is told 1 after each pair of passes; `once(name, measure)` may keep what
    is measured at an eps.
    """
    z = directions(SEED, 0, DIRECTIONS, len(values))
    exact = z.astype(np.float64) @ gradient

    def measure(eps: float) -> dict[str, np.ndarray]:
        measured = []
        for row in np.float32(eps) * z:
            plus, minus = mean_loss(engine.forward(batch, np.stack([values + row, values - row])).nll, batch.label_ids)
            measured.append((plus - minus) / (2 * eps))
            progress(1)
        return {"measured": np.array(measured, dtype=np.float64)}

    curve = []
    for eps in GRID:
        measured = once(f"eps-{eps:g}", lambda eps=eps: measure(eps))["measured"]  # type: ignore[misc]
        if np.isfinite(measured).all():  # the loss may overflow at the largest eps
            curve.append(_point(eps, measured, exact))
    if not curve:
        bad_input("the artifact", "its loss is not a finite number at any eps", "Check the checkpoint's weights")
    return curve


def best_eps(curve: Sequence[EpsPoint]) -> float:
    """The largest eps whose error is as good as the least: the farther from rounding, the safer on another device."""
    least = min(point.error for point in curve)
    limit = max(GOOD_ENOUGH, least, min(SLACK * least, TRUSTED))
    return max(point.eps for point in curve if point.error <= limit)


def eps_batch(tokens: np.ndarray, vocabulary: int) -> Batch:
    """EXAMPLES sequences of TOKENS over real text, each scored at its last token; shorter if the text is short."""
    length = max(2, min(TOKENS, len(tokens) // 2))
    starts = np.linspace(0, len(tokens) - length - 1, EXAMPLES).astype(int)
    rows = [tokens[start : start + length + 1].tolist() for start in starts]
    examples = [Example(row[:-1], [length - 1], [row[-1]], "calibration") for row in rows]
    return collate(examples, np.arange(vocabulary))


def _point(eps: float, measured: np.ndarray, exact: np.ndarray) -> EpsPoint:
    scale = float(np.sqrt(np.mean(exact**2))) or 1.0
    error = float(np.sqrt(np.mean((measured - exact) ** 2))) / scale
    spread = float(measured.std() * exact.std())
    correlation = float(np.mean((measured - measured.mean()) * (exact - exact.mean()))) / spread if spread else 0.0
    return EpsPoint(eps=eps, error=error, correlation=float(np.clip(correlation, -1, 1)))
