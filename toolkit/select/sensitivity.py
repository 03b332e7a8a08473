"""Sensitivity: F_ij = sum over calibration windows of (dL / dw_ij)^2, the diagonal of the empirical Fisher matrix.

These are the "sensitive parameters" of arXiv 2406.02913: the weights with the largest F carry most of what fine-tuning
needs.

With it comes the importance of each layer's input channels, the sum of their squares, which weighs the errors of the
4-bit weights: to first order the error of a layer's output is the sum over its input channels of x_j times the error of
the weight, so a channel that carries large activations deserves exact weights. Squared gradients would be the weight of
the loss's second order, but on so little text they single out a few weights and ruin the rest (docs/learning.md).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import torch
from pocketzo.export.model.layerwise import Layerwise, block_of, within_block
from pocketzo.runtime.errors import bad_input

from ..work.work_folder import WorkFolder
from .mask import Rule, Statistic, add_layers
from .processes import Processes

FORWARD, BACKWARD = 1, 3
"""what a block costs each way: forward; forward again, and both factors of each product"""
TOGETHER = 4
"""windows that go back through a block together, so that its weights are rounded to bf16 once for all of them"""
PIECE = 1 << 19
"""weights whose gradient is made and squared at a time, so that it stays near the cache"""
PRECISION = "medium"
"""of factors of matrix products: bf16, where the processor has it; the mask is the same (docs/design.md)"""


@dataclass(frozen=True)
class Sensitivity:
    """What the pass over the calibration text found: the statistics that a mask is chosen from, and of the input
    channels of each layer the importance, fp32 [columns].
    """

    statistics: dict[str, Statistic]
    importance: dict[str, torch.Tensor]


class SensitivityPass:
    """Forward and backward over `windows` (int64 [windows, T]), a block of `decoder` at a time.

    The loss of a window is its mean next-token cross-entropy (nats). The input of every block goes to `work`, and so
    does what is found, so that a pass which was stopped goes on after its last block. Each of `processes` takes every
    n-th window; F and importance are summed over them. One block's weights and F are in memory, and the activations of
    TOGETHER windows, but no weight's gradient as a whole.
    """

    def __init__(
        self, decoder: Layerwise, rule: Rule, windows: np.ndarray, work: WorkFolder, processes: Processes
    ) -> None:
        self._decoder, self._rule, self._work, self._processes = decoder, rule, work, processes
        self._windows = windows[processes.rank :: processes.count]
        self._shape = (1, windows.shape[1], decoder.config.hidden_size)
        self._names = [[n for n in rule.shapes if block_of(n) == i] for i in range(decoder.layers)]

    @property
    def units(self) -> int:
        """What `progress` is told of in all, in tokens."""
        return self._decoder.layers * self._windows.size * (FORWARD + BACKWARD)

    def finished(self) -> tuple[int, int]:
        """Blocks whose forward pass is done, and whose backward pass is done, in every process."""
        layers, work = self._decoder.layers, self._work
        back = max((n for n in range(layers + 1) if f"gradient-{layers - n}" in work), default=-1)
        forward = layers if back >= 0 else max((n for n in range(layers + 1) if f"input-{n}" in work), default=-1)
        return self._processes.least(forward), self._processes.least(back)

    def run(self, progress: Callable[[int], None] = lambda tokens: None) -> None:
        """Do what is not done yet. Raises BadInput if a gradient is not finite."""
        with _products(PRECISION):
            self._run(progress)

    def _run(self, progress: Callable[[int], None]) -> None:
        layers = self._decoder.layers
        forward, back = self.finished()
        progress(self._windows.size * (max(forward, 0) * FORWARD + max(back, 0) * BACKWARD))
        if forward < 0:
            with self._work.writing("input-0") as file:
                for window in self._windows:
                    _write(file, self._decoder.embedded(window))
        for i in range(max(forward, 0), layers):
            self._forward(i, progress)
        if back < 0:
            self._loss()
        for i in reversed(range(layers - max(back, 0))):
            self._backward(i, progress)
            # The process that is a block behind may still need the files of this one.
            self._work.drop(f"input-{i + 1}", f"gradient-{i + 2}")

    def result(self) -> Sensitivity:
        """What was found, from the work folder."""
        statistics, importance = {}, {}
        for i in range(self._decoder.layers):
            statistics.update(self._statistics(i))
            importance.update({n: torch.from_numpy(x) for n, x in self._work.tensors(f"importance-{i}").items()})
        return Sensitivity({n: statistics[n] for names in self._names for n in names}, importance)

    def clear(self) -> None:
        """Remove the activations that are left."""
        names = (f"{what}-{i}" for what in ("input", "gradient") for i in range(self._decoder.layers + 1))
        self._work.drop(*names)

    def _forward(self, i: int, progress: Callable[[int], None]) -> None:
        """The output of block `i` for every window, and the squares of what enters its layers."""
        decoder = self._decoder
        with self._work.writing(f"input-{i + 1}") as file, torch.no_grad(), decoder.block(i) as block:
            columns = {name: self._rule.shapes[name][1] for name in self._names[i]}
            with _squares(block, columns, decoder.device) as squares:
                for window in range(len(self._windows)):
                    _write(file, decoder.run(block, self._read(f"input-{i}", window)))
                    progress(self._windows.shape[1] * FORWARD)
            found = {name: self._processes.sum(square).float().cpu().numpy() for name, square in squares.items()}
            self._work.keep(f"importance-{i}", found)

    def _loss(self) -> None:
        """The gradient of each window's loss by the output of the last block."""
        layers = self._decoder.layers
        with self._work.writing(f"gradient-{layers}") as file, self._decoder.last() as (norm, head):
            for number, window in enumerate(self._windows):
                x = self._read(f"input-{layers}", number).to(head.device).requires_grad_(True)
                ids = torch.from_numpy(window).to(head.device)
                logits = torch.nn.functional.linear(norm(x)[0, :-1], head)
                torch.nn.functional.cross_entropy(logits, ids[1:]).backward()
                assert x.grad is not None
                _write(file, x.grad)

    def _backward(self, i: int, progress: Callable[[int], None]) -> None:
        """F of block `i`, of which the statistics stay, and the gradient by its input."""
        decoder, layers = self._decoder, self._decoder.layers
        with self._work.writing(f"gradient-{i}") as file, decoder.block(i) as block:
            f = {n: torch.zeros(self._rule.shapes[n], device=decoder.device) for n in self._names[i]}
            with _squared_gradients(block, f):
                for start in range(0, len(self._windows), TOGETHER):
                    windows = range(start, min(start + TOGETHER, len(self._windows)))
                    x, gradient = (
                        torch.cat([self._read(n, w) for w in windows]) for n in (f"input-{i}", f"gradient-{i + 1}")
                    )
                    _write(file, decoder.back(block, x, gradient))
                    progress(len(windows) * self._windows.shape[1] * BACKWARD)
            for name in f:
                f[name] = self._processes.sum(f[name]).float().cpu()
                if not torch.isfinite(f[name]).all():
                    fix = "The checkpoint holds NaN or infinite weights: check it"
                    bad_input(name, "its gradients are not finite", fix)
            known = {n: s for above in range(i + 1, layers) for n, s in self._statistics(above).items()}
            self._keep_statistics(i, add_layers(known, f, self._rule))

    def _read(self, name: str, window: int) -> torch.Tensor:
        return torch.from_numpy(self._work.rows(name, window, self._shape))

    def _keep_statistics(self, i: int, statistics: dict[str, Statistic]) -> None:
        parts = {f"{n}.{field}": x.numpy() for n, s in statistics.items() for field, x in vars(s).items()}
        self._work.keep(f"statistics-{i}", parts)

    def _statistics(self, i: int) -> dict[str, Statistic]:
        parts = self._work.tensors(f"statistics-{i}")
        fields = Statistic.__dataclass_fields__
        return {n: Statistic(**{f: torch.from_numpy(parts[f"{n}.{f}"]) for f in fields}) for n in self._names[i]}


