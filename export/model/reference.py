"""The reference that artifacts are held against: transformers' own forward pass on the dequantized weights.

The exporter runs it block by block; `torch_nll` and `reference_nll` do the same on a whole model in memory, for tests
and benchmarks.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from pocketzo.runtime.examples import Batch

from ..weights.dequantized import put_values
from ..weights.layout import Layout
from .layerwise import Layerwise, block_of, each_gradient, weights_of


def label_nll(hidden: torch.Tensor, head: torch.Tensor, batch: Batch) -> torch.Tensor:
    """nll [B, L] in nats from the last norm's output at the label positions [B, S, H] and the head's weight [N, H]."""
    logits = torch.nn.functional.linear(hidden, head)
    log_p = logits - torch.logsumexp(logits[..., torch.from_numpy(batch.words)], dim=-1, keepdim=True)
    ids = torch.from_numpy(batch.label_ids)
    index = ids.clamp(min=0).reshape(*batch.label_positions.shape, -1)
    picked = torch.gather(log_p, 2, index).reshape(ids.shape)
    return torch.where(ids < 0, torch.zeros_like(picked), -picked)


def at_labels(hidden: torch.Tensor, batch: Batch) -> torch.Tensor:
    """Of hidden states [B, T, H] those at the label positions, [B, S, H]."""
    positions = torch.from_numpy(batch.label_positions)
    return torch.gather(hidden, 1, positions[..., None].expand(-1, -1, hidden.shape[-1]))


def layerwise_nll(decoder: Layerwise, layout: Layout, batch: Batch, values: np.ndarray) -> np.ndarray:
    """nll [P, B, L] of `batch` for each row of `values` (fp32 [P, K]); every block is loaded once for all of them."""
    with torch.no_grad():
        rows = [decoder.embedded(batch.input_ids)] * len(values)
        for i in range(decoder.layers):
            with decoder.block(i) as block:
                for p, row in enumerate(values):
                    for name, weight in sensitive_weights(block, i, layout).items():
                        put_values(weight, name, layout, row)
                    rows[p] = decoder.run(block, rows[p])
        with decoder.last() as (norm, head):
            return np.stack([label_nll(norm(at_labels(x, batch)), head, batch).numpy() for x in rows])


def sequence_nll(decoder: Layerwise, windows: np.ndarray) -> np.ndarray:
    """The nll of every token but the first, fp64 [windows, T - 1] in nats, of `windows` (int64 [windows, T])."""
    with torch.no_grad():
        rows = [decoder.embedded(window[None]) for window in windows]
        for i in range(decoder.layers):
            with decoder.block(i) as block:
                rows = [decoder.run(block, x) for x in rows]
        with decoder.last() as (norm, head):
            return np.stack([_next_nll(norm(x[0, :-1]), head, w[1:]) for x, w in zip(rows, windows, strict=True)])


def _next_nll(hidden: torch.Tensor, head: torch.Tensor, targets: np.ndarray) -> np.ndarray:
    logits = torch.nn.functional.linear(hidden, head).double()
    return torch.nn.functional.cross_entropy(logits, torch.from_numpy(targets), reduction="none").numpy()


def value_gradient(decoder: Layerwise, layout: Layout, batch: Batch) -> np.ndarray:
    """The gradient of the mean loss of `batch` by the values, fp32 [K], at the values that `decoder`'s weights hold."""
    inputs = [decoder.embedded(batch.input_ids)]
    with torch.no_grad():
        for i in range(decoder.layers):
            with decoder.block(i) as block:
                inputs.append(decoder.run(block, inputs[i]))
    x = inputs.pop().requires_grad_(True)
    with decoder.last() as (norm, head):
        labels = torch.from_numpy((batch.label_ids >= 0).sum(axis=1))
        (label_nll(norm(at_labels(x, batch)), head, batch).sum(dim=1) / labels).mean().backward()
    gradient, found = x.grad, {}
    first = min(block_of(layer.layer) for layer in layout.layers)

    def collect(name: str, whole: torch.Tensor) -> None:
        layer = layout.of(name)
        assert layer is not None
        found[name] = whole[tuple(torch.from_numpy(i) for i in layer.index(layout.scope))].numpy()

    for i in reversed(range(first, decoder.layers)):
        with decoder.block(i) as block, each_gradient(sensitive_weights(block, i, layout), collect):
            assert gradient is not None
            gradient = decoder.back(block, inputs.pop(), gradient)
    return np.concatenate([found[layer.layer] for layer in layout.layers])


def sensitive_weights(block: Any, i: int, layout: Layout) -> dict[str, torch.nn.Parameter]:
    """The weights of block `i` with sensitive entries, by the names of their layers."""
    return weights_of(block, [layer.layer for layer in layout.layers if block_of(layer.layer) == i])


@contextmanager
def values_in_place(model: Any, layout: Layout, values: np.ndarray) -> Iterator[None]:
    """Put `values` (fp32 [K]) into the sensitive entries of `model` (a torch module) for a while."""
    weights = {layer.layer: model.get_submodule(layer.layer).weight for layer in layout.layers}
    index = {x.layer: tuple(torch.from_numpy(i) for i in x.index(layout.scope)) for x in layout.layers}
    saved = {name: weight.detach()[index[name]].clone() for name, weight in weights.items()}
    for name, weight in weights.items():
        put_values(weight, name, layout, values)
    try:
        yield
    finally:
        with torch.no_grad():
            for name, weight in weights.items():
                weight[index[name]] = saved[name]


def torch_nll(model: Any, batch: Batch) -> torch.Tensor:
    """nll [B, L] in nats of `batch` under the whole `model` as it is, differentiable; 0 at padding."""
    hidden = model.base_model(input_ids=torch.from_numpy(batch.input_ids), use_cache=False).last_hidden_state
    return label_nll(at_labels(hidden, batch), model.get_output_embeddings().weight, batch)


def reference_nll(model: Any, layout: Layout, batch: Batch, values: np.ndarray) -> np.ndarray:
    """nll [P, B, L] of `batch` under the whole `model` for each row of `values` (fp32 [P, K])."""
    rows = []
    for row in values:
        with values_in_place(model, layout, row), torch.no_grad():
            rows.append(torch_nll(model, batch).float().numpy())
    return np.stack(rows)
