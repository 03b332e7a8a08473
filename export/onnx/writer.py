"""step.onnx: the step graph, which refers to weights.bin."""

from __future__ import annotations

from pathlib import Path

import onnx_ir as ir
from pocketzo.runtime.bundle.manifest import Graph, Tensor
from pocketzo.runtime.engines.onnx import ONNX

from ..contents import Contents, Progress
from ..model.decoder import Decoder
from ..weights.weights_file import WeightsFile
from .graph import OPSET, build_step
from .products import CONTRIB


def write_step(folder: Path, store: WeightsFile, contents: Contents, progress: Progress) -> Graph:
    """Write step.onnx, which refers to `store`, into `folder`."""
    progress(0, 0)
    model = build_step(contents.decoder, contents.layout, store, contents.quantization, contents.outliers)
    ir.save(model, folder / ONNX.graph_file)
    return Graph(
        engine=ONNX.name,
        file=ONNX.graph_file,
        minimum_engine_version=ONNX.minimum_version,
        opset=OPSET,
        domains=["", CONTRIB],
        inputs=[_tensor(v) for v in model.graph.inputs],
        outputs=[_tensor(v) for v in model.graph.outputs],
    )


def check_decoder(decoder: Decoder, group_size: int) -> None:
    """Any decoder will do: MatMulNBits takes a last group that is not whole."""


def _tensor(value: ir.Value) -> Tensor:
    assert value.shape is not None
    shape = [dim if isinstance(dim, int) else str(dim.value) for dim in value.shape]
    return Tensor(name=str(value.name), type="int64" if value.dtype == ir.DataType.INT64 else "float32", shape=shape)
