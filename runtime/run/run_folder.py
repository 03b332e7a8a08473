"""The folder of a run: trajectory.jsonl as it goes, values.safetensors, best.safetensors and metrics.json.

The trajectory is the run: every other file can be made again from it and the bundle. One process at a time writes to a
folder.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ..bundle.manifest import NAME
from ..bundle.values_file import write_values
from ..config import TuneConfig
from ..errors import BadInput, bad_input
from ..system.files import disk_errors, flush, write_json
from ..system.locked_folder import LockedFolder
from ..trajectory.header import Header
from ..trajectory.reader import Reader
from ..trajectory.replay import Replayed, replay_all, start
from ..trajectory.writer import Writer
from ..tuned import Tuned

TRAJECTORY, VALUES, BEST, METRICS = "trajectory.jsonl", "values.safetensors", "best.safetensors", "metrics.json"


def check_run_folder(path: Path, resume: bool, force: bool) -> None:
    """Raises BadInput if a run cannot be written to `path`: a file, a bundle or inside one, without a run to resume,
    or (unless `force` or `resume`) with a run's files in it.
    """
    if path.exists() and not path.is_dir():
        bad_input(path, "is a file", "Name a folder for --run")
    for folder in (path.resolve(), *path.resolve().parents):
        if (folder / NAME).exists():
            bad_input(path, f"would write into {folder}, which holds a {NAME}", "Choose a --run outside of bundles")
    if resume and not (path / TRAJECTORY).is_file():
        bad_input(path, f"holds no {TRAJECTORY} to resume", "Check --run, or leave --resume out")
    held = any((path / name).exists() for name in (TRAJECTORY, VALUES, BEST, METRICS))
    if held and not (force or resume):
        bad_input(path, "holds a run already", "Go on with --resume, start over with --force, or choose another --run")


class RunFolder:
    """Writes one run, alone: a line of the trajectory is in the file before its step counts."""

    def __init__(self, path: Path) -> None:
        """Lock the folder. Raises BadInput if another process is writing to it, BadInput or DiskFull if we cannot."""
        self.path = path
        taken, fix = "another process is tuning in this folder", "Wait for it, stop it, or choose another --run"
        self._locked = LockedFolder(path, TRAJECTORY, taken, fix, buffering=0)
        self._file = self._locked.file

    def begin(self, header: Header, initial_values: np.ndarray) -> Replayed:
        """Start over: remove the files of a run that was here, write the header. If it cannot be written, a new folder
        is removed again. Raises DiskFull or BadInput then.
        """
        self._header = header
        with disk_errors(self.path):
            for name in (VALUES, BEST, METRICS):
                (self.path / name).unlink(missing_ok=True)
            self._file.truncate(0)
        self.writer = Writer(self._file, self.path)
        try:
            self.writer.header(header)
        except BadInput:
            self._locked.undo()
            raise
        self._file.seek(0)
        return start(Reader(self._file, self.path / TRAJECTORY), initial_values)

    def reader(self) -> Reader:
        """The run that is there, from its header on. Raises BadInput if the header cannot be read."""
        self._file.seek(0)
        return Reader(self._file, self.path / TRAJECTORY)

    def resume(self, reader: Reader, initial_values: np.ndarray) -> Replayed:
        """Replay the run that is there, drop a torn last line, and go on from there."""
        self._header = reader.header
        replayed = replay_all(reader, initial_values)
        with disk_errors(self.path):
            self._file.truncate(reader.whole_bytes)
        self.writer = Writer(self._file, self.path, reader.chain)
        return replayed

    def flush(self) -> None:
        """Put the trajectory on the disk itself, so that a power cut cannot take it."""
        with disk_errors(self.path):
            flush(self._file.fileno())

    def save_values(self, name: str, tuned: Tuned, step: int) -> None:
        """Write `tuned` as it was after `step`, bound to the bundle by its hash."""
        write_values(self.path / name, tuned, self._header.bundle, step, self._header.labels)

    def save(self, run: Replayed, config: TuneConfig) -> None:
        """Write the last values, the best ones and metrics.json."""
        self.flush()
        self.save_values(VALUES, run.state.tuned, run.state.step)
        if run.best_tuned is not None:
            self.save_values(BEST, run.best_tuned, run.best_step)
        write_json(self.path / METRICS, metrics(run, config))

    def close(self) -> None:
        """Close the trajectory and let go of the folder."""
        self._file.close()


def metrics(run: Replayed, config: TuneConfig) -> dict[str, Any]:
    """What metrics.json holds: the evaluations, the best of them, and the settings."""
    return {
        "steps": run.state.step,
        "before": asdict(run.evaluations[0][1]) if run.evaluations else None,
        "best": asdict(run.best) if run.best else None,
        "best_step": run.best_step,
        "config": asdict(config),
        "evaluations": [{"step": step, **asdict(evaluation)} for step, evaluation in run.evaluations],
    }
