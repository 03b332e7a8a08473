"""A bundle of one tiny ExecuTorch graph, as far as an engine asks, and passes for it. No torch here."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from pocketzo.runtime.bundle import Bundle
from pocketzo.runtime.bundle.manifest import Graph, Tensor
from pocketzo.runtime.examples import Batch

BOUNDS = {"P": 8, "B": 16, "T": 48, "S": 8, "L": 16, "W": 32, "tokens": 1600}
INPUTS = {
    "input_ids": [1, "B", "T"],
    "label_positions": [1, "B", "S"],
    "label_ids": [1, "B", "L"],
    "words": ["W"],
    "values": ["P", "K"],
}
VOCABULARY, HIDDEN, VALUES = 512, 64, 24


def graph(hidden: int = HIDDEN, **changes: Any) -> Graph:
    """The manifest's entry for the graph; `changes` are of its fields."""
    inputs = [
        Tensor(name=name, type="float32" if name == "values" else "int64", shape=shape)
        for name, shape in INPUTS.items()
    ]
    outputs = [
        Tensor(name="nll", type="float32", shape=["P", "B", "L"]),
        Tensor(name="hidden", type="float32", shape=["P", "B", "S", hidden]),
    ]
    fields: dict[str, Any] = {
        "engine": "executorch",
        "file": "step.pte",
        "minimum_engine_version": "1.5.1",
        "opset": None,
        "domains": [],
        "inputs": inputs,
        "outputs": outputs,
        "bounds": BOUNDS,
    }
    return Graph(**{**fields, **changes})


def bundle(folder: Path, hidden: int = HIDDEN, values: int = VALUES, **changes: Any) -> Bundle:
    """A bundle in `folder`."""
    manifest = SimpleNamespace(
        model=SimpleNamespace(vocabulary=VOCABULARY, hidden_size=hidden),
        values=SimpleNamespace(count=values),
        graphs=[graph(hidden, **changes)],
    )
    return Bundle(folder, manifest, "0" * 64)  # type: ignore[arg-type]


def random_pass(
    seed: int = 1, p: int = 2, b: int = 3, t: int = 5, s: int = 2, m: int = 2, w: int = 6, values: int = VALUES
) -> tuple[Batch, np.ndarray]:
    """A batch, with M labels a position, and values [P,K]."""
    random = np.random.default_rng(seed)
    batch = Batch(
        random.integers(0, VOCABULARY, (b, t)),
        random.integers(0, t, (b, s)),
        random.integers(-1, VOCABULARY, (b, s * m)),
        np.arange(w),
    )
    return batch, random.standard_normal((p, values), dtype=np.float32)
