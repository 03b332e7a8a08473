"""From a checkpoint to a bundle, stage by stage: sensitivity, mask, 4-bit weights, graph, golden vectors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import torch
from pocketzo.export.assemble import WEIGHTS, Contents, assemble, set_eps
from pocketzo.export.eps import DIRECTIONS, GRID, eps_curve
from pocketzo.export.golden import golden_vectors
from pocketzo.export.layout import Layout, Scope, SensitiveLayer
from pocketzo.export.staging import check_destination, staged
from pocketzo.export.weights_file import WeightsFile
from pocketzo.runtime.bundle import Bundle, open_bundle
from pocketzo.runtime.engines import open_engine
from pocketzo.runtime.errors import PocketzoError, bad_input
from pocketzo.runtime.manifest import Model, Quantization
from pocketzo.runtime.tasks import make_task
from pocketzo.runtime.tokenizer import Tokenizer
from pocketzo.runtime.verify import Verdict, verify
from tokenizers import Tokenizer as Backend

from .calibration import read_text, windows
from .checkpoint import Checkpoint, find_source, open_checkpoint, parameter_count
from .importance import importance
from .mask import Mask, check_density, choose_mask
from .quantize import quantize
from .sensitivity import sensitivity

GROUP_SIZE: Literal[32] = 32
EMBEDDING_GROUP_SIZE: dict[int, Literal[32, 64]] = {4: 32, 8: 64}
"""by bits"""
SKIPPED = 0.3
"""share of the blocks, from the first, that are not tuned: what they change is more noise and less signal"""
EMBEDDING, HEAD = "model.embed_tokens", "lm_head"


@dataclass(frozen=True)
class ExportConfig:
    """Settings of an export; the command line's help describes each."""

    calibration: Path | None = None
    windows: int = 32
    window_tokens: int = 256
    scope: Scope = "channels"
    density: float = 1e-3
    per_layer: bool = False
    accuracy_level: Literal[1, 4] = 1
    embedding_bits: Literal[4, 8] = 8
    first_layer: int | None = None


class Stages(Protocol):
    """Who is told how far an export is."""

    def start(self, stage: str, total: int) -> None:
        """A stage begins; `total` is in the units that `advance` counts (0 if unknown)."""

    def advance(self, units: int) -> None:
        """So much more of the stage is done."""


def export_bundle(
    checkpoint: str, out: Path, config: ExportConfig, task: dict[str, Any] | None, force: bool, stages: Stages
) -> tuple[Bundle, Verdict]:
    """Make a bundle of `checkpoint` at `out` and run its golden vectors.

    Raises BadInput for a checkpoint, calibration text or option that cannot be used, or if `out` exists (unless
    `force`); NotEnoughRoom if the disk is too full.
    """
    check_density(config.density)
    check_destination(out, force)
    text, source_name = read_text(config.calibration)
    stages.start("Reading the checkpoint", 0)
    source = find_source(checkpoint)
    opened = open_checkpoint(source)
    check_destination(out, force, parameter_count(opened.model))
    first = first_layer(config, opened)
    if task is not None:
        _check_task(task, opened)
    tokens = min(config.window_tokens, opened.decoder.context_tokens)
    calibration_windows, calibration = windows(text, source_name, opened.tokenizer, config.windows, tokens)

    stages.start("Sensitivity", calibration_windows.size)
    names = [linear.name for linear in opened.decoder.linears()]
    with importance(opened.model, names) as channel_importance:
        f = sensitivity(opened.model, names, calibration_windows, stages.advance)
    mask = choose_mask(f, config.scope, config.density, config.per_layer, lambda name: layer_of(name) >= first)
    values = gather(mask.layout, lambda name: opened.model.get_submodule(name).weight)
    sensitivities = gather(mask.layout, f.__getitem__)

    with staged(out) as folder:
        with WeightsFile(folder / WEIGHTS) as store:
            stages.start("4-bit weights", parameter_count(opened.model))
            quantization = _quantization(config)
            _store_weights(opened, mask.layout, channel_importance, quantization, store, stages)
        stages.start("Graph, golden vectors and hashes", 0)
        golden = golden_vectors(opened.model, mask.layout, values, calibration_windows.reshape(-1))
        contents = _contents(
            opened, mask, config, first, quantization, values, sensitivities, golden, task, calibration
        )
        manifest = assemble(folder, store, contents)
        engine = open_engine("onnx", staged_bundle := open_bundle(folder, hashes=False))
        verdict = verify(staged_bundle, engine)
        if not verdict.passed:
            raise PocketzoError(
                f"{out}: the exported graph is {verdict.difference:.3g} nats off the reference, and the limit is"
                f" {verdict.tolerance:g}; the bundle was not written. This is a fault in pocketzo or the engine."
            )
        stages.start("Fitting eps", len(GRID) * DIRECTIONS)
        text_tokens = calibration_windows.reshape(-1)
        set_eps(folder, manifest, eps_curve(engine, opened.model, mask.layout, values, text_tokens, stages.advance))
        del staged_bundle, engine
    return open_bundle(out, hashes=False), verdict


