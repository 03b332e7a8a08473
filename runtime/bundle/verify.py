"""The bundle's self-test: does an engine on this device compute what the exported weights say?

The expected numbers come from an independent computation on the host, so a wrong kernel, a wrong graph and a damaged
file all show. The generator's words are compared too, since a run is only reproducible if they are the same.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from ..directions import STREAM_DIRECTIONS, philox_words
from ..engines import Engine
from ..errors import PocketzoError, bad_input
from ..examples import Batch
from . import Bundle


@dataclass(frozen=True)
class Verdict:
    """Largest absolute difference of nll from the golden vectors (nats), the limit, and whether all is well."""

    engine: str
    difference: float
    tolerance: float
    rng_equal: bool

    @property
    def passed(self) -> bool:
        """Within the tolerance, with the same random words."""
        return self.rng_equal and self.difference <= self.tolerance

    def members(self) -> dict[str, Any]:
        """As --json has it."""
        return {**asdict(self), "passed": self.passed}


def verify(bundle: Bundle, engine: Engine) -> Verdict:
    """Run the golden vectors on `engine`. Raises BadInput if the golden file cannot be read."""
    path = bundle.directory / bundle.manifest.golden.file
    try:
        golden = load_file(path)
        batch = Batch(*(golden[k] for k in ("input_ids", "label_positions", "label_ids", "words")))
        expected, values, words = golden["nll"], golden["values"], golden["philox_words"]
        seed, step, row = golden["philox_seed_step_row"].tolist()
    except (SafetensorError, OSError, KeyError, ValueError) as e:
        bad_input(path, f"the golden vectors cannot be read ({e})", "Export the bundle again")
    try:
        nll = engine.forward(batch, values).nll
        equal_shapes = nll.shape == expected.shape
    except PocketzoError:
        raise
    except Exception as e:  # engines raise what they like for inputs that do not fit
        bad_input(path, f"{engine.name} refuses the golden vectors ({e})", "Export the bundle again")
    if not equal_shapes:
        bad_input(path, f"nll is {list(nll.shape)}, expected {list(expected.shape)}", "Export the bundle again")
    difference = float(np.max(np.abs(nll - expected))) if np.isfinite(nll).all() else float("inf")
    rng_equal = bool((philox_words(seed, STREAM_DIRECTIONS, step, row, len(words)) == words).all())
    tolerance = bundle.manifest.golden.tolerance.get(engine.name, 0.0)
    return Verdict(engine.name, difference, tolerance, rng_equal)
