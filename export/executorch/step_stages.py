"""The stages of a step that XNNPACK takes whole: no stage cuts, gathers, or splits a tensor of unknown size.

Each lists in `inputs` the shapes that it takes; a letter is a size that is known when it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from pocketzo.runtime.bundle.manifest import Quantization
from torch.nn import functional as F

from ..model.decoder import Decoder, Linear
from ..weights.layout import Layout
from .xnn_product import Few, Product, Read, few_channels

Lower = Callable[["Stage"], torch.nn.Module]
"""makes of a stage what stands in the graph in its place; it takes and returns what the stage does"""
FAR = -1e9
"""added to the scores of keys to the right of a query"""
Shape = tuple[int | str, ...]


class Stage(torch.nn.Module):
    """A part of the step; `inputs` and `outputs` are the shapes of what it takes and gives, and `constants` what its
    graph holds beside weights. `lent` are weights that it takes as inputs, in fp32, since XNNPACK holds them in no
    smaller type.
    """

    inputs: list[Shape]
    outputs: list[Shape]
    constants: tuple[float, ...] = ()
    lent: list[torch.Tensor]


class Norm(torch.nn.Module):
    """RMS norm, in two parts: rows with a mean square of 1, and the weights, which whoever uses them may fold in."""

    weight: torch.Tensor
    mean: torch.Tensor

    def __init__(self, weight: np.ndarray, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.register_buffer("weight", torch.from_numpy(weight))
        # XNNPACK has no mean over the last axis; a product with a constant row is one.
        self.register_buffer("mean", torch.full((1, len(weight)), 1 / len(weight)))

    def unit(self, x: torch.Tensor) -> torch.Tensor:
        """`x` [..., C] with a mean square of 1."""
        return x * torch.rsqrt(F.linear(x * x, self.mean) + self.eps)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The whole norm."""
        return self.unit(x) * self.weight


class _Layers(Stage):
    """What stages with linear layers share."""

    def __init__(self, layout: Layout, read: Read, quantization: Quantization, outliers: Mapping[str, np.ndarray]):
        super().__init__()
        self._make = (layout, read, quantization, outliers)
        self.products, self.lent = torch.nn.ModuleDict(), []

    def few(self, layers: Sequence[Linear], norm: Norm | None) -> Few:
        """The input of `layers`, which share it, and their products."""
        layout, read, quantization, outliers = self._make
        channels = few_channels(layers, layout, outliers)
        made = Few(layers[0].columns, channels, quantization, None if norm is None else norm.weight)
        self.lent.append(made.lent)
        for layer in layers:
            product = Product(layer, layout, read, quantization, channels)
            self.products[layer.name.rpartition(".")[2]] = product
            self.lent.append(product.lent)
        return made

    def take(self, *shapes: Shape) -> None:
        """The stage takes tensors of `shapes`, zeros [E, 1, 1], `lent` in fp32, and the values of its layers."""
        layers: list[Any] = [layer for layer in self.products.values() if layer.sensitive is not None]
        values: list[Shape] = [("E", layer.place.shape[1] * layer.lent.shape[1]) for layer in layers]
        lent: list[Shape] = [tuple(x.shape) for x in self.lent]
        self.inputs = [*shapes, ("E", 1, 1), *lent, *values]
        del self._make

    def product(self, key: str, h: tuple[torch.Tensor, torch.Tensor], left: Left) -> torch.Tensor:
        """The output of a layer for what its `Few` made of the input."""
        layer = self.products[key]
        static = left.lent.pop(0)
        return layer(*h, left.zero, static, left.values.pop(0) if layer.sensitive is not None else None)

    def left(self, zero: torch.Tensor, others: tuple[torch.Tensor, ...]) -> Left:
        """The inputs after `shapes`, before any is used."""
        return Left(zero, list(others[: len(self.lent)]), list(others[len(self.lent) :]))


@dataclass
class Left:
    """Inputs of a stage that its layers have not used yet, in the order in which they do."""

    zero: torch.Tensor
    lent: list[torch.Tensor]
    values: list[torch.Tensor]


