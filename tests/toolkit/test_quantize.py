"""4-bit weights: exact where they must be, and better than rounding where they may choose."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pocketzo.toolkit.quantize.quantize import quantize


def weighted_error(weight, f, dequantized):
    return float((f * (torch.from_numpy(dequantized) - weight) ** 2).sum())


def round_to_nearest(weight: torch.Tensor, group: int) -> np.ndarray:
    """Asymmetric round-to-nearest over each group's own range."""
    w = weight.numpy().reshape(len(weight), -1, group)
    low, high = np.minimum(w.min(-1, keepdims=True), 0), np.maximum(w.max(-1, keepdims=True), 0)
    scale = np.maximum((high - low) / 15, 1e-8)
    zero = np.round(-low / scale)
    return ((np.clip(np.round(w / scale + zero), 0, 15) - zero) * scale).reshape(weight.shape).astype(np.float32)


def test_it_beats_round_to_nearest_under_the_importance():
    torch.manual_seed(0)
    weight, f = torch.randn(64, 128), torch.rand(128) ** 6
    ours = weighted_error(weight, f, quantize(weight, f, 32).dequantize())
    assert ours < 0.75 * weighted_error(weight, f, round_to_nearest(weight, 32))


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 6), st.integers(1, 70), st.integers(0, 99))
def test_sensitive_entries_dequantize_to_exactly_zero(rows, columns, seed):
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(rows, columns, generator=generator) + 0.5
    sensitive = torch.rand(rows, columns, generator=generator) < 0.3
    quantized = quantize(weight, torch.ones(columns), 32, sensitive)
    assert quantized.dequantize().shape == (rows, columns)
    assert (quantized.dequantize()[sensitive.numpy()] == 0).all()
    assert quantized.codes.max() <= 15
    assert quantized.zero_points.max() <= 15


def test_sensitive_outliers_do_not_widen_their_group():
    torch.manual_seed(0)
    weight, f = torch.randn(8, 32) * 0.01, torch.ones(32)
    weight[:, 5] = 10
    sensitive = torch.zeros(8, 32, dtype=torch.bool)
    sensitive[:, 5] = True
    kept = quantize(weight, f, 32, sensitive).dequantize()
    rest = np.delete(kept - weight.numpy(), 5, axis=1)
    assert np.abs(rest).max() < 0.005


def test_a_grid_that_is_exact_is_found():
    scale, zero = 0.125, 6
    codes = torch.arange(16).repeat(4, 2)
    weight = (codes - zero) * scale
    np.testing.assert_array_equal(quantize(weight, torch.ones(weight.shape[1]), 32).dequantize(), weight.numpy())


@pytest.mark.parametrize("value", [0.0, 3.0, -3.0])
def test_constant_groups_survive(value):
    weight = torch.full((2, 32), value)
    np.testing.assert_allclose(quantize(weight, torch.ones(weight.shape[1]), 32).dequantize(), value, rtol=2**-11)


def test_row_chunks_give_what_one_piece_gives(monkeypatch):
    torch.manual_seed(0)
    weight, f = torch.randn(10, 64), torch.rand(64)
    whole = quantize(weight, f, 32).dequantize()
    monkeypatch.setattr("pocketzo.toolkit.quantize.quantize.CHUNK", 200)
    np.testing.assert_array_equal(quantize(weight, f, 32).dequantize(), whole)


def test_scales_that_bfloat16_holds_too():
    """Both types have the same numbers then, and the layer is as good: less than 0.1 % more error is what is seen."""
    torch.manual_seed(0)
    weight, f = torch.randn(64, 256) * torch.rand(64, 1).exp(), torch.rand(256) ** 3
    weight[0] *= 1e-5  # scales that fp16 holds as subnormal numbers
    sensitive = torch.rand(64, 256) < 0.01
    usual, both = (quantize(weight, f, 32, sensitive, bfloat16=bfloat16) for bfloat16 in (False, True))
    scales = torch.from_numpy(both.scales)
    assert scales.dtype == torch.float16
    assert torch.equal(scales.float(), scales.bfloat16().float())
    assert not torch.equal(scales, torch.from_numpy(usual.scales))
    assert (both.dequantize()[sensitive.numpy()] == 0).all()
    mask = f * ~sensitive
    assert weighted_error(weight, mask, both.dequantize()) < 1.002 * weighted_error(weight, mask, usual.dequantize())


@pytest.mark.parametrize("bfloat16", [False, True])
def test_codes_are_the_nearest_at_the_scales_that_are_stored(bfloat16):
    torch.manual_seed(1)
    weight = torch.randn(64, 256)
    quantized = quantize(weight, torch.rand(256), 32, bfloat16=bfloat16)
    scale, zero = (np.repeat(x.astype(np.float32), 32, axis=1) for x in (quantized.scales, quantized.zero_points))
    nearest = np.clip(np.round(weight.numpy() / scale + zero), 0, 15)
    np.testing.assert_array_equal(quantized.dequantize(), (nearest - zero) * scale)
