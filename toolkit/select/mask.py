"""The mask: which entries are tuned, chosen by sensitivity within a budget of density * weights.

Of all masks m in {0, 1} with at most k = density * weights ones, the one with the largest sum of m_ij F_ij: the k
largest F (arXiv 2406.02913, the mask of sensitive parameters).

Scope channels takes whole input channels (columns), ranked over the whole model by sensitivity per weight; scope
weights takes single weights (arXiv 2406.02913), over the whole model or the same share of every layer.

F of a whole model is as large as the model, so layers come one after another, and of each only a `Statistic` is kept:
its columns' sums, and the entries that would be chosen if no other layers came. More layers only push entries out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from pocketzo.export.weights.layout import Layout, Scope, SensitiveLayer
from pocketzo.runtime.errors import bad_input

from ..config import check_density


@dataclass(frozen=True)
class Mask:
    """The chosen entries, F of their weights (fp32 [K], in the order of values), their share of all sensitivity, and
    how many weights they were chosen from.
    """

    layout: Layout
    sensitivity: np.ndarray
    captured: float
    eligible_weights: int


@dataclass(frozen=True)
class Statistic:
    """What is kept of F [R, C] of one layer.

    `sums` (float64 [C]) are those of the columns; `entries` (int64 [entries], ascending) are the columns, or in scope
    weights the flat indices, that can be chosen, and `f` (fp32 [R, entries], or [entries]) is F there.
    """

    sums: torch.Tensor
    entries: torch.Tensor
    f: torch.Tensor


@dataclass(frozen=True)
class Rule:
    """How a mask is chosen among layers of `shapes`: of those for which `tunable` holds, within a budget that is a
    share `density` of the weights of all, tunable or not.
    """

    shapes: Mapping[str, tuple[int, int]]
    scope: Scope
    density: float
    per_layer: bool = False
    tunable: Callable[[str], bool] = lambda name: True

    @property
    def weights(self) -> int:
        """Weights of all layers."""
        return sum(rows * columns for rows, columns in self.shapes.values())

    @property
    def budget(self) -> float:
        """Weights that may be chosen."""
        return self.density * self.weights

    def share(self, name: str) -> int:
        """Of a layer's weights, how many are chosen where each layer gives the same share."""
        rows, columns = self.shapes[name]
        tunable = sum(r * c for n, (r, c) in self.shapes.items() if self.tunable(n))
        return min(rows * columns, max(1, int(self.density * (self.weights / tunable) * (rows * columns))))


def add_layers(known: Mapping[str, Statistic], f: Mapping[str, torch.Tensor], rule: Rule) -> dict[str, Statistic]:
    """Statistics of further layers, of which `f` is F (fp32 [R, C] each), beside those that are `known` already."""
    new = {n: Statistic(x.sum(dim=0, dtype=torch.float64), *_none(rule, x)) for n, x in f.items()}
    tunable = {name: x for name, x in f.items() if rule.tunable(name)}
    if rule.scope == "channels":
        chosen = _channels({**known, **new}, rule)
        found = {name: (chosen[name], x[:, chosen[name]]) for name, x in tunable.items()}
    else:
        found = {name: _top(x, rule, name) for name, x in tunable.items()}
        if found and not rule.per_layer:
            with_tops = {name: Statistic(new[name].sums, *found[name]) for name in found}
            kept = _weights({**known, **with_tops}, rule)
            found = {name: (entries[kept[name]], values[kept[name]]) for name, (entries, values) in found.items()}
    return new | {name: Statistic(new[name].sums, entries, values.clone()) for name, (entries, values) in found.items()}