class Enter(_Layers):
    """x [E, R, H] to the queries, keys and values [E, R, heads * d] that `layers` make of its norm."""

    def __init__(
        self, norm: str, decoder: Decoder, layers: Sequence[Linear], layout: Layout, read: Read,
        quantization: Quantization, outliers: Mapping[str, np.ndarray],
    ) -> None:  # fmt: skip
        super().__init__(layout, read, quantization, outliers)
        self.norm = Norm(read(f"{norm}.weight"), decoder.norm_eps)
        self.input = self.few(layers, self.norm)
        self.constants = (decoder.norm_eps,)
        self.take(("E", "R", decoder.hidden))
        self.outputs = [("E", "R", layer.rows) for layer in layers]

    def forward(self, x: torch.Tensor, zero: torch.Tensor, *others: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """One output a layer."""
        left = self.left(zero, others)
        h = self.input(self.norm.unit(x), zero, left.lent.pop(0))
        return tuple(self.product(key, h, left) for key in self.products)


class Leave(_Layers):
    """x [E, R, H] and what attention made [E, R, heads * d] to the block's output [E, R, H]."""

    def __init__(
        self, norm: str, decoder: Decoder, layers: Mapping[str, Linear], layout: Layout, read: Read,
        quantization: Quantization, outliers: Mapping[str, np.ndarray],
    ) -> None:  # fmt: skip
        super().__init__(layout, read, quantization, outliers)
        self.norm = Norm(read(f"{norm}.weight"), decoder.norm_eps)
        self.attended = self.few([layers["o"]], None)
        self.input = self.few([layers["gate"], layers["up"]], self.norm)
        self.between = self.few([layers["down"]], None)
        self.constants = (decoder.norm_eps,)
        self.take(("E", "R", decoder.hidden), ("E", "R", layers["o"].columns))
        self.outputs = [("E", "R", decoder.hidden)]

    def forward(
        self, x: torch.Tensor, attended: torch.Tensor, zero: torch.Tensor, *others: torch.Tensor
    ) -> tuple[torch.Tensor]:
        """The residual stream after the block."""
        left = self.left(zero, others)
        x = x + self.product("o_proj", self.attended(attended, zero, left.lent.pop(0)), left)
        h = self.input(self.norm.unit(x), zero, left.lent.pop(0))
        gate, up = self.product("gate_proj", h, left), self.product("up_proj", h, left)
        h = self.between(gate * torch.sigmoid(gate) * up, zero, left.lent.pop(0))
        return (x + self.product("down_proj", h, left),)


class Turn(Stage):
    """Rotary position embedding of queries or keys [N, Q, heads, d], after the norm of each head where the family has
    one, to [N, heads, Q, d]; with `passing` the values of attention come after them and only change their order.

    cos and sin come last, [Q, 1, d], or `by_sequence` [N, Q, 1, d].
    """

    quarter: torch.Tensor

    def __init__(
        self, decoder: Decoder, read: Read, turned: Sequence[tuple[int, str]], passing: bool, by_sequence: bool
    ) -> None:
        super().__init__()
        half = decoder.head_dim // 2
        turn = torch.zeros(decoder.head_dim, decoder.head_dim)
        turn[:half, half:], turn[half:, :half] = -torch.eye(half), torch.eye(half)
        self.register_buffer("quarter", turn)
        self.norms = torch.nn.ModuleList(
            Norm(read(f"{name}.weight"), decoder.norm_eps) if decoder.qk_norm else torch.nn.Identity()
            for _, name in turned
        )
        heads = [n for n, _ in turned] + [decoder.kv_heads] * passing
        angles: Shape = ("N", "Q", 1, decoder.head_dim) if by_sequence else ("Q", 1, decoder.head_dim)
        self.constants = (decoder.norm_eps,)
        self.inputs = [*(("N", "Q", n, decoder.head_dim) for n in heads), angles, angles]
        self.outputs = [("N", n, "Q", decoder.head_dim) for n in heads]

    def forward(self, *given: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """In the order of the inputs."""
        *heads, cos, sin = given
        made = list(heads)
        for i, norm in enumerate(self.norms):
            x = norm(heads[i])
            made[i] = x * cos + F.linear(x, self.quarter) * sin
        return tuple(x.permute(0, 2, 1, 3) for x in made)


class Attend(Stage):
    """Attention of q [M, G * Q, d] to k and v [M, T, d] at or before it: [M, G * Q, d]. Positions are fp32, those of
    queries [1 or M, G * Q, 1] and of keys [T].
    """

    def __init__(self, decoder: Decoder, by_sequence: bool) -> None:
        super().__init__()
        d = decoder.head_dim
        self.inputs = [("M", "G", d), ("M", "T", d), ("M", "T", d), ("M" if by_sequence else 1, "G", 1), ("T",)]
        self.outputs = [("M", "G", d)]
        self.scale = d**-0.5
        self.constants = (self.scale,)

    def forward(
        self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, at: torch.Tensor, keys: torch.Tensor
    ) -> tuple[torch.Tensor]:
        """The attended values."""
        far = torch.clamp(keys - at, 0, 1) * FAR
        scores = torch.bmm(q * self.scale, k.permute(0, 2, 1)) + far
        return (torch.bmm(torch.softmax(scores, dim=-1), v),)


class Merge(Stage):
    """[N, heads, Q, d] to [N, Q, heads, d]."""

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        self.inputs = [("N", decoder.heads, "Q", decoder.head_dim)]
        self.outputs = [("N", "Q", decoder.heads, decoder.head_dim)]

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor]:
        """The same in another order."""
        return (x.permute(0, 2, 1, 3),)
