"""What a run is given, and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..bundle import Bundle
from ..engines import Engine
from ..tasks import Task
from ..tasks.data import DataSet
from ..trajectory.evaluation import Evaluation


@dataclass(frozen=True)
class Job:
    """What a run needs beside its settings: `definition` is the task as its file writes it, `path` the run's folder."""

    bundle: Bundle
    engine: Engine
    task: Task
    definition: dict[str, Any]
    train: DataSet
    validation: DataSet
    path: Path


@dataclass(frozen=True)
class Result:
    """What a run gained on the validation file, and where its best values are."""

    before: Evaluation
    best: Evaluation
    best_step: int
    steps: int
    best_values: Path
    padding: float
    """share of padding among the tokens of training batches"""
    repeated: int
    """validation records that are in the training file too"""
