"""The zeroth-order loop: two forward passes a direction, no gradient, one scalar of optimizer state.

MeZO's two-point estimate (SPSA) on the K sensitive values of arXiv 2406.02913, with Rademacher directions and a step
normalised by the running root mean square of the projected gradients, so that lr is the change of a value per step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from . import label_bias
from .config import TuneConfig
from .directions import directions
from .engines import Engine
from .errors import BadInput
from .examples import Batch
from .tuned import Tuned


@dataclass
class State:
    """All that a run changes: what is tuned, the running mean square of g with the weight that its start of 0 still
    has, and the steps done.
    """

    tuned: Tuned
    mean_square: float = 0.0
    start_weight: float = 1.0
    step: int = 0


@dataclass(frozen=True)
class Step:
    """What one step measured: projected gradients [Q], the mean loss (nats), tokens computed, the label bias after it
    ([W], none without labels).
    """

    step: int
    projected_gradients: list[float]
    loss: float
    tokens: int
    label_bias: list[float] = field(default_factory=list)


def zo_step(
    engine: Engine, batch: Batch, state: State, config: TuneConfig, record: Callable[[Step], None] = lambda step: None
) -> Step:
    """One step: perturb, measure, record, update.

    `record` is called when the step is measured and before it counts. Raises BadInput, with `state` as it was, if a
    loss or a value would not be a finite number.
    """
    values = state.tuned.values
    z = directions(config.seed, state.step, config.directions, len(values))
    eps_z = np.float32(config.eps) * z
    nll = engine.forward(batch, np.concatenate([values + eps_z, values - eps_z])).nll
    with np.errstate(invalid="ignore"):
        losses, bias = batch_losses(nll, batch, state)
        plus, minus = losses.reshape(2, -1)
        g = (plus - minus) / (2 * config.eps)
    loss = float(np.cumsum(losses)[-1]) / len(losses)
    step = Step(state.step + 1, g.tolist(), loss, nll.shape[0] * batch.tokens, bias.tolist())
    moved = updated(state, g, z, config, bias)
    if not (np.isfinite(g).all() and np.isfinite(moved.tuned.values).all()):
        raise BadInput(
            f"step {step.step}: the loss or a value is not a finite number. The values before this step are kept;"
            f" try a smaller --lr than {config.lr:g} or a smaller --eps than {config.eps:g}."
        )
    record(step)
    state.tuned, state.step = moved.tuned, moved.step
    state.mean_square, state.start_weight = moved.mean_square, moved.start_weight
    return step


def batch_losses(nll: np.ndarray, batch: Batch, state: State) -> tuple[np.ndarray, np.ndarray]:
    """The loss of each perturbation, float64 [P], and the label bias after the step ([W])."""
    if batch.answers is None:
        return mean_loss(nll, batch.label_ids), state.tuned.label_bias
    bias = state.tuned.label_bias
    fitted = label_bias.fit(nll.mean(axis=0, dtype=np.float64), batch.answers, bias)
    followed = label_bias.followed(bias, fitted, state.step)
    return label_bias.losses(nll, batch.answers, fitted), followed


def updated(state: State, g: np.ndarray, z: np.ndarray, config: TuneConfig, bias: np.ndarray) -> State:
    """The state after v <- v - lr * g / rms(g) * z, averaged over the directions (g [Q], z [Q, K]) in their order, and
    with the label `bias` [W].

    The factor of each direction is computed in float64 and rounded once to fp32; a product with +1 or -1 is exact,
    so fused and separate multiply-add give the same bits. Replaying a trajectory needs this alone.
    """
    d = config.rms_decay
    mean_square = d * state.mean_square + (1 - d) * (float(np.cumsum(g * g)[-1]) / len(g))
    start_weight = d * state.start_weight
    rms = math.sqrt(mean_square / (1 - start_weight))
    values = state.tuned.values
    if rms > 0:
        with np.errstate(over="ignore", invalid="ignore"):
            for g_q, z_q in zip(g.tolist(), z, strict=True):
                values = values - np.float32(config.lr * g_q / rms / len(g)) * z_q
    tuned = replace(state.tuned, values=values, label_bias=bias)
    return State(tuned, mean_square, start_weight, state.step + 1)


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
