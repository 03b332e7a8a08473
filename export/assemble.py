"""Putting a bundle together: graph, values, tokenizer, golden vectors, and the manifest that binds them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
from pocketzo.runtime import __version__
from pocketzo.runtime.files import sha256, write_tensors
from pocketzo.runtime.manifest import (
    NAME,
    SCHEMA,
    Calibration,
    EpsPoint,
    Estimator,
    FileEntry,
    Golden,
    Graph,
    Manifest,
    Model,
    Quantization,
    Task,
    Tensor,
    Values,
    seal,
)

from .decoder import Decoder
from .eps import best_eps
from .golden import TOLERANCE
from .graph import CONTRIB, OPSET, build_step
from .layout import Layout
from .weights_file import WeightsFile

WEIGHTS, STEP, VALUES, GOLDEN = "weights.bin", "step.onnx", "values.safetensors", "golden.safetensors"
TOKENIZER, CHAT_TEMPLATE = "tokenizer.json", "chat_template.jinja"
MINIMUM_ONNXRUNTIME = "1.29.0"
UNFITTED_EPS = 1e-3
"""what a manifest says until eps is fitted on the artifact that it describes"""


@dataclass(frozen=True)
class Contents:
    """Everything that a bundle is made from but the 4-bit weights, which are in `store` already."""

    decoder: Decoder
    layout: Layout
    values: np.ndarray
    sensitivity: np.ndarray
    golden: dict[str, Any]
    tokenizer_json: str
    chat_template: str | None
    model: Model
    calibration: Calibration
    quantization: Quantization
    density: float
    per_layer: bool
    first_layer: int
    captured: float
    eligible_weights: int
    task: dict[str, Any] | None
    outliers: dict[str, np.ndarray]


def assemble(folder: Path, store: WeightsFile, contents: Contents) -> Manifest:
    """Write every file of the bundle but weights.bin into `folder`, the manifest last."""
    step = _write_step(folder, store, contents)
    entries = np.concatenate([layer.entries for layer in contents.layout.layers])
    write_tensors(folder / VALUES, {"values": contents.values, "entries": entries, "sensitivity": contents.sensitivity})
    (folder / TOKENIZER).write_text(contents.tokenizer_json, encoding="utf-8")
    if contents.chat_template:
        (folder / CHAT_TEMPLATE).write_text(contents.chat_template, encoding="utf-8")
    write_tensors(folder / GOLDEN, contents.golden)
    manifest = _manifest(folder, step, contents)
    _write_manifest(folder, manifest)
    return manifest


def set_eps(folder: Path, manifest: Manifest, curve: list[EpsPoint]) -> None:
    """Write the manifest again with the fitted eps and the curve that it was chosen from."""
    estimator = manifest.estimator.model_copy(update={"eps": best_eps(curve), "eps_curve": curve})
    _write_manifest(folder, manifest.model_copy(update={"estimator": estimator}))


def _write_manifest(folder: Path, manifest: Manifest) -> None:
    text = json.dumps(manifest.model_dump(), indent=2, ensure_ascii=False, allow_nan=False)
    (folder / NAME).write_bytes(seal(text.encode()))


def _write_step(folder: Path, store: WeightsFile, contents: Contents) -> Graph:
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


def _tensor(value: ir.Value) -> Tensor:
    assert value.shape is not None
    shape = [dim if isinstance(dim, int) else str(dim.value) for dim in value.shape]
    return Tensor(name=str(value.name), type="int64" if value.dtype == ir.DataType.INT64 else "float32", shape=shape)


def _manifest(folder: Path, step: Graph, contents: Contents) -> Manifest:
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
        graphs=[step],
        estimator=Estimator(
            kind="two-point", directions="rademacher", rng="philox4x64-10", eps=UNFITTED_EPS, eps_curve=[]
        ),
        golden=Golden(file=GOLDEN, tolerance={"onnx": TOLERANCE[level]}),
        task=None if contents.task is None else Task(**contents.task),
        files={
            path.name: FileEntry(bytes=path.stat().st_size, sha256=sha256(path)) for path in sorted(folder.iterdir())
        },
    )
