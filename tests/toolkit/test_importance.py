"""Importance against activations that transformers itself hands out."""

import numpy as np
import torch
from pocketzo.toolkit.checkpoint import find_source, open_checkpoint
from pocketzo.toolkit.importance import importance


def test_it_is_the_sum_of_squared_inputs_over_all_passes(tiny_checkpoint):
    model = open_checkpoint(find_source(str(tiny_checkpoint))).model
    windows = torch.from_numpy(np.random.default_rng(0).integers(0, 512, (3, 20)))
    first = "model.layers.0.self_attn.q_proj"
    with importance(model, [first, "model.layers.1.mlp.down_proj"]) as found, torch.no_grad():
        for window in windows:
            model(input_ids=window[None], use_cache=False)
        embedded = model.get_input_embeddings()(windows)
        entering = model.model.layers[0].input_layernorm(embedded)
    torch.testing.assert_close(found[first], entering.square().sum((0, 1)))
    assert found["model.layers.1.mlp.down_proj"].shape == (96,)
    before = found[first].clone()
    with torch.no_grad():
        model(input_ids=windows[:1], use_cache=False)
    torch.testing.assert_close(found[first], before)
