"""Graphs to compare a step with: the bundle's own without its side channels, and the same in fp32."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.external_data_helper import convert_model_to_external_data, load_external_data_for_model
from pocketzo.runtime.bundle import Bundle


def without_side_channels(bundle: Bundle, folder: Path) -> Bundle:
    """A copy of `bundle` in `folder` whose graph adds nothing to the frozen products, outliers of 8 bits included."""
    target, model = _copy(bundle, folder, "frozen")
    _drop_side_channels(model.graph)
    onnx.save(model, target / "step.onnx")
    return Bundle(target, bundle.manifest, "")


def in_fp32(bundle: Bundle, folder: Path) -> Bundle:
    """The same with an fp32 matmul for each 4-bit one."""
    target, model = _copy(bundle, folder, "fp32")
    _drop_side_channels(model.graph)
    load_external_data_for_model(model, str(bundle.directory))
    arrays = {t.name: t for t in model.graph.initializer}
    casts = {n.output[0]: n.input[0] for n in model.graph.node if n.op_type == "Cast"}
    for node in model.graph.node:
        if node.op_type == "MatMulNBits":
            codes, scales, points = (numpy_helper.to_array(arrays[casts.get(n, n)]) for n in node.input[1:])
            weight = numpy_helper.from_array(
                np.ascontiguousarray(_dequantized(codes, scales, points).T), f"{node.name}.w"
            )
            model.graph.initializer.append(weight)
            node.CopyFrom(helper.make_node("MatMul", [node.input[0], weight.name], list(node.output)))
    _prune(model.graph)
    convert_model_to_external_data(model, all_tensors_to_one_file=True, location="fp32.bin", size_threshold=1024)
    onnx.save(model, target / "step.onnx")
    return Bundle(target, bundle.manifest, "")


def _dequantized(codes: np.ndarray, scales: np.ndarray, points: np.ndarray) -> np.ndarray:
    codes, points = (np.stack([x & 15, x >> 4], axis=-1).reshape(len(x), -1) for x in (codes, points))
    groups = scales.shape[1]
    steps = codes.reshape(len(scales), groups, -1).astype(np.float32) - points[:, :groups, None]
    return (steps * scales[..., None].astype(np.float32)).reshape(len(scales), -1)


def _copy(bundle: Bundle, folder: Path, kind: str) -> tuple[Path, onnx.ModelProto]:
    target = folder / f"{kind}-{bundle.directory.name}"
    shutil.copytree(bundle.directory, target)
    return target, onnx.load(target / "step.onnx", load_external_data=False)


def _drop_side_channels(graph: onnx.GraphProto) -> None:
    """Every consumer of product + side channels reads the product."""
    makers = {output: node for node in graph.node for output in node.output}

    def made_by(name: str) -> str:
        return makers[name].op_type if name in makers else ""

    for node in graph.node:
        if node.op_type == "Add" and made_by(node.input[1]) == "MatMul":
            product = makers.get(node.input[0])
            while product is not None and product.op_type in ("Reshape", "Mul"):  # scaling of 8-bit rows
                product = makers.get(product.input[0])
            if product is not None and product.op_type in ("MatMulNBits", "MatMulIntegerToFloat"):
                for consumer in graph.node:
                    for i, name in enumerate(consumer.input):
                        if name == node.output[0]:
                            consumer.input[i] = node.input[0]
    _prune(graph)


def _prune(graph: onnx.GraphProto) -> None:
    """Remove nodes and tensors that no output needs; an engine would run and load them all the same."""
    needed = {output.name for output in graph.output}
    for node in reversed(list(graph.node)):
        if needed.isdisjoint(node.output):
            graph.node.remove(node)
        else:
            needed.update(node.input)
            for attribute in node.attribute:
                for inner in attribute.g.node:
                    needed.update(inner.input)
    for tensor in [t for t in graph.initializer if t.name not in needed]:
        graph.initializer.remove(tensor)
