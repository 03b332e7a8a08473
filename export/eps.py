"""Fitting eps: how well the artifact's projected gradient agrees with the true derivative, over a grid of eps.

A small perturbation drowns in the rounding of the engine (int8 activations most of all), a large one leaves the range
in which the loss is straight. Where the window between lies is a property of the artifact, so it is measured on it,
against the directional derivative by torch on the same dequantized weights.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from pocketzo.runtime.directions import directions
from pocketzo.runtime.engines import Engine
from pocketzo.runtime.eps_window import TRUSTED
from pocketzo.runtime.errors import bad_input
from pocketzo.runtime.examples import Batch, Example, collate
from pocketzo.runtime.loop import mean_loss
from pocketzo.runtime.manifest import EpsPoint

from .layout import Layout
from .reference import torch_nll

GRID = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
DIRECTIONS, EXAMPLES, TOKENS = 6, 16, 16
SEED = 2913
SLACK, GOOD_ENOUGH = 1.2, 0.02
"""an error that is this many times the least, or this small, counts as good as the least"""


def eps_curve(
    engine: Engine,
    model: Any,
    layout: Layout,
    values: np.ndarray,
    tokens: np.ndarray,
    progress: Callable[[int], None] = lambda units: None,
) -> list[EpsPoint]:
    """Error and correlation of the projected gradient at each eps of GRID. Raises BadInput if none gives a number.

    `model` is torch's, with the artifact's dequantized weights and `values` (fp32 [K]) in place; `tokens` is real text,
    cut into a batch of EXAMPLES sequences of TOKENS. `progress` is told 1 after each pair of passes.
    """
    batch = _batch(tokens, model.config.vocab_size)
    z = directions(SEED, 0, DIRECTIONS, len(values))
    exact = z.astype(np.float64) @ value_gradient(model, layout, batch)
    curve = []
    for eps in GRID:
        measured = []
        for row in np.float32(eps) * z:
            plus, minus = mean_loss(engine.forward(batch, np.stack([values + row, values - row])).nll, batch.label_ids)
            measured.append((plus - minus) / (2 * eps))
            progress(1)
        if np.isfinite(measured).all():  # the loss may overflow at the largest eps
            curve.append(_point(eps, np.array(measured), exact))
    if not curve:
        bad_input("the artifact", "its loss is not a finite number at any eps", "Check the checkpoint's weights")
    return curve


def best_eps(curve: Sequence[EpsPoint]) -> float:
    """The largest eps whose error is as good as the least: the farther from rounding, the safer on another device."""
    least = min(point.error for point in curve)
    limit = max(GOOD_ENOUGH, least, min(SLACK * least, TRUSTED))
    return max(point.eps for point in curve if point.error <= limit)


def value_gradient(model: Any, layout: Layout, batch: Batch) -> np.ndarray:
    """The gradient of the mean loss of `batch` by the values, fp32 [K]; one layer's full gradient at a time."""
    with _gradients(model, layout) as found:
        labels = torch.from_numpy((batch.label_ids >= 0).sum(axis=1))
        (torch_nll(model, batch).sum(dim=1) / labels).mean().backward()
    return np.concatenate([found[layer.layer] for layer in layout.layers])


@contextmanager
def _gradients(model: Any, layout: Layout) -> Iterator[dict[str, np.ndarray]]:
    """Collect each sensitive layer's entries of the gradient as it is complete, and free the rest."""
    found: dict[str, np.ndarray] = {}
    weights, handles = [], []
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    for layer in layout.layers:
        weight = model.get_submodule(layer.layer).weight
        index = tuple(torch.from_numpy(i) for i in layer.index(layout.scope))

        def collect(parameter: torch.Tensor, name: str = layer.layer, index: Any = index) -> None:
            assert parameter.grad is not None
            found[name] = parameter.grad[index].numpy()
            parameter.grad = None

        weights.append(weight)
        handles.append(weight.requires_grad_(True).register_post_accumulate_grad_hook(collect))
    try:
        yield found
    finally:
        for weight, handle in zip(weights, handles, strict=True):
            handle.remove()
            weight.requires_grad_(False)


def _batch(tokens: np.ndarray, vocabulary: int) -> Batch:
    """Sequences spread over the text, each scored at its last token; shorter ones if the text is short."""
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
