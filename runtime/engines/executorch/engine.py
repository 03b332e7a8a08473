"""The step graph on ExecuTorch with XNNPACK, in a child process.

ExecuTorch ends its process at some errors, and a damaged file can crash it. In a child that is an error like others,
and this process stays free of torch, which ExecuTorch's Python package needs.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import NoReturn

import numpy as np

from ...bundle import Bundle
from ...bundle.manifest import Tensor
from ...errors import NotEnoughSpace, UsageError, bad_input
from ...examples import Batch, Forward, check_range
from ...limits.bounds import check_bounds, pass_sizes
from ..child import Child, Ended
from ..versions import check_version
from . import EXECUTORCH

CHILD = "pocketzo.runtime.engines.executorch.program"
INPUTS = ("input_ids", "label_positions", "label_ids", "words", "values")
FIX = "Copy the bundle again or export it again"
SCALAR_TYPES = {4: "int64", 6: "float32"}
"""numbers of ExecuTorch's ScalarType, of the types in a step graph"""
MEMORY = ("bad_alloc", "allocate", "out of memory", "MemoryError", "failed to map", "error: 0x21", "error: 0x31")
"""what an error says if memory ran out; the numbers are MemoryAllocationFailed and that of a delegate"""
MORE = "Free some memory, or use a smaller --batch or shorter examples."
NOISE = "[cpuinfo_utils.cpp"
"""begins lines that ExecuTorch writes for every file on some processors"""
FRAME = 1 << 16
"""bytes of a message beside its arrays, at most"""


