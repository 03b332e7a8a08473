"""A torch model rebuilt from a bundle's own bytes, so that an artifact is compared with what it really holds.

Reading the packed weights back is independent of the exporter: it starts from weights.bin, step.onnx's initializers and
values.safetensors, and ends in transformers' own modelling code.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx.external_data_helper import load_external_data_for_model
from pocketzo.export.model.layerwise import Layerwise
from pocketzo.export.weights.layout import Layout, SensitiveLayer
from pocketzo.runtime.bundle import Bundle
from pocketzo.toolkit.checkpoint import find_source, load_whole
from safetensors.numpy import load_file


def bundle_layout(bundle: Bundle) -> Layout:
    """The layout that the manifest and values.safetensors describe."""
    values = bundle.manifest.values
    entries = load_file(bundle.directory / values.file)["entries"]
    return Layout(
        values.scope,
        [
            SensitiveLayer(b.layer, b.rows, b.columns, entries[b.entries_offset : b.entries_offset + b.entries])
            for b in values.blocks
        ],
    )


def unpack(arrays: Mapping[str, np.ndarray], name: str, columns: int) -> np.ndarray:
    """Dequantize by the format's definition, in float64."""
    scales, points = arrays[f"{name}.scales"], arrays[f"{name}.zero_points"]
    codes = arrays.get(f"{name}.codes", arrays.get(f"{name}.rows"))
    if codes[0].size < columns:  # two 4-bit codes in a byte
        codes, points = (np.stack([x & 15, x >> 4], axis=-1).reshape(len(x), -1) for x in (codes, points))
    codes, points = codes.reshape(*scales.shape, -1).astype(np.float64), points[:, : scales.shape[1]].astype(float)
    weight = (codes - points[..., None]) * scales[..., None].astype(np.float64)
    return weight.reshape(len(weight), -1)[:, :columns]


def dequantized_model(checkpoint: Path, bundle: Bundle) -> Any:
    """transformers' model of `checkpoint` with every weight replaced by what the bundle's graph holds."""
    proto = onnx.load(bundle.directory / "step.onnx", load_external_data=False)
    load_external_data_for_model(proto, str(bundle.directory))
    arrays = {t.name: onnx.numpy_helper.to_array(t) for t in proto.graph.initializer}
    return model_with(checkpoint, arrays, outlier_channels(proto.graph))


def model_with(checkpoint: Path, arrays: Mapping[str, np.ndarray], apart: Mapping[str, np.ndarray]) -> Any:
    """transformers' model of `checkpoint` with every weight replaced by what `arrays` hold of it, as weights.bin has
    them; `apart` names the input channels of 8-bit weights that are stored apart.
    """
    model = load_whole(find_source(str(checkpoint)))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            module = name.removesuffix(".weight")
            if f"{module}.outliers" in arrays:
                weight = arrays[f"{module}.codes"].T * arrays[f"{module}.scales"][:, None].astype(np.float64)
                weight[:, apart[module]] = arrays[f"{module}.outliers"].T
                parameter.copy_(torch.from_numpy(weight))
            elif f"{module}.scales" in arrays:
                parameter.copy_(torch.from_numpy(unpack(arrays, module, parameter.shape[1])))
            else:
                parameter.copy_(torch.from_numpy(arrays[name].copy()))
    return model


def outlier_channels(graph: onnx.GraphProto) -> dict[str, np.ndarray]:
    """Of each layer with 8-bit weights, the input channels that the graph masks before it looks for a row's largest."""
    makers = {name: node for node in graph.node for name in node.output}
    found = {}
    for node in graph.node:
        if node.op_type == "MatMulIntegerToFloat":
            scale = makers[makers[node.input[0]].input[1]]
            mask = makers[makers[makers[makers[scale.input[0]].input[0]].input[0]].input[1]]
            within = onnx.numpy_helper.to_array(mask.attribute[0].t)
            found[node.input[1].removesuffix(".codes")] = np.flatnonzero(within == 0)
    return found


def layerwise_of(model: Any) -> Layerwise:
    """The same weights, run block by block."""
    tensors = dict(model.named_parameters())
    return Layerwise(model.config, lambda name: tensors[name].detach())
