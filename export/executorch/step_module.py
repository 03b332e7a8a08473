"""The step as a torch module, for engines that torch.export reaches: the inputs, outputs and weights are those of
export/onnx/graph.py.

It is cut into stages (step_stages.py), between which tensors only change their shape. XNNPACK takes a whole stage, but
no change of shape with two unknown sizes; and each stage is lowered alone, since lowering a whole model takes a time
that grows with the square of its layers.

E = 1 before the first tuned block and P from there on; N = E * B sequences, R = B * T rows, M = N * kv heads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat

import numpy as np
import torch
from pocketzo.runtime.bundle.manifest import Quantization

from ..model.decoder import Decoder
from ..model.layerwise import EMBEDDING, HEAD, NORM, block_of
from ..weights.dequantized import quantized_form
from ..weights.layout import Layout
from ..weights.packing import Quantized
from .step_stages import Attend, Enter, Leave, Lower, Merge, Norm, Turn
from .xnn_product import Read, Spread


class Table(torch.nn.Module):
    """The embedding table or LM head in its quantized form; a row is dequantized when it is looked up."""

    def __init__(self, name: str, read: Read, quantization: Quantization, width: int) -> None:
        super().__init__()
        self.bits, _ = quantized_form(name, quantization)
        codes, scales, zero_points = (read(f"{name}.{x}") for x in ("codes", "scales", "zero_points"))
        held = Quantized.unpack(codes, scales, zero_points, width, self.bits)
        points = held.zero_points.astype(np.float32)
        if self.bits == 4:  # the engine's nibbles: the even column in the high one, and 8 stands for 0
            packed, points = held.codes[:, 0::2] << 4 | held.codes[:, 1::2], points - 8
        else:
            packed = held.codes
        arrays = {"codes": np.ascontiguousarray(packed), "scales": held.scales.astype(np.float32), "points": points}
        for key, array in arrays.items():
            self.register_buffer(key, torch.from_numpy(array))

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Rows of the table, fp32 [..., H], for ids int64 [...]."""
        op, held = torch.ops.quantized_decomposed, (self.codes, self.scales, self.points)
        return op.embedding_4bit(*held, -8, 7, ids) if self.bits == 4 else op.embedding_byte(*held, 0, 255, ids)


@dataclass(frozen=True)
class Queries:
    """Where queries stand: cos and sin of their angles, [Q, 1, d] or [N, Q, 1, d]; how many sequences and how many a
    sequence; and their positions, fp32 [1 or M, heads / kv heads * Q, 1].
    """

    cos: torch.Tensor
    sin: torch.Tensor
    sequences: int
    count: int
    positions: torch.Tensor


class Constants(torch.nn.Module):
    """Weights in the smallest type that holds them exactly."""

    def __init__(self, tensors: Sequence[torch.Tensor]) -> None:
        super().__init__()
        self.count = len(tensors)
        for i, tensor in enumerate(tensors):
            self.register_buffer(str(i), tensor)

    def forward(self) -> list[torch.Tensor]:
        """All of them in fp32."""
        return [self.get_buffer(str(i)).float() for i in range(self.count)]


