"""The zeroth-order loop: two forward passes a direction, no gradient, one scalar of optimizer state.

MeZO's two-point estimate (SPSA) on the K sensitive values of arXiv 2406.02913, with Rademacher directions and a step
normalised by the running root mean square of the projected gradients, so that lr is the change of a value per step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from .config import TuneConfig
from .directions import directions
from .engines import Engine
from .errors import BadInput
from .examples import Batch


@dataclass
class State:
    """All that a run changes: the values (fp32 [K]), the running mean square of g with its bias, and the steps done."""

    values: np.ndarray
    mean_square: float = 0.0
    bias: float = 1.0
    step: int = 0


@dataclass(frozen=True)
class Step:
    """What one step measured: projected gradients [Q], the mean loss (nats), and tokens computed."""

    step: int
    projected_gradients: list[float]
    loss: float
    tokens: int


def zo_step(
    engine: Engine, batch: Batch, state: State, config: TuneConfig, record: Callable[[Step], None] = lambda step: None
) -> Step:
    """One step: perturb, measure, record, update.

    `record` is called when the step is measured and before it counts. Raises BadInput, with `state` as it was, if a
    loss or a value would not be a finite number.
    """
    z = directions(config.seed, state.step, config.directions, len(state.values))
    eps_z = np.float32(config.eps) * z
    nll = engine.nll(batch, np.concatenate([state.values + eps_z, state.values - eps_z]))
    plus, minus = mean_loss(nll, batch.label_ids).reshape(2, -1)
    with np.errstate(invalid="ignore"):
        g = (plus - minus) / (2 * config.eps)
    step = Step(state.step + 1, g.tolist(), float((plus + minus).mean() / 2), nll.shape[0] * batch.tokens)
    moved = updated(state, g, z, config)
    if not (np.isfinite(g).all() and np.isfinite(moved.values).all()):
        raise BadInput(
            f"step {step.step}: the loss or a value is not a finite number. The values before this step are kept;"
            f" try a smaller --lr than {config.lr:g} or a smaller --eps than {config.eps:g}."
        )
    record(step)
    state.values, state.mean_square, state.bias, state.step = moved.values, moved.mean_square, moved.bias, moved.step
    return step


def updated(state: State, g: np.ndarray, z: np.ndarray, config: TuneConfig) -> State:
    """The state after v <- v - lr * g / rms(g) * z, averaged over the directions (g [Q], z [Q, K]) in their order.

    The factor of each direction is computed in float64 and rounded once to fp32; a product with +1 or -1 is exact,
    so fused and separate multiply-add give the same bits. Replaying a trajectory needs this alone.
    """
    d = config.rms_decay
    mean_square = d * state.mean_square + (1 - d) * (float(np.cumsum(g * g)[-1]) / len(g))
    bias = d * state.bias
    rms = math.sqrt(mean_square / (1 - bias))
    values = state.values
    if rms > 0:
        with np.errstate(over="ignore", invalid="ignore"):
            for g_q, z_q in zip(g.tolist(), z, strict=True):
                values = values - np.float32(config.lr * g_q / rms / len(g)) * z_q
    return State(values, mean_square, bias, state.step + 1)


def mean_loss(nll: np.ndarray, label_ids: np.ndarray) -> np.ndarray:
    """The loss of each perturbation, float64 [P]: over examples, the mean of each one's mean over its labels.

    Sums run in index order in float64, so that another language gets the same bits from the same nll [P,B,L].
    """
    labels = (label_ids >= 0).sum(axis=1)
    examples = np.cumsum(nll, axis=2, dtype=np.float64)[:, :, -1] / labels
    return np.cumsum(examples, axis=1)[:, -1] / len(labels)


def run(
    engine: Engine, batches: Iterator[Batch], state: State, config: TuneConfig, record: Callable[[Step], None]
) -> Iterator[Step]:
    """Steps until `config.steps` are done. Raises BadInput as `zo_step` does."""
    while state.step < config.steps:
        yield zo_step(engine, next(batches), state, config, record)
