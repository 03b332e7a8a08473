"""From a checkpoint to a bundle, stage by stage: sensitivity, mask, 4-bit weights, graph, golden vectors."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from pocketzo.export.assemble import WEIGHTS, assemble, set_measured
from pocketzo.export.check.eps import DIRECTIONS, GRID, Once, eps_batch, eps_curve
from pocketzo.export.check.golden import golden_vectors
from pocketzo.export.contents import MAX_LENGTH, MAX_TOKENS, Contents
from pocketzo.export.engines import check_engines, check_groups
from pocketzo.export.model.decoder import Decoder
from pocketzo.export.model.layerwise import Layerwise, block_of
from pocketzo.export.model.reference import value_gradient
from pocketzo.export.staging import check_destination, publish
from pocketzo.export.weights.dequantized import Dequantized
from pocketzo.export.weights.layout import Scope
from pocketzo.export.weights.weights_file import WeightsFile
from pocketzo.runtime import __version__
from pocketzo.runtime.bundle import Bundle, open_bundle
from pocketzo.runtime.bundle.manifest import Calibration, HeldOut, Model, Quantization, Reading
from pocketzo.runtime.bundle.tokenizer import Tokenizer
from pocketzo.runtime.bundle.verify import Verdict, verify
from pocketzo.runtime.engines import Engine, open_engine
from pocketzo.runtime.errors import (
    DiskFailed,
    DiskFull,
    Interrupted,
    NotEnoughRoom,
    PocketzoError,
    UsageError,
    bad_input,
)
from pocketzo.runtime.system.files import disk_errors
from pocketzo.runtime.system.names import valid_text
from pocketzo.runtime.tasks import make_task
from tokenizers import Tokenizer as Backend

from .checkpoint import Checkpoint, Source, find_source, open_checkpoint
from .independent import check_reading
from .price import artifact_nll, checkpoint_nll
from .quantize.rounding import OUTLIERS, outlier_channels
from .quantize.store import BUNDLE, Storing
from .select.calibration import held_out, read_text, windows
from .select.mask import Rule, check_density, choose_mask
from .select.processes import Processes
from .select.sensitivity import Sensitivity, SensitivityPass
from .work.disk import needed_bytes, size_of, work_path
from .work.work_folder import WorkFolder

GROUP_SIZE: Literal[32] = 32
EMBEDDING_GROUP_SIZE: dict[int, Literal[32, 64]] = {4: 32, 8: 64}
"""by bits; where the larger one does not divide the width of the table, the smaller one does"""
SKIPPED = 0.3
"""share of the blocks, from the first, that are not tuned: what they change is more noise and less signal"""
MEASURED = "measured"
"""kept in the work folder when the sensitivity of the whole model is"""


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
    weight_bits: Literal[4, 8] = 4
    embedding_bits: Literal[4, 8] = 8
    first_layer: int | None = None
    engines: tuple[str, ...] = ("onnx",)
    max_tokens: int = MAX_TOKENS
    max_length: int | None = None


class Stages(Protocol):
    """Who is told how far an export is."""

    def start(self, stage: str, total: int) -> None:
        """A stage begins; `total` is in the units that `advance` counts (0 if unknown)."""

    def advance(self, units: int) -> None:
        """So much more of the stage is done."""

    def resumed(self, text: str) -> None:
        """The stage was begun by an export that was stopped; `text` says where it goes on."""


def export_bundle(
    checkpoint: str, out: Path, config: ExportConfig, task: dict[str, Any] | None, force: bool, stages: Stages
) -> tuple[Bundle, Sequence[Verdict]] | None:
    """Make a bundle of `checkpoint` at `out` and run its golden vectors on each of its engines.

    The model is read layer by layer, and what is finished stays in a work folder beside `out` until the bundle is
    there: an export that was stopped or killed goes on from it. Of several processes all measure sensitivity, and all
    but the main one, which get None, are done then.

    Raises BadInput for a checkpoint, calibration text or option that cannot be used, or if `out` exists (unless
    `force`); UsageError if an engine's package is missing; NotEnoughRoom if the disk is too full; Interrupted, on
    Ctrl-C, once there is something to go on from.
    """
    check_density(config.density)
    check_engines(config.engines)
    check_destination(out, force)
    text, source_name = read_text(config.calibration)
    stages.start("Reading the checkpoint", 0)
    source, processes = find_source(checkpoint), Processes()
    opened = open_checkpoint(source)
    first = first_layer(config, opened.decoder)
    max_length(config, opened.decoder)
    check_groups(config.engines, opened.decoder, _quantization(config, opened.decoder).group_size)
    if task is not None:
        _check_task(task, opened)
    tokens = min(config.window_tokens, opened.decoder.context_tokens)
    calibration_windows, calibration = windows(
        text, source_name, opened.tokenizer, config.windows, tokens, opened.decoder.vocabulary
    )
    shapes = {linear.name: (linear.rows, linear.columns) for linear in opened.decoder.linears()}
    rule = Rule(shapes, config.scope, config.density, config.per_layer, lambda name: block_of(name) >= first)
    path = work_path(out, processes)
    needed = needed_bytes(opened, calibration_windows, rule, len(config.engines)) - size_of(path)
    check_destination(out, force, needed)
    with _kept_if_stopped(out, WorkFolder(path, _key(source, config, text, processes))) as work:
        reading = _read_by_another(opened, calibration_windows, work, stages) if processes.main else None
        found = _measure(opened, rule, calibration_windows, work, processes, stages)
        if found is None:
            return None
        most, vocabulary = min(tokens, max_length(config, opened.decoder)), opened.decoder.vocabulary
        unseen = held_out(text, opened.tokenizer, calibration, most, vocabulary)
        export = _Export(
            opened, rule, config, first, found, calibration_windows, calibration, unseen, reading, task, work, stages
        )
        verdicts = export.build(out)
        publish(work.path / BUNDLE, out)
        work.remove()
    return open_bundle(out, hashes=False), verdicts


@contextlib.contextmanager
def _kept_if_stopped(out: Path, work: WorkFolder) -> Iterator[WorkFolder]:
    """Keep the work folder when what stopped the export may not stop it again, and say so; remove it otherwise."""
    go_on = f"What is finished is saved in {work.path}; the same command goes on from there."
    with work:
        try:
            with disk_errors(out):
                yield work
        except KeyboardInterrupt:
            raise Interrupted(f"interrupted. {go_on}") from None
        except DiskFull as e:
            raise DiskFull(f"{out}: the disk is full. Free some space. {go_on}") from e
        except (DiskFailed, NotEnoughRoom, UsageError) as e:
            raise type(e)(f"{str(e).removesuffix('.')}. {go_on}") from e
        except PocketzoError:
            work.remove()
            raise


def _key(source: Source, config: ExportConfig, text: str, processes: Processes) -> str:
    """SHA-256 of everything that finished work depends on; of a checkpoint's files names, sizes and times suffice."""
    paths = {*source.weights, *source.folder.glob("*.json")} if source.gguf is None else set(source.weights)
    files = [(p.name, p.stat().st_size, p.stat().st_mtime_ns) for p in sorted(paths)]
    settings = {**asdict(config), "calibration": hashlib.sha256(text.encode()).hexdigest()}
    content = [__version__, files, settings, processes.rank, processes.count]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _read_by_another(opened: Checkpoint, tokens: np.ndarray, work: WorkFolder, stages: Stages) -> Reading:
    """What another implementation makes of the checkpoint. Raises BadInput if it is not what we make of it."""
    stages.start("Independent reading", 0)

    def read() -> dict[str, np.ndarray]:
        found = check_reading(opened, tokens.reshape(-1), work.path)
        text = found.model_dump_json().encode()
        return {"reading": np.frombuffer(text, dtype=np.uint8)}

    return Reading.model_validate_json(work.once("reading", read)["reading"].tobytes())