@contextlib.contextmanager
def _products(precision: str) -> Iterator[None]:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


@contextlib.contextmanager
def _squares(
    block: torch.nn.Module, columns: Mapping[str, int], device: torch.device
) -> Iterator[dict[str, torch.Tensor]]:
    """Sum up the squares of what enters each layer named in `columns`, fp32 [columns], run by run."""
    found = {name: torch.zeros(count, device=device) for name, count in columns.items()}

    def add(name: str, x: torch.Tensor) -> None:
        found[name] += x.detach().flatten(0, -2).square().sum(dim=0)

    hooks = [
        block.get_submodule(within_block(name)).register_forward_pre_hook(lambda _, x, name=name: add(name, x[0]))
        for name in columns
    ]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


@contextlib.contextmanager
def _squared_gradients(block: torch.nn.Module, f: Mapping[str, torch.Tensor]) -> Iterator[None]:
    """Add to each of `f` (F, fp32 [R, C], by layer) the squares of its weight's gradient, window by window of a pass.

    A linear layer's gradient for one window is the product of two factors that pass by anyway: its output's gradient
    and its input. So autograd is spared the weights, and only a piece of a gradient is ever in memory.
    """
    inputs: dict[str, torch.Tensor] = {}
    handles = []

    def before(name: str) -> Callable[..., None]:
        return lambda layer, given: inputs.update({name: given[0].detach()})

    def back(name: str) -> Callable[..., None]:
        def square(layer: torch.nn.Module, by_input: Any, by_output: tuple[torch.Tensor]) -> None:
            for x, gradient in zip(inputs.pop(name), by_output[0], strict=True):
                _add_squares(f[name], gradient, x)

        return square

    for name in f:
        layer = block.get_submodule(within_block(name))
        handles += [layer.register_forward_pre_hook(before(name)), layer.register_full_backward_hook(back(name))]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _add_squares(f: torch.Tensor, by_output: torch.Tensor, x: torch.Tensor) -> None:
    """F_ij += (dL / dw_ij)^2 for one window, where dL / dW = by_output.T @ x, for by_output [T, R] and x [T, C]."""
    rows = max(1, PIECE // x.shape[1])
    buffer = x.new_empty(min(rows, len(f)), x.shape[1])
    for start in range(0, len(f), rows):
        part = by_output[:, start : start + rows].T
        gradient = torch.mm(part, x, out=buffer[: len(part)])
        f[start : start + rows].addcmul_(gradient, gradient)


def _write(file: BinaryIO, x: torch.Tensor) -> None:
    file.write(np.ascontiguousarray(x.detach().cpu().numpy()).data)
