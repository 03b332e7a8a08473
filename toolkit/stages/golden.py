"""Golden vectors: made from the stored weights by torch, then held against each engine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pocketzo.export.check.golden import golden_vectors
from pocketzo.runtime.bundle import Bundle
from pocketzo.runtime.bundle.verify import Verdict, verify
from pocketzo.runtime.engines import Engine, open_engine
from pocketzo.runtime.errors import PocketzoError

from ..plan import Plan
from ..work.work_folder import WorkFolder
from . import Stages
from .choose import Choice
from .store import Stored


def make_golden(plan: Plan, choice: Choice, stored: Stored, work: WorkFolder, stages: Stages) -> dict[str, np.ndarray]:
    """The tensors of golden.safetensors."""
    stages.start("Golden vectors", 0)
    layout = choice.mask.layout
    return work.once("golden", lambda: golden_vectors(stored.decoder, layout, stored.values, plan.tokens))


def open_checked(name: str, bundle: Bundle, out: Path, stages: Stages) -> tuple[Engine, Verdict]:
    """Engine `name` with its graph of `bundle`, and the golden vectors' verdict on it. Raises PocketzoError, about
    `out`, if they fail.
    """
    stages.start(f"Golden vectors on {name}", 0)
    engine = open_engine(name, bundle)
    verdict = verify(bundle, engine)
    if not verdict.passed:
        raise PocketzoError(
            f"{out}: the exported graph for {name} is {verdict.difference:.3g} nats off the reference, and the"
            f" limit is {verdict.tolerance:g}; the bundle was not written. This is a fault in pocketzo or the"
            " engine."
        )
    return engine, verdict
