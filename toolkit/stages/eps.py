"""Fitting eps on an engine: its projected gradients against the true gradient of the stored weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pocketzo.export.check.eps import DIRECTIONS, GRID, Once, eps_batch, eps_curve
from pocketzo.export.model.reference import value_gradient
from pocketzo.runtime.bundle.manifest import EpsPoint
from pocketzo.runtime.engines import Engine
from pocketzo.runtime.examples import Batch

from ..plan import Plan
from ..work.work_folder import WorkFolder
from . import Stages
from .choose import Choice
from .store import Stored


@dataclass(frozen=True)
class Gradient:
    """A batch of calibration text, and the gradient of its mean loss by the values (fp32 [K]), by torch."""

    batch: Batch
    by_values: np.ndarray


def true_gradient(plan: Plan, choice: Choice, stored: Stored, work: WorkFolder, stages: Stages) -> Gradient:
    """The gradient that eps is fitted to."""
    stages.start("Gradient", 0)
    batch, layout = eps_batch(plan.tokens, plan.opened.decoder.vocabulary), choice.mask.layout
    kept = work.once("gradient", lambda: {"gradient": value_gradient(stored.decoder, layout, batch)})
    return Gradient(batch, kept["gradient"])


def fit_eps(engine: Engine, gradient: Gradient, values: np.ndarray, once: Once, stages: Stages) -> list[EpsPoint]:
    """How good the projected gradients of `engine` are at each eps, around `values` (fp32 [K])."""
    stages.start(f"Fitting eps on {engine.name}", len(GRID) * DIRECTIONS)
    return eps_curve(engine, gradient.by_values, gradient.batch, values, stages.advance, once)
