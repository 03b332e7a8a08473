"""The folder of a run: trajectory.jsonl as it goes, values.safetensors, best.safetensors and metrics.json."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from .errors import bad_input
from .evaluate import Evaluation
from .files import disk_errors, write_json, write_tensors
from .loop import Step

TRAJECTORY, VALUES, BEST, METRICS = "trajectory.jsonl", "values.safetensors", "best.safetensors", "metrics.json"


class RunFolder:
    """Writes a run; a line of the trajectory reaches the file before its step counts as done."""

    def __init__(self, path: Path, bundle_hash: str, header: dict[str, Any], force: bool = False) -> None:
        """Raises BadInput if `path` holds a run (unless `force`) or cannot be written to, DiskFull on writing."""
        if (path / TRAJECTORY).exists() and not force:
            bad_input(path, "holds a run already", "Choose another --run, or start it over with --force")
        self.path = path
        self._bundle_hash = bundle_hash
        self._history: list[dict[str, Any]] = []
        with disk_errors(path):
            path.mkdir(parents=True, exist_ok=True)
            for name in (TRAJECTORY, VALUES, BEST, METRICS):
                (path / name).unlink(missing_ok=True)
            self._trajectory = open(path / TRAJECTORY, "a", encoding="utf-8")  # noqa: SIM115
        self._line(header)

    def _line(self, content: dict[str, Any]) -> None:
        with disk_errors(self.path):
            self._trajectory.write(json.dumps(content, separators=(",", ":"), allow_nan=False) + "\n")
            self._trajectory.flush()

    def step(self, step: Step, lr: float) -> None:
        """Append one step to the trajectory."""
        self._line({"step": step.step, "g": step.projected_gradients, "rms": step.rms, "lr": lr, "loss": step.loss})

    def evaluation(self, step: int, evaluation: Evaluation) -> None:
        """Remember an evaluation on the validation file for metrics.json."""
        self._history.append({"step": step, **asdict(evaluation)})

    def save_values(self, name: str, values: np.ndarray, step: int) -> None:
        """Write values (fp32 [K]), bound to the bundle by its hash."""
        metadata = {"bundle": self._bundle_hash, "step": str(step)}
        write_tensors(self.path / name, {"values": values}, metadata)

    def save_metrics(self, **more: Any) -> None:
        """Write metrics.json: the evaluations so far and whatever else is given."""
        write_json(self.path / METRICS, {**more, "evaluations": self._history})

    def close(self) -> None:
        """Close the trajectory."""
        self._trajectory.close()
