"""The label bias: a shift of every example alike is its business, and no longer that of the values."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pocketzo.runtime.bundle.values_file import METADATA, ValuesFile, read_values, write_values
from pocketzo.runtime.config import TuneConfig
from pocketzo.runtime.errors import BadInput
from pocketzo.runtime.examples import Batch, Forward
from pocketzo.runtime.label_bias import PRIOR, fit, losses
from pocketzo.runtime.loop import State, zo_step
from pocketzo.runtime.system.files import write_tensors
from pocketzo.runtime.tuned import Tuned

ANSWERS = np.tile([0, 1, 1, 2], 10)


class Shift:
    """Word 0's score rises with the first value for every example alike, word 1's with the second where it is right."""

    name, version = "shift", "0"

    def __init__(self, alike: float, alone: float):
        self.alike, self.alone = alike, alone

    def forward(self, batch, values):
        scores = np.zeros((len(values), len(ANSWERS), 3))
        scores[:, :, 0] += self.alike * values[:, :1]
        scores[:, ANSWERS == 1, 1] += self.alone * values[:, 1:]
        return Forward((np.log(np.exp(scores).sum(-1, keepdims=True)) - scores).astype(np.float32), np.zeros(0))


def step(engine: Shift) -> tuple[float, State]:
    ids = np.zeros((len(ANSWERS), 1), np.int64)
    batch = Batch(ids, ids, np.zeros((len(ANSWERS), 3), np.int64), np.zeros(1, np.float32), ANSWERS)
    state = State(Tuned(np.zeros(2, np.float32), np.zeros(3)))
    after, done = zo_step(engine, batch, state, TuneConfig(eps=0.01, lr=0.01))
    return done.projected_gradients[0], after


def test_a_shift_of_every_example_alike_is_not_measured():
    g, state = step(Shift(alike=5.0, alone=0.0))
    plain = 5.0 * abs(np.mean(ANSWERS == 0) - 1 / 3)
    # The fit is held near the bias of the run by the weight of one example in 40, so a little of the shift remains.
    assert abs(g) < 0.2 * plain
    bias = state.tuned.label_bias
    assert bias[1] > max(bias[0], bias[2])
    g, _ = step(Shift(alike=0.0, alone=5.0))
    assert abs(g) > 0.5


@settings(deadline=None)
@given(st.integers(0, 999), st.integers(1, 20), st.integers(2, 7), st.floats(0, 30))
def test_the_fit_is_never_worse_than_where_it_began(seed, examples, words, scale):
    rng = np.random.default_rng(seed)
    nll, answers = scale * rng.random((examples, words)), rng.integers(0, words, examples)
    bias = rng.standard_normal(words)
    fitted = fit(nll, answers, bias)
    before, after = (float(losses(nll[None], answers, b)[0]) * examples for b in (bias, fitted))
    assert after + PRIOR / 2 * float(np.sum((fitted - bias) ** 2)) <= before + 1e-9


def test_a_values_file_keeps_it_by_label(tmp_path):
    tuned = Tuned(np.ones(3, np.float32), np.array([0.1 + 0.2, -1.5]))
    write_values(tmp_path / "v.safetensors", tuned, "a" * 64, 7, ["gut", "böse"])
    file = read_values(tmp_path / "v.safetensors", 3)
    assert file.label_bias == {"gut": 0.1 + 0.2, "böse": -1.5}
    assert file.tuned(["böse", "gut"], "v").label_bias.tolist() == [-1.5, 0.1 + 0.2]
    assert file.tuned([], "v").label_bias.tolist() == []
    assert ValuesFile(file.values, "a" * 64, 7).tuned(["a", "b"], "v").label_bias.tolist() == [0, 0]
    with pytest.raises(BadInput, match="was tuned for the labels gut, böse, and the task has gut, schlecht"):
        file.tuned(["gut", "schlecht"], "v.safetensors")


@pytest.mark.parametrize("bias", [{"a": 1e308}, {"a": 0}, {"a": None}, [0.5], {"a": "1"}, 3])
def test_a_bias_that_is_none_is_refused(tmp_path, bias):
    owner = {"bundle": "a" * 64, "step": 7, "label_bias": bias}
    write_tensors(tmp_path / "v.safetensors", {"values": np.ones(3, np.float32)}, {METADATA: json.dumps(owner)})
    with pytest.raises(BadInput, match="its label bias is not a number for each label"):
        read_values(tmp_path / "v.safetensors", 3)
