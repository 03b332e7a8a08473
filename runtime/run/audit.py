"""Auditing a run: do its values files hold what its trajectory gives?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..bundle import Bundle
from ..bundle.values_file import ValuesFile, write_values
from ..errors import bad_input
from ..system.files import open_regular
from ..trajectory.reader import Reader
from ..trajectory.replay import Replayed, replay_lines, start
from ..tuned import Tuned
from .run_folder import BEST, TRAJECTORY, VALUES


@dataclass(frozen=True)
class Audit:
    """The replayed run, for each values file whether it is the same to the bit, and the size of a step's line."""

    run: Replayed
    files: dict[str, bool]
    bytes_a_step: float

    @property
    def same(self) -> bool:
        """No file differs."""
        return all(self.files.values())

    def write(self, path: Path) -> None:
        """Write the replayed values (fp32 [K]) to `path`, bound to the bundle."""
        state, header = self.run.state, self.run.header
        write_values(path, state.tuned, header.bundle, state.step, header.labels)


def audit(path: Path, bundle: Bundle) -> Audit:
    """Replay the run in the folder `path` on `bundle` and compare its values files, each at the step that it names.

    Raises BadInput if the trajectory was changed, belongs to another bundle, or a values file cannot be read.
    """
    found = {name: bundle.tuned_values(path / name) for name in (VALUES, BEST) if (path / name).exists()}
    with open_regular(path / TRAJECTORY, "trajectory") as file:
        reader = Reader(file, path / TRAJECTORY)
        if reader.header.bundle != bundle.hash:
            bad_input(
                path,
                f"the run was made on bundle {reader.header.bundle[:16]}..., and {bundle.directory} is"
                f" {bundle.hash[:16]}...",
                "Use the bundle that it was made on",
            )
        run = start(reader, bundle.initial_values())
        files = dict.fromkeys(found, False)
        _compare(found, run, files)
        bytes_of_steps, before = 0, reader.whole_bytes
        for line in replay_lines(reader, run):
            _compare(found, run, files)
            bytes_of_steps += line.is_step * (reader.whole_bytes - before)
            before = reader.whole_bytes
    return Audit(run, files, bytes_of_steps / max(run.state.step, 1))


def _compare(found: dict[str, ValuesFile], run: Replayed, files: dict[str, bool]) -> None:
    for name, file in found.items():
        if file.step == run.state.step:
            # A step has two states where a label head was fitted after it; a file may hold either.
            files[name] |= _same(file, run.header.labels, run.state.tuned)


def _same(file: ValuesFile, labels: list[str], tuned: Tuned) -> bool:
    heads = [b"" if head is None else head.weights.tobytes() for head in (file.label_head, tuned.label_head)]
    same_bias = list(file.label_bias.items()) == list(zip(labels, tuned.label_bias.tolist(), strict=True))
    return same_bias and heads[0] == heads[1] and file.values.tobytes() == tuned.values.tobytes()
