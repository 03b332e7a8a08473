"""What another implementation says of a text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Other:
    """`by` is the program and its version with the nll of each token but the first, fp64 [T - 1] in nats; or the reason
    why there is none, and None.
    """

    by: str
    nll: np.ndarray | None
