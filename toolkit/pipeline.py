"""From a checkpoint to a bundle, stage by stage."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pocketzo.export.assemble import set_measured
from pocketzo.export.engines import check_engines
from pocketzo.export.staging import check_destination, publish
from pocketzo.runtime.bundle import Bundle, open_bundle
from pocketzo.runtime.bundle.verify import Verdict

from .checkpoint import find_source
from .config import ExportConfig
from .plan import make_plan
from .quantize.store import BUNDLE
from .select.calibration import read_text
from .select.processes import Processes
from .stages import Stages
from .stages.choose import choose
from .stages.engines import measure_engines
from .stages.eps import true_gradient
from .stages.golden import make_golden
from .stages.graphs import write_graphs
from .stages.held_out import held_out_text
from .stages.reading import read_independently
from .stages.sensitivity import measure_sensitivity
from .stages.store import store_weights
from .work.disk import needed_bytes, size_of
from .work.resume import kept_if_stopped, work_key, work_path
from .work.work_folder import WorkFolder

__all__ = ["ExportConfig", "Stages", "export_bundle"]


def export_bundle(
    checkpoint: str, out: Path, config: ExportConfig, task: dict[str, Any] | None, force: bool, stages: Stages
) -> tuple[Bundle, Sequence[Verdict]] | None:
    """Make a bundle of `checkpoint` at `out` and run its golden vectors on each of its engines.

    The model is read layer by layer, and what is finished stays in a work folder beside `out` until the bundle is
    there: an export that was stopped or killed goes on from it. Of several processes all measure sensitivity, and all
    but the main one, which get None, are done then.

    Raises BadInput for a checkpoint, calibration text or option that cannot be used, or if `out` exists (unless
    `force`); UsageError if an engine's package is missing; NotEnoughSpace if the disk is too full; Interrupted, on
    Ctrl-C, once there is something to go on from.
    """
    check_engines(config.engines)
    check_destination(out, force)
    text, text_name = read_text(config.calibration)
    stages.start("Reading the checkpoint", 0)
    source, processes = find_source(checkpoint), Processes()
    plan = make_plan(source, config, text, text_name, task)
    path = work_path(out, processes)
    check_destination(out, force, needed_bytes(plan) - size_of(path))
    with kept_if_stopped(out, WorkFolder(path, work_key(plan, processes))) as work:
        reading = read_independently(plan, work, stages) if processes.main else None
        sensitivity = measure_sensitivity(plan, work, processes, stages)
        if sensitivity is None:
            return None
        choice = choose(plan, sensitivity)
        stored = store_weights(plan, choice, work, stages)
        golden = make_golden(plan, choice, stored, work, stages)
        manifest = write_graphs(plan, choice, stored, golden, work, stages)
        gradient = true_gradient(plan, choice, stored, work, stages)
        measured = measure_engines(plan, stored, gradient, out, work, stages)
        held_out = held_out_text(plan, measured.held_out, work, stages)
        set_measured(work.path / BUNDLE, manifest, measured.curves, reading, held_out)
        publish(work.path / BUNDLE, out)
        work.remove()
    return open_bundle(out, hashes=False), list(measured.verdicts.values())