def gather(layout: Layout, tensor_of: Callable[[str], torch.Tensor]) -> np.ndarray:
    """The entries of `layout` from the tensors that `tensor_of(layer)` gives, fp32 [K]."""
    parts = []
    for layer in layout.layers:
        rows, columns = layer.index(layout.scope)
        parts.append(tensor_of(layer.layer).detach()[torch.from_numpy(rows), torch.from_numpy(columns)])
    return torch.cat(parts).float().numpy()


def layer_of(name: str) -> int:
    """The number of the block that a linear layer belongs to ("model.layers.7.mlp.up_proj": 7)."""
    return int(name.split(".")[2])


def first_layer(config: ExportConfig, opened: Checkpoint) -> int:
    """The first block with tuned values. Raises BadInput if there is no such block."""
    layers = opened.decoder.layers
    if config.first_layer is None:
        return round(SKIPPED * layers)
    if not 0 <= config.first_layer < layers:
        bad_input(f"--first-layer {config.first_layer}", f"the model has {layers} layers", f"Give 0 to {layers - 1}")
    return config.first_layer


def _quantization(config: ExportConfig) -> Quantization:
    return Quantization(
        weight_bits=4,
        group_size=GROUP_SIZE,
        embedding_bits=config.embedding_bits,
        embedding_group_size=EMBEDDING_GROUP_SIZE[config.embedding_bits],
        accuracy_level=config.accuracy_level,
    )


def _store_weights(
    opened: Checkpoint,
    layout: Layout,
    channel_importance: dict[str, torch.Tensor],
    quantization: Quantization,
    store: WeightsFile,
    stages: Stages,
) -> None:
    """Quantize every weight into `store`, and put the dequantized weight in the model's place for the reference."""
    with torch.no_grad():
        tables = [EMBEDDING] if opened.decoder.tied_embedding else [EMBEDDING, HEAD]
        names = [*channel_importance, *tables]
        for name in names:
            weight = opened.model.get_submodule(name).weight
            sensitive = _sensitive(layout, layout.of(name), weight)
            if name in tables:
                bits, group_size = quantization.embedding_bits, quantization.embedding_group_size
            else:
                bits, group_size = quantization.weight_bits, quantization.group_size
            known = channel_importance.get(name, torch.ones(weight.shape[1]))
            quantized = quantize(weight, known, group_size, sensitive, bits)
            store.add(f"{name}.codes", quantized.packed_codes())
            store.add(f"{name}.scales", quantized.scales)
            store.add(f"{name}.zero_points", quantized.packed_zero_points())
            dequantized = torch.from_numpy(quantized.dequantize())
            weight.copy_(dequantized if sensitive is None else torch.where(sensitive, weight, dequantized))
            stages.advance(weight.numel())
        for name, parameter in opened.model.named_parameters():
            if name.removesuffix(".weight") not in names and not name.startswith(HEAD):
                store.add(name, parameter.detach().numpy())


def _sensitive(layout: Layout, layer: SensitiveLayer | None, weight: torch.Tensor) -> torch.Tensor | None:
    if layer is None:
        return None
    mask = torch.zeros(weight.shape, dtype=torch.bool)
    rows, columns = layer.index(layout.scope)
    mask[torch.from_numpy(rows), torch.from_numpy(columns)] = True
    return mask


def _contents(
    opened: Checkpoint,
    mask: Mask,
    config: ExportConfig,
    first: int,
    quantization: Quantization,
    values: np.ndarray,
    sensitivities: np.ndarray,
    golden: dict[str, Any],
    task: dict[str, Any] | None,
    calibration: Any,
) -> Contents:
    decoder, template = opened.decoder, opened.tokenizer.chat_template
    return Contents(
        decoder=decoder,
        layout=mask.layout,
        values=values,
        sensitivity=sensitivities,
        golden=golden,
        tokenizer_json=opened.tokenizer.backend_tokenizer.to_str(),
        chat_template=template if isinstance(template, str) else None,
        model=Model(
            name=opened.source.name,
            family=opened.model.config.model_type,
            checkpoint_sha256=opened.source.hash(),
            parameters=parameter_count(opened.model),
            layers=decoder.layers,
            hidden_size=decoder.hidden,
            intermediate_size=decoder.intermediate,
            vocabulary=decoder.vocabulary,
            context_tokens=decoder.context_tokens,
            tied_embedding=decoder.tied_embedding,
            eos_token_id=opened.tokenizer.eos_token_id,
        ),
        calibration=calibration,
        quantization=quantization,
        density=config.density,
        per_layer=config.per_layer,
        first_layer=first,
        captured=mask.captured,
        eligible_weights=mask.eligible_weights,
        task=task,
    )


def _check_task(task: dict[str, Any], opened: Checkpoint) -> None:
    """Raises BadInput if the task does not fit the model's tokenizer."""
    backend = Backend.from_str(opened.tokenizer.backend_tokenizer.to_str())
    make_task(task, "--task", Tokenizer(backend), opened.decoder.vocabulary, opened.tokenizer.eos_token_id)
