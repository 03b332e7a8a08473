"""Sensitivity against torch autograd, one window at a time."""

import numpy as np
import pytest
import torch
from pocketzo.toolkit.checkpoint import find_source, open_checkpoint
from pocketzo.toolkit.sensitivity import sensitivity


@pytest.fixture(scope="module")
def opened(tiny_checkpoint):
    return open_checkpoint(find_source(str(tiny_checkpoint)))


WINDOWS = np.random.default_rng(0).integers(0, 512, (3, 20))


def test_it_is_the_sum_of_squared_gradients_of_each_window(opened):
    names = [linear.name for linear in opened.decoder.linears()] + ["model.embed_tokens"]
    f = sensitivity(opened.model, names, WINDOWS)
    weights = {n: opened.model.get_submodule(n).weight for n in names}
    expected = {n: torch.zeros_like(w) for n, w in weights.items()}
    for window in WINDOWS:
        ids = torch.from_numpy(window)[None]
        for w in weights.values():
            w.requires_grad_(True)
        loss = opened.model(input_ids=ids, labels=ids).loss
        for name, gradient in zip(names, torch.autograd.grad(loss, list(weights.values())), strict=True):
            expected[name] += gradient**2
    for name in names:
        torch.testing.assert_close(f[name], expected[name], rtol=1e-4, atol=1e-9)


def test_no_gradient_is_left_and_progress_counts_tokens(opened):
    counted = []
    sensitivity(opened.model, ["model.layers.0.mlp.up_proj"], WINDOWS, counted.append)
    assert counted == [20, 20, 20]
    assert all(p.grad is None and not p.requires_grad for p in opened.model.parameters())


def test_only_one_layers_gradient_is_alive_at_a_time(opened):
    names = [linear.name for linear in opened.decoder.linears()]
    alive = []
    weights = [opened.model.get_submodule(n).weight for n in names]

    def count(parameter):
        alive.append(sum(w.grad is not None for w in weights))

    # Registered first, so it runs before the gradient is squared and freed.
    hooks = [w.requires_grad_(True).register_post_accumulate_grad_hook(count) for w in weights]
    sensitivity(opened.model, names, WINDOWS)
    for hook in hooks:
        hook.remove()
    assert len(alive) == len(names) * len(WINDOWS)
    assert set(alive) == {1}
