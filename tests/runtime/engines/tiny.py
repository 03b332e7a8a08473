"""A tiny step graph as .pte, with the step's inputs and outputs and bounds, and a bundle around it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from pocketzo.runtime.bundle import Bundle
from pocketzo.runtime.examples import Batch
from pocketzo.runtime.manifest import Graph, Tensor
from torch import nn

BOUNDS = {"P": 8, "B": 16, "T": 32, "S": 8, "L": 16, "W": 32, "tokens": 1024}
INPUTS = {
    "input_ids": ["E", "B", "T"],
    "label_positions": ["E", "B", "S"],
    "label_ids": ["E", "B", "L"],
    "words": ["W"],
    "values": ["P", "K"],
}


class Step(nn.Module):
    """Embedding, one MLP of width K whose activations `values` scale, and the losses; N words, hidden size H."""

    def __init__(self, vocabulary: int = 32, hidden: int = 8, values: int = 16) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.table = nn.Parameter(torch.randn(vocabulary, hidden))
        self.up, self.down = nn.Linear(hidden, values), nn.Linear(values, hidden)

    def forward(self, input_ids: Any, label_positions: Any, label_ids: Any, words: Any, values: Any) -> Any:
        x = self.down(torch.tanh(self.up(self.table[input_ids])) * (1 + values[:, None, None]))
        at = label_positions[..., None].expand(x.shape[0], -1, -1, x.shape[-1])
        hidden = torch.gather(x, 2, at)
        scored, labels = label_positions.shape[2], label_ids.shape[2]
        h = hidden[:, :, torch.arange(labels) * scored // labels]
        own = (h * self.table[label_ids.clamp(min=0)]).sum(-1)
        nll = torch.logsumexp(h @ self.table[words].T, dim=-1) - own
        return torch.where(label_ids >= 0, nll, torch.zeros_like(nll)), hidden


def lower(path: Path, bounds: dict[str, int] = BOUNDS, **sizes: int) -> Step:
    """Write a Step as .pte, and return it."""
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    step = Step(**sizes).eval()
    size = {"P": 2, "B": 3, "T": 5, "S": 2, "L": 4, "W": 6, "E": 1, "K": step.up.out_features}
    free = {name: torch.export.Dim(name, min=1, max=most) for name, most in bounds.items() if name != "tokens"}
    arguments, dynamic = [], []
    for name, letters in INPUTS.items():
        dtype = torch.float32 if name == "values" else torch.int64
        arguments.append(torch.zeros([size[letter] for letter in letters], dtype=dtype))
        dynamic.append({i: free[letter] for i, letter in enumerate(letters) if letter in free})
    program = torch.export.export(step, tuple(arguments), dynamic_shapes=tuple(dynamic))
    lowered = to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()]).to_executorch()
    path.write_bytes(lowered.buffer)
    return step


def graph(hidden: int = 8, **changes: Any) -> Graph:
    """The manifest's entry for a Step; `changes` are of its fields."""
    inputs = [
        Tensor(
            name=name, type="float32" if name == "values" else "int64", shape=[1 if x == "E" else x for x in letters]
        )
        for name, letters in INPUTS.items()
    ]
    outputs = [
        Tensor(name="nll", type="float32", shape=["P", "B", "L"]),
        Tensor(name="hidden", type="float32", shape=["P", "B", "S", hidden]),
    ]
    fields: dict[str, Any] = {
        "engine": "executorch",
        "file": "step.pte",
        "minimum_engine_version": "1.5.1",
        "opset": None,
        "domains": [],
        "inputs": inputs,
        "outputs": outputs,
        "bounds": BOUNDS,
    }
    return Graph(**{**fields, **changes})


def bundle(folder: Path, vocabulary: int = 32, hidden: int = 8, values: int = 16, **changes: Any) -> Bundle:
    """What an engine asks of a bundle whose files are in `folder`."""
    manifest = SimpleNamespace(
        model=SimpleNamespace(vocabulary=vocabulary, hidden_size=hidden),
        values=SimpleNamespace(count=values),
        graphs=[graph(hidden, **changes)],
    )
    return Bundle(folder, manifest, "0" * 64)  # type: ignore[arg-type]


def random_pass(seed: int = 1, p: int = 2, b: int = 3, t: int = 5, s: int = 2, m: int = 2, w: int = 6) -> Any:
    """A batch and values [P, 16] of a Step as `lower` makes it."""
    random = np.random.default_rng(seed)
    batch = Batch(
        random.integers(0, 32, (b, t)),
        random.integers(0, t, (b, s)),
        random.integers(-1, 32, (b, s * m)),
        np.arange(w),
    )
    return batch, random.standard_normal((p, 16), dtype=np.float32)