def choose_mask(statistics: Mapping[str, Statistic], rule: Rule) -> Mask:
    """argmax of the sum of m_ij F_ij over the masks within the budget, from the statistics of every layer of
    `rule.shapes`; in scope channels whole columns by their mean F, best first, as long as they fit.

    Raises BadInput if the density is out of range or allows no entry at all.
    """
    check_density(rule.density)
    tunable = [name for name in rule.shapes if rule.tunable(name)]
    if rule.scope == "channels":
        columns = _channels(statistics, rule)
        chosen = {name: torch.isin(statistics[name].entries, columns[name]) for name in tunable}
    elif rule.per_layer:
        chosen = {name: torch.ones(len(statistics[name].entries), dtype=torch.bool) for name in tunable}
    else:
        places = _weights({name: statistics[name] for name in tunable}, rule)
        chosen = {name: _flags(places[name], len(statistics[name].entries)) for name in tunable}
    layers, parts = [], []
    for name in [name for name in tunable if chosen[name].any()]:
        statistic = statistics[name]
        layers.append(SensitiveLayer(name, *rule.shapes[name], statistic.entries[chosen[name]].numpy()))
        parts.append(statistic.f[..., chosen[name]].movedim(0, -1).flatten())
    if not layers:
        least = min(rule.shapes[name][0] for name in tunable) if rule.scope == "channels" else 1
        bad_input(
            f"--density {rule.density:g}",
            f"allows {int(rule.budget)} of {rule.weights} weights, less than the smallest choice of {least}",
            f"Give at least {least / rule.weights:.2g}",
        )
    total = sum(float(statistics[name].sums.sum()) for name in rule.shapes)
    chosen_f = sum(float(part.sum(dtype=torch.float64)) for part in parts)
    return Mask(Layout(rule.scope, layers), torch.cat(parts).numpy(), chosen_f / total if total else 0.0, rule.weights)


def _none(rule: Rule, f: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.zeros(0, dtype=torch.int64), f.new_zeros((f.shape[0], 0) if rule.scope == "channels" else 0)


def _flags(index: torch.Tensor, count: int) -> torch.Tensor:
    return torch.zeros(count, dtype=torch.bool).index_fill(0, index, True)


def _channels(statistics: Mapping[str, Statistic], rule: Rule) -> dict[str, torch.Tensor]:
    """Columns by mean F, best first, as long as they fit the budget (in weights), but none too large for all of it."""
    names = [name for name in rule.shapes if name in statistics and rule.tunable(name)]
    if not names:
        return {}
    score = torch.cat([statistics[name].sums / rule.shapes[name][0] for name in names])
    weights = torch.cat([torch.full((rule.shapes[name][1],), rule.shapes[name][0]) for name in names])
    order = torch.argsort(score, descending=True, stable=True)
    order = order[weights[order] <= int(rule.budget)]
    taken = order[torch.cumsum(weights[order], 0) <= int(rule.budget)]
    return _by_layer(taken, names, [rule.shapes[name][1] for name in names])


def _weights(statistics: Mapping[str, Statistic], rule: Rule) -> dict[str, torch.Tensor]:
    """Places among each layer's candidates of the largest F of all, within the budget."""
    names = [name for name in rule.shapes if name in statistics and rule.tunable(name)]
    together = torch.cat([statistics[name].f for name in names])
    best = torch.argsort(together, descending=True, stable=True)[: int(rule.budget)]
    return _by_layer(best, names, [len(statistics[name].f) for name in names])


def _top(f: torch.Tensor, rule: Rule, name: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Flat indices, ascending, of the entries of one layer that can be chosen, and F there."""
    count = rule.share(name) if rule.per_layer else min(int(rule.budget), f.numel())
    entries = torch.topk(f.flatten(), count, sorted=False)[1].sort()[0]
    return entries, f.flatten()[entries]


def _by_layer(taken: torch.Tensor, names: list[str], sizes: list[int]) -> dict[str, torch.Tensor]:
    """Cut indices into the concatenation of the layers' parts (`sizes` long each) into ascending ones in each part."""
    ends = np.cumsum(sizes)
    return {
        name: (taken[(taken >= end - size) & (taken < end)] - (end - size)).sort()[0]
        for name, end, size in zip(names, ends, sizes, strict=True)
    }
