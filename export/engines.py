"""Who writes the step graph for each engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import onnx_ir as ir
from pocketzo.runtime.bundle.manifest import Graph, Tensor
from pocketzo.runtime.errors import UsageError, bad_input
from pocketzo.runtime.system.packages import needed

from .contents import Contents, Progress
from .model.decoder import Decoder
from .onnx.graph import CONTRIB, OPSET, build_step
from .weights.weights_file import WeightsFile

STEP = "step.onnx"
MINIMUM_ONNXRUNTIME = "1.29.0"


def write_onnx(folder: Path, store: WeightsFile, contents: Contents, progress: Progress) -> Graph:
    """Write step.onnx, which refers to `store`, into `folder`."""
    progress(0, 0)
    model = build_step(contents.decoder, contents.layout, store, contents.quantization, contents.outliers)
    ir.save(model, folder / STEP)
    return Graph(
        engine="onnx",
        file=STEP,
        minimum_engine_version=MINIMUM_ONNXRUNTIME,
        opset=OPSET,
        domains=["", CONTRIB],
        inputs=[_tensor(v) for v in model.graph.inputs],
        outputs=[_tensor(v) for v in model.graph.outputs],
    )


def write_executorch(folder: Path, store: WeightsFile, contents: Contents, progress: Progress) -> Graph:
    """Write step.pte, which holds its weights, into `folder`."""
    from .executorch.writer import write_step  # its libraries take seconds to import, and most exports do without them

    return write_step(folder, store, contents, progress)


WRITERS: dict[str, Callable[[Path, WeightsFile, Contents, Progress], Graph]] = {
    "onnx": write_onnx,
    "executorch": write_executorch,
}
"""by engine: writes its file and returns what the manifest says of it"""


def check_engines(engines: Sequence[str]) -> None:
    """Raises UsageError if an engine is not known, or the packages that write its graph are missing or broken."""
    for engine in engines:
        if engine not in WRITERS:
            raise UsageError(f"--engine {engine}: not known. Use one of: {', '.join(WRITERS)}.")
    if "executorch" in engines:
        load_executorch()


def load_executorch() -> None:
    """Load what writes graphs for ExecuTorch, whose libraries take seconds. Raises UsageError if they cannot be."""
    with needed("--engine executorch", "pip install 'pocketzo[host,executorch]'"):
        from .executorch.writer import write_step  # noqa: F401


def check_groups(engines: Sequence[str], decoder: Decoder, group_size: int) -> None:
    """Raises BadInput if groups of `group_size` weights (0: none) leave some of a layer's input over, and XNNPACK is to
    multiply by them.
    """
    for linear in decoder.linears() if group_size and "executorch" in engines else ():
        if linear.columns % group_size:
            bad_input(
                f"--engine executorch: {linear.name}",
                f"its input has {linear.columns} channels, and XNNPACK takes whole groups of {group_size} only",
                "Use --weight-bits 8 or --engine onnx",
            )


def _tensor(value: ir.Value) -> Tensor:
    assert value.shape is not None
    shape = [dim if isinstance(dim, int) else str(dim.value) for dim in value.shape]
    return Tensor(name=str(value.name), type="int64" if value.dtype == ir.DataType.INT64 else "float32", shape=shape)
