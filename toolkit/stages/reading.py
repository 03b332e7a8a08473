"""The independent reading: what another implementation makes of the checkpoint."""

from __future__ import annotations

import numpy as np
from pocketzo.runtime.bundle.manifest import Reading

from ..independent import check_reading
from ..plan import Plan
from ..work.work_folder import WorkFolder
from . import Stages


def read_independently(plan: Plan, work: WorkFolder, stages: Stages) -> Reading:
    """What another implementation makes of the checkpoint. Raises BadInput if it is not what we make of it."""
    stages.start("Independent reading", 0)

    def read() -> dict[str, np.ndarray]:
        text = check_reading(plan.opened, plan.tokens, work.path).model_dump_json().encode()
        return {"reading": np.frombuffer(text, dtype=np.uint8)}

    return Reading.model_validate_json(work.once("reading", read)["reading"].tobytes())
