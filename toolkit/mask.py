"""The mask: which entries are tuned, chosen by sensitivity within a budget of density * weights.

Scope channels takes whole input channels (columns), ranked over the whole model by sensitivity per weight; scope
weights takes single weights (arXiv 2406.02913), over the whole model or the same share of every layer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from pocketzo.export.layout import Layout, Scope, SensitiveLayer
from pocketzo.runtime.errors import bad_input


@dataclass(frozen=True)
class Mask:
    """The chosen entries, their share of all sensitivity, and how many weights they were chosen from."""

    layout: Layout
    captured: float
    eligible_weights: int


def check_density(density: float) -> None:
    """Raises BadInput unless 0 < density <= 1."""
    if not 0 < density <= 1:
        bad_input(f"--density {density:g}", "must be over 0 and at most 1", "The paper's, and the default, is 0.001")


def choose_mask(
    statistics: Mapping[str, torch.Tensor],
    scope: Scope,
    density: float,
    per_layer: bool = False,
    tunable: Callable[[str], bool] = lambda name: True,
) -> Mask:
    """Choose from the layers in `statistics` (F, fp32 [rows, columns] each) for which `tunable` holds.

    The budget is a share of the weights of all layers, tunable or not. Raises BadInput if the density is out of range
    or allows no entry at all.
    """
    check_density(density)
    everything, eligible = statistics, sum(f.numel() for f in statistics.values())
    statistics = {name: f for name, f in everything.items() if tunable(name)}
    if scope == "channels":
        chosen = _channels(statistics, density * eligible)
    elif per_layer:
        share = density * eligible / sum(f.numel() for f in statistics.values())
        counts = {name: min(f.numel(), max(1, int(share * f.numel()))) for name, f in statistics.items()}
        chosen = {name: _top(f, counts[name])[1] for name, f in statistics.items()}
    else:
        chosen = _weights(statistics, int(density * eligible))
    layers = [
        SensitiveLayer(name, f.shape[0], f.shape[1], np.sort(chosen[name].numpy()))
        for name, f in statistics.items()
        if len(chosen[name])
    ]
    if not layers:
        least = min(f.shape[0] for f in statistics.values()) if scope == "channels" else 1
        bad_input(
            f"--density {density:g}",
            f"allows {int(density * eligible)} of {eligible} weights, less than the smallest choice of {least}",
            f"Give at least {least / eligible:.2g}",
        )
    layout = Layout(scope, layers)
    total = sum(float(f.sum(dtype=torch.float64)) for f in everything.values())
    held = sum(float(_entries(statistics[s.layer], s, scope).sum(dtype=torch.float64)) for s in layers)
    return Mask(layout, held / total if total else 0.0, eligible)


def _entries(f: torch.Tensor, layer: SensitiveLayer, scope: Scope) -> torch.Tensor:
    entries = torch.from_numpy(layer.entries)
    return f[:, entries] if scope == "channels" else f.flatten()[entries]


def _channels(statistics: Mapping[str, torch.Tensor], budget: float) -> dict[str, torch.Tensor]:
    """Columns by mean F, best first, as long as they fit the budget (in weights), but none too large for all of it."""
    score = torch.cat([f.mean(dim=0, dtype=torch.float64) for f in statistics.values()])
    weights = torch.cat([torch.full((f.shape[1],), f.shape[0]) for f in statistics.values()])
    order = torch.argsort(score, descending=True, stable=True)
    order = order[weights[order] <= budget]
    taken = order[torch.cumsum(weights[order], 0) <= budget]
    return _by_layer(taken, statistics, [f.shape[1] for f in statistics.values()])


def _weights(statistics: Mapping[str, torch.Tensor], budget: int) -> dict[str, torch.Tensor]:
    """The `budget` largest F of the whole model; only each layer's own largest can be among them."""
    tops = [_top(f, min(budget, f.numel())) for f in statistics.values()]
    together = torch.cat([values for values, _ in tops])
    best = _top(together, min(budget, len(together)))[1]
    places = _by_layer(best, statistics, [len(values) for values, _ in tops])
    return {name: index[places[name]] for name, (_, index) in zip(statistics, tops, strict=True)}


def _top(f: torch.Tensor, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.topk(f.flatten(), count)


def _by_layer(taken: torch.Tensor, names: Mapping[str, object], sizes: list[int]) -> dict[str, torch.Tensor]:
    """Cut indices into the concatenation of the layers' parts (`sizes` long each) into indices within each part."""
    ends = np.cumsum(sizes)
    return {
        name: taken[(taken >= end - size) & (taken < end)] - (end - size)
        for name, end, size in zip(names, ends, sizes, strict=True)
    }
