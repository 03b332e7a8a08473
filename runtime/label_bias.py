"""The label bias: what is added to the score of each label of a classification, fitted from the outputs alone.

A label that is predicted too often or too rarely for every example alike needs no change of the model, only a number
added to its score; yet it makes up much of what the projected gradient of a plain loss measures. So the projected
gradient is that of the loss after the batch's own label bias was fitted (variable projection: where the fit is best,
its own derivative is zero), and a running mean of these fits is the bias of the run. docs/learning.md has the
measurements.
"""

from __future__ import annotations

import numpy as np

PRIOR = 1.0
"""weight, in examples, of the squared distance of a batch's fit from the bias of the run, halved"""
RATE = 0.1
"""how far the bias of the run follows the fit of a batch; in the first steps it is the mean of all fits"""
ITERATIONS = 64
LIMIT = 1e6
"""largest bias that a file may hold: beyond it nothing is left of the model's own scores"""


def log_probabilities(nll: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """log p of each label with `bias` [W] added to its score, float64, from the nll [..., W] of every label word."""
    scores = bias - nll.astype(np.float64)
    scores -= scores.max(axis=-1, keepdims=True)
    return scores - np.log(np.exp(scores).sum(axis=-1, keepdims=True))


def fit(nll: np.ndarray, answers: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """The bias [W] that gives the answers [B] the least nll ([B, W]), held near `bias` by PRIOR.

    Gradient steps under an upper bound of the curvature (half an example each; Boehning 1992): no step overshoots.
    """
    wanted = np.eye(nll.shape[1])[answers]
    fitted = bias
    for _ in range(ITERATIONS):
        residuals = np.exp(log_probabilities(nll, fitted)) - wanted
        fitted = fitted - (residuals.sum(axis=0) + PRIOR * (fitted - bias)) / (len(answers) / 2 + PRIOR)
    return fitted


def followed(bias: np.ndarray, fitted: np.ndarray, step: int) -> np.ndarray:
    """The bias of the run after a batch's fit, `step` steps (from 0) being done before."""
    return bias + max(RATE, 1 / (step + 1)) * (fitted - bias)


def losses(nll: np.ndarray, answers: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """The loss of each perturbation, float64 [P]: the mean over examples of -log p(answer), from nll [P, B, W]."""
    picked = log_probabilities(nll, bias)[:, np.arange(len(answers)), answers]
    return -picked.mean(axis=1)


def is_bias(value: object) -> bool:
    """Whether `value`, read from a file, can be the bias of a label."""
    return type(value) is float and abs(value) <= LIMIT
