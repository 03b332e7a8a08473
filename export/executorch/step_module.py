"""The step as a torch module, for engines that torch.export reaches: the inputs, outputs and weights are those of
export/onnx/graph.py.

It is cut into stages (step_stages.py), between which tensors only change their shape. XNNPACK takes a whole stage, but
no change of shape with two unknown sizes; and each stage is lowered alone, since lowering a whole model takes a time
that grows with the square of its layers. Sizes in words are those of step_stages.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import repeat

import numpy as np
import torch
from pocketzo.runtime.bundle.manifest import Quantization

from ..model.decoder import Decoder
from ..model.families import Names
from ..model.layerwise import block_of
from ..weights.dequantized import quantized_form
from ..weights.layout import Layout
from ..weights.packing import Quantized
from .operators import NORMS
from .step_stages import Attention, Lower, MergeHeads, OutputAndMLP, QueryKeyValue, Rope, Stored
from .xnn_product import Read, ScatterValues


class Table(torch.nn.Module):
    """The embedding table or LM head in its quantized form; a row is dequantized when it is looked up."""

    def __init__(self, name: str, names: Names, read: Read, quantization: Quantization, width: int) -> None:
        super().__init__()
        self.bits, _ = quantized_form(name, names, quantization)
        codes, scales, zero_points = (read(f"{name}.{x}") for x in ("codes", "scales", "zero_points"))
        stored = Quantized.unpack(codes, scales, zero_points, width, self.bits)
        points = stored.zero_points.astype(np.float32)
        if self.bits == 4:  # the engine's nibbles: the even column in the high one, and 8 stands for 0
            packed, points = stored.codes[:, 0::2] << 4 | stored.codes[:, 1::2], points - 8
        else:
            packed = stored.codes
        arrays = {"codes": np.ascontiguousarray(packed), "scales": stored.scales.astype(np.float32), "points": points}
        for key, array in arrays.items():
            self.register_buffer(key, torch.from_numpy(array))

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Rows of the table, fp32 [..., H], for ids int64 [...]."""
        op, table = torch.ops.quantized_decomposed, (self.codes, self.scales, self.points)
        return op.embedding_4bit(*table, -8, 7, ids) if self.bits == 4 else op.embedding_byte(*table, 0, 255, ids)


@dataclass(frozen=True)
class Queries:
    """Where queries stand: cos and sin of their angles, [queries, 1, d] or [sequences, queries, 1, d]; how many
    sequences and how many a sequence; and their positions, fp32 [1 or key_sequences, grouped_queries, 1].
    """

    cos: torch.Tensor
    sin: torch.Tensor
    sequences: int
    count: int
    positions: torch.Tensor


class SideInputs(torch.nn.Module):
    """The side inputs of a stage, by name, in the smallest type that holds them exactly."""

    def __init__(self, tensors: Mapping[str, torch.Tensor]) -> None:
        super().__init__()
        self.names = tuple(tensors)
        for name, tensor in tensors.items():
            self.register_buffer(name, tensor)

    def forward(self) -> dict[str, torch.Tensor]:
        """All of them in fp32."""
        return {name: self.get_buffer(name).float() for name in self.names}


