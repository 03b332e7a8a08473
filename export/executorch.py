"""step.pte: the step lowered to ExecuTorch with XNNPACK.

Each stage of the step (export/step_stages.py) becomes one XNNPACK program; ExecuTorch's own kernels look rows up in the
tables, change shapes, and reduce the few logits.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import torch
from executorch.exir import (
    ExecutorchBackendConfig,
    ExecutorchProgramManager,
    to_edge_transform_and_lower,
)
from executorch.exir.passes import MemoryPlanningPass
from pocketzo.runtime.manifest import Graph, Tensor
from torch.export import Dim, export

from .contents import Contents
from .lowering import CONFIG, Lowering
from .planned_memory import Bounded, graph_bounds
from .step_module import Step
from .weights_file import WeightsFile

STEP = "step.pte"
MINIMUM_EXECUTORCH = "1.5.1"
INPUTS: dict[str, tuple[str, list[str | int]]] = {
    "input_ids": ("int64", [1, "B", "T"]),
    "label_positions": ("int64", [1, "B", "S"]),
    "label_ids": ("int64", [1, "B", "L"]),
    "words": ("int64", ["W"]),
    "values": ("float32", ["P", "K"]),
}
OUTPUTS: dict[str, list[str]] = {"nll": ["P", "B", "L"], "hidden": ["P", "B", "S", "H"]}
TRACED = {"P": 2, "B": 3, "T": 12, "S": 4, "L": 8, "W": 600}
"""sizes of the inputs that the step is traced with: none is 1, and no two that may differ are equal"""


def write_step(folder: Path, store: WeightsFile, contents: Contents) -> Graph:
    """Lower the step of `contents`, with its weights in `store`, and write it into `folder`.

    Returns the manifest's description, with the bounds that memory was planned for.
    """
    decoder, layout = contents.decoder, contents.layout
    bounds = graph_bounds(decoder, contents.max_tokens, contents.max_length)
    with _quiet(), torch.no_grad():
        step = Step(decoder, layout, store.read, contents.quantization, contents.unrounded, bounds["T"], Lowering())
        program = _program(step.eval(), layout.count, bounds)
    with (folder / STEP).open("wb") as file:
        program.write_to_file(file)
    fixed = {"K": layout.count, "H": decoder.hidden}
    return Graph(
        engine="executorch",
        file=STEP,
        minimum_engine_version=MINIMUM_EXECUTORCH,
        opset=None,
        domains=[],
        inputs=[
            Tensor(name=n, type=kind, shape=[fixed.get(str(d), d) for d in shape])  # type: ignore[arg-type]
            for n, (kind, shape) in INPUTS.items()
        ],
        outputs=[
            Tensor(name=n, type="float32", shape=[fixed.get(d, d) for d in shape]) for n, shape in OUTPUTS.items()
        ],
        bounds=bounds,
    )


def _program(step: Step, values: int, bounds: Mapping[str, int]) -> ExecutorchProgramManager:
    sizes = {**TRACED, "K": values}
    dims = {name: Dim(name, min=1, max=bounds[name]) for name in TRACED}
    inputs, dynamic = [], []
    for kind, shape in INPUTS.values():
        inputs.append(torch.zeros([sizes.get(str(d), d) for d in shape], dtype=getattr(torch, kind)))
        dynamic.append({i: dims[d] for i, d in enumerate(shape) if isinstance(d, str) and d in dims})
    program = export(step, tuple(inputs), dynamic_shapes=tuple(dynamic), strict=False)
    edge = to_edge_transform_and_lower(program, compile_config=CONFIG)
    config = ExecutorchBackendConfig(
        sym_shape_eval_pass=Bounded(bounds, INPUTS), memory_planning_pass=MemoryPlanningPass(alloc_graph_input=False)
    )
    return edge.to_executorch(config)


class _quiet(AbstractContextManager[None]):
    """torch and ExecuTorch warn of what their next versions will do."""

    def __enter__(self) -> None:
        self._level = logging.root.manager.disable
        self._caught = warnings.catch_warnings()
        self._caught.__enter__()
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)

    def __exit__(self, *error: object) -> None:
        logging.disable(self._level)
        self._caught.__exit__(None, None, None)
