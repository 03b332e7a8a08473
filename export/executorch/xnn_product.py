"""A linear layer as XNNPACK computes it: an integer product, and an fp32 one with the side channels beside it.

Side channels are

- the sums of each group's activations, which carry the zero points that XNNPACK's 4-bit format lacks: it takes 8 for
  granted, and (q - z) s = (q - 8) s + (8 - z) s, where (8 - z) s is one fp32 weight a group;
- the outlier channels, the input channels with the largest activations, which would set the scale of every row;
- the channels with sensitive weights, so that perturbing these costs nothing beside.

They are made by a product with a constant matrix, since XNNPACK gathers nothing.
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
ZERO_POINT = 8
"""the one that XNNPACK takes for granted in 4 bits"""


@dataclass(frozen=True)
class SideChannels:
    """Input channels of layers that share an input: int64, ascending.

    `outliers` have the largest activations; `tuned` have sensitive weights. At `left_out`, outliers among them, the
    input of the integer product is 0: the side product computes them whole.
    """

    outliers: np.ndarray
    left_out: np.ndarray
    tuned: np.ndarray

    @property
    def all(self) -> np.ndarray:
        """Those left out and the tuned ones, in the order in which they stand."""
        return np.union1d(self.left_out, self.tuned)

    @property
    def padded(self) -> int:
        """How many are computed: these, and at their end some that are always 0, for few different sizes."""
        return -(-len(self.all) // PADDING) * PADDING


def side_channels(layers: Sequence[Linear], layout: Layout, outliers: Mapping[str, np.ndarray]) -> SideChannels:
    """The side channels of `layers`, which share their input.

    Channels that are tuned as a whole are left out of the integer product, so that nothing of them is rounded. Where
    single weights of a channel are tuned, the integer product computes the others.
    """
    none = np.array([], dtype=np.int64)
    outlying = outliers.get(layers[0].name, none)  # those of an input are the same for every layer that has it
    sensitive = [s for x in layers if (s := layout.of(x.name)) is not None]
    tuned = np.unique(np.concatenate([none, *(s.index(layout.scope)[1] for s in sensitive)]))
    left_out = np.union1d(outlying, tuned) if layout.scope == "channels" else outlying
    return SideChannels(outlying, left_out, tuned)


class SplitInput(torch.nn.Module):
    """Splits an input into its part for the integer product and its side channels.

    With `weight`, that of a norm, the input is the norm's without it, and it is applied here.
    """

    sums: torch.Tensor | None
    sums_left_out: torch.Tensor | None
    keep: torch.Tensor
    weight: torch.Tensor | None

    def __init__(
        self, columns: int, channels: SideChannels, quantization: Quantization, weight: torch.Tensor | None
    ) -> None:
        super().__init__()
        keep, pick = torch.ones(columns), torch.zeros(columns, channels.padded)
        keep[channels.left_out] = 0
        pick[channels.all, torch.arange(len(channels.all))] = 1
        size = quantization.group_size
        sums = torch.eye(columns // size).repeat_interleave(size, 1) if size else None
        self.register_buffer("sums", sums)
        pick_left_out = pick * (1 - keep)[:, None]
        self.register_buffer("sums_left_out", None if sums is None else sums @ pick_left_out)
        self.register_buffer("keep", keep if weight is None else keep * weight)
        self.pick = pick.to(torch.int8)
        """[C, channels], a 1 where a side channel is the input channel; the side input of this input"""
        self.register_buffer("weight", None if weight is None else pick.T @ weight)

    def forward(self, x: torch.Tensor, zero: torch.Tensor, pick: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """x [E, rows, C] gives the same with 0 in the channels that are left out, and the side channels [E, rows,
        side]: the sums of each whole group, then those of SideChannels. `zero` is [E, 1, 1]; `pick` is this module's in
        fp32.
        """
        pick = pick if self.weight is None else pick * self.weight
        kept, side = x * self.keep, torch.bmm(x, pick + zero)
        if self.sums is None or self.sums_left_out is None:
            return kept, side
        # A group's sum covers the channels that `kept` lacks too: they are added from the side channels.
        return kept, torch.cat([F.linear(kept, self.sums) + F.linear(side, self.sums_left_out), side], dim=-1)


class Product(torch.nn.Module):
    """One layer, on what SplitInput makes of its input."""

    codes: torch.Tensor
    scales: torch.Tensor
    points: torch.Tensor
    place: torch.Tensor
    bias: torch.Tensor | None

    def __init__(
        self, linear: Linear, layout: Layout, read: Read, quantization: Quantization, channels: SideChannels
    ) -> None:
        super().__init__()
        codes, scales, side = (
            _four_bits(linear, read, channels) if quantization.weight_bits == 4 else _eight_bits(linear, read, channels)
        )
        self.bits = quantization.weight_bits
        self.register_buffer("codes", torch.from_numpy(codes))
        self.register_buffer("scales", torch.from_numpy(scales))
        self.register_buffer("points", torch.zeros(scales.shape, dtype=torch.int8))
        self.register_buffer("bias", torch.from_numpy(read(f"{linear.name}.bias")) if linear.bias else None)
        side_weights = torch.from_numpy(np.ascontiguousarray(side.T))
        # With 4 bits these are products of a scale of 8 digits and a whole number of 3, which fp16 has.
        half = side_weights.half()
        self.side_weights = half if torch.equal(half.float(), side_weights) else side_weights
        """[side, R], the frozen weights of the side channels; the side input of this layer"""
        self.sensitive = layout.of(linear.name)
        if self.sensitive is not None:
            used = np.unique(self.sensitive.index(layout.scope)[1])
            place = torch.zeros(side.shape[1], _rounded_up(len(used)))
            place[side.shape[1] - channels.padded + np.searchsorted(channels.all, used), np.arange(len(used))] = 1
            self.register_buffer("place", place)

    def forward(
        self,
        x: torch.Tensor,
        side: torch.Tensor,
        zero: torch.Tensor,
        side_weights: torch.Tensor,
        values: torch.Tensor | None,
    ) -> torch.Tensor:
        """fp32 [E, rows, R] of a split input: x [E, rows, C] and `side` [E, rows, side].

        `zero` is [E, 1, 1]; `side_weights` are this module's in fp32; `values` are what ScatterValues made of the
        layer's values, and E is P if it has any.
        """
        # Layers with one input could share its rounding, but XNNPACK crashes in some programs that do.
        frozen = F.linear(_rounded(x), self._weight())
        if values is None:
            weights = side_weights + zero
        else:
            by_output = values.reshape(-1, self.place.shape[1], side_weights.shape[1]).permute(0, 2, 1)
            # A product with a constant on the right is the only one that XNNPACK takes with any number of dimensions.
            weights = F.linear(by_output, self.place).permute(0, 2, 1) + side_weights
        y = frozen + torch.bmm(side, weights)
        return y if self.bias is None else y + self.bias

    def _weight(self) -> torch.Tensor:
        group, half = self.codes.shape[1] // self.scales.shape[1], 2 ** (self.bits - 1)
        return dequantize_affine(
            self.codes, (1, group), self.scales, self.points, torch.int8, -half, half - 1, output_dtype=torch.float32
        )


class ScatterValues(torch.nn.Module):
    """Scatters the values of a layer, which stand in a row among all values, to the weights of its tuned channels."""

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
        """values fp32 [P, K] to [P, channels * R]: for each tuned channel, and perhaps some more to round up, its
        weight for each output, 0 where there is no value.
        """
        own = values[:, self.begin : self.end]
        if self.index is None:
            return F.pad(own, (0, self.size - (self.end - self.begin)))
        return F.pad(own, (0, 1)).index_select(1, self.index)


def _rounded_up(count: int) -> int:
    """A power of two, at least 4: few different sizes make few different programs, each of which takes seconds."""
    return max(4, 1 << (count - 1).bit_length())


def _four_bits(linear: Linear, read: Read, channels: SideChannels) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Codes int8 [R, C], scales fp32 [R, G], and the frozen weights of the side channels, [R, side]."""
    codes, scales, zero_points = (read(f"{linear.name}.{x}") for x in ("codes", "scales", "zero_points"))
    stored = Quantized.unpack(codes, scales, zero_points, linear.columns, 4)
    shifted, scales = stored.codes.astype(np.int8) - np.int8(ZERO_POINT), stored.scales.astype(np.float32)
    of_sums = (ZERO_POINT - stored.zero_points.astype(np.float32)) * scales
    of_channels = _side_weights(shifted * np.repeat(scales, stored.group_size, axis=1), channels)
    return shifted, scales, np.concatenate([of_sums, of_channels], axis=1)


