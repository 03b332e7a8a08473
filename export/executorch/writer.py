"""step.pte: the step lowered to ExecuTorch with XNNPACK.

Each stage of the step (step_stages.py) becomes one XNNPACK program. ExecuTorch's own kernels look up rows of the
tables, change shapes, and reduce the few logits.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from executorch.exir import (
    ExecutorchBackendConfig,
    ExecutorchProgramManager,
    to_edge_transform_and_lower,
)
from executorch.exir.passes import MemoryPlanningPass
from pocketzo.runtime.bundle.manifest import Graph, Tensor
from pocketzo.runtime.engines import DEFAULT
from pocketzo.runtime.engines.executorch import EXECUTORCH
from pocketzo.runtime.errors import bad_input
from torch.export import Dim, ExportedProgram, export

from ..contents import Contents, Progress
from ..model.decoder import Decoder
from ..weights.weights_file import WeightsFile
from .lowering import CONFIG, Lowering
from .planned_memory import WORDS, Bounded, graph_bounds
from .step_module import LogSum, Step

Inputs = Mapping[str, tuple[str, list[str | int]]]
METHODS: dict[str, Inputs] = {
    "forward": {
        "input_ids": ("int64", [1, "B", "T"]),
        "label_positions": ("int64", [1, "B", "S"]),
        "label_ids": ("int64", [1, "B", "L"]),
        "words": ("int64", ["W"]),
        "values": ("float32", ["P", "K"]),
    },
    "log_sum": {"hidden": ("float32", ["P", "B", "S", "H"]), "words": ("int64", ["W"])},
}
"""inputs of the step, and of what sums over more words than it takes"""
OUTPUTS: dict[str, list[str]] = {"nll": ["P", "B", "L"], "hidden": ["P", "B", "S", "H"]}
STAGES = 5
"""of a block"""
TRACED = {"P": 2, "B": 3, "T": 12, "S": 4, "L": 8, "W": 600}
"""sizes of the inputs that the step is traced with: none is 1, and no two that may differ are equal"""


def write_step(
    folder: Path, store: WeightsFile, contents: Contents, progress: Progress = lambda units, total: None
) -> Graph:
    """Lower the step of `contents`, with its weights in `store`, and write it into `folder`.

    `progress` counts stages, and the program around them as if it were some more. Returns the manifest's description,
    with the bounds that memory was planned for.
    """
    decoder, layout = contents.decoder, contents.layout
    bounds, stages = graph_bounds(contents.max_tokens, contents.max_length), STAGES * decoder.layers
    total = stages + stages // 4
    progress(0, total)
    with _quiet(), torch.no_grad():
        lower = Lowering(lambda units: progress(units, total))
        step = Step(decoder, layout, store.read, contents.quantization, contents.unrounded, bounds["T"], lower)
        program = _program(step.eval(), layout.count, bounds)
    with (folder / EXECUTORCH.graph_file).open("wb") as file:
        program.write_to_file(file)
    fixed = {"K": layout.count, "H": decoder.hidden}
    return Graph(
        engine=EXECUTORCH.name,
        file=EXECUTORCH.graph_file,
        minimum_engine_version=EXECUTORCH.minimum_version,
        opset=None,
        domains=[],
        inputs=[
            Tensor(name=n, type=kind, shape=[fixed.get(str(d), d) for d in shape])  # type: ignore[arg-type]
            for n, (kind, shape) in METHODS["forward"].items()
        ],
        outputs=[
            Tensor(name=n, type="float32", shape=[fixed.get(d, d) for d in shape]) for n, shape in OUTPUTS.items()
        ],
        bounds=bounds,
    )


def check_decoder(decoder: Decoder, group_size: int) -> None:
    """Raises BadInput if groups of `group_size` weights (0: none) leave some of a layer's input over."""
    for linear in decoder.linears() if group_size else ():
        if linear.columns % group_size:
            bad_input(
                f"--engine {EXECUTORCH.name}: {linear.name}",
                f"its input has {linear.columns} channels, and XNNPACK takes whole groups of {group_size} only",
                f"Use --weight-bits 8 or --engine {DEFAULT}",
            )


def _program(step: Step, values: int, bounds: Mapping[str, int]) -> ExecutorchProgramManager:
    sizes = {"K": values, "H": step.d.hidden}
    methods: dict[str, torch.nn.Module] = {"forward": step, "log_sum": LogSum(step)}
    programs = {name: _traced(methods[name], METHODS[name], sizes, bounds) for name in METHODS}
    edge = to_edge_transform_and_lower(programs, compile_config=CONFIG)
    planned = {name: Bounded(bounds, inputs) for name, inputs in METHODS.items()}
    config = ExecutorchBackendConfig(
        sym_shape_eval_pass=planned,
        memory_planning_pass=MemoryPlanningPass(alloc_graph_input=False),
    )
    return edge.to_executorch(config)


def _traced(
    module: torch.nn.Module, inputs: Inputs, fixed: Mapping[str, int], bounds: Mapping[str, int]
) -> ExportedProgram:
    sizes, most = {**TRACED, **fixed}, {**bounds, "W": WORDS}
    dims = {name: Dim(name, min=1, max=most[name]) for name in TRACED}
    given, dynamic = [], []
    for kind, shape in inputs.values():
        known = [sizes[d] if isinstance(d, str) else d for d in shape]
        given.append(torch.zeros(known, dtype=getattr(torch, kind)))
        dynamic.append({i: dims[d] for i, d in enumerate(shape) if isinstance(d, str) and d in dims})
    return export(module.eval(), tuple(given), dynamic_shapes=tuple(dynamic), strict=False)


@contextmanager
def _quiet() -> Iterator[None]:
    """torch and ExecuTorch warn of what their next versions will do."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
