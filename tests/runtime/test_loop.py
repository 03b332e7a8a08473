"""The loop on functions whose answers are known."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from pocketzo.runtime.config import TuneConfig
from pocketzo.runtime.directions import directions
from pocketzo.runtime.errors import BadInput, UsageError
from pocketzo.runtime.examples import Batch, Forward
from pocketzo.runtime.loop import State, mean_loss, updated, zo_step
from pocketzo.runtime.tuned import Tuned

ONE = np.zeros((1, 1), dtype=np.int64)
BATCH = Batch(ONE, ONE, ONE, np.zeros(1, dtype=np.float32))


class Function:
    """An engine whose nll is a function of the values."""

    name, version = "function", "0"

    def __init__(self, function):
        self.function = function

    def forward(self, batch, values):
        return Forward(np.array([[[self.function(v)]] for v in values], dtype=np.float32), np.zeros(0))


def steps(engine, state, config):
    """The state after each step of a run on the one batch there is, and the step."""
    while state.step < config.steps:
        state, step = zo_step(engine, BATCH, state, config)
        yield state, step


def test_projected_gradient_of_a_linear_loss_is_its_product_with_the_direction():
    slope = np.linspace(-1, 1, 50).astype(np.float32)
    config = TuneConfig(seed=3, eps=0.25, directions=4)
    _, step = zo_step(Function(lambda v: slope @ v), BATCH, State(Tuned(np.zeros(50, np.float32))), config)
    expected = directions(3, 0, 4, 50) @ slope
    assert step.projected_gradients == pytest.approx(expected.tolist(), abs=1e-5)


def test_first_step_moves_each_value_by_lr_against_the_gradient():
    slope = np.ones(8, dtype=np.float32)
    config = TuneConfig(lr=0.01, eps=0.1)
    state = State(Tuned(np.zeros(8, np.float32)))
    after, step = zo_step(Function(lambda v: slope @ v), BATCH, state, config)
    sign = np.sign(step.projected_gradients[0])
    np.testing.assert_allclose(after.tuned.values, -0.01 * sign * directions(0, 0, 1, 8)[0], rtol=1e-6)


def test_scaling_the_loss_does_not_change_the_run():
    target = np.linspace(0, 1, 20, dtype=np.float32)
    ends = []
    for scale in (1, 1024):
        state = State(Tuned(np.zeros(20, np.float32)))
        *_, (end, _) = steps(Function(lambda v, s=scale: s * np.sum((v - target) ** 2)), state, CONFIG)
        ends.append(end.tuned.values)
    np.testing.assert_array_equal(*ends)


CONFIG = TuneConfig(steps=400, lr=0.02, eps=0.01)


def test_a_quadratic_is_descended():
    target = np.linspace(0, 1, 20, dtype=np.float32)
    state = State(Tuned(np.zeros(20, np.float32)))
    *_, (end, _) = steps(Function(lambda v: np.sum((v - target) ** 2)), state, CONFIG)
    assert np.sum((end.tuned.values - target) ** 2) < 0.05 * np.sum(target**2)


def test_replaying_projected_gradients_gives_the_same_bits():
    rng = np.random.default_rng(0)
    config = TuneConfig(steps=30, directions=2, eps=0.05, lr=0.1)
    start = rng.standard_normal(33).astype(np.float32)
    replayed = State(Tuned(start))
    for state, step in steps(Function(lambda v: np.sum(np.sin(v))), State(Tuned(start)), config):
        z = directions(config.seed, replayed.step, 2, 33)
        replayed = updated(replayed, np.array(step.projected_gradients), z, config, replayed.tuned.label_bias)
        assert state.tuned.values.tobytes() == replayed.tuned.values.tobytes()
    assert replayed.step == 30
    assert (state.mean_square, state.start_weight) == (replayed.mean_square, replayed.start_weight)


def test_a_step_leaves_the_state_before_it_as_it_was():
    start = np.ones(4, np.float32)
    before = State(Tuned(start))
    after, _ = zo_step(Function(lambda v: v[0]), BATCH, before, TuneConfig(eps=0.1, lr=0.01))
    assert (before.step, before.mean_square, before.start_weight) == (0, 0.0, 1.0)
    assert before.tuned.values.tolist() == [1, 1, 1, 1] != after.tuned.values.tolist()
    assert (after.step, after.start_weight) == (1, 0.99)
    with pytest.raises(FrozenInstanceError):
        before.step = 1


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_loss_that_is_not_finite_stops_with_the_values_untouched(bad):
    state = State(Tuned(np.ones(4, np.float32)))
    with pytest.raises(BadInput, match=r"step 1: the loss or a value is not a finite number.*smaller --lr than 0.001"):
        zo_step(Function(lambda v: bad), BATCH, state, TuneConfig(eps=0.1, lr=1e-3))
    assert state.step == 0
    assert state.tuned.values.tolist() == [1, 1, 1, 1]


def test_a_step_is_recorded_before_it_counts():
    state, seen = State(Tuned(np.ones(4, np.float32))), []

    def record(step):
        seen.append((step.step, state.step, state.tuned.values.tolist()))
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        zo_step(Function(np.sum), BATCH, state, TuneConfig(eps=0.1), record)
    assert seen == [(1, 0, [1, 1, 1, 1])]
    assert state.step == 0


def test_mean_loss_weighs_examples_alike_whatever_their_labels():
    nll = np.array([[[1, 3, 0], [5, 0, 0]]], dtype=np.float32)
    labels = np.array([[4, 4, -1], [4, -1, -1]])
    assert mean_loss(nll, labels).tolist() == [(2 + 5) / 2]


@pytest.mark.parametrize(
    ("field", "value"),
    [("steps", 0), ("lr", float("nan")), ("eps", -1.0), ("seed", -1), ("rms_decay", 1.0), ("lr", 2.0)],
)
def test_settings_out_of_range_are_named(field, value):
    with pytest.raises(UsageError, match=f"--{field.replace('_', '-')} "):
        TuneConfig(**{field: value})
