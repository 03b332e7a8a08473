"""The zeroth-order loop: two forward passes a direction, no gradient, one scalar of optimizer state.

`zo_step` is the algorithm, and each of its five parts a function with its formula. They are numbered as in
docs/randomness.md, "One step", which states them to the bit:

    1. `perturbed`             v + eps z_q and v - eps z_q, z_q of Rademacher directions
    2. `batch_losses`          L of each
    3. `projected_gradients`   g_q = (L(v + eps z_q) - L(v - eps z_q)) / (2 eps)
    4. `mean_square_after`     rms of g, from an EMA of its squares with bias correction
    5. `moved`                 v <- v - lr mean over q of (g_q / rms) z_q

1 to 3 are SPSA (Spall 1992) as MeZO uses it on language models (arXiv 2305.17333, Algorithm 1). v comes from arXiv
2406.02913: it holds the K sensitive values alone. There a mask over all weights sets every other perturbation and
update to 0; here no other weight is in v. 4 and 5 are this project's: dividing by the rms makes lr the change of a
value per step.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from . import label_bias
from .config import TuneConfig
from .directions import directions
from .engines import Engine
from .errors import BadInput
from .examples import Batch
from .tuned import Tuned


@dataclass(frozen=True)
class State:
    """All that a step changes: the tuned values and label bias, an EMA of the squared projected gradients, the weight
    that its start at 0 still has in it (rms_decay^step, for the bias correction), and the steps done.
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
) -> tuple[State, Step]:
    """One step from `state`: perturb, measure, record, update. Returns the state after it and what was measured.

    `record` is called when the step is measured and before it counts. Raises BadInput, with nothing recorded, if a loss
    or a value would not be a finite number.
    """
    z = directions(config.seed, state.step, config.directions, len(state.tuned.values))
    nll = engine.forward(batch, perturbed(state.tuned.values, config.eps, z)).nll
    with np.errstate(invalid="ignore"):
        losses, bias = batch_losses(nll, batch, state)
        g = projected_gradients(losses, config.eps)
    after = updated(state, g, z, config, bias)
    if not (np.isfinite(g).all() and np.isfinite(after.tuned.values).all()):
        raise BadInput(
            f"step {after.step}: the loss or a value is not a finite number. The values before this step are kept;"
            f" try a smaller --lr than {config.lr:g} or a smaller --eps than {config.eps:g}."
        )
    step = Step(after.step, g.tolist(), _mean(losses), len(nll) * batch.tokens, bias.tolist())
    record(step)
    return after, step


def perturbed(values: np.ndarray, eps: float, z: np.ndarray) -> np.ndarray:
    """Part 1: v + eps z_q for each direction q, then v - eps z_q for each: fp32 [2Q,K] from v [K] and z [Q,K]."""
    eps_z = np.float32(eps) * z
    return np.concatenate([values + eps_z, values - eps_z])


def batch_losses(nll: np.ndarray, batch: Batch, state: State) -> tuple[np.ndarray, np.ndarray]:
    """Part 2: from nll [P,B,L] the loss of each perturbation (nats, float64 [P]), and the label bias [W] to go on with.

    In a classification the loss is that after the label bias that suits the batch best, one bias for all perturbations.
    """
    bias = state.tuned.label_bias
    if batch.answers is None:
        return mean_loss(nll, batch.label_ids), bias
    fitted = label_bias.fit(nll.mean(axis=0, dtype=np.float64), batch.answers, bias)
    return label_bias.losses(nll, batch.answers, fitted), label_bias.followed(bias, fitted, state.step)


def mean_loss(nll: np.ndarray, label_ids: np.ndarray) -> np.ndarray:
    """The loss of each perturbation, float64 [P]: over examples, the mean of each one's mean over its labels.

    Sums run in index order in float64, so that another language gets the same bits from the same nll [P,B,L].
    """
    labels = (label_ids >= 0).sum(axis=1)
    examples = np.cumsum(nll, axis=2, dtype=np.float64)[:, :, -1] / labels
    return np.cumsum(examples, axis=1)[:, -1] / len(labels)


def projected_gradients(losses: np.ndarray, eps: float) -> np.ndarray:
    """Part 3: g_q = (L(v + eps z_q) - L(v - eps z_q)) / (2 eps), float64 [Q], from the losses [2Q] in the order of
    `perturbed`. Each estimates the derivative of L at v along z_q.
    """
    plus, minus = losses.reshape(2, -1)
    return (plus - minus) / (2 * eps)


def updated(state: State, g: np.ndarray, z: np.ndarray, config: TuneConfig, bias: np.ndarray) -> State:
    """The state after a step that measured g [Q] along z [Q,K], with the label `bias` [W]: parts 4 and 5.

    Replaying a trajectory needs this alone.
    """
    mean_square = mean_square_after(state.mean_square, g, config.rms_decay)
    start_weight = config.rms_decay * state.start_weight
    rms = math.sqrt(mean_square / (1 - start_weight))
    values = moved(state.tuned.values, g, z, rms, config.lr)
    return State(replace(state.tuned, values=values, label_bias=bias), mean_square, start_weight, state.step + 1)


def mean_square_after(mean_square: float, g: np.ndarray, decay: float) -> float:
    """Part 4: the EMA m <- d m + (1 - d) mean over q of g_q^2.

    It starts at 0, which keeps the weight d^s after s steps; so rms^2 = m / (1 - d^s), Adam's bias correction.
    """
    return decay * mean_square + (1 - decay) * _mean(g * g)


def moved(values: np.ndarray, g: np.ndarray, z: np.ndarray, rms: float, lr: float) -> np.ndarray:
    """Part 5: v <- v - lr (g_q / rms) / Q z_q, one direction after the other; fp32 [K] from v [K], g [Q] and z [Q,K].

    The factor of each direction is computed in float64 and rounded once to fp32; a product with +1 or -1 is exact,
    so fused and separate multiply-add give the same bits. Values stay where they are if rms is 0.
    """
    if rms > 0:
        with np.errstate(over="ignore", invalid="ignore"):
            for g_q, z_q in zip(g.tolist(), z, strict=True):
                values = values - np.float32(lr * g_q / rms / len(g)) * z_q
    return values


def _mean(numbers: np.ndarray) -> float:
    """The mean in float64, with the sum in index order: np.sum adds in pairs."""
    return float(np.cumsum(numbers)[-1]) / len(numbers)
