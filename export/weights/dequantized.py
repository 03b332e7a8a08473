"""The weights that an artifact computes with, read back from weights.bin, with the values in place."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from pocketzo.runtime.bundle.manifest import Quantization

from ..model.decoder import Decoder
from ..model.families import Names
from .layout import Layout
from .packing import Bits, Quantized, Rounded
from .weights_file import WeightsFile


def quantized_form(name: str, names: Names, quantization: Quantization) -> tuple[Bits, int]:
    """Bits and group size in which the weight of layer `name`, of a model with `names`, is stored."""
    if name in names.tables:
        return quantization.embedding_bits, quantization.embedding_group_size
    return quantization.weight_bits, quantization.group_size


class Dequantized:
    """Gives each tensor (fp32) as the artifact has it, with `values` (fp32 [K]) in the sensitive entries.

    `outliers` names the outlier channels of each layer with 8-bit weights.
    """

    def __init__(
        self,
        store: WeightsFile,
        decoder: Decoder,
        quantization: Quantization,
        layout: Layout,
        values: np.ndarray,
        outliers: Mapping[str, np.ndarray],
    ) -> None:
        self._outliers = outliers
        self._store, self._quantization, self._layout, self._values = store, quantization, layout, values
        self._columns = {linear.name: linear.columns for linear in decoder.linears()}
        self._columns.update(dict.fromkeys(decoder.names.tables, decoder.hidden))
        self._names = decoder.names

    def __call__(self, name: str) -> torch.Tensor:
        """The tensor `name`."""
        layer = name.removesuffix(".weight")
        if f"{layer}.codes" not in self._store:
            return torch.from_numpy(self._store.read(name))
        weight = torch.from_numpy(self._rounded(layer) if layer in self._outliers else self._quantized(layer))
        put_values(weight, layer, self._layout, self._values)
        return weight

    def _rounded(self, layer: str) -> np.ndarray:
        parts = (self._store.read(f"{layer}.{x}") for x in ("codes", "scales", "outliers"))
        return Rounded(*parts).dequantize(self._outliers[layer])

    def _quantized(self, layer: str) -> np.ndarray:
        codes, scales, zero_points = (self._store.read(f"{layer}.{x}") for x in ("codes", "scales", "zero_points"))
        bits, _ = quantized_form(layer, self._names, self._quantization)
        return Quantized.unpack(codes, scales, zero_points, self._columns[layer], bits).dequantize()


def put_values(weight: torch.Tensor, layer: str, layout: Layout, values: np.ndarray) -> None:
    """Put `values` (fp32 [K]) into the sensitive entries of `weight`, that of `layer`, if it has any."""
    for block, sensitive in zip(layout.blocks(), layout.layers, strict=True):
        if sensitive.layer == layer:
            index = tuple(torch.from_numpy(i) for i in sensitive.index(layout.scope))
            part = np.ascontiguousarray(values[block.offset : block.offset + block.count])
            with torch.no_grad():
                weight[index] = torch.from_numpy(part).to(weight.dtype)
