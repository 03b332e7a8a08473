"""The stages of a step that XNNPACK takes whole: no stage cuts, gathers, or splits a tensor of unknown size.

A stage takes its inputs by name. `inputs` lists them in the order in which the lowered stage takes them, each with its
shape, in which a string is a size that is known when the stage runs:

    E               1 before the first tuned block, P from there on
    rows            tokens of all examples, B * T, or label positions, B * S
    sequences       E * B
    queries         positions of a sequence for which attention is computed: T, or S in the last block
    key_sequences   sequences * kv heads
    grouped_queries heads / kv heads * queries: heads that share a key stand below each other
    T               tokens of a sequence, which are its keys
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from pocketzo.runtime.bundle.manifest import Quantization
from torch.nn import functional as F

from ..model.decoder import Decoder, Linear
from ..weights.layout import Layout
from .operators import ACTIVATIONS, NORMS
from .xnn_product import Product, Read, SplitInput, side_channels

Lower = Callable[["Stage"], torch.nn.Module]
"""makes of a stage what stands in the graph in its place; it takes and returns what the stage does"""
MASKED = -1e9
"""added to the scores of keys to the right of a query, whose share of the softmax is then 0"""
Shape = tuple[int | str, ...]


@dataclass(frozen=True)
class Stored:
    """What layers are made from: which weights are sensitive, the stored arrays and their form, and the outlier
    channels of each layer, whose activations are not rounded.
    """

    layout: Layout
    read: Read
    quantization: Quantization
    outliers: Mapping[str, np.ndarray]


class Stage(torch.nn.Module):
    """A part of the step; `inputs` and `outputs` are the shapes of what it takes and gives, and `constants` what its
    graph holds beside weights.
    """

    inputs: dict[str, Shape]
    outputs: list[Shape]
    constants: tuple[float, ...] = ()


class LinearStage(Stage):
    """A stage with linear layers. Beside tensors of its own it takes, in this order:

    - `zero`, zeros [E, 1, 1]: added to a constant it gives it the size E, which both factors of a batched product have;
    - the side inputs, in fp32: `pick_INPUT` for each split input and `weights_LAYER` for each layer. These are weights,
      but as constants of the stage XNNPACK would hold them in fp32. So the program around the stage holds them in the
      smallest type that is exact (`side_inputs`), and widens them when it runs;
    - `values_LAYER` for each layer with sensitive weights, as ScatterValues makes them.
    """

    def __init__(self, stored: Stored) -> None:
        super().__init__()
        self._stored = stored
        self.products = torch.nn.ModuleDict()
        self.side_inputs: dict[str, torch.Tensor] = {}

    def split(self, name: str, layers: Mapping[str, Linear], norm: torch.nn.Module | None = None) -> SplitInput:
        """Add `layers`, which share the input `name`; returns what splits that input for their products.

        With `norm` the input is the norm's without its weight.
        """
        stored, (first, *_) = self._stored, layers.values()
        channels = side_channels(list(layers.values()), stored.layout, stored.outliers)
        weight: Any = None if norm is None else norm.weight
        split = SplitInput(first.columns, channels, stored.quantization, weight)
        self.side_inputs[f"pick_{name}"] = split.pick
        for key, linear in layers.items():
            product = Product(linear, stored.layout, stored.read, stored.quantization, channels)
            self.products[key] = product
            self.side_inputs[f"weights_{key}"] = product.side_weights
        return split

    def inputs_of_layers(self) -> dict[str, Shape]:
        """`zero`, the side inputs, and the values of the layers that were added."""
        side: dict[str, Shape] = {name: tuple(x.shape) for name, x in self.side_inputs.items()}
        layers: Mapping[str, Any] = dict(self.products.items())
        tuned = {key: layer for key, layer in layers.items() if layer.sensitive is not None}
        values: dict[str, Shape] = {
            f"values_{key}": ("E", layer.place.shape[1] * layer.side_weights.shape[1]) for key, layer in tuned.items()
        }
        return {"zero": ("E", 1, 1), **side, **values}

    def product(
        self, key: str, split: tuple[torch.Tensor, torch.Tensor], given: Mapping[str, torch.Tensor]
    ) -> torch.Tensor:
        """The output of layer `key` for its `split` input, with what the stage was `given`."""
        layer, values = self.products[key], given.get(f"values_{key}")
        output: torch.Tensor = layer(*split, given["zero"], given[f"weights_{key}"], values)
        return output


class QueryKeyValue(LinearStage):
    """The residual x [E, rows, H] to queries, keys and values [E, rows, heads * d], as many of them as `layers` has."""

    def __init__(self, norm: str, decoder: Decoder, layers: Mapping[str, Linear], stored: Stored) -> None:
        super().__init__(stored)
        self.norm = NORMS[decoder.family.norm](stored.read(f"{norm}.weight"), decoder.norm_eps)
        self.split_normed = self.split("normed", layers, self.norm)
        self.constants = (decoder.norm_eps,)
        self.inputs = {"x": ("E", "rows", decoder.hidden), **self.inputs_of_layers()}
        self.outputs = [("E", "rows", layer.rows) for layer in layers.values()]

    def forward(self, x: torch.Tensor, **given: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """One output a layer."""
        normed = self.split_normed(self.norm.unit(x), given["zero"], given["pick_normed"])
        return tuple(self.product(key, normed, given) for key in self.products)


class OutputAndMLP(LinearStage):
    """The residual x [E, rows, H] and the attended values [E, rows, heads * d] to the block's output [E, rows, H]."""

    def __init__(self, norm: str, decoder: Decoder, layers: Mapping[str, Linear], stored: Stored) -> None:
        super().__init__(stored)
        self.norm = NORMS[decoder.family.norm](stored.read(f"{norm}.weight"), decoder.norm_eps)
        self.split_attended = self.split("attended", {"o": layers["o"]})
        self.split_normed = self.split("normed", {key: layers[key] for key in ("gate", "up")}, self.norm)
        self.split_gated = self.split("gated", {"down": layers["down"]})
        self.activation = decoder.family.activation
        self.constants = (decoder.norm_eps,)
        self.inputs = {
            "x": ("E", "rows", decoder.hidden),
            "attended": ("E", "rows", layers["o"].columns),
            **self.inputs_of_layers(),
        }
        self.outputs = [("E", "rows", decoder.hidden)]

    def forward(self, x: torch.Tensor, attended: torch.Tensor, **given: torch.Tensor) -> tuple[torch.Tensor]:
        """The residual after the block."""
        zero, activate = given["zero"], ACTIVATIONS[self.activation]
        x = x + self.product("o", self.split_attended(attended, zero, given["pick_attended"]), given)
        normed = self.split_normed(self.norm.unit(x), zero, given["pick_normed"])
        gate, up = self.product("gate", normed, given), self.product("up", normed, given)
        gated = self.split_gated(activate(gate) * up, zero, given["pick_gated"])
        return (x + self.product("down", gated, given),)


