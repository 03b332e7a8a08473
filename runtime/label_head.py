"""The label head: in a classification, a linear layer from the final hidden state to what each label's score gains.

The scores of the label words are linear in the final hidden state, which each forward pass gives; so what a change of
these weights is worth can be computed exactly, and needs neither a gradient of the model nor a perturbation: logistic
regression, one pass an example. The steps of the loop do not see it; it is fitted to what they have made of the hidden
states. docs/learning.md has the measurements.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

import numpy as np

from .label_bias import PRIOR as BIAS_PRIOR
from .label_bias import log_probabilities

PRIOR = 100.0
"""weight, in examples, of half the squared weights, those of hidden states scaled to unit variance"""
LEAST_SCALE = 0.1
"""the least standard deviation of a hidden state's entry, as a share of the mean one, that is scaled to 1"""
ITERATIONS = 100


@dataclass(frozen=True)
class LabelHead:
    """fp32 [W, H + 1]: for each label, weights of the final hidden state and a bias."""

    weights: np.ndarray

    def added(self, hidden: np.ndarray) -> np.ndarray:
        """What the scores of the labels gain, float64 [..., W], for final hidden states [..., H]."""
        weights = self.weights.astype(np.float64)
        return hidden.astype(np.float64) @ weights[:, :-1].T + weights[:, -1]

    def encode(self) -> str:
        """Base64 of the weights, little-endian, row by row."""
        return base64.b64encode(self.weights.astype("<f4").tobytes()).decode("ascii")


def decode(text: object, labels: int, hidden_size: int) -> LabelHead | None:
    """The head that `encode` wrote for so many labels (W) and hidden states (H), or None if `text` is none."""
    if not isinstance(text, str) or not labels:
        return None
    try:
        weights = np.frombuffer(base64.b64decode(text, validate=True), dtype="<f4")
    except ValueError:
        return None
    if len(weights) != labels * (hidden_size + 1) or not np.isfinite(weights).all():
        return None
    return LabelHead(weights.reshape(labels, -1).astype(np.float32))


def fit(hidden: np.ndarray, nll: np.ndarray, answers: np.ndarray) -> LabelHead:
    """The head that gives the answers [A] the least nll, from hidden [A,H] and the label words' nll [A,W].

    Newton's steps under a constant upper bound of the curvature (Boehning 1992): no step overshoots. PRIOR holds the
    weights near 0, where the label words score as the model has them.
    """
    mean, deviation = hidden.mean(axis=0, dtype=np.float64), hidden.std(axis=0, dtype=np.float64)
    scale = np.maximum(deviation, LEAST_SCALE * deviation.mean() or 1.0)
    inputs = np.concatenate([(hidden - mean) / scale, np.ones((len(hidden), 1))], axis=1)
    prior = np.append(np.full(hidden.shape[1], PRIOR), BIAS_PRIOR)
    step = np.linalg.inv(inputs.T @ inputs / 2 + np.diag(prior))
    wanted = np.eye(nll.shape[1])[answers]
    weights = np.zeros((inputs.shape[1], nll.shape[1]))
    for _ in range(ITERATIONS):
        residuals = np.exp(log_probabilities(nll - inputs @ weights, np.zeros(nll.shape[1]))) - wanted
        weights = weights - step @ (inputs.T @ residuals + prior[:, None] * weights)
    unscaled = weights[:-1] / scale[:, None]
    bias = weights[-1] - mean @ unscaled
    return LabelHead(np.concatenate([unscaled, bias[None]]).T.astype(np.float32))
