"""Writing a trajectory, line by line."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

from ..label_head import LabelHead
from ..loop import Step
from ..system.files import disk_errors
from .chain import sealed
from .evaluation import Evaluation
from .header import Header


class Writer:
    """Appends lines to an open file; a line is with the operating system before `step` returns."""

    def __init__(self, file: BinaryIO, path: Path, chain: str = "") -> None:
        """`file` is unbuffered and stands at its end; `chain` is that of its last line."""
        self._file, self._path, self._chain = file, path, chain

    def header(self, header: Header) -> None:
        """Write the first line."""
        self._append(header.model_dump())

    def step(self, step: Step) -> None:
        """Write a step's line. Raises DiskFull or BadInput if it cannot be written."""
        content = {"step": step.step, "g": step.projected_gradients, "loss": step.loss}
        self._append(content | ({"label_bias": step.label_bias} if step.label_bias else {}))

    def evaluation(self, step: int, evaluation: Evaluation) -> None:
        """Write an evaluation's line."""
        self._append({"step": step, "evaluation": asdict(evaluation)})

    def label_head(self, step: int, head: LabelHead) -> None:
        """Write the line of a label head, fitted after `step`."""
        self._append({"step": step, "label_head": head.encode()})

    def _append(self, content: dict[str, Any]) -> None:
        chain, rest = sealed(self._chain, content)
        with disk_errors(self._path):
            while rest:  # a disk that is nearly full takes a part of a line before it refuses
                rest = rest[self._file.write(rest) :]
        self._chain = chain
