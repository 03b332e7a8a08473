"""What the rest of the project needs to know of an engine: its name, what its graphs can do, and what they take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np

    from ..bundle import Bundle
    from ..bundle.manifest import Graph, Manifest
    from ..examples import Batch, Forward


class Engine(Protocol):
    """A stock inference engine holding the step graph of a bundle.

    `bounds` are the largest sizes that a pass may have, by letter, and under "tokens" P * B * T and P * B * L; none
    means any size.
    """

    name: str
    version: str
    bounds: Mapping[str, int]

    def forward(self, batch: Batch, values: np.ndarray) -> Forward:
        """Pass `batch` through the graph under each row of `values` (fp32 [P,K])."""


@dataclass(frozen=True)
class Estimate:
    """Peak resident bytes of the loop by what they hold."""

    process: int
    weights: int
    activations: int
    values: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.process + self.weights + self.activations + self.values


@dataclass
class References:
    """Files that tensors are read from, operator domains in use, and whether the file defines functions or training."""

    files: set[str] = field(default_factory=set)
    domains: set[str] = field(default_factory=set)
    other: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Description:
    """One engine. `pocketzo.export.NAME.writer` writes its graph."""

    name: str
    """as manifests, --engine and the folders in runtime/engines/ and export/ have it"""
    title: str
    """as its authors write it"""
    package: str
    """the Python package that runs it, by its name in the package index"""
    minimum_version: str
    """the oldest version of it that runs the graphs of this pocketzo"""
    install: str
    """the command that installs what running it needs"""
    install_export: str
    """the command that installs what writing its graph needs"""
    graph_file: str
    """name of its graph in a bundle"""
    accuracy_levels: tuple[int, ...]
    """1: activations in fp32, 4: in int8"""
    tolerance: Mapping[int, float]
    """nats that a golden vector may differ, by the accuracy level of the bundle; int8 activations round differently on
    each kind of CPU
    """
    external_weights: bool
    """whether its graph reads weights.bin in the bundle; or holds its weights itself"""
    planned_memory: bool
    """whether its graph has its memory planned, and so bounds: --max-tokens and --max-length"""
    exact_outliers: bool
    """whether the channels with the largest activations stay in fp32 with 4-bit weights too"""
    bfloat16_scales: bool
    """whether its 4-bit products take scales in bf16"""
    open: Callable[[Bundle, int], Engine]
    """loads the graph of a bundle, with so many threads"""
    memory: Callable[[Manifest, Graph, Estimate], Estimate]
    """what a run takes, from what it takes on an engine that maps its weights and allocates what a pass needs"""
    references: Callable[[Path], References] | None = None
    """what a file of its format points at, which it opens too; None where the format points at nothing"""