def _eight_bits(linear: Linear, read: Read, channels: SideChannels) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same with one scale a row (G = 1) and no sums; the outlier channels' codes are 0, their weights stored."""
    stored = Rounded(*(read(f"{linear.name}.{x}") for x in ("codes", "scales", "outliers")))
    of_channels = _side_weights(stored.dequantize(channels.outliers), channels)
    return np.ascontiguousarray(stored.codes.T), stored.scales[:, None], of_channels


def _side_weights(weight: np.ndarray, channels: SideChannels) -> np.ndarray:
    """Of a weight [R, C] the part of the side channels, padded, and 0 where the integer product has it."""
    part = weight[:, channels.all]
    part[:, ~np.isin(channels.all, channels.left_out)] = 0
    return np.pad(part, ((0, 0), (0, channels.padded - part.shape[1])))


def _rounded(x: torch.Tensor) -> torch.Tensor:
    """`x` with each row rounded to 8 bits between its extremes, as XNNPACK does it while it runs."""
    block = (*(1 for _ in x.shape[:-1]), x.shape[-1])
    limits = {"quant_min": -128, "quant_max": 127}
    scale, point = choose_qparams_affine(
        x, MappingType.ASYMMETRIC, block, target_dtype=torch.int8, zero_point_dtype=torch.int8, **limits
    )
    codes = quantize_affine(x, block, scale, point, output_dtype=torch.int8, **limits)
    return dequantize_affine(codes, block, scale, point, torch.int8, output_dtype=torch.float32, **limits)
