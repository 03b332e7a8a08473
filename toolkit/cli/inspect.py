"""pocketzo inspect: what is inside a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pocketzo.runtime.bundle.manifest import Estimator, Graph, Manifest
    from pocketzo.runtime.engines.description import Estimate
    from rich.table import Table

from .common import Debug, Json, percent, size
from .streams import output, print_json

EXAMPLES = """Examples:\n
  pocketzo inspect smol.pocketzo\n
  pocketzo inspect smol.pocketzo --batch 8 --tokens 128 --json"""


def inspect(
    bundle: Annotated[Path, typer.Argument(help="Bundle folder.")],
    batch: Annotated[int, typer.Option(help="Examples a step, for the memory estimate.", min=1)] = 16,
    tokens: Annotated[int, typer.Option(help="Tokens an example, for the memory estimate.", min=1)] = 64,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Show what a bundle holds: model, tuned values by layer, sensitivity, sizes, and the memory a run needs."""
    from pocketzo.runtime.bundle import open_bundle
    from pocketzo.runtime.limits.memory import estimate
    from rich.console import Console
    from rich.table import Table

    opened = open_bundle(bundle, hashes=False)
    manifest = opened.manifest
    model, values = manifest.model, manifest.values
    memory = {graph.engine: estimate(manifest, batch, tokens, engine=graph.engine) for graph in manifest.graphs}
    total = sum(entry.bytes for entry in manifest.files.values())
    if json:
        content = {
            "hash": opened.hash,
            "bytes": total,
            "memory_bytes": memory[manifest.graphs[0].engine].total,
            **manifest.model_dump(),
        }
        print_json(content)
        return
    console = Console(markup=False, highlight=False)
    facts = Table.grid(padding=(0, 2))
    quantization = manifest.quantization
    for label, text in [
        ("model", f"{model.name} ({model.family}, {model.parameters:,} parameters, {model.layers} layers)"),
        ("vocabulary", f"{model.vocabulary:,} words, context {model.context_tokens:,} tokens"),
        (
            "weights",
            f"{quantization.weight_bits} bits"
            f"{f' in groups of {quantization.group_size}' if quantization.group_size else ' a channel'},"
            f" embedding and LM head {quantization.embedding_bits} bits in groups of"
            f" {quantization.embedding_group_size},"
            f" accuracy level {quantization.accuracy_level}",
        ),
        (
            "values",
            f"{values.count:,} of {values.eligible_weights:,} ({percent(values.count / values.eligible_weights)}),"
            f" scope {values.scope}, layers from {values.first_layer},"
            f" {percent(values.sensitivity_captured)} of the sensitivity",
        ),
        (
            "calibration",
            f"{values.calibration.source}: {values.calibration.windows} windows of"
            f" {values.calibration.window_tokens} tokens",
        ),
        ("reading", reading_text(manifest)),
        ("quantization", price_text(manifest)),
        *_perturbations(manifest),
        ("engines", "; ".join(_engine(graph) for graph in manifest.graphs)),
        ("task", "none stored" if manifest.task is None else f"{manifest.task.kind} (default)"),
        ("size", f"{size(total)}: " + ", ".join(f"{n} {size(e.bytes)}" for n, e in manifest.files.items())),
        *_memory(memory, f"{batch} examples of {tokens} tokens"),
        ("hash", opened.hash),
    ]:
        facts.add_row(label, text)
    tables = [facts, *(_curve(engine, estimator) for engine, estimator in _estimators(manifest).items())]
    table = Table("layer", "entries", "of", "values", box=None)
    for block in values.blocks:
        of = block.columns if values.scope == "channels" else block.rows * block.columns
        table.add_row(block.layer, f"{block.entries:,}", f"{of:,}", f"{block.count:,}")
    with output():
        console.print(*tables, table)


def reading_text(manifest: Manifest) -> str:
    """Who else read the checkpoint, and how near to ours."""
    reading = manifest.reading
    if reading is None:
        return "not compared with another one (the bundle says nothing of it)"
    if reading.difference is None:
        return f"not compared with another one: {reading.by}"
    return f"as {reading.by} reads it, within {reading.difference:.1e} nats a token on {reading.tokens} tokens"


def price_text(manifest: Manifest) -> str:
    """What the bundle's weights cost on text that nothing was measured on."""
    held = manifest.held_out
    if held is None:
        return "its price is not known: no text was held out"
    bits = manifest.quantization.weight_bits
    costs = ", ".join(f"{nll - held.checkpoint:+.3f} nats a token on {name}" for name, nll in held.engines.items())
    return f"{bits} bits cost {costs}, from {held.checkpoint:.3f} ({held.tokens:,} tokens of held-out text)"


def _engine(graph: Graph) -> str:
    """The engine, the version that it needs, and the sizes that its graph takes at most."""
    bounds = [f"{name} {most:,}" for name, most in graph.bounds.items()]
    return f"{graph.engine} {graph.minimum_engine_version} or later" + (
        f", at most {', '.join(bounds)}" if bounds else ""
    )


def _memory(by_engine: dict[str, Estimate], step: str) -> list[tuple[str, str]]:
    """What a run needs, a line an engine."""
    rows: list[tuple[str, str]] = []
    for engine, memory in by_engine.items():
        which = f" on {engine}" if len(by_engine) > 1 else ""
        text = (
            f"about {size(memory.total)} for a run with {step} a step{which}: process {size(memory.process)}, weights"
            f" {size(memory.weights)}, activations {size(memory.activations)}, values {size(memory.values)}"
        )
        rows.append(("" if rows else "memory", text))
    return rows


def _estimators(manifest: Manifest) -> dict[str, Estimator]:
    """Those that differ, by the first engine that has it."""
    found: dict[str, Estimator] = {}
    for graph in manifest.graphs:
        if (own := manifest.estimator_of(graph.engine)) not in found.values():
            found[graph.engine] = own
    return found


def _perturbations(manifest: Manifest) -> list[tuple[str, str]]:
    estimators = _estimators(manifest)
    names = ["perturbation", *[""] * (len(estimators) - 1)]
    several = len(manifest.graphs) > 1
    return [
        (name, _perturbation(own) + (f" ({engine})" if several else ""))
        for name, (engine, own) in zip(names, estimators.items(), strict=True)
    ]


def _curve(engine: str, estimator: Estimator) -> Table:
    from rich.table import Table

    title = f"projected gradient on {engine} against the true derivative"
    table = Table("eps", "error", "correlation", box=None, title=title)
    for point in estimator.eps_curve:
        chosen = " chosen" if point.eps == estimator.eps else ""
        table.add_row(f"{point.eps:g}{chosen}", f"{point.error:.3f}", f"{point.correlation:.3f}")
    return table


def _perturbation(estimator: Estimator) -> str:
    """The chosen eps, the window in which one can be trusted, and the best correlation that the artifact reaches."""
    from pocketzo.runtime.limits.eps_window import window

    if not estimator.eps_curve:
        return f"eps {estimator.eps:g}"
    floor, end = window(estimator.eps_curve)
    range_ = f"to be trusted from {floor:.2g} to {end:.2g}" if floor < end else "none can be trusted"
    best = max(point.correlation for point in estimator.eps_curve)
    return f"eps {estimator.eps:g}, {range_}; best correlation {best:.4f}"
