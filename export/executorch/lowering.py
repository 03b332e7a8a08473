"""Lowering stages to XNNPACK programs.

torch and ExecuTorch take seconds for a stage of a hundred operators, and most of that does not depend on its weights.
So of stages that differ in weights alone one goes the whole way, and the others take its graph. And while the whole
step is traced, a stage that is lowered already is run again and again for its outputs' sizes: a stand-in does that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import torch
from executorch.backends.transforms.remove_clone_ops import RemoveCloneOpsTransform
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.exir import EdgeCompileConfig, to_edge_transform_and_lower
from executorch.exir.backend.backend_api import to_backend
from executorch.exir.backend.compile_spec_schema import CompileSpec
from executorch.exir.backend.partitioner import DelegationSpec
from executorch.exir.lowered_backend_module import LoweredBackendModule
from torch.export import Dim, ExportedProgram, export
from torch.fx.passes.infra.partitioner import Partition

from .step_stages import Stage

BACKEND = "XnnpackBackend"
SPECS = [CompileSpec("dqlinear_partitioner", b"")]
"""names the only pass over the graph that stages need, of seventeen that take most of the time"""
CONFIG = EdgeCompileConfig(_check_ir_validity=False, _skip_dim_order=True)
TRACED = {"E": 2, "rows": 6, "sequences": 4, "queries": 5, "key_sequences": 8, "grouped_queries": 10, "T": 7}
"""sizes of the inputs that a stage is traced with: none is 1, and no two are equal, or torch takes them for one"""
ANY = 1 << 24
PLANNED = 16
"""what XNNPACK takes memory for before the first pass: it takes more for larger sizes, and never gives any back"""


class Lowering:
    """Lowers stages, each whole; those that are equal in everything are lowered once."""

    def __init__(self, progress: Callable[[int], None]) -> None:
        """`progress` is told 1 after each stage."""
        self._graphs: dict[str, ExportedProgram] = {}
        self._stand_ins: dict[str, ExportedProgram] = {}
        self._done: dict[str, torch.nn.Module] = {}
        """one module for all stages that are equal, so that the program holds it once"""
        self._progress = progress

    def __call__(self, stage: Stage) -> torch.nn.Module:
        """What stands in the graph for `stage`. Raises RuntimeError if XNNPACK does not take all of it."""
        kind, content = _kind(stage), _content(stage)
        if kind + content not in self._done:
            if kind in self._graphs:
                lowered = _with_weights_of(stage, self._graphs[kind])
            else:
                lowered = _lowered(stage)
                self._graphs[kind], self._stand_ins[kind] = (
                    lowered.original_module,
                    _traced(_StandIn(stage), stage, ANY),
                )
            module = LoweredBackendModule(
                self._stand_ins[kind], BACKEND, lowered.processed_bytes, SPECS, lowered.named_data_store_output
            )
            self._done[kind + content] = _Named(module, stage)
        self._progress(1)
        return self._done[kind + content]


def _kind(stage: Stage) -> str:
    """All but the content of the weights."""
    shapes = [(name, tuple(x.shape), x.dtype) for name, x in stage.state_dict().items()]
    return repr((stage, stage.inputs, stage.constants, shapes))


def _content(stage: Stage) -> str:
    found = hashlib.sha256()
    for tensor in stage.state_dict().values():
        found.update(memoryview(tensor.contiguous().numpy().reshape(-1)).cast("B"))
    return found.hexdigest()


def _traced(module: torch.nn.Module, stage: Stage, largest: int) -> ExportedProgram:
    """`module`, which takes the inputs of `stage`, with no size over `largest`."""
    dims = {name: Dim(name, min=1, max=largest) for name in TRACED}
    shapes = stage.inputs.values()
    inputs = tuple(torch.zeros([TRACED[d] if isinstance(d, str) else d for d in shape]) for shape in shapes)
    dynamic = tuple({i: dims[d] for i, d in enumerate(shape) if isinstance(d, str)} for shape in shapes)
    return export(module.eval(), inputs, dynamic_shapes=(dynamic,), strict=False)


def _lowered(stage: Stage) -> LoweredBackendModule:
    edge = to_edge_transform_and_lower(
        _traced(_Flat(stage), stage, PLANNED),
        partitioner=[WholeGraph()],
        transform_passes=[RemoveCloneOpsTransform()],
        compile_config=CONFIG,
    )
    graph = edge.exported_program().graph_module
    (call,) = (n for n in graph.graph.nodes if "executorch_call_delegate" in str(n.target))
    order = edge.exported_program().graph_signature.user_inputs
    if [a.name for a in call.args[1:]] != list(order) or len(graph.graph.output_node().args[0]) != len(call.users):
        raise RuntimeError(f"XNNPACK takes {type(stage).__name__} with other inputs or outputs than it has.")
    lowered: LoweredBackendModule = getattr(graph, call.args[0].target)
    return lowered


def _with_weights_of(stage: Stage, other: ExportedProgram) -> LoweredBackendModule:
    """`stage`, by the graph of a stage that differs from it in weights alone."""
    weights = {f"stage.{name}": tensor for name, tensor in stage.state_dict().items()}
    program = ExportedProgram(
        root=other.graph_module,
        graph=other.graph,
        graph_signature=other.graph_signature,
        state_dict={name: weights.get(name, tensor) for name, tensor in other.state_dict.items()},
        range_constraints=other.range_constraints,
        module_call_graph=other.module_call_graph,
        example_inputs=other.example_inputs,
        constants=other.constants,
        verifiers=[other.verifier],
    )
    lowered: LoweredBackendModule = to_backend(BACKEND, program, SPECS)
    return lowered


class _Flat(torch.nn.Module):
    """A stage as XNNPACK takes it: its inputs one after another, in the order of their names in `stage.inputs`."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.stage = stage

    def forward(self, *given: torch.Tensor) -> Any:
        return self.stage(**dict(zip(self.stage.inputs, given, strict=True)))


class _Named(torch.nn.Module):
    """A lowered stage as the step takes it: its inputs by name again. The inverse of _Flat."""

    def __init__(self, lowered: torch.nn.Module, stage: Stage) -> None:
        super().__init__()
        self.lowered, self.order = lowered, tuple(stage.inputs)

    def forward(self, **given: torch.Tensor) -> Any:
        return self.lowered(*(given[name] for name in self.order))


class _StandIn(torch.nn.Module):
    """Outputs of a stage's sizes, and nothing in them."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.shapes, self.outputs = list(stage.inputs.values()), stage.outputs

    def forward(self, *given: torch.Tensor) -> tuple[torch.Tensor, ...]:
        known = {d: x.shape[i] for x, shape in zip(given, self.shapes, strict=True) for i, d in enumerate(shape)}
        return tuple(given[0].new_zeros([d if isinstance(d, int) else known[d] for d in s]) for s in self.outputs)


class WholeGraph(XnnpackPartitioner):
    """Gives XNNPACK everything, constants included: XNNPACK's own choice leaves out constants of sums and products, and
    cuts where two parts could be one.
    """

    def __init__(self) -> None:
        super().__init__()
        self.delegation_spec = DelegationSpec(BACKEND, SPECS)

    def generate_partitions(self, ep: ExportedProgram) -> list[Partition]:
        given = set(ep.graph_signature.user_inputs)
        return [Partition(id=0, nodes=[n for n in ep.graph.nodes if n.op != "output" and n.name not in given])]
