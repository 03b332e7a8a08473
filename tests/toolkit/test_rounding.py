"""8-bit weights: what is kept apart, what is 0, and how close the rest is."""

import numpy as np
import torch
from pocketzo.toolkit.quantize.rounding import outlier_channels, rounded


def test_outliers_are_the_channels_with_the_largest_mean_squares():
    importance = {"a": torch.tensor([1.0, 9, 3, 7]), "b": torch.tensor([5.0])}
    assert {name: x.tolist() for name, x in outlier_channels(importance, 2).items()} == {"a": [1, 3], "b": [0]}


def test_outliers_are_apart_and_sensitive_entries_are_exactly_zero():
    torch.manual_seed(0)
    weight, outliers = torch.randn(6, 10), np.array([2, 7])
    sensitive = torch.zeros(6, 10, dtype=torch.bool)
    sensitive[:, 4] = sensitive[3, 7] = True
    made = rounded(weight, torch.ones(10), outliers, sensitive)
    assert (made.codes[outliers] == 0).all()
    back = torch.from_numpy(made.dequantize(outliers))
    assert (back[sensitive] == 0).all()
    free = ~sensitive
    free[:, outliers] = False
    step = weight.masked_fill(~free, 0).abs().amax(1, keepdim=True) / 127
    assert ((back - weight).abs()[free] <= (0.51 * step).expand_as(weight)[free]).float().mean() > 0.9
    apart = ~sensitive & ~free
    torch.testing.assert_close(back[apart], weight[apart].half().float())


def test_important_channels_are_rounded_better():
    torch.manual_seed(0)
    weight, none = torch.randn(64, 256), np.array([], dtype=np.int64)
    importance = torch.ones(256)
    importance[:8] = 1000

    def error(importance):
        off = torch.from_numpy(rounded(weight, importance, none).dequantize(none)) - weight
        return float((off**2)[:, :8].sum())

    assert error(importance) < error(torch.ones(256))


def test_a_row_of_zeros_is_a_row_of_zeros():
    made = rounded(torch.zeros(2, 4), torch.zeros(4), np.array([], dtype=np.int64))
    assert (made.dequantize(np.array([], dtype=np.int64)) == 0).all()
