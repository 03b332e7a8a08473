"""The memory of an ExecuTorch program, planned when it is exported: how large each tensor may become.

A program with bounds of 16 perturbations, 256 examples and 512 tokens each would plan memory for two million tokens.
What limits memory is the product, so tensors are planned for the largest of a few passes at the limit of `tokens`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from executorch.exir.pass_base import PassBase, PassResult
from executorch.exir.tensor import TensorSpec
from pocketzo.runtime.engines.executorch import PLANNED_WORDS as WORDS
from torch.utils._pytree import tree_flatten

PERTURBATIONS, EXAMPLES = 64, 1024


def graph_bounds(tokens: int, length: int) -> dict[str, int]:
    """The manifest's `bounds`: of each dimension, and as "tokens" of P * B * T and of P * B * L."""
    longest = min(length, tokens)
    return {
        "P": PERTURBATIONS,
        "B": min(EXAMPLES, tokens),
        "T": longest,
        "S": longest,
        "L": longest,
        "tokens": tokens,
    }


def corners(bounds: Mapping[str, int]) -> list[dict[str, int]]:
    """Passes at the limit of `bounds["tokens"]`, one of which makes each tensor as large as it can become.

    Where the limit is no multiple of a size they are just over it: a pass of other sizes may reach it.
    """
    tokens, longest, found = bounds["tokens"], bounds["T"], []
    for length in (1, longest):
        sequences = _parts(tokens, length)
        for perturbations in (1, min(bounds["P"], sequences)):
            examples = min(bounds["B"], _parts(sequences, perturbations))
            labels = min(bounds["L"], max(length, _parts(tokens, perturbations * examples)))
            for scored in (1, length):
                sizes = {"P": perturbations, "B": examples, "T": length, "S": scored, "W": WORDS}
                found.append({**sizes, "L": labels})
    return found


def _parts(whole: int, size: int) -> int:
    return -(-whole // size)


class Bounded(PassBase):
    """Gives every tensor of unknown size the shape that it has in that one of `corners` where it is largest; an input
    has the bound of each dimension.
    """

    def __init__(self, bounds: Mapping[str, int], inputs: Mapping[str, tuple[str, Sequence[str | int]]]) -> None:
        self._bounds, self._inputs = dict(bounds), inputs

    def call(self, graph_module: Any) -> PassResult:
        """Replace the unknown sizes of every tensor of the program."""
        symbols = self._symbols(graph_module)
        passes = [{symbols[n]: size for n, size in c.items() if n in symbols} for c in corners(self._bounds)]
        limits = {symbols[name]: {**self._bounds, "W": WORDS}[name] for name in symbols}
        for module in graph_module.modules():
            for node in getattr(getattr(module, "graph", None), "nodes", ()):
                given = node.op == "placeholder" and node.name in self._inputs
                for spec in tree_flatten(node.meta.get("spec", []))[0]:
                    if isinstance(spec, TensorSpec):
                        spec.shape = _largest(spec.shape, [limits] if given else passes)
                        spec.stride = [prod(spec.shape[i + 1 :]) for i in range(len(spec.shape))]
        return PassResult(graph_module, True)

    def _symbols(self, graph_module: Any) -> dict[str, Any]:
        """torch's name of each free dimension."""
        found: dict[str, Any] = {}
        for node in graph_module.graph.nodes:
            if node.op == "placeholder" and node.name in self._inputs:
                _, shape = self._inputs[node.name]
                for name, size in zip(shape, node.meta["val"].shape, strict=True):
                    if isinstance(name, str) and not isinstance(size, int):
                        found.setdefault(name, size.node.expr)
        return found


def _largest(shape: Sequence[Any], passes: Sequence[Mapping[Any, int]]) -> list[int]:
    shapes = [[d if isinstance(d, int) else int(d.node.expr.xreplace(p)) for d in shape] for p in passes]
    return max(shapes, key=prod)
