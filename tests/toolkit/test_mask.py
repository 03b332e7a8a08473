"""Masks against a ranking written out in numpy."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pocketzo.runtime.errors import BadInput
from pocketzo.toolkit.select.mask import Rule, add_layers
from pocketzo.toolkit.select.mask import choose_mask as choose_from_statistics


def statistics(seed: int, shapes: list[tuple[int, int]]) -> dict[str, torch.Tensor]:
    rng = np.random.default_rng(seed)
    return {f"layer{i}": torch.from_numpy(rng.random(s).astype(np.float32) ** 4) for i, s in enumerate(shapes)}


def choose_mask(f, scope, density, per_layer=False, tunable=lambda name: True):
    """The mask chosen from statistics that come layer by layer, the last first."""
    rule = Rule({name: tuple(t.shape) for name, t in f.items()}, scope, density, per_layer, tunable)
    known = {}
    for name in reversed(f):
        known |= add_layers(known, {name: f[name]}, rule)
    return choose_from_statistics(known, rule)


SHAPES = st.lists(st.tuples(st.integers(1, 9), st.integers(1, 12)), min_size=1, max_size=5)
DENSITY = st.floats(0.05, 1)


@settings(deadline=None)
@given(st.integers(0, 99), SHAPES, DENSITY)
def test_single_weights_are_the_largest_of_the_whole_model(seed, shapes, density):
    f = statistics(seed, shapes)
    everything = np.concatenate([t.numpy().ravel() for t in f.values()])
    budget = int(density * len(everything))
    if not budget:
        return
    mask = choose_mask(f, "weights", density)
    assert mask.layout.count == budget
    assert mask.captured == pytest.approx(np.sort(everything)[-budget:].sum() / everything.sum(), rel=1e-5)


@settings(deadline=None)
@given(st.integers(0, 99), SHAPES, DENSITY)
def test_per_layer_takes_the_same_share_of_each(seed, shapes, density):
    f = statistics(seed, shapes)
    mask = choose_mask(f, "weights", density, per_layer=True)
    for layer in mask.layout.layers:
        flat = f[layer.layer].numpy().ravel()
        count = max(1, int(density * len(flat)))
        assert sorted(flat[layer.entries]) == sorted(np.sort(flat)[-count:])


@settings(deadline=None)
@given(st.integers(0, 99), SHAPES, DENSITY)
def test_channels_are_the_best_columns_by_sensitivity_per_weight_within_the_budget(seed, shapes, density):
    f = statistics(seed, shapes)
    ranked = sorted(
        ((float(t[:, c].double().mean()), t.shape[0], name, c) for name, t in f.items() for c in range(t.shape[1])),
        key=lambda column: -column[0],
    )
    budget, taken = density * sum(t.numel() for t in f.values()), set()
    for _, rows, name, c in [column for column in ranked if column[1] <= budget]:
        if rows > budget:
            break
        budget -= rows
        taken.add((name, c))
    if not taken:
        with pytest.raises(BadInput, match="Give at least"):
            choose_mask(f, "channels", density)
        return
    mask = choose_mask(f, "channels", density)
    assert {(s.layer, int(c)) for s in mask.layout.layers for c in s.entries} == taken


@settings(deadline=None)
@given(st.integers(0, 99), SHAPES, DENSITY, st.sampled_from(["channels", "weights"]))
def test_what_is_kept_of_a_layer_is_little_and_enough(seed, shapes, density, scope):
    f = statistics(seed, shapes)
    rule = Rule({name: tuple(t.shape) for name, t in f.items()}, scope, density)
    together = add_layers({}, f, rule)
    assert sum(s.f.numel() for s in together.values()) <= rule.budget
    if not any(len(s.entries) for s in together.values()):
        return
    mask, whole = choose_mask(f, scope, density), choose_from_statistics(together, rule)
    assert [(s.layer, s.entries.tolist()) for s in mask.layout.layers] == [
        (s.layer, s.entries.tolist()) for s in whole.layout.layers
    ]
    at = [f[s.layer].numpy()[s.index(scope)] for s in mask.layout.layers]
    np.testing.assert_array_equal(mask.sensitivity, np.concatenate(at))


def test_order_of_values_is_the_order_of_the_index():
    f = {"a": torch.arange(6.0).reshape(2, 3) ** 2}
    channels = choose_mask(f, "channels", 0.7).layout.layers[0]
    assert channels.entries.tolist() == [1, 2]
    rows, columns = channels.index("channels")
    assert (rows.tolist(), columns.tolist()) == ([0, 1, 0, 1], [1, 1, 2, 2])
    weights = choose_mask(f, "weights", 0.5).layout.layers[0]
    rows, columns = weights.index("weights")
    assert (rows.tolist(), columns.tolist()) == ([1, 1, 1], [0, 1, 2])


def test_layers_that_may_not_be_tuned_lend_their_budget_to_the_others():
    f = statistics(3, [(4, 8), (4, 8)])
    mask = choose_mask(f, "channels", 0.5, tunable=lambda name: name == "layer1")
    assert [(s.layer, len(s.entries)) for s in mask.layout.layers] == [("layer1", 8)]
    assert mask.eligible_weights == 64
    assert mask.captured == pytest.approx(float(f["layer1"].sum() / (f["layer0"].sum() + f["layer1"].sum())), rel=1e-5)
    assert [s.layer for s in choose_mask(f, "weights", 0.9, tunable=lambda n: n == "layer1").layout.layers] == [
        "layer1"
    ]