def _measure(
    opened: Checkpoint, rule: Rule, tokens: np.ndarray, work: WorkFolder, processes: Processes, stages: Stages
) -> Sensitivity | None:
    """Sensitivity and importance for the main process; None for the others, whose work folders go."""
    decoder = Layerwise(opened.config, opened.tensor, processes.device, opened.decoder.inverse_frequencies)
    measuring = SensitivityPass(decoder, rule, tokens, work, processes)
    if not processes.any(processes.main and MEASURED in work):
        stages.start("Sensitivity", measuring.units)
        forward, back = measuring.finished()
        if back >= 0 or forward > 0:
            layer, way = (decoder.layers - back, "backwards ") if back >= 0 else (forward - 1, "")
            stages.resumed(f"goes on {way}after layer {layer}")
        measuring.run(stages.advance)
        if processes.main:
            work.keep(MEASURED, {})
        processes.all(True)
    if not processes.main:
        work.remove()
        return None
    measuring.clear()
    return measuring.result()


class _Export:
    """What remains of an export once its sensitivity is known: mask, weights, graph, golden vectors, eps."""

    def __init__(
        self,
        opened: Checkpoint,
        rule: Rule,
        config: ExportConfig,
        first: int,
        found: Sensitivity,
        tokens: np.ndarray,
        calibration: Calibration,
        unseen: np.ndarray,
        reading: Reading | None,
        task: dict[str, Any] | None,
        work: WorkFolder,
        stages: Stages,
    ) -> None:
        self._unseen, self._reading = unseen, reading
        self._opened, self._config, self._first, self._task = opened, config, first, task
        self._tokens, self._calibration, self._work, self._stages = tokens, calibration, work, stages
        self._mask, self._importance = choose_mask(found.statistics, rule), found.importance
        self._quantization = _quantization(config, opened.decoder)
        largest = outlier_channels(found.importance)
        self._outliers = largest if config.weight_bits == 8 else {}
        self._unrounded = largest if "executorch" in config.engines else {}

    def build(self, out: Path) -> list[Verdict]:
        """The whole bundle in the work folder, and its golden vectors' verdict on each engine; `out` names it in
        messages.
        """
        store, values = self._store()
        self._stages.start("Golden vectors", 0)
        opened, layout, work = self._opened, self._mask.layout, self._work
        tensor = Dequantized(store, opened.decoder, self._quantization, layout, values, self._outliers)
        decoder = Layerwise(opened.config, tensor, frequencies=opened.decoder.inverse_frequencies)
        tokens = self._tokens.reshape(-1)
        golden = work.once("golden", lambda: golden_vectors(decoder, layout, values, tokens))
        folder = work.path / BUNDLE
        for path in folder.iterdir():
            if path.name != WEIGHTS:  # left by an export that was killed
                path.unlink()
        contents = self._contents(values, golden)
        manifest = assemble(folder, store, contents, self._graph_progress)
        self._stages.start("Gradient", 0)
        batch = eps_batch(tokens, opened.decoder.vocabulary)
        gradient = work.once("gradient", lambda: {"gradient": value_gradient(decoder, layout, batch)})["gradient"]
        bundle, verdicts, curves, prices = open_bundle(folder, hashes=False), [], {}, {}
        for name in self._config.engines:
            engine, verdict = self._opened_engine(name, bundle, out)
            verdicts.append(verdict)
            self._stages.start(f"Fitting eps on {name}", len(GRID) * DIRECTIONS)
            curves[name] = eps_curve(engine, gradient, batch, values, self._stages.advance, self._once(name))
            prices[name] = self._price(engine, values)
        set_measured(folder, manifest, curves, self._reading, self._held_out(prices))
        return verdicts

    def _graph_progress(self, engine: str, units: int, total: int) -> None:
        if units:
            self._stages.advance(units)
        else:
            self._stages.start(f"Graph for {engine}", total)

    def _opened_engine(self, name: str, bundle: Bundle, out: Path) -> tuple[Engine, Verdict]:
        """Engine `name` and the golden vectors' verdict on it. Raises PocketzoError if they fail."""
        self._stages.start(f"Golden vectors on {name}", 0)
        engine = open_engine(name, bundle)
        verdict = verify(bundle, engine)
        if not verdict.passed:
            raise PocketzoError(
                f"{out}: the exported graph for {name} is {verdict.difference:.3g} nats off the reference, and the"
                f" limit is {verdict.tolerance:g}; the bundle was not written. This is a fault in pocketzo or the"
                " engine."
            )
        return engine, verdict

    def _price(self, engine: Engine, values: np.ndarray) -> float:
        """Mean nll of the held-out text on `engine`; NaN if there is none."""
        if not len(self._unseen):
            return math.nan
        self._stages.start(f"Held-out text on {engine.name}", len(self._unseen))
        vocabulary = self._opened.decoder.vocabulary

        def measure() -> dict[str, np.ndarray]:
            nll = artifact_nll(engine, self._unseen, values, vocabulary, self._stages.advance)
            return {"nll": np.array([nll])}

        return self._once(engine.name)("held-out-nll", measure)["nll"].item()

    def _held_out(self, prices: dict[str, float]) -> HeldOut | None:
        """What the weights of the checkpoint give on the held-out text, beside `prices`."""
        if not len(self._unseen):
            return None
        self._stages.start("Held-out text", 0)
        kept = self._work.once(
            "held-out-checkpoint", lambda: {"nll": np.array([checkpoint_nll(self._opened, self._unseen)])}
        )
        scored = self._unseen.size - len(self._unseen)
        return HeldOut(tokens=scored, checkpoint=kept["nll"].item(), engines=prices)

    def _once(self, engine: str) -> Once:
        """Keeps what is measured on `engine`, under names that say which one."""
        prefix = "" if engine == "onnx" else f"{engine}-"
        return lambda name, measure: self._work.once(prefix + name, measure)

    def _store(self) -> tuple[WeightsFile, np.ndarray]:
        layout, engines = self._mask.layout, self._config.engines
        storing = Storing(
            self._opened, layout, self._importance, self._outliers, self._quantization, self._work, engines
        )
        self._stages.start(f"{self._config.weight_bits}-bit weights", self._opened.parameters)
        if storing.finished:
            self._stages.resumed(
                f"goes on after {list(storing.units)[storing.finished - 1].replace('-', ' of layer ')}"
            )
        return storing.run(self._stages.advance)

    def _contents(self, values: np.ndarray, golden: dict[str, np.ndarray]) -> Contents:
        decoder, tokenizer = self._opened.decoder, self._opened.tokenizer
        return Contents(
            decoder=decoder,
            layout=self._mask.layout,
            values=values,
            sensitivity=self._mask.sensitivity,
            golden=golden,
            tokenizer_json=tokenizer.backend.to_str(),
            chat_template=tokenizer.chat_template,
            model=Model(
                name=valid_text(self._opened.source.name),
                family=self._opened.config.model_type,
                checkpoint_sha256=self._opened.source.hash(),
                parameters=self._opened.parameters,
                layers=decoder.layers,
                hidden_size=decoder.hidden,
                intermediate_size=decoder.intermediate,
                heads=decoder.heads,
                vocabulary=decoder.vocabulary,
                context_tokens=decoder.context_tokens,
                tied_embedding=decoder.tied_embedding,
                eos_token_id=tokenizer.eos_token_id,
            ),
            calibration=self._calibration,
            quantization=self._quantization,
            density=self._config.density,
            per_layer=self._config.per_layer,
            first_layer=self._first,
            captured=self._mask.captured,
            eligible_weights=self._mask.eligible_weights,
            task=self._task,
            outliers=self._outliers,
            unrounded=self._unrounded,
            engines=self._config.engines,
            max_tokens=self._config.max_tokens,
            max_length=max_length(self._config, decoder),
        )


