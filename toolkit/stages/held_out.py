"""The cost of quantization: nll of held-out text with the checkpoint's weights, and with the bundle's on an engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from pocketzo.export.check.eps import Once
from pocketzo.export.model.layerwise import Layerwise
from pocketzo.export.model.reference import sequence_nll
from pocketzo.runtime.bundle.manifest import HeldOut
from pocketzo.runtime.engines import Engine
from pocketzo.runtime.examples import Example, collate

from ..checkpoint import Checkpoint
from ..plan import Plan
from ..work.work_folder import WorkFolder
from . import Stages


def held_out_on_engine(plan: Plan, engine: Engine, values: np.ndarray, once: Once, stages: Stages) -> float | None:
    """Mean nll (nats a token) of the held-out text on `engine` with `values` (fp32 [K]); None if there is no text."""
    if not len(plan.held_out):
        return None
    stages.start(f"Held-out text on {engine.name}", len(plan.held_out))
    vocabulary = plan.opened.decoder.vocabulary

    def measure() -> dict[str, np.ndarray]:
        return {"nll": np.array([artifact_nll(engine, plan.held_out, values, vocabulary, stages.advance)])}

    return once("held-out-nll", measure)["nll"].item()


def held_out_text(plan: Plan, engines: Mapping[str, float | None], work: WorkFolder, stages: Stages) -> HeldOut | None:
    """What the weights of the checkpoint give on the held-out text, beside what `engines` give; None if there is no
    text.
    """
    on_engines = {name: nll for name, nll in engines.items() if nll is not None}
    if not on_engines:
        return None
    stages.start("Held-out text", 0)
    kept = work.once("held-out-checkpoint", lambda: {"nll": np.array([checkpoint_nll(plan.opened, plan.held_out)])})
    scored = plan.held_out.size - len(plan.held_out)
    return HeldOut(tokens=scored, checkpoint=kept["nll"].item(), engines=on_engines)


def checkpoint_nll(opened: Checkpoint, windows: np.ndarray) -> float:
    """Mean nll (nats a token) of `windows` (int64 [windows, T]) with the weights as the checkpoint has them."""
    decoder = Layerwise(opened.config, opened.tensor, frequencies=opened.decoder.inverse_frequencies)
    return float(sequence_nll(decoder, windows).mean())


def artifact_nll(
    engine: Engine, windows: np.ndarray, values: np.ndarray, vocabulary: int, progress: Callable[[int], None]
) -> float:
    """The same on `engine`, whose graph takes `values` (fp32 [K]). `progress` is told 1 after each window."""
    found, words = [], np.arange(vocabulary)
    for window in windows.tolist():
        example = Example(window[:-1], list(range(len(window) - 1)), window[1:], "held-out text")
        found.append(engine.forward(collate([example], words), values[None]).nll.mean())
        progress(1)
    return float(np.mean(found, dtype=np.float64))
