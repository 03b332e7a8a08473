"""Write randomness.json: test vectors of docs/randomness.md for other languages. Run: python tests/vectors/make.py"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from pocketzo.runtime import label_bias, label_head
from pocketzo.runtime.batches import epoch_batches
from pocketzo.runtime.config import TuneConfig
from pocketzo.runtime.directions import directions, philox_words
from pocketzo.runtime.examples import Forward
from pocketzo.runtime.label_head import LabelHead
from pocketzo.runtime.loop import State, Step, mean_loss, updated
from pocketzo.runtime.trajectory.evaluation import Evaluation
from pocketzo.runtime.trajectory.header import Header, config_members
from pocketzo.runtime.trajectory.writer import Writer
from pocketzo.runtime.tuned import Tuned


def floats(array: np.ndarray) -> str:
    """32-bit floats, little-endian, in hexadecimal."""
    return array.astype("<f4").tobytes().hex()


def philox() -> list[dict[str, Any]]:
    cases = [(0, 0, 0, 0), (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1), (2**63 - 1, 1, 10**9, 1023)]
    names = ("seed", "stream", "step", "row")
    return [{**dict(zip(names, c, strict=True)), "words": [f"{w:016x}" for w in philox_words(*c, 6)]} for c in cases]


def signs() -> list[dict[str, Any]]:
    made = []
    for seed, step, rows, count in [(0, 0, 1, 70), (7, 3, 3, 64), (42, 199, 2, 130)]:
        z = directions(seed, step, rows, count)
        text = ["".join("+" if x > 0 else "-" for x in row) for row in z]
        made.append({"seed": seed, "step": step, "rows": rows, "count": count, "directions": text})
    return made


def orders() -> list[dict[str, Any]]:
    made = []
    for count, batch, seed, epoch in [(5, 16, 0, 0), (23, 4, 1, 0), (150, 4, 9, 2)]:
        lengths = [5 + (i * 7) % 11 for i in range(count)]
        batches = [b.tolist() for b in epoch_batches(lengths, batch, seed, epoch)]
        made.append({"lengths": lengths, "batch": batch, "seed": seed, "epoch": epoch, "batches": batches})
    return made


def losses() -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    nll = rng.random((2, 3, 4), dtype=np.float32) * 5
    labels = np.where(rng.random((3, 4)) < 0.3, -1, 7)
    labels[:, 0] = 7
    nll[:, labels < 0] = 0
    case = {"nll": floats(nll), "shape": list(nll.shape), "label_ids": labels.tolist()}
    return [{**case, "losses": mean_loss(nll, labels).tolist()}]


def label_biases() -> list[dict[str, Any]]:
    """Two steps of one batch with three labels; compare within 1e-12, for exp and log differ in their last bits."""
    rng = np.random.default_rng(1)
    nll, answers = rng.random((2, 5, 3), dtype=np.float32) * 4, np.array([0, 2, 1, 1, 2])
    made, bias = [], np.zeros(3)
    for step in (0, 20):
        fitted = label_bias.fit(nll.mean(axis=0, dtype=np.float64), answers, bias)
        case = {"nll": floats(nll), "shape": list(nll.shape), "answers": answers.tolist(), "bias": bias.tolist()}
        losses = label_bias.losses(nll, answers, fitted).tolist()
        bias = label_bias.followed(bias, fitted, step)
        made.append({**case, "step": step, "fitted": fitted.tolist(), "losses": losses, "result": bias.tolist()})
    return made


def updates() -> list[dict[str, Any]]:
    made = []
    for config in (
        TuneConfig(seed=5, eps=1e-3, lr=1e-3),
        TuneConfig(seed=6, eps=1e-2, directions=3, lr=0.02, rms_decay=0.9),
    ):
        rng = np.random.default_rng(config.seed)
        state = State(Tuned(rng.standard_normal(100).astype(np.float32)))
        start, gradients = floats(state.tuned.values), []
        for _ in range(50):
            g = rng.standard_normal(config.directions) * 10
            z = directions(config.seed, state.step, config.directions, 100)
            state, gradients = updated(state, g, z, config, state.tuned.label_bias), [*gradients, g.tolist()]
        made.append(
            {"config": config_members(config), "values": start, "g": gradients, "result": floats(state.tuned.values)}
        )
    return made


def label_heads() -> list[dict[str, Any]]:
    """A fit to examples whose answers follow the hidden states, and what it makes of two examples' nll."""
    rng = np.random.default_rng(8)
    hidden = rng.standard_normal((40, 5)).astype(np.float32) * np.float32([1, 2, 0.5, 30, 0])
    nll = rng.random((40, 3)).astype(np.float32) * 4
    answers = (hidden @ rng.standard_normal((5, 3)) - nll + rng.gumbel(size=(40, 3))).argmax(axis=1)
    head = label_head.fit(hidden, nll, answers)
    scored = Tuned(np.zeros(0), label_head=head).scored(Forward(nll[None, :2], hidden[None, :2, None]))[0]
    return [
        {"hidden": floats(hidden), "nll": floats(nll), "answers": answers.tolist(), "weights": floats(head.weights),
         "encoded": head.encode(), "scored": scored.tolist()}
    ]  # fmt: skip


def trajectory() -> str:
    file = io.BytesIO()
    writer = Writer(file, Path("trajectory.jsonl"))  # type: ignore[arg-type]
    task = {"kind": "classify", "prompt": "Café: {text}\n", "labels": {"a": " a", "b": " b"}}
    bias = [-0.25, 0.25]
    config = config_members(TuneConfig(eps=0.001, lr=0.001))
    writer.header(
        Header(pocketzo="0.1.0", bundle="0" * 64, values=100, hidden_size=2, train="1" * 64,
               validation="2" * 64, task=task, engine="onnx", engine_version="1.29.0", config=config)
    )  # fmt: skip
    writer.evaluation(0, Evaluation(1.5, 0.25, 8))
    writer.label_head(0, LabelHead(np.float32([[0.5, -1, 2], [0, 0.1, -0.25]])))
    writer.step(Step(1, [-7.500463863834739], 1.178534037200734, 64, bias))
    writer.step(Step(2, [1e-17], 1e21, 64, [0.1 + 0.2, -0.1]))
    writer.evaluation(2, Evaluation(0.1, None, 8))
    return file.getvalue().decode()


def vectors() -> dict[str, Any]:
    """Everything that the file holds."""
    return {
        "philox": philox(),
        "directions": signs(),
        "order": orders(),
        "loss": losses(),
        "label_bias": label_biases(),
        "label_head": label_heads(),
        "update": updates(),
        "trajectory": trajectory(),
    }


if __name__ == "__main__":
    path = Path(__file__).with_name("randomness.json")
    path.write_text(json.dumps(vectors(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