def max_length(config: ExportConfig, decoder: Decoder) -> int:
    """The longest sequence that a graph of planned memory takes. Raises UsageError if it is over the context."""
    context = decoder.context_tokens
    if config.max_length is not None and config.max_length > context:
        raise UsageError(f"--max-length {config.max_length}: the model's context is {context}. Give at most that.")
    return config.max_length or min(MAX_LENGTH, context)


def first_layer(config: ExportConfig, decoder: Decoder) -> int:
    """The first block with tuned values. Raises BadInput if there is no such block."""
    layers = decoder.layers
    if config.first_layer is None:
        return round(SKIPPED * layers)
    if not 0 <= config.first_layer < layers:
        bad_input(f"--first-layer {config.first_layer}", f"the model has {layers} layers", f"Give 0 to {layers - 1}")
    return config.first_layer


def _quantization(config: ExportConfig, decoder: Decoder) -> Quantization:
    size = EMBEDDING_GROUP_SIZE[config.embedding_bits]
    return Quantization(
        weight_bits=config.weight_bits,
        group_size=GROUP_SIZE if config.weight_bits == 4 else 0,
        outliers=0 if config.weight_bits == 4 else OUTLIERS,
        embedding_bits=config.embedding_bits,
        embedding_group_size=32 if decoder.hidden % size else size,
        accuracy_level=config.accuracy_level,
    )


def _check_task(task: dict[str, Any], opened: Checkpoint) -> None:
    """Raises BadInput if the task does not fit the model's tokenizer."""
    backend = Backend.from_str(opened.tokenizer.backend.to_str())
    make_task(task, "--task", Tokenizer(backend), opened.decoder.vocabulary, opened.tokenizer.eos_token_id)
