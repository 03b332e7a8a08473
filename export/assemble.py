"""Putting a bundle together: graph, values, tokenizer, golden vectors, and the manifest that binds them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
from pocketzo.runtime import __version__
from pocketzo.runtime.bundle.manifest import (
    NAME,
    SCHEMA,
    EpsPoint,
    Estimator,
    FileEntry,
    Golden,
    Graph,
    HeldOut,
    Manifest,
    Reading,
    Task,
    Values,
    seal,
)
from pocketzo.runtime.engines import ENGINES
from pocketzo.runtime.system.files import sha256, write_tensors

from .check.eps import best_eps
from .contents import Contents
from .engines import write_graph
from .weights.weights_file import WeightsFile

WEIGHTS, VALUES, GOLDEN = "weights.bin", "values.safetensors", "golden.safetensors"
TOKENIZER, CHAT_TEMPLATE = "tokenizer.json", "chat_template.jinja"
UNFITTED_EPS = 1e-3
"""what a manifest says until eps is fitted on the artifact that it describes"""


def assemble(
    folder: Path,
    store: WeightsFile,
    contents: Contents,
    progress: Callable[[str, int, int], None] = lambda engine, units, total: None,
) -> Manifest:
    """Write every file of the bundle but weights.bin into `folder`, the manifest last.

    `progress` is told the engine whose graph is being written, and how far it is (`Progress`).
    """
    graphs = []
    for engine in contents.engines:
        graphs.append(write_graph(engine, folder, store, contents, partial(progress, engine)))
    entries = np.concatenate([layer.entries for layer in contents.layout.layers])
    write_tensors(folder / VALUES, {"values": contents.values, "entries": entries, "sensitivity": contents.sensitivity})
    (folder / TOKENIZER).write_text(contents.tokenizer_json, encoding="utf-8")
    if contents.chat_template:
        (folder / CHAT_TEMPLATE).write_text(contents.chat_template, encoding="utf-8")
    write_tensors(folder / GOLDEN, contents.golden)
    manifest = _manifest(folder, graphs, contents)
    _write_manifest(folder, manifest)
    return manifest


def set_measured(
    folder: Path,
    manifest: Manifest,
    curves: Mapping[str, list[EpsPoint]],
    reading: Reading | None,
    held_out: HeldOut | None,
) -> None:
    """Write the manifest again with what was measured since: the eps that was fitted on each engine and the curve that
    it was chosen from, another's reading of the checkpoint, and the price of quantization.
    """
    fitted = {engine: {"eps": best_eps(curve), "eps_curve": curve} for engine, curve in curves.items()}
    first, *others = manifest.graphs
    graphs = [first, *(graph.model_copy(update=fitted[graph.engine]) for graph in others)]
    estimator = manifest.estimator.model_copy(update=fitted[first.engine])
    measured = {"estimator": estimator, "graphs": graphs, "reading": reading, "held_out": held_out}
    _write_manifest(folder, manifest.model_copy(update=measured))


def _write_manifest(folder: Path, manifest: Manifest) -> None:
    text = json.dumps(manifest.model_dump(), indent=2, ensure_ascii=False, allow_nan=False)
    (folder / NAME).write_bytes(seal(text.encode()))


def _manifest(folder: Path, graphs: list[Graph], contents: Contents) -> Manifest:
    level = contents.quantization.accuracy_level
    return Manifest(
        format="pocketzo-bundle",
        schema_version=SCHEMA,
        pocketzo_version=__version__,
        model=contents.model,
        quantization=contents.quantization,
        values=Values(
            file=VALUES,
            scope=contents.layout.scope,
            per_layer=contents.per_layer,
            first_layer=contents.first_layer,
            density=contents.density,
            count=contents.layout.count,
            eligible_weights=contents.eligible_weights,
            sensitivity_captured=contents.captured,
            calibration=contents.calibration,
            blocks=list(contents.layout.blocks()),
        ),
        graphs=graphs,
        estimator=Estimator(
            kind="two-point", directions="rademacher", rng="philox4x64-10", eps=UNFITTED_EPS, eps_curve=[]
        ),
        golden=Golden(
            file=GOLDEN, tolerance={graph.engine: ENGINES[graph.engine].tolerance[level] for graph in graphs}
        ),
        task=None if contents.task is None else Task(**contents.task),
        files={
            path.name: FileEntry(bytes=path.stat().st_size, sha256=sha256(path)) for path in sorted(folder.iterdir())
        },
    )
