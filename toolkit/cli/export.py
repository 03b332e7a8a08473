"""pocketzo export: a checkpoint becomes a bundle."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pocketzo.runtime.engines import DEFAULT, ENGINES

from ..config import ExportConfig, Scope
from .common import Debug, Json, first_process, percent, size
from .streams import print_json, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pocketzo.runtime.bundle import Bundle
    from pocketzo.runtime.bundle.verify import Verdict

EXAMPLES = f"""Examples:\n
  pocketzo export ./SmolLM2-135M --out smol.pocketzo\n
  pocketzo export SmolLM2-135M-Instruct.Q4_1.gguf --out smol.pocketzo --density 0.0005\n
  pocketzo export HuggingFaceTB/SmolLM2-135M --out smol.pocketzo --calibration my-notes.txt\n
  pocketzo export ./SmolLM2-135M --out smol.pocketzo {" ".join(f"--engine {name}" for name in ENGINES)}"""

_FIELDS = {f.name: f for f in fields(ExportConfig)}


def _option(field: str, *names: str) -> Any:
    """The option of a setting, with its help and least value; `names` stand in for those that typer makes."""
    metadata = _FIELDS[field].metadata
    return typer.Option(*names, help=metadata["help"], min=metadata.get("least"))


def export(
    checkpoint: Annotated[str, typer.Argument(help="Hugging Face folder, hub id (owner/name) or GGUF file.")],
    out: Annotated[Path, typer.Option(help="Folder to write the bundle to.")],
    calibration: Annotated[Path | None, _option("calibration")] = ExportConfig.calibration,
    windows: Annotated[int, _option("windows")] = ExportConfig.windows,
    window_tokens: Annotated[int, _option("window_tokens")] = ExportConfig.window_tokens,
    scope: Annotated[Scope, _option("scope")] = ExportConfig.scope,
    density: Annotated[float, _option("density")] = ExportConfig.density,
    per_layer: Annotated[bool, _option("per_layer", "--per-layer")] = ExportConfig.per_layer,
    first_layer: Annotated[int | None, _option("first_layer")] = ExportConfig.first_layer,
    accuracy_level: Annotated[int | None, _option("accuracy_level")] = ExportConfig.accuracy_level,
    weight_bits: Annotated[int, _option("weight_bits")] = ExportConfig.weight_bits,
    embedding_bits: Annotated[int, _option("embedding_bits")] = ExportConfig.embedding_bits,
    engine: Annotated[list[str] | None, _option("engines")] = None,
    max_tokens: Annotated[int | None, _option("max_tokens")] = ExportConfig.max_tokens,
    max_length: Annotated[int | None, _option("max_length")] = ExportConfig.max_length,
    task: Annotated[Path | None, typer.Option(help="Task file to store as the bundle's default.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the bundle that is there.")] = False,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Make a bundle: measure sensitivity, choose what to tune, quantize the rest, build the forward-only graph."""
    config = ExportConfig(
        calibration=calibration, windows=windows, window_tokens=window_tokens, scope=scope, density=density,
        per_layer=per_layer, first_layer=first_layer, accuracy_level=accuracy_level,
        weight_bits=weight_bits, embedding_bits=embedding_bits,  # type: ignore[arg-type]  # checked there
        engines=tuple(engine or ExportConfig.engines), max_tokens=max_tokens, max_length=max_length,
    )  # fmt: skip

    from pocketzo.runtime.system.names import valid_name
    from pocketzo.runtime.system.packages import needed
    from pocketzo.runtime.tasks import read_task

    definition = read_task(task) if task else None
    with needed("export needs the host packages", "pip install 'pocketzo[host]'"):
        import transformers  # noqa: F401  which is loaded only when it is used, and then piece by piece
        from pocketzo.export.engines import load_writer

        from ..pipeline import export_bundle

        load_writer(DEFAULT)  # what it needs is among the host packages
    from .progress import StageBars

    with StageBars(quiet=json or not first_process()) as stages, valid_name(checkpoint) as readable:
        made = export_bundle(readable, out, config, definition, force, stages)
    if made is not None:
        _report(out, *made, json)


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