class ExecuTorchEngine:
    """One child process, which maps the graph's file; `bounds` are the largest sizes that the graph takes."""

    name = EXECUTORCH.name

    def __init__(self, bundle: Bundle, threads: int = 0) -> None:
        """Raises UsageError if ExecuTorch is not installed, BadInput if it is older than the graph needs, refuses the
        graph, or holds it to be another than the manifest says; NotEnoughSpace if there is no memory to load it.
        """
        graph = bundle.graph(self.name)
        self.version = _installed()
        check_version(bundle, EXECUTORCH.package, self.version, graph.minimum_engine_version)
        self.bounds: Mapping[str, int] = graph.bounds
        self._graph, self._path, self._threads = graph, bundle.directory / graph.file, threads
        self._vocabulary = bundle.manifest.model.vocabulary
        self._sizes = {"E": 1, "K": bundle.manifest.values.count, "H": bundle.manifest.model.hidden_size}
        self._child: Child | None = self._started()

    def forward(self, batch: Batch, values: np.ndarray) -> Forward:
        """Pass the batch, one for every row of `values` [P,K], through the graph.

        Raises BadInput if the pass is over the graph's bounds, or if ExecuTorch cannot run it or crashes;
        NotEnoughSpace if memory ran out. After a crash, or a pass that was broken off, the next one starts another
        child.
        """
        check_range(batch, self._vocabulary)
        check_bounds(self.bounds, pass_sizes(batch, len(values)), f"{self._path}: a pass")
        arrays = (batch.input_ids[None], batch.label_positions[None], batch.label_ids[None], batch.words, values)
        shapes = self._shapes(batch, len(values))
        child, self._child = self._child or self._started(), None
        try:
            answer = child.ask({str(i): array for i, array in enumerate(arrays)}, 4 * _numbers(shapes) + FRAME)
        except Ended as e:
            self._gone(e, "running it")
        self._child = child
        self._check_answer(answer, child, "running it")
        outputs = [answer[name] for name in sorted(answer)]
        if [(o.dtype, o.shape) for o in outputs] != [(np.float32, shape) for shape in shapes]:
            found = [list(o.shape) for o in outputs]
            bad_input(self._path, f"gives outputs of {found}, expected {[list(shape) for shape in shapes]}", FIX)
        return Forward(*outputs)

    def close(self) -> None:
        """End the child process; a later pass starts another."""
        if self._child:
            self._child.close()
        self._child = None

    def _started(self) -> Child:
        try:
            child = Child(CHILD, [str(self._path.absolute()), str(self._threads)])
        except OSError as e:
            raise NotEnoughSpace(f"--engine {EXECUTORCH.name}: no process can be started ({e.strerror}). {MORE}") from e
        try:
            description = child.receive(FRAME)
            self._check_answer(description, child, "loading it")
            self._check_signature(description)
        except Ended as e:
            self._gone(e, "loading it")
        except BaseException:
            child.close()
            raise
        return child

    def _shapes(self, batch: Batch, perturbations: int) -> list[tuple[int, ...]]:
        (examples, labels), scored = batch.label_ids.shape, batch.label_positions.shape[1]
        return [(perturbations, examples, labels), (perturbations, examples, scored, self._sizes["H"])]

    def _check_signature(self, description: dict[str, np.ndarray]) -> None:
        """The graph's inputs and outputs are those of the manifest, in its order, and as large as `bounds` say."""
        listed = {"inputs": self._graph.inputs, "outputs": self._graph.outputs}
        wanted = {"inputs": INPUTS, "outputs": Forward._fields}
        for kind, tensors in listed.items():
            if tuple(tensor.name for tensor in tensors) != wanted[kind]:
                bad_input(self._path, f"the manifest's {kind} are not {', '.join(wanted[kind])}", FIX)
            held = [
                description[f"{kind}.{i}"].tolist() for i in range(len(description)) if f"{kind}.{i}" in description
            ]
            fits = len(held) == len(tensors) and all(
                self._fits(number, sizes, tensor, kind == "inputs")
                for (number, *sizes), tensor in zip(held, tensors, strict=True)
            )
            if not fits:
                there = ", ".join(f"{SCALAR_TYPES.get(number, f'type {number}')} {sizes}" for number, *sizes in held)
                said = ", ".join(f"{t.type} {list(t.shape)}" for t in tensors)
                limits = ", ".join(f"{name} = {n}" for name, n in {**self._sizes, **self.bounds}.items())
                bad_input(self._path, f"its {kind} are {there}, the manifest says {said} with {limits}", FIX)

    def _fits(self, number: int, sizes: Sequence[int], tensor: Tensor, is_input: bool) -> bool:
        if SCALAR_TYPES.get(number) != tensor.type or len(sizes) != len(tensor.shape):
            return False
        for size, dimension in zip(sizes, tensor.shape, strict=True):
            fixed = dimension if isinstance(dimension, int) else self._sizes.get(dimension)
            least = fixed or (self.bounds.get(str(dimension), 1) if is_input else 0)
            if size < least or (fixed and size != fixed):
                return False
        return True

    def _check_answer(self, answer: dict[str, np.ndarray], child: Child, doing: str) -> None:
        for kind in answer.keys() & {"missing", "error"}:
            text = answer[kind].tobytes().decode(errors="replace")
            if kind == "missing" and not _no_memory(text):
                raise UsageError(f"--engine {EXECUTORCH.name}: {text}: {EXECUTORCH.install}")
            self._failed(f"fails at {doing} ({_told(text, child.log)})", text)

    def _gone(self, end: Ended, doing: str) -> NoReturn:
        if end.signal == "SIGKILL":
            raise NotEnoughSpace(
                f"{self._path}: ExecuTorch was ended by SIGKILL at {doing}, which is what a system does that runs out"
                f" of memory. {MORE}"
            ) from end
        self._failed(f"{end.how} at {doing} ({_told('', end.log) or 'no message'})", end.log)

    def _failed(self, what: str, text: str) -> NoReturn:
        if _no_memory(text):
            raise NotEnoughSpace(f"{self._path}: ExecuTorch {what}: it could not allocate the memory. {MORE}")
        bad_input(self._path, f"ExecuTorch {what}", FIX)


def _no_memory(text: str) -> bool:
    return any(sign in text for sign in MEMORY)


def _told(text: str, log: str) -> str:
    """The error and the last lines of ExecuTorch's log."""
    lines = [line for line in log.split(" / ") if not line.startswith(NOISE)]
    return "; ".join([part for part in (text, *lines[-3:]) if part])


def _numbers(shapes: Sequence[tuple[int, ...]]) -> int:
    return sum(int(np.prod(shape)) for shape in shapes)


def _installed() -> str:
    """The version of ExecuTorch here. Raises UsageError if it or torch, which it needs, is missing."""
    try:
        version = metadata.version(EXECUTORCH.package)
    except metadata.PackageNotFoundError:
        version = ""
    for package in (EXECUTORCH.package, "torch"):
        if not version or importlib.util.find_spec(package) is None:
            raise UsageError(
                f"--engine {EXECUTORCH.name}: needs the package {package}, which is not here. Run: {EXECUTORCH.install}"
            )
    return version
