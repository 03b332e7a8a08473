"""Sensitivity and importance against torch autograd and transformers' own hooks on the whole model."""

import numpy as np
import pytest
import torch
from pocketzo.export.model.layerwise import Layerwise
from pocketzo.runtime.errors import BadInput
from pocketzo.toolkit.checkpoint import find_source, load_whole, open_checkpoint
from pocketzo.toolkit.select.mask import Rule, add_layers, choose_mask
from pocketzo.toolkit.select.processes import Processes
from pocketzo.toolkit.select.sensitivity import SensitivityPass
from pocketzo.toolkit.work.work_folder import WorkFolder

from ..conftest import make_checkpoint

WINDOWS = np.random.default_rng(0).integers(0, 512, (3, 20))
FAMILIES = {
    "llama": {},
    "llama untied": {"tie_word_embeddings": False, "attention_bias": True, "mlp_bias": True},
    "mistral": {"sliding_window": None},
    "qwen2": {},
    "qwen3": {},
}


@pytest.fixture(autouse=True)
def exact(monkeypatch):
    """fp32 products, as in what the pass is compared with."""
    monkeypatch.setattr("pocketzo.toolkit.select.sensitivity.PRECISION", "highest")


@pytest.fixture(scope="module", params=FAMILIES)
def checkpoint(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("family") / "model"
    make_checkpoint(folder, request.param.split()[0], num_hidden_layers=3, **FAMILIES[request.param])
    return find_source(str(folder))


def rule_of(opened, scope="channels"):
    shapes = {linear.name: (linear.rows, linear.columns) for linear in opened.decoder.linears()}
    return Rule(shapes, scope, 0.02, tunable=lambda name: not name.startswith("model.layers.0."))


def measuring(opened, folder, scope="channels", tensor=None):
    decoder = Layerwise(opened.config, tensor or opened.tensor)
    return SensitivityPass(decoder, rule_of(opened, scope), WINDOWS, WorkFolder(folder, "key"), Processes())


def whole(source, names):
    """F and importance by autograd on the whole model, which is what transformers makes of the checkpoint."""
    model = load_whole(source).requires_grad_(False)
    weights = {n: model.get_submodule(n).weight.requires_grad_(True) for n in names}
    f = {n: torch.zeros_like(w) for n, w in weights.items()}
    importance = {n: torch.zeros(w.shape[1]) for n, w in weights.items()}

    def add(name, x):
        importance[name] += x.detach().square().sum((0, 1))

    for name in names:
        model.get_submodule(name).register_forward_pre_hook(lambda _, x, name=name: add(name, x[0]))
    for window in torch.from_numpy(WINDOWS):
        loss = model(input_ids=window[None], labels=window[None]).loss
        for name, gradient in zip(names, torch.autograd.grad(loss, list(weights.values())), strict=True):
            f[name] += gradient**2
    return f, importance


def entries(mask):
    return [(s.layer, s.entries.tolist()) for s in mask.layout.layers]


@pytest.mark.parametrize("scope", ["channels", "weights"])
def test_block_by_block_is_the_whole_model(checkpoint, scope, tmp_path):
    opened = open_checkpoint(checkpoint)
    run = measuring(opened, tmp_path / "work", scope)
    counted = []
    run.run(counted.append)
    found, rule = run.result(), rule_of(opened, scope)
    f, importance = whole(checkpoint, list(rule.shapes))
    for name, statistic in found.statistics.items():
        torch.testing.assert_close(statistic.sums, f[name].double().sum(0), rtol=1e-4, atol=1e-9)
        torch.testing.assert_close(found.importance[name], importance[name], rtol=1e-4, atol=1e-6)
    mask, expected = choose_mask(found.statistics, rule), choose_mask(add_layers({}, f, rule), rule)
    assert entries(mask) == entries(expected)
    np.testing.assert_allclose(mask.sensitivity, expected.sensitivity, rtol=1e-3)
    assert mask.captured == pytest.approx(expected.captured, rel=1e-4)
    assert sum(counted) == run.units


def test_a_pass_that_was_stopped_anywhere_goes_on(tiny_checkpoint, tmp_path):
    opened = open_checkpoint(find_source(str(tiny_checkpoint)))
    run = measuring(opened, tmp_path / "whole")
    run.run()
    expected, stops, left = run.result(), [], 0

    def stopping(name):
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        return opened.tensor(name)

    for attempt in range(40):
        left = attempt  # tensors until it stops
        run = measuring(opened, tmp_path / "stopped", tensor=stopping)
        try:
            run.run()
            break
        except KeyboardInterrupt:
            stops.append(run.finished())
            run._work.__exit__()
    assert set(stops) >= {(-1, -1), (0, -1), (1, -1), (2, -1), (2, 1)}
    found = run.result()
    for name, statistic in expected.statistics.items():
        same = found.statistics[name]
        assert all(torch.equal(getattr(statistic, x), getattr(same, x)) for x in ("sums", "entries", "f"))
        assert torch.equal(expected.importance[name], found.importance[name])


def test_only_one_blocks_weights_are_loaded_and_only_a_piece_of_a_gradient(tiny_checkpoint, tmp_path, monkeypatch):
    from pocketzo.toolkit.select import sensitivity

    opened = open_checkpoint(find_source(str(tiny_checkpoint)))
    pieces, real = [], torch.mm

    def counting(a, b, out):
        blocks = run._decoder._blocks
        assert sum(p.device.type == "cpu" for p in blocks.parameters()) == sum(1 for _ in blocks[0].parameters())
        assert all(p.grad is None for p in blocks.parameters())
        pieces.append(out.numel())
        return real(a, b, out=out)

    monkeypatch.setattr(torch, "mm", counting)
    monkeypatch.setattr(sensitivity, "PIECE", 1000)
    run = measuring(opened, tmp_path / "work")
    run.run()
    assert max(pieces) <= 1000
    assert sum(pieces) == len(WINDOWS) * sum(r * c for r, c in run._rule.shapes.values())
    assert all(p.device.type == "meta" for p in run._decoder._blocks.parameters())


def test_gradients_that_are_no_numbers_are_refused(tiny_checkpoint, tmp_path):
    opened = open_checkpoint(find_source(str(tiny_checkpoint)))
    run = measuring(opened, tmp_path / "work", tensor=lambda n: opened.tensor(n) * (torch.nan if "norm" in n else 1))
    with pytest.raises(BadInput, match="not finite"):
        run.run()