class Block(torch.nn.Module):
    """One block of the decoder; the last one computes queries at the label positions alone."""

    def __init__(
        self, decoder: Decoder, i: int, layout: Layout, read: Read, quantization: Quantization,
        outliers: Mapping[str, np.ndarray], lower: Lower,
    ) -> None:  # fmt: skip
        super().__init__()
        self.d, self.last, linears = decoder, i == decoder.layers - 1, decoder.block(i)
        at = f"model.layers.{i}."
        make = (layout, read, quantization, outliers)
        together = [("k", "v"), ("q",)] if self.last else [("q", "k", "v")]
        entering = [Enter(at + "input_layernorm", decoder, [linears[n] for n in names], *make) for names in together]
        leaving = Leave(at + "post_attention_layernorm", decoder, linears, *make)
        self.lent = torch.nn.ModuleList(Constants(stage.lent) for stage in (*entering, leaving))
        self.enter, self.leave = torch.nn.ModuleList(map(lower, entering)), lower(leaving)
        heads = {"q": (decoder.heads, at + "self_attn.q_norm"), "k": (decoder.kv_heads, at + "self_attn.k_norm")}
        if self.last:
            self.turn = lower(Turn(decoder, read, [heads["k"]], passing=True, by_sequence=False))
            self.turn_labels = lower(Turn(decoder, read, [heads["q"]], passing=False, by_sequence=True))
        else:
            self.turn = lower(Turn(decoder, read, [heads["q"], heads["k"]], passing=True, by_sequence=False))
        self.attend, self.merge = lower(Attend(decoder, self.last)), lower(Merge(decoder))
        self.tuned = [
            [linears[n].name for n in names if layout.of(linears[n].name) is not None]
            for names in (*together, ("o", "gate", "up", "down"))
        ]
        """the layers with values, stage by stage"""

    def forward(
        self, x: torch.Tensor, values: Mapping[str, torch.Tensor], keys: Queries, queries: Queries,
        rows: torch.Tensor, key_positions: torch.Tensor,
    ) -> torch.Tensor:  # fmt: skip
        """x [E, R, H] to the same, or in the last block to [E, B * S, H], the `rows` (int64 [E * B * S]) of labels."""
        zero = torch.zeros(x.shape[0], 1, 1)
        *entering, leaving = (
            [zero, *lent(), *(values[n] for n in names)] for lent, names in zip(self.lent, self.tuned, strict=True)
        )
        if self.last:
            k, v = self.enter[0](x, *entering[0])
            lead, every, width = x.shape
            x = x.reshape(lead * every, width).index_select(0, rows).reshape(lead, rows.shape[0] // lead, width)
            (q,) = self.enter[1](x, *entering[1])
        else:
            q, k, v = self.enter[0](x, *entering[0])
        out = self.attention(q, k, v, keys, queries, key_positions)
        return self.leave(x, out, *leaving)[0]

    def attention(
        self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, keys: Queries, queries: Queries, kp: torch.Tensor
    ) -> torch.Tensor:
        """q [E, B * Q, heads * d], k and v [E, R, kv heads * d]: [E, B * Q, heads * d]."""
        d, size, n, t, count = self.d, self.d.head_dim, keys.sequences, keys.count, queries.count
        lead, rows, _ = q.shape
        q = q.reshape(n, count, d.heads, size)
        k, v = (x.reshape(n, t, d.kv_heads, size) for x in (k, v))
        if self.last:
            (q,) = self.turn_labels(q, queries.cos, queries.sin)
            k, v = self.turn(k, v, keys.cos, keys.sin)
        else:
            q, k, v = self.turn(q, k, v, keys.cos, keys.sin)
        # The heads that share a key stand below each other, so that keys need not be repeated.
        q = q.reshape(n * d.kv_heads, d.heads // d.kv_heads * count, size)
        k, v = (x.reshape(n * d.kv_heads, t, size) for x in (k, v))
        (out,) = self.attend(q, k, v, queries.positions, kp)
        (out,) = self.merge(out.reshape(n, d.heads, count, size))
        return out.reshape(lead, rows, d.heads * size)


class Step(torch.nn.Module):
    """`forward` is the step: docs/bundle.md states inputs and outputs. E is 1 in its inputs."""

    cos: torch.Tensor
    sin: torch.Tensor

    def __init__(
        self, decoder: Decoder, layout: Layout, read: Read, quantization: Quantization,
        outliers: Mapping[str, np.ndarray], longest: int, lower: Lower,
    ) -> None:  # fmt: skip
        """`outliers` names the input channels of each layer whose activations are not rounded; T is at most `longest`.
        `lower` makes of each stage what stands in the graph.
        """
        super().__init__()
        self.d, self.tuned = decoder, [sensitive.layer for sensitive in layout.layers]
        self.spreads = torch.nn.ModuleList(map(Spread, layout.layers, layout.blocks(), repeat(layout.scope)))
        self.first_tuned = min(block_of(layer.layer) for layer in layout.layers)
        self.embedding = Table(EMBEDDING, read, quantization, decoder.hidden)
        self.head = self.embedding if decoder.tied_embedding else Table(HEAD, read, quantization, decoder.hidden)
        self.blocks = torch.nn.ModuleList(
            Block(decoder, i, layout, read, quantization, outliers, lower) for i in range(decoder.layers)
        )
        self.norm = Norm(read(f"{NORM}.weight"), decoder.norm_eps)
        angles = np.arange(longest)[:, None] * np.concatenate([decoder.inverse_frequencies] * 2)[None]
        for name, f in (("cos", np.cos), ("sin", np.sin)):
            self.register_buffer(name, torch.from_numpy((f(angles) * decoder.rotary_scale).astype(np.float32)))

    def forward(
        self, input_ids: torch.Tensor, label_positions: torch.Tensor, label_ids: torch.Tensor, words: torch.Tensor,
        values: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
        """nll [P, B, L] and hidden [P, B, S, H]."""
        _, b, t = input_ids.shape
        p, s = values.shape[0], label_positions.shape[2]
        by_layer = {name: spread(values) for name, spread in zip(self.tuned, self.spreads, strict=True)}
        rows = label_positions + torch.arange(b)[:, None] * t + torch.arange(p)[:, None, None] * (b * t)
        rows, places = rows.reshape(p * b * s), torch.arange(t).float()
        at_labels = self.label_queries(label_positions, p)
        x = self.embedding(input_ids.reshape(1, b * t))
        keys = self.every_query(b, t)
        for i, block in enumerate(self.blocks):
            if i == self.first_tuned:
                x, keys = x.expand(p, b * t, self.d.hidden).clone(), self.every_query(p * b, t)
            x = block(x, by_layer, keys, at_labels if block.last else keys, rows, places)
        hidden = self.norm(x).reshape(p, b, s, self.d.hidden)
        return self.nll(hidden, label_ids, words), hidden

    def every_query(self, n: int, t: int) -> Queries:
        """Queries at all tokens."""
        places = torch.arange(t).float().repeat(self.d.heads // self.d.kv_heads)
        return Queries(self.cos[:t, None], self.sin[:t, None], n, t, places[None, :, None])

    def label_queries(self, at: torch.Tensor, p: int) -> Queries:
        """Queries at the label positions int64 [1, B, S] of every perturbation."""
        _, b, s = at.shape
        n, group, size = p * b, self.d.heads // self.d.kv_heads, self.d.head_dim
        every = at.expand(p, b, s).reshape(n * s)
        cos, sin = (x.index_select(0, every).reshape(n, s, 1, size) for x in (self.cos, self.sin))
        places = every.float().reshape(n, 1, 1, s).expand(n, self.d.kv_heads, group, s)
        return Queries(cos, sin, n, s, places.reshape(n * self.d.kv_heads, group * s, 1))

    def nll(self, hidden: torch.Tensor, label_ids: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
        """log sum exp of the competing words' logits minus the label's, 0 where a label is padding."""
        labels, s = label_ids.shape[2], hidden.shape[2]
        scored_at = torch.arange(labels) * s // labels
        own = self.head(label_ids.clamp(min=0))
        own = (hidden.index_select(2, scored_at) * own).sum(-1)
        nll = self.log_sum(hidden, words).index_select(2, scored_at) - own
        return torch.where(label_ids < 0, torch.zeros(()), nll)

    def log_sum(self, hidden: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
        """log sum exp of the logits of `words`, [P, B, S]."""
        p, b, s, width = hidden.shape
        logits = torch.mm(hidden.reshape(p * b * s, width), self.head(words).permute(1, 0))
        return torch.logsumexp(logits, dim=-1).reshape(p, b, s)


class LogSum(torch.nn.Module):
    """The second method of the program, for more words than its first one takes."""

    def __init__(self, step: Step) -> None:
        super().__init__()
        self.step = step

    def forward(self, hidden: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
        """hidden [P, B, S, H], words int64 [W]: log sum exp of their logits, [P, B, S]."""
        return self.step.log_sum(hidden, words)
