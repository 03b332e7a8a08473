"""A tiny step graph, lowered to ExecuTorch with XNNPACK: embedding, one MLP whose activations `values` scale, loss."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from . import tiny


class Step(nn.Module):
    """N words, hidden size H, an MLP of width K."""

    def __init__(self, values: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.table = nn.Parameter(torch.randn(tiny.VOCABULARY, tiny.HIDDEN) / 4)
        self.up, self.down = nn.Linear(tiny.HIDDEN, values), nn.Linear(values, tiny.HIDDEN)

    def forward(self, input_ids: Any, label_positions: Any, label_ids: Any, words: Any, values: Any) -> Any:
        """nll [P,B,L] and hidden [P,B,S,H]."""
        x = self.down(torch.tanh(self.up(self.table[input_ids])) * (1 + values[:, None, None]))
        at = label_positions[..., None].expand(x.shape[0], -1, -1, x.shape[-1])
        hidden = torch.gather(x, 2, at)
        scored, labels = label_positions.shape[2], label_ids.shape[2]
        h = hidden[:, :, torch.arange(labels) * scored // labels]
        own = (h * self.table[label_ids.clamp(min=0)]).sum(-1)
        nll = torch.logsumexp(h @ self.table[words].T, dim=-1) - own
        return torch.where(label_ids >= 0, nll, torch.zeros_like(nll)), hidden


def lower(path: Path, values: int) -> Step:
    """Write a Step as .pte, and return it."""
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    step = Step(values).eval()
    some = {"P": 2, "B": 3, "T": 5, "S": 2, "L": 4, "W": 6, "K": values}
    free = {name: torch.export.Dim(name, min=1, max=most) for name, most in tiny.BOUNDS.items() if name != "tokens"}
    arguments, dynamic = [], []
    for name, shape in tiny.INPUTS.items():
        dtype = torch.float32 if name == "values" else torch.int64
        arguments.append(torch.zeros([some.get(str(letter), 1) for letter in shape], dtype=dtype))
        dynamic.append({i: free[str(letter)] for i, letter in enumerate(shape) if letter in free})
    program = torch.export.export(step, tuple(arguments), dynamic_shapes=tuple(dynamic))
    lowered = to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()]).to_executorch()
    path.write_bytes(lowered.buffer)
    return step
