"""The label head: the fit against torch's autograd, what it does to scores, and files that hold it."""

import base64
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pocketzo.runtime import label_bias
from pocketzo.runtime.batches import epoch_batches
from pocketzo.runtime.bundle.values_file import METADATA, read_values, write_values
from pocketzo.runtime.config import TuneConfig
from pocketzo.runtime.directions import permutation
from pocketzo.runtime.errors import BadInput
from pocketzo.runtime.examples import Batch, Example, Forward
from pocketzo.runtime.label_head import PRIOR, LabelHead, decode, fit
from pocketzo.runtime.loop import State, Step, zo_step
from pocketzo.runtime.run.evaluate import evaluate
from pocketzo.runtime.run.fit_head import check_head, fitted_head, head_indices
from pocketzo.runtime.system.files import write_tensors
from pocketzo.runtime.trajectory.header import Header, config_members
from pocketzo.runtime.trajectory.replay import replay
from pocketzo.runtime.trajectory.writer import Writer
from pocketzo.runtime.tuned import Tuned


def examples(seed=0, count=200, width=12, words=3):
    """Hidden states of unlike scales with an offset, nll of label words, and answers that follow both."""
    rng = np.random.default_rng(seed)
    hidden = (rng.standard_normal((count, width)) * np.geomspace(0.6, 4, width) + 5).astype(np.float32)
    nll = rng.random((count, words)).astype(np.float32) * 3
    slope = rng.standard_normal((width, words)) / np.geomspace(0.6, 4, width)[:, None]
    return hidden, nll, (hidden @ slope - nll + rng.gumbel(size=(count, words))).argmax(axis=1)


def adjusted(hidden, nll, head):
    """nll as it is scored with the head; the label bias is then the head's business."""
    return Tuned(np.zeros(1), np.full(3, 9.0), head).scored(Forward(nll[None], hidden[None, :, None]))[0]


def test_the_fit_is_the_minimum_that_autograd_confirms():
    torch = pytest.importorskip("torch")
    hidden, nll, answers = examples()
    head = fit(hidden, nll, answers)
    mean, scale = torch.tensor(hidden.astype(float).mean(0)), torch.tensor(hidden.astype(float).std(0))
    weights = torch.tensor(head.weights[:, :-1].astype(float)).T * scale[:, None]
    bias = torch.tensor(head.weights[:, -1].astype(float)) + mean @ (weights / scale[:, None])

    def gradient(w, b):
        w, b = w.clone().requires_grad_(True), b.clone().requires_grad_(True)
        scores = (torch.tensor(hidden) - mean) / scale @ w + b - torch.tensor(nll)
        loss = torch.nn.functional.cross_entropy(scores, torch.tensor(answers), reduction="sum")
        (loss + PRIOR / 2 * w.square().sum() + label_bias.PRIOR / 2 * b.square().sum()).backward()
        return torch.cat([w.grad.flatten(), b.grad]).norm()

    assert gradient(weights, bias) < 1e-4 * gradient(torch.zeros_like(weights), torch.zeros_like(bias))


def test_what_it_adds_to_the_scores_is_linear_in_the_hidden_state():
    hidden, nll, answers = examples(1)
    head = fit(hidden, nll, answers)
    added = nll - adjusted(hidden, nll, head)
    by_hand = [[sum(w * h for w, h in zip(row, state, strict=False)) + row[-1] for row in head.weights.tolist()]
               for state in hidden[:5].tolist()]  # fmt: skip
    np.testing.assert_allclose(added[:5], by_hand, rtol=1e-5, atol=1e-5)


