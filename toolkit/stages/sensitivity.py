"""Sensitivity and importance, measured on the calibration windows by every process of an export."""

from __future__ import annotations

from pocketzo.export.model.layerwise import Layerwise

from ..plan import Plan
from ..select.processes import Processes
from ..select.sensitivity import Sensitivity, SensitivityPass
from ..work.work_folder import WorkFolder
from . import Stages

MEASURED = "measured"
"""kept in the work folder when the sensitivity of the whole model is"""


def measure_sensitivity(plan: Plan, work: WorkFolder, processes: Processes, stages: Stages) -> Sensitivity | None:
    """Sensitivity and importance for the main process; None for the others, whose work folders are removed."""
    opened = plan.opened
    decoder = Layerwise(opened.config, opened.tensor, processes.device, opened.decoder.inverse_frequencies)
    measuring = SensitivityPass(decoder, plan.rule, plan.windows, work, processes)
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