class Block(torch.nn.Module):
    """One block of the decoder; the last one computes queries at the label positions alone."""

    def __init__(self, decoder: Decoder, i: int, stored: Stored, lower: Lower) -> None:
        super().__init__()
        self.d, self.last, linears, names = decoder, i == decoder.layers - 1, decoder.block(i), decoder.names
        together = [("k", "v"), ("q",)] if self.last else [("q", "k", "v")]
        layers = [{key: linears[key] for key in keys} for keys in together]
        attention_norm, mlp_norm, q_norm, k_norm = (
            names.in_block(i, n) for n in (names.attention_norm, names.mlp_norm, names.q_norm, names.k_norm)
        )
        before = [QueryKeyValue(attention_norm, decoder, part, stored) for part in layers]
        after = OutputAndMLP(mlp_norm, decoder, linears, stored)
        self.side_inputs = torch.nn.ModuleList(SideInputs(stage.side_inputs) for stage in (*before, after))
        self.before, self.after = torch.nn.ModuleList(map(lower, before)), lower(after)
        read = stored.read
        if self.last:
            self.rope = lower(Rope(decoder, read, {"k": k_norm}, with_values=True, by_sequence=False))
            self.rope_labels = lower(Rope(decoder, read, {"q": q_norm}, with_values=False, by_sequence=True))
        else:
            self.rope = lower(Rope(decoder, read, {"q": q_norm, "k": k_norm}, with_values=True, by_sequence=False))
        self.attend, self.merge_heads = lower(Attention(decoder, self.last)), lower(MergeHeads(decoder))
        self.tuned = [
            {f"values_{key}": linears[key].name for key in stage.products if f"values_{key}" in stage.inputs}
            for stage in (*before, after)
        ]
        """the layers with values, stage by stage, by the names of the stage's inputs"""

    def forward(
        self, x: torch.Tensor, values: Mapping[str, torch.Tensor], keys: Queries, queries: Queries,
        rows: torch.Tensor, key_positions: torch.Tensor,
    ) -> torch.Tensor:  # fmt: skip
        """x [E, B * T, H] to the same, or in the last block to [E, B * S, H].

        `values` are what ScatterValues makes, by layer; `rows` int64 [E * B * S] are those of the label positions.
        """
        zero = torch.zeros(x.shape[0], 1, 1)
        *before, after = (
            {"zero": zero, **side_inputs(), **{name: values[layer] for name, layer in tuned.items()}}
            for side_inputs, tuned in zip(self.side_inputs, self.tuned, strict=True)
        )
        if self.last:
            k, v = self.before[0](x=x, **before[0])
            lead, every, width = x.shape
            x = x.reshape(lead * every, width).index_select(0, rows).reshape(lead, rows.shape[0] // lead, width)
            (q,) = self.before[1](x=x, **before[1])
        else:
            q, k, v = self.before[0](x=x, **before[0])
        attended = self.attention(q, k, v, keys, queries, key_positions)
        return self.after(x=x, attended=attended, **after)[0]

    def attention(
        self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, keys: Queries, queries: Queries,
        key_positions: torch.Tensor,
    ) -> torch.Tensor:  # fmt: skip
        """q [E, B * queries, heads * d], k and v [E, B * T, kv heads * d]: [E, B * queries, heads * d]."""
        d, size, n, t, count = self.d, self.d.head_dim, keys.sequences, keys.count, queries.count
        lead, rows, _ = q.shape
        q = q.reshape(n, count, d.heads, size)
        k, v = (x.reshape(n, t, d.kv_heads, size) for x in (k, v))
        if self.last:
            (q,) = self.rope_labels(q=q, cos=queries.cos, sin=queries.sin)
            k, v = self.rope(k=k, v=v, cos=keys.cos, sin=keys.sin)
        else:
            q, k, v = self.rope(q=q, k=k, v=v, cos=keys.cos, sin=keys.sin)
        # The heads that share a key stand below each other, so that keys need not be repeated.
        q = q.reshape(n * d.kv_heads, d.heads // d.kv_heads * count, size)
        k, v = (x.reshape(n * d.kv_heads, t, size) for x in (k, v))
        (out,) = self.attend(q=q, k=k, v=v, query_positions=queries.positions, key_positions=key_positions)
        (out,) = self.merge_heads(x=out.reshape(n, d.heads, count, size))
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
        self.scatters = torch.nn.ModuleList(map(ScatterValues, layout.layers, layout.blocks(), repeat(layout.scope)))
        self.first_tuned = min(block_of(layer.layer) for layer in layout.layers)
        names, make = decoder.names, (decoder.names, read, quantization, decoder.hidden)
        self.embedding = Table(names.embedding, *make)
        self.head = self.embedding if decoder.tied_embedding else Table(names.head, *make)
        stored = Stored(layout, read, quantization, outliers)
        self.blocks = torch.nn.ModuleList(Block(decoder, i, stored, lower) for i in range(decoder.layers))
        self.norm = NORMS[decoder.family.norm](read(f"{names.final_norm}.weight"), decoder.norm_eps)
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
        by_layer = {name: scatter(values) for name, scatter in zip(self.tuned, self.scatters, strict=True)}
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
