"""What is measured on each engine in turn: golden vectors, eps and held-out text."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from pocketzo.export.check.eps import Once
from pocketzo.runtime.bundle import open_bundle
from pocketzo.runtime.bundle.manifest import EpsPoint
from pocketzo.runtime.bundle.verify import Verdict
from pocketzo.runtime.engines import DEFAULT

from ..plan import Plan
from ..quantize.store import BUNDLE
from ..work.work_folder import WorkFolder
from . import Stages
from .eps import Gradient, fit_eps
from .golden import open_checked
from .held_out import held_out_on_engine
from .store import Stored


@dataclass(frozen=True)
class Measured:
    """By engine, in the order of the graphs: the verdict on its golden vectors, how good projected gradients are at
    each eps, and the mean nll (nats a token) of the held-out text (None if there is no such text).
    """

    verdicts: dict[str, Verdict] = field(default_factory=dict)
    curves: dict[str, list[EpsPoint]] = field(default_factory=dict)
    held_out: dict[str, float | None] = field(default_factory=dict)


def measure_engines(
    plan: Plan, stored: Stored, gradient: Gradient, out: Path, work: WorkFolder, stages: Stages
) -> Measured:
    """Run the bundle in the work folder on each of its engines; `out` names it in messages.

    Raises PocketzoError if golden vectors fail on one.
    """
    bundle, measured = open_bundle(work.path / BUNDLE, hashes=False), Measured()
    for name in plan.config.engines:
        engine, measured.verdicts[name] = open_checked(name, bundle, out, stages)
        once = _once(work, name)
        measured.curves[name] = fit_eps(engine, gradient, stored.values, once, stages)
        measured.held_out[name] = held_out_on_engine(plan, engine, stored.values, once, stages)
    return measured


def _once(work: WorkFolder, engine: str) -> Once:
    """Keeps what is measured on `engine` under names that say which one; those of the default engine have no prefix."""
    prefix = "" if engine == DEFAULT else f"{engine}-"
    return lambda name, measure: work.once(prefix + name, measure)
