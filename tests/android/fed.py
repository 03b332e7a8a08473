"""Runs on measurements that are drawn, not measured, so that two languages can be compared to the byte."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pocketzo.runtime.bundle import Bundle
from pocketzo.runtime.bundle.tokenizer import Tokenizer
from pocketzo.runtime.config import TuneConfig
from pocketzo.runtime.directions import philox_words
from pocketzo.runtime.examples import Batch, Forward
from pocketzo.runtime.run.job import Job
from pocketzo.runtime.run.tune import tune
from pocketzo.runtime.tasks import make_task, read_task
from pocketzo.runtime.tasks.data import read_data

from ..conftest import Silent

SEED, STREAM = 5, 7
CONFIG = TuneConfig(steps=40, batch=3, lr=0.02, eps=0.0125, directions=5, rms_decay=0.9, seed=8, evaluate_every=15)


class FedEngine:
    """Gives for a label a number from 0 to 16 that depends on how many passes there were, and 0 for padding.

    Its 16 bits leave every sum exact, in whatever order it is taken.
    """

    name, version, bounds = "onnx", "1.29.0", {}

    def __init__(self) -> None:
        self._passes = 0

    def forward(self, batch: Batch, values: np.ndarray) -> Forward:
        examples, labels = batch.label_ids.shape
        words = np.stack(
            [philox_words(SEED, STREAM, self._passes, row, examples * labels) for row in range(len(values))]
        )
        self._passes += 1
        nll = ((words >> np.uint64(48)).astype(np.float32) / 4096).reshape(-1, examples, labels)
        nll[:, batch.label_ids < 0] = 0
        return Forward(nll, np.zeros((len(values), *batch.label_positions.shape, 1), np.float32))


def write(bundle: Bundle, data: Path, path: Path) -> None:
    """A run of completions on such measurements, in the folder `path`."""
    definition, model = read_task(data / "complete.json"), bundle.manifest.model
    tokenizer = Tokenizer.open(bundle.directory / "tokenizer.json")
    task = make_task(definition, data / "complete.json", tokenizer, model.vocabulary, model.eos_token_id)
    train, held = read_data(data / "complete.jsonl"), read_data(data / "complete-held.jsonl")
    tune(Job(bundle, FedEngine(), task, definition, train, held, path), CONFIG, Silent(), ignore_memory=True)