def test_it_learns_what_the_label_words_do_not_know():
    hidden, nll, answers = examples(2, count=400)
    head = fit(hidden[:200], nll[:200], answers[:200])
    zeros = np.zeros(3)
    before, after = (
        label_bias.losses(n[None], answers[200:], zeros)[0]
        for n in (nll[200:], adjusted(hidden[200:], nll[200:], head))
    )
    assert after < before - 0.2


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 99), st.integers(1, 6), st.booleans())
def test_few_examples_and_constant_states_give_finite_weights_that_do_no_harm(seed, count, constant):
    hidden, nll, answers = examples(seed, count)
    if constant:
        hidden[:] = 3.0
    head = fit(hidden, nll, answers)
    assert np.isfinite(head.weights).all()
    zeros = np.zeros(3)
    before = label_bias.losses(nll[None], answers, zeros)[0]
    assert label_bias.losses(adjusted(hidden, nll, head)[None], answers, zeros)[0] <= before + 1e-6


@given(st.integers(2, 5), st.integers(1, 9), st.integers(0, 99))
def test_what_is_encoded_is_decoded(labels, width, seed):
    weights = np.random.default_rng(seed).standard_normal((labels, width + 1)).astype(np.float32)
    head = decode(LabelHead(weights).encode(), labels, width)
    assert head is not None
    assert head.weights.tobytes() == weights.tobytes()


def encoded(*numbers):
    return base64.b64encode(np.array(numbers, "<f4").tobytes()).decode()


@pytest.mark.parametrize(
    "text",
    [None, 3, "", "AAA", "####", encoded(1, 2, 3), encoded(1, 2), encoded(1, np.nan, 1, 1), encoded(1, 2, 3, 4, 5, 6)],
)
def test_what_is_no_head_is_refused(text):
    assert decode(text, 2, 1) is None


def test_a_values_file_keeps_it_by_label(tmp_path):
    head = LabelHead(np.float32([[1, 2], [3, 4]]))
    path = tmp_path / "v.safetensors"
    write_values(path, Tuned(np.ones(3, np.float32), np.array([0.5, -0.5]), head), "a" * 64, 7, ["x", "y"])
    file = read_values(path, 3)
    assert file.tuned(["x", "y"], path).label_head.weights.tolist() == [[1, 2], [3, 4]]
    assert file.tuned(["y", "x"], path).label_head.weights.tolist() == [[3, 4], [1, 2]]
    assert file.tuned([], path).label_head is None


class Linear:
    """The hidden state is the values themselves, and label word 0 scores the first of them."""

    name, version, bounds = "linear", "0", {}

    def forward(self, batch, values):
        hidden = np.repeat(values[:, None, None], len(batch.input_ids), axis=1)
        nll = np.zeros((len(values), len(batch.input_ids), 2), np.float32)
        nll[:, :, 0] = -hidden[:, :, 0, 0]
        return Forward(nll, hidden)


def test_the_loop_does_not_see_the_head():
    """What the head takes from the scores must not be taken from the projected gradients."""
    ids = np.zeros((4, 1), np.int64)
    batch = Batch(ids, ids, np.zeros((4, 2), np.int64), np.zeros(1, np.float32), np.array([0, 1, 1, 1]))
    config = TuneConfig(eps=0.01, lr=0.01, directions=4)
    heads = [None, LabelHead(np.float32([[-1, 0, 0], [0, 1, 0]]))]
    states = [State(Tuned(np.zeros(2, np.float32), np.zeros(2), head)) for head in heads]
    (_, alone), (after, beside) = (zo_step(Linear(), batch, state, config) for state in states)
    assert alone == beside
    assert after.tuned.label_head is heads[1]


def test_head_examples_are_the_first_of_the_first_epoch():
    chosen = head_indices(TuneConfig(head_examples=5, seed=3), 20)
    assert set(chosen) <= set(np.concatenate(epoch_batches([1] * 20, 20, 3, 0)).tolist())
    assert chosen == permutation(3, 0, 0, 20)[:5].tolist() != sorted(chosen)
    assert sorted(head_indices(TuneConfig(), 20)) == list(range(20))


class Labelled:
    labels = tuple(map(str, range(2**15)))
    words = np.arange(8)


