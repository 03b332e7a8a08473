"""A linear layer as XNNPACK computes it: an integer product, and an fp32 one with few input channels beside it.

The few channels are the sums of each group's activations, which carry the zero points that XNNPACK's 4-bit format
lacks ((q - z) s = (q - 8) s + (8 - z) s); the channels with the largest activations, which would set the scale of every
row; and those of the sensitive values, which are so perturbed at no cost of their own. They are made by a product with
a constant matrix, since XNNPACK gathers nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from pocketzo.runtime.bundle.manifest import Block, Quantization
from torch.nn import functional as F
from torchao.quantization.quant_primitives import (
    MappingType,
    choose_qparams_affine,
    dequantize_affine,
    quantize_affine,
)

from ..model.decoder import Linear
from ..weights.layout import Layout, SensitiveLayer
from ..weights.packing import Quantized, Rounded

Read = Callable[[str], np.ndarray]
"""gives a stored array by its name, as WeightsFile.read does"""
PADDING = 8
MIDDLE = 8
"""the zero point that XNNPACK takes for granted in 4 bits"""


@dataclass(frozen=True)
class FewChannels:
    """Input channels of layers with one input: int64, ascending. `outliers` have the largest activations; activations
    are 0 in the integer product at `exact`, these among them; at `tuned` there are sensitive values.
    """

    outliers: np.ndarray
    exact: np.ndarray
    tuned: np.ndarray

    @property
    def all(self) -> np.ndarray:
        """Exact and tuned ones, in the order in which they stand."""
        return np.union1d(self.exact, self.tuned)

    @property
    def padded(self) -> int:
        """How many are computed: these, and at their end some that are always 0, for few different sizes."""
        return -(-len(self.all) // PADDING) * PADDING


def few_channels(layers: Sequence[Linear], layout: Layout, outliers: Mapping[str, np.ndarray]) -> FewChannels:
    """The channels of `layers`, which share their input. Whole tuned channels are exact too, with nothing rounded."""
    none = np.array([], dtype=np.int64)
    outlying = outliers.get(layers[0].name, none)  # those of an input are the same for every layer that has it
    sensitive = [s for x in layers if (s := layout.of(x.name)) is not None]
    tuned = np.unique(np.concatenate([none, *(s.index(layout.scope)[1] for s in sensitive)]))
    exact = np.union1d(outlying, tuned) if layout.scope == "channels" else outlying
    return FewChannels(outlying, exact, tuned)


class Few(torch.nn.Module):
    """Of an input its part for the integer product and its few channels.

    With `weight`, that of a norm, the input is the norm's without it, and it is applied here.
    """

    sums: torch.Tensor | None
    missing: torch.Tensor | None
    keep: torch.Tensor
    weight: torch.Tensor | None

    def __init__(
        self, columns: int, channels: FewChannels, quantization: Quantization, weight: torch.Tensor | None
    ) -> None:
        super().__init__()
        keep, pick = torch.ones(columns), torch.zeros(columns, channels.padded)
        keep[channels.exact] = 0
        pick[channels.all, torch.arange(len(channels.all))] = 1
        size = quantization.group_size
        sums = torch.eye(columns // size).repeat_interleave(size, 1) if size else None
        self.register_buffer("sums", sums)
        left_out = pick * (1 - keep)[:, None]
        self.register_buffer("missing", None if sums is None else sums @ left_out)
        self.register_buffer("keep", keep if weight is None else keep * weight)
        self.lent = pick.to(torch.int8)
        self.register_buffer("weight", None if weight is None else pick.T @ weight)

    def forward(self, x: torch.Tensor, zero: torch.Tensor, pick: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """x [E, R, C] gives the same with 0 in the exact channels, and [E, R, F] with F few channels: the sums of each
        whole group, then the exact and the tuned channels. `zero` [E, 1, 1] gives constants its size; `pick` is
        `lent` in fp32.
        """
        pick = pick if self.weight is None else pick * self.weight
        kept, few = x * self.keep, torch.bmm(x, pick + zero)
        if self.sums is None or self.missing is None:
            return kept, few
        return kept, torch.cat([F.linear(kept, self.sums) + F.linear(few, self.missing), few], dim=-1)


class Product(torch.nn.Module):
    """One layer, on what `Few` makes of its input."""

    codes: torch.Tensor
    scales: torch.Tensor
    points: torch.Tensor
    place: torch.Tensor
    bias: torch.Tensor | None

    def __init__(
        self, linear: Linear, layout: Layout, read: Read, quantization: Quantization, channels: FewChannels
    ) -> None:
        super().__init__()
        codes, scales, static = (
            _four_bits(linear, read, channels) if quantization.weight_bits == 4 else _eight_bits(linear, read, channels)
        )
        self.bits = quantization.weight_bits
        self.register_buffer("codes", torch.from_numpy(codes))
        self.register_buffer("scales", torch.from_numpy(scales))
        self.register_buffer("points", torch.zeros(scales.shape, dtype=torch.int8))
        self.register_buffer("bias", torch.from_numpy(read(f"{linear.name}.bias")) if linear.bias else None)
        held = torch.from_numpy(np.ascontiguousarray(static.T))
        # With 4 bits these are products of a scale of 8 digits and a whole number of 3, which fp16 has.
        half = held.half()
        self.lent = half if torch.equal(half.float(), held) else held
        """[F, C_out], what frozen weights give the few channels"""
        self.sensitive = layout.of(linear.name)
        if self.sensitive is not None:
            used = np.unique(self.sensitive.index(layout.scope)[1])
            place = torch.zeros(static.shape[1], _rounded_up(len(used)))
            place[static.shape[1] - channels.padded + np.searchsorted(channels.all, used), np.arange(len(used))] = 1
            self.register_buffer("place", place)

    def forward(
        self, x: torch.Tensor, few: torch.Tensor, zero: torch.Tensor, static: torch.Tensor, block: torch.Tensor | None
    ) -> torch.Tensor:
        """fp32 [E, R, C_out]; `static` is `lent` in fp32; `block` is what `Spread` made of the layer's values, and E is
        P if it has any.
        """
        # Layers with one input could share its rounding, but XNNPACK crashes in some programs that do.
        frozen = F.linear(_rounded(x), self._weight())
        if block is None:
            added = static + zero
        else:
            by_output = block.reshape(-1, self.place.shape[1], static.shape[1]).permute(0, 2, 1)
            # A product with a constant on the right is the only one that XNNPACK takes with any number of dimensions.
            added = F.linear(by_output, self.place).permute(0, 2, 1) + static
        y = frozen + torch.bmm(few, added)
        return y if self.bias is None else y + self.bias

    def _weight(self) -> torch.Tensor:
        group, half = self.codes.shape[1] // self.scales.shape[1], 2 ** (self.bits - 1)
        return dequantize_affine(
            self.codes, (1, group), self.scales, self.points, torch.int8, -half, half - 1, output_dtype=torch.float32
        )


class Spread(torch.nn.Module):
    """The values of a layer among all values, as its product takes them."""

    index: torch.Tensor | None

    def __init__(self, sensitive: SensitiveLayer, block: Block, scope: str) -> None:
        super().__init__()
        self.begin, self.end = block.offset, block.offset + block.count
        rows, columns = sensitive.index(scope)  # type: ignore[arg-type]
        used, at = np.unique(columns, return_inverse=True)
        self.size = _rounded_up(len(used)) * sensitive.rows
        index = None
        if scope == "weights":
            places = np.full(self.size, block.count)
            places[at * sensitive.rows + rows] = np.arange(block.count)
            index = torch.from_numpy(places)
        self.register_buffer("index", index)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """values fp32 [P, K] to [P, U * C_out]: U input channels with values, the last of them perhaps with none; what
        each adds to each output, 0 where there is no value.
        """
        own = values[:, self.begin : self.end]
        if self.index is None:
            return F.pad(own, (0, self.size - (self.end - self.begin)))
        return F.pad(own, (0, 1)).index_select(1, self.index)


def _rounded_up(count: int) -> int:
    """A power of two, at least 4: few different sizes make few different programs, each of which takes seconds."""
    return max(4, 1 << (count - 1).bit_length())


def _four_bits(linear: Linear, read: Read, channels: FewChannels) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Codes int8 [R, C], scales fp32 [R, G], and the weights of the few channels, [R, F]."""
    codes, scales, zero_points = (read(f"{linear.name}.{x}") for x in ("codes", "scales", "zero_points"))
    held = Quantized.unpack(codes, scales, zero_points, linear.columns, 4)
    shifted, scales = held.codes.astype(np.int8) - np.int8(MIDDLE), held.scales.astype(np.float32)
    points = (MIDDLE - held.zero_points.astype(np.float32)) * scales
    apart = (shifted * np.repeat(scales, held.group_size, axis=1))[:, channels.all]
    apart[:, ~np.isin(channels.all, channels.exact)] = 0
    return shifted, scales, np.concatenate([points, _padded(apart, channels)], axis=1)


