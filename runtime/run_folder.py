"""The folder of a run: trajectory.jsonl as it goes, values.safetensors, best.safetensors and metrics.json."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from .bundle import METADATA
from .errors import bad_input
from .evaluate import Evaluation
from .files import disk_errors, write_json, write_tensors
from .loop import Step
from .manifest import NAME

TRAJECTORY, VALUES, BEST, METRICS = "trajectory.jsonl", "values.safetensors", "best.safetensors", "metrics.json"


def check_run_folder(path: Path, force: bool) -> None:
    """Raises BadInput if a run cannot be written to `path`: a file, a bundle or inside one, or (unless `force`) a
    folder with a run's files in it.
    """
    if path.exists() and not path.is_dir():
        bad_input(path, "is a file", "Name a folder for --run")
    for folder in (path.resolve(), *path.resolve().parents):
        if (folder / NAME).exists():
            bad_input(path, f"would write into {folder}, which holds a {NAME}", "Choose a --run outside of bundles")
    if not force and any((path / name).exists() for name in (TRAJECTORY, VALUES, BEST, METRICS)):
        bad_input(path, "holds a run already", "Choose another --run, or start it over with --force")


class RunFolder:
    """Writes a run; a line of the trajectory reaches the file before its step counts as done."""

    def __init__(self, path: Path, bundle_hash: str, header: dict[str, Any]) -> None:
        """Start a run in `path`, removing one that is there. Raises BadInput or DiskFull if it cannot be written to."""
        self.path = path
        self._bundle_hash = bundle_hash
        self._history: list[dict[str, Any]] = []
        with disk_errors(path):
            path.mkdir(parents=True, exist_ok=True)
            for name in (TRAJECTORY, VALUES, BEST, METRICS):
                (path / name).unlink(missing_ok=True)
            self._trajectory = open(path / TRAJECTORY, "ab", buffering=0)  # noqa: SIM115
        self._line(header)

    def _line(self, content: dict[str, Any]) -> None:
        with disk_errors(self.path):
            line = json.dumps(content, separators=(",", ":"), ensure_ascii=False, allow_nan=False) + "\n"
            rest = line.encode()
            while rest:  # a disk that is nearly full takes a part of a line before it refuses
                rest = rest[self._trajectory.write(rest) :]

    def step(self, step: Step) -> None:
        """Append one step to the trajectory."""
        self._line({"step": step.step, "g": step.projected_gradients, "loss": step.loss})

    def evaluation(self, step: int, evaluation: Evaluation) -> None:
        """Remember an evaluation on the validation file for metrics.json."""
        self._history.append({"step": step, **asdict(evaluation)})

    def save_values(self, name: str, values: np.ndarray, step: int) -> None:
        """Write values (fp32 [K]), bound to the bundle by its hash."""
        # One entry only: the library writes several in an order that changes from run to run.
        metadata = {METADATA: json.dumps({"bundle": self._bundle_hash, "step": step})}
        write_tensors(self.path / name, {"values": values}, metadata)

    def save_metrics(self, **more: Any) -> None:
        """Write metrics.json: the evaluations so far and whatever else is given."""
        write_json(self.path / METRICS, {**more, "evaluations": self._history})

    def close(self) -> None:
        """Close the trajectory."""
        self._trajectory.close()
