"""pocketzo export: a checkpoint becomes a bundle."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .common import Debug, Json, first_process, percent, size
from .streams import print_json, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pocketzo.runtime.bundle import Bundle
    from pocketzo.runtime.bundle.verify import Verdict

EXAMPLES = """Examples:\n
  pocketzo export ./SmolLM2-135M --out smol.pocketzo\n
  pocketzo export SmolLM2-135M-Instruct.Q4_1.gguf --out smol.pocketzo --density 0.0005\n
  pocketzo export HuggingFaceTB/SmolLM2-135M --out smol.pocketzo --calibration my-notes.txt\n
  pocketzo export ./SmolLM2-135M --out smol.pocketzo --engine onnx --engine executorch"""


LEAST_TOKENS, LEAST_LENGTH = 256, 32
"""what the passes of an export's own checks take"""


class Scope(StrEnum):
    """What is tuned together."""

    channels = "channels"
    weights = "weights"


def export(
    checkpoint: Annotated[str, typer.Argument(help="Hugging Face folder, hub id (owner/name) or GGUF file.")],
    out: Annotated[Path, typer.Option(help="Folder to write the bundle to.")],
    calibration: Annotated[
        Path | None,
        typer.Option(help="UTF-8 text like the model's pre-training text; a short one is built in."),
    ] = None,
    windows: Annotated[int, typer.Option(help="Windows of the text to measure sensitivity on.", min=1)] = 32,
    window_tokens: Annotated[int, typer.Option(help="Tokens a window.", min=32)] = 256,
    scope: Annotated[Scope, typer.Option(help="Tune whole input channels, or single weights.")] = Scope.channels,
    density: Annotated[float, typer.Option(help="Share of the weights to tune, over 0 and at most 1.")] = 0.001,
    per_layer: Annotated[
        bool, typer.Option("--per-layer", help="With --scope weights: the same share of every layer.")
    ] = False,
    first_layer: Annotated[
        int | None, typer.Option(help="First layer to tune values of (default: after three tenths of them).")
    ] = None,
    accuracy_level: Annotated[
        int | None,
        typer.Option(
            help="1: fp32 activations (default with 4-bit weights). 4: int8, often faster on phones, noisier."
        ),
    ] = None,
    weight_bits: Annotated[
        int,
        typer.Option(help="Bits of a frozen weight: 4, or 8 for faster steps (integer products) and larger weights."),
    ] = 4,
    embedding_bits: Annotated[
        int, typer.Option(help="Bits of the embedding table and the LM head: 8, or 4 for a smaller, coarser bundle.")
    ] = 8,
    engine: Annotated[
        list[str] | None,
        typer.Option(help="Engine to export for: onnx, executorch (repeatable; default: onnx). The first gives eps."),
    ] = None,
    max_tokens: Annotated[
        int | None,
        typer.Option(
            help="With executorch: tokens of a pass, all sequences and perturbations together (default: 4096).",
            min=LEAST_TOKENS,
        ),
    ] = None,
    max_length: Annotated[
        int | None,
        typer.Option(help="With executorch: tokens of a sequence (default: 512, or the context).", min=LEAST_LENGTH),
    ] = None,
    task: Annotated[Path | None, typer.Option(help="Task file to store as the bundle's default.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the bundle that is there.")] = False,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Make a bundle: measure sensitivity, choose what to tune, quantize the rest, build the forward-only graph."""
    from pocketzo.runtime.errors import UsageError
    from pocketzo.runtime.system.names import valid_name
    from pocketzo.runtime.system.packages import needed
    from pocketzo.runtime.tasks import read_task

    engines = _engines(engine)
    if "executorch" not in engines and (max_tokens or max_length):
        raise UsageError("--max-tokens and --max-length go with --engine executorch: other graphs take any size.")
    _check_bits(weight_bits, embedding_bits, accuracy_level, engines)
    if per_layer and scope is Scope.channels:
        raise UsageError("--per-layer goes with --scope weights: channels are ranked over the whole model.")
    definition = read_task(task) if task else None

    with needed("export needs the host packages", "pip install 'pocketzo[host]'"):
        import transformers  # noqa: F401  which is loaded only when it is used, and then piece by piece

        from ..pipeline import MAX_TOKENS, ExportConfig, export_bundle
    from .progress import StageBars

    config = ExportConfig(
        calibration, windows, window_tokens, scope.value, density, per_layer,
        accuracy_level or (1 if weight_bits == 4 and "onnx" in engines else 4), weight_bits, embedding_bits,  # type: ignore[arg-type]
        first_layer, engines, max_tokens or MAX_TOKENS, max_length,
    )  # fmt: skip
    with StageBars(quiet=json or not first_process()) as stages, valid_name(checkpoint) as readable:
        made = export_bundle(readable, out, config, definition, force, stages)
    if made is not None:
        _report(out, *made, json)


def _engines(given: list[str] | None) -> tuple[str, ...]:
    """Each engine once, in the order given. Raises UsageError if one is not known."""
    from pocketzo.runtime.engines import ENGINES, check_engine

    for name in given or []:
        check_engine(name)
    return tuple(dict.fromkeys(given or list(ENGINES)[:1]))


def _check_bits(weight_bits: int, embedding_bits: int, accuracy_level: int | None, engines: tuple[str, ...]) -> None:
    """Raises UsageError for bits that there are none of, or that do not go together."""
    from pocketzo.runtime.errors import UsageError

    if accuracy_level not in (None, 1, 4):
        raise UsageError(f"--accuracy-level {accuracy_level}: must be 1 or 4.")
    if weight_bits not in (4, 8):
        raise UsageError(f"--weight-bits {weight_bits}: must be 4 or 8.")
    if accuracy_level == 1 and "onnx" not in engines:
        raise UsageError("--accuracy-level 1 goes with --engine onnx: activations are int8 (4) in executorch.")
    if weight_bits == 8 and accuracy_level == 1:
        raise UsageError("--accuracy-level 1 goes with --weight-bits 4: 8-bit weights meet int8 activations (4).")
    if embedding_bits not in (4, 8):
        raise UsageError(f"--embedding-bits {embedding_bits}: must be 4 or 8.")


def _report(out: Path, bundle: Bundle, verdicts: Sequence[Verdict], json: bool) -> None:
    manifest = bundle.manifest
    total = sum(entry.bytes for entry in manifest.files.values())
    if json:
        print_json(
            {
                "bundle": str(out),
                "hash": bundle.hash,
                "bytes": total,
                "values": manifest.values.count,
                "sensitivity_captured": manifest.values.sensitivity_captured,
                "golden_difference": verdicts[0].difference,
                "engines": [v.members() for v in verdicts],
            }
        )
        return
    agreement = ", ".join(f"{v.difference:.1e} nats on {v.engine} (limit {v.tolerance:g})" for v in verdicts)
    say(
        f"{out}: {size(total)}, {manifest.values.count:,} values in {len(manifest.values.blocks)} layers"
        f" hold {percent(manifest.values.sensitivity_captured)} of the sensitivity;"
        f" golden vectors agree within {agreement}."
    )