def _eight_bits(linear: Linear, read: Read, channels: FewChannels) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same with one scale a row; the weights of outliers are stored apart, and their codes are 0."""
    held = Rounded(*(read(f"{linear.name}.{x}") for x in ("codes", "scales", "outliers")))
    apart = held.dequantize(channels.outliers)[:, channels.all]
    apart[:, ~np.isin(channels.all, channels.exact)] = 0
    return np.ascontiguousarray(held.codes.T), held.scales[:, None], _padded(apart, channels)


def _padded(weights: np.ndarray, channels: FewChannels) -> np.ndarray:
    return np.pad(weights, ((0, 0), (0, channels.padded - weights.shape[1])))


def _rounded(x: torch.Tensor) -> torch.Tensor:
    """`x` with each row rounded to 8 bits between its extremes, as XNNPACK does it while it runs."""
    block = (*(1 for _ in x.shape[:-1]), x.shape[-1])
    limits = {"quant_min": -128, "quant_max": 127}
    scale, point = choose_qparams_affine(
        x, MappingType.ASYMMETRIC, block, target_dtype=torch.int8, zero_point_dtype=torch.int8, **limits
    )
    codes = quantize_affine(x, block, scale, point, output_dtype=torch.int8, **limits)
    return dequantize_affine(codes, block, scale, point, torch.int8, output_dtype=torch.float32, **limits)