class Rope(Stage):
    """Rotary position embedding: x cos + rotate_half(x) sin, of each key of `norms` ("q", "k").

    x is [sequences, queries, heads, d], and comes out as [sequences, heads, queries, d]. Where the family has one, the
    norm of each head comes first; `norms` gives its name in the checkpoint. `with_values`: v comes along, whose axes
    change their order alone. cos and sin are [queries, 1, d], or `by_sequence` [sequences, queries, 1, d].
    """

    rotate_half: torch.Tensor

    def __init__(
        self, decoder: Decoder, read: Read, norms: Mapping[str, str], with_values: bool, by_sequence: bool
    ) -> None:
        super().__init__()
        half = decoder.head_dim // 2
        # rotate_half(x) = (-second half of x, first half of x), by a product with a matrix: a stage cuts no tensor.
        matrix = torch.zeros(decoder.head_dim, decoder.head_dim)
        matrix[:half, half:], matrix[half:, :half] = -torch.eye(half), torch.eye(half)
        self.register_buffer("rotate_half", matrix)
        family = decoder.family
        self.norms = torch.nn.ModuleDict(
            {
                key: NORMS[family.norm](read(f"{name}.weight"), decoder.norm_eps)
                if family.qk_norm
                else torch.nn.Identity()
                for key, name in norms.items()
            }
        )
        self.order = (*norms, *(["v"] if with_values else []))
        heads = {"q": decoder.heads, "k": decoder.kv_heads, "v": decoder.kv_heads}
        angles: Shape = ("queries", 1, decoder.head_dim)
        angles = ("sequences", *angles) if by_sequence else angles
        self.constants = (decoder.norm_eps,)
        self.inputs = {key: ("sequences", "queries", heads[key], decoder.head_dim) for key in self.order}
        self.inputs |= {"cos": angles, "sin": angles}
        self.outputs = [("sequences", heads[key], "queries", decoder.head_dim) for key in self.order]

    def forward(self, cos: torch.Tensor, sin: torch.Tensor, **given: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Queries, keys and values, as many of them as it takes, in this order."""
        rotated = dict(given)
        for key, norm in self.norms.items():
            x = norm(given[key])
            rotated[key] = x * cos + F.linear(x, self.rotate_half) * sin
        return tuple(rotated[key].permute(0, 2, 1, 3) for key in self.order)


class Attention(Stage):
    """softmax(q k^T / sqrt(d)) v over the keys at or before each query: q [key_sequences, grouped_queries, d], k and v
    [key_sequences, T, d].

    Positions are fp32: those of queries [1 or key_sequences, grouped_queries, 1], those of keys [T].
    """

    def __init__(self, decoder: Decoder, by_sequence: bool) -> None:
        super().__init__()
        d = decoder.head_dim
        self.inputs = {
            "q": ("key_sequences", "grouped_queries", d),
            "k": ("key_sequences", "T", d),
            "v": ("key_sequences", "T", d),
            "query_positions": ("key_sequences" if by_sequence else 1, "grouped_queries", 1),
            "key_positions": ("T",),
        }
        self.outputs = [("key_sequences", "grouped_queries", d)]
        self.scale = d**-0.5
        self.constants = (self.scale,)

    def forward(
        self,
        q: torch.Tensor,
        k: torch.Tensor,
        v: torch.Tensor,
        query_positions: torch.Tensor,
        key_positions: torch.Tensor,
    ) -> tuple[torch.Tensor]:
        """The attended values."""
        # 1 where a key stands right of the query, 0 elsewhere: XNNPACK has neither a comparison nor a choice by one.
        mask = torch.clamp(key_positions - query_positions, 0, 1) * MASKED
        scores = torch.bmm(q * self.scale, k.permute(0, 2, 1)) + mask
        return (torch.bmm(torch.softmax(scores, dim=-1), v),)


class MergeHeads(Stage):
    """x [sequences, heads, queries, d] to [sequences, queries, heads, d]."""

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.inputs = {"x": ("sequences", decoder.heads, "queries", decoder.head_dim)}
        self.outputs = [("sequences", "queries", decoder.heads, decoder.head_dim)]

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor]:
        """The same in another order."""
        return (x.permute(0, 2, 1, 3),)