def test_too_many_labels_are_refused_with_the_limit():
    with pytest.raises(BadInput, match=r"32768 labels of 64 weights each are too many.*2,097,152.*--head-examples 0"):
        check_head(Labelled(), 64)


class Telling:
    """The hidden state is an example's last token and the first value, the nll of label word 1 its length."""

    name, version, bounds = "telling", "0", {}

    def forward(self, batch, values):
        last = np.take_along_axis(batch.input_ids, batch.label_positions, axis=1)[:, 0]
        hidden = np.stack([last, np.full(len(last), values[0, 0])], axis=1)[None, :, None].astype(np.float32)
        nll = np.stack([np.zeros(len(last)), batch.label_positions[:, 0] + 1], axis=1)[None].astype(np.float32)
        return Forward(nll, hidden)


def test_the_head_is_fitted_to_each_examples_own_pass():
    rng, examples = np.random.default_rng(0), []
    for length in rng.integers(1, 30, 50).tolist():
        tokens = rng.integers(0, 8, length).tolist()
        examples.append(Example(tokens, [length - 1], [0, 1], "", int(tokens[-1] > 3)))
    hidden = np.float32([[e.tokens[-1], 0.5] for e in examples])
    nll = np.array([[0, len(e.tokens)] for e in examples], float)
    expected = fit(hidden, nll, np.array([e.answer for e in examples]))
    head = fitted_head(Telling(), Even(), examples, np.float32([0.5]))
    assert head.weights.tolist() == expected.weights.tolist()


class Even:
    labels = ("even", "odd")
    words = np.arange(8)

    def judge(self, nll, examples):
        return nll[:, 0], nll.argmin(axis=1) == 0


def test_evaluation_is_of_the_model_with_its_head():
    examples = [Example([1], [0], [0, 1], "", 0)] * 3
    head = LabelHead(np.float32([[0, 0, -3], [0, 0, 0]]))
    values = np.float32([1, 0])
    assert evaluate(Linear(), Even(), examples, Tuned(values, np.zeros(2))).loss == -1
    result = evaluate(Linear(), Even(), examples, Tuned(values, np.zeros(2), head))
    assert (result.loss, result.accuracy) == (2, 0)


def test_a_trajectory_keeps_it_and_the_label_bias_beside_it(tmp_path):
    task = {"kind": "classify", "prompt": "{text}", "labels": {"x": " x", "y": " y"}}
    head = LabelHead(np.float32([[1, 2], [3, 4]]))
    with open(tmp_path / "trajectory.jsonl", "wb", buffering=0) as file:
        writer = Writer(file, tmp_path)
        writer.header(
            Header(bundle="a" * 64, values=3, hidden_size=1, train="b" * 64,
                   validation="c" * 64, task=task, engine="onnx",
                   engine_version="1", config=config_members(TuneConfig(lr=0.1)))
        )  # fmt: skip
        writer.label_head(0, head)
        writer.step(Step(1, [1.0], 0.5, 8, [0.25, -0.25]))
    tuned = replay(tmp_path / "trajectory.jsonl", np.zeros(3, np.float32)).state.tuned
    assert tuned.label_bias.tolist() == [0.25, -0.25]
    assert tuned.label_head.weights.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("weights", [np.zeros((3, 2)), np.zeros(4), np.array([[0, np.nan], [0, 0]])])
def test_a_head_that_is_none_is_refused(tmp_path, weights):
    path = tmp_path / "v.safetensors"
    owner = {"bundle": "a" * 64, "step": 7, "label_bias": {"x": 0.0, "y": 0.0}}
    tensors = {"values": np.ones(3, np.float32), "label_head": weights.astype(np.float32)}
    write_tensors(path, tensors, {METADATA: json.dumps(owner)})
    with pytest.raises(BadInput, match=r"label_head|NaN"):
        read_values(path, 3)
