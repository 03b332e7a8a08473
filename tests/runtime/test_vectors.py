"""The vectors that other languages read are what this one computes, and what the documents say."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from pathlib import Path

import numpy as np

from ..vectors.make import vectors
from .test_directions import philox

STORED = json.loads((Path(__file__).parent.parent / "vectors/randomness.json").read_text(encoding="utf-8"))


def f32(x: float) -> float:
    """Round to the nearest 32-bit float."""
    return float(np.float32(x))


def read_floats(text: str) -> list[float]:
    return np.frombuffer(bytes.fromhex(text), "<f4").tolist()


def test_stored_vectors_are_what_the_runtime_computes():
    assert json.loads(json.dumps(vectors())) == STORED


def test_words_by_an_independent_philox():
    for case in STORED["philox"]:
        key = (case["seed"], case["stream"])
        words = [w for block in (1, 2) for w in philox((block, case["row"], case["step"], 0), key)]
        assert case["words"] == [f"{w:016x}" for w in words[:6]]


def test_update_rule_in_plain_python():
    for case in STORED["update"]:
        config, values, m, c = case["config"], read_floats(case["values"]), 0.0, 1.0
        d, count = config["rms_decay"], config["directions"]
        for step, g in enumerate(case["g"]):
            total = 0.0
            for g_q in g:
                total += g_q * g_q
            m, c = d * m + (1 - d) * (total / count), d * c
            rms = math.sqrt(m / (1 - c))
            for q, g_q in enumerate(g):
                factor = f32(config["lr"] * g_q / rms / count)
                words = [w for b in (1, 2) for w in philox((b, q, step, 0), (config["seed"], 0))]
                signs = [1.0 if words[i // 64] >> (i % 64) & 1 else -1.0 for i in range(len(values))]
                values = [f32(v - factor * z) for v, z in zip(values, signs, strict=True)]
        assert values == read_floats(case["result"])


def test_loss_in_plain_python():
    for case in STORED["loss"]:
        p, b, n = case["shape"]
        nll, at, losses = read_floats(case["nll"]), 0, []
        for _ in range(p):
            total = 0.0
            for labels in case["label_ids"]:
                example = 0.0
                for _ in range(n):
                    example += nll[at]
                    at += 1
                total += example / sum(label >= 0 for label in labels)
            losses.append(total / b)
        assert losses == case["losses"]


def test_chain_by_hand():
    chain = ""
    for line in STORED["trajectory"].splitlines():
        body, link = re.fullmatch(r'(.*),"chain":"([0-9a-f]{32})"\}', line).groups()
        chain = hashlib.sha256((chain + body + "}").encode()).hexdigest()[:32]
        assert chain == link


def test_label_head_scores_by_hand():
    for case in STORED["label_head"]:
        n, w = len(case["answers"]), 3
        hidden, weights = np.array(read_floats(case["hidden"])).reshape(n, -1), np.array(read_floats(case["weights"]))
        assert base64.b64decode(case["encoded"]).hex() == case["weights"]
        weights, nll = weights.reshape(w, -1), np.array(read_floats(case["nll"])).reshape(n, w)
        for state, scores, expected in zip(hidden, nll, case["scored"], strict=False):
            by_hand = [
                s - sum(a * b for a, b in zip(row, [*state, 1.0], strict=True))
                for s, row in zip(scores, weights, strict=True)
            ]
            np.testing.assert_allclose(expected, by_hand, rtol=1e-12)


def test_label_bias_by_newtons_method():
    """The fit is the minimum that an independent solver finds, and the losses are those of the shifted scores."""
    for case in STORED["label_bias"]:
        p, b, w = case["shape"]
        scores = -np.frombuffer(bytes.fromhex(case["nll"]), "<f4").astype(float).reshape(p, b, w)
        prior, answers, x = np.array(case["bias"]), case["answers"], np.zeros(w)
        for _ in range(50):
            e = np.exp(scores.mean(0) + x)
            probability = e / e.sum(1, keepdims=True)
            slope = (probability - np.eye(w)[answers]).sum(0) + (x - prior)
            curvature = np.diag(probability.sum(0)) - probability.T @ probability + np.eye(w)
            x = x - np.linalg.solve(curvature, slope)
        np.testing.assert_allclose(case["fitted"], x, atol=1e-6)
        shifted = scores + np.array(case["fitted"])
        losses = np.log(np.exp(shifted).sum(-1)) - shifted[:, np.arange(b), answers]
        np.testing.assert_allclose(case["losses"], losses.mean(1), rtol=1e-12)
        rate = max(0.1, 1 / (case["step"] + 1))
        np.testing.assert_allclose(case["result"], (1 - rate) * prior + rate * np.array(case["fitted"]), rtol=1e-12)
