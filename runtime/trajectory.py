"""The trajectory: a run as a chain of lines, from which the values can be computed again without the model.

trajectory.jsonl is JSON Lines: a header that binds bundle, data, task and settings, then a line for each step,
evaluation and label head. Each line ends with a member "chain": the first 32 hexadecimal digits of the SHA-256 of the
chain before it (none for the header) followed by the line's bytes without that member. docs/randomness.md states it in
full.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal, NoReturn

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from . import __version__
from .config import TuneConfig
from .errors import BadInput, PocketzoError, bad_input
from .evaluate import Evaluation
from .files import disk_errors, parse_json
from .label_bias import is_bias
from .label_head import LabelHead, decode
from .loop import Step
from .manifest import Positive, Sha256, Task

LINE_LIMIT = 1 << 24
_CHAIN = re.compile(rb',"chain":"([0-9a-f]{32})"\}\Z')


class Header(BaseModel):
    """The first line: everything that the rest depends on. `config` holds TuneConfig's fields but `steps`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    format: Literal["pocketzo-trajectory"] = "pocketzo-trajectory"
    version: Literal[1] = 1
    pocketzo: str = Field(default=__version__, max_length=64)
    bundle: Sha256
    values: Positive
    hidden_size: Positive
    train: Sha256
    validation: Sha256
    task: Task
    engine: str = Field(max_length=64)
    engine_version: str = Field(max_length=64)
    config: dict[str, int | float]

    @property
    def labels(self) -> list[str]:
        """The labels of a classification; none for other tasks."""
        labels = (self.task.model_extra or {}).get("labels")
        return list(labels) if self.task.kind == "classify" and isinstance(labels, dict) else []

    def settings(self) -> TuneConfig:
        """The run's settings. Raises PocketzoError or TypeError if they are not TuneConfig's or out of range."""
        expected = config_members(TuneConfig())
        if {k: type(v) for k, v in self.config.items()} != {k: type(v) for k, v in expected.items()}:
            raise TypeError(f"config must hold {', '.join(expected)}")
        return TuneConfig(**self.config)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Line:
    """One line after the header: a step's projected gradients [Q], loss (nats) and label bias [W], an evaluation, or a
    label head.
    """

    step: int
    projected_gradients: list[float] | None
    loss: float | None
    evaluation: Evaluation | None
    label_bias: list[float] = field(default_factory=list)
    label_head: LabelHead | None = None

    @property
    def is_step(self) -> bool:
        """Whether the line is that of a step."""
        return self.projected_gradients is not None


def config_members(config: TuneConfig) -> dict[str, int | float]:
    """What of the settings decides the result of each step: all but how many there will be."""
    return {name: value for name, value in asdict(config).items() if name != "steps"}


def _sealed(chain: str, content: dict[str, Any]) -> tuple[str, bytes]:
    body = json.dumps(content, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    link = _link(chain, body)
    return link, body[:-1] + f',"chain":"{link}"}}\n'.encode()


def _link(chain: str, body: bytes) -> str:
    return hashlib.sha256(chain.encode() + body).hexdigest()[:32]


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
        chain, rest = _sealed(self._chain, content)
        with disk_errors(self._path):
            while rest:  # a disk that is nearly full takes a part of a line before it refuses
                rest = rest[self._file.write(rest) :]
        self._chain = chain


class Reader:
    """Reads a trajectory line by line, checking the chain; memory does not grow with its length."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        """Read the header. Raises BadInput if it is missing, altered or of another version."""
        self._file, self._path = file, path
        self._chain, self._number = "", 0
        self.whole_bytes = 0
        """bytes up to the last whole line read; what follows is a torn line"""
        content = self._next()
        if content is None:
            bad_input(path, "holds no whole line", "Start the run over with --force")
        try:
            self.header = Header.model_validate(content)
            settings = self.header.settings()
        except (ValidationError, PocketzoError, TypeError) as e:
            reason = e.errors()[0]["msg"] if isinstance(e, ValidationError) else e
            bad_input(path, f"line 1 is no header that this pocketzo reads ({reason})", "Start the run over")
        self.directions = settings.directions

    @property
    def chain(self) -> str:
        """The chain of the last line read."""
        return self._chain

    def _next(self) -> dict[str, Any] | None:
        line = self._file.readline(LINE_LIMIT)
        if not line.endswith(b"\n"):
            if len(line) == LINE_LIMIT:
                self._refuse("is longer than any line can be")
            return None
        self._number += 1
        sealed = _CHAIN.search(line[:-1])
        if not sealed:
            self._refuse("has no chain")
        body = line[: sealed.start()] + b"}"
        link = _link(self._chain, body)
        if link.encode() != sealed[1]:
            self._refuse("was changed, or a line before it was (the chain is broken)")
        try:
            content = parse_json(body.decode("utf-8"))
        except ValueError as e:
            self._refuse(f"is not JSON ({e})")
        if not isinstance(content, dict):
            self._refuse("is not an object")
        self._chain = link
        self.whole_bytes += len(line)
        return content

    def _refuse(self, why: str) -> NoReturn:
        raise BadInput(f"{self._path}, line {self._number}: {why}. Use a copy that is whole, or start the run over.")

    def lines(self) -> Iterator[Line]:
        """Every whole line after the header. Raises BadInput naming the first that is altered or out of order."""
        done = 0
        while (content := self._next()) is not None:
            line = self._line(content)
            if line is None or line.step != done + line.is_step:
                self._refuse("is not the step, evaluation or label head that belongs there")
            done = line.step
            yield line

    def _line(self, content: dict[str, Any]) -> Line | None:
        step, g, loss = content.get("step"), content.get("g"), content.get("loss")
        if type(step) is not int:
            return None
        if set(content) == {"step", "evaluation"}:
            evaluation = _evaluation(content["evaluation"])
            return Line(step, None, None, evaluation) if evaluation else None
        if set(content) == {"step", "label_head"}:
            head = decode(content["label_head"], len(self.header.labels), self.header.hidden_size)
            return Line(step, None, None, None, label_head=head) if head else None
        bias = content.get("label_bias", [])
        if (
            set(content) - {"label_bias"} != {"step", "g", "loss"}
            or not isinstance(g, list)
            or len(g) != self.directions
        ):
            return None
        if not isinstance(bias, list) or len(bias) != len(self.header.labels):
            return None
        good = all(_finite(x) for x in (*g, loss)) and all(is_bias(x) for x in bias)
        return Line(step, g, loss, None, bias) if good else None


def _finite(value: object) -> bool:
    return type(value) is float and math.isfinite(value)


def _evaluation(content: Any) -> Evaluation | None:
    if not isinstance(content, dict) or set(content) != {"loss", "accuracy", "examples"}:
        return None
    accuracy = content["accuracy"]
    good = _finite(content["loss"]) and (accuracy is None or _finite(accuracy)) and type(content["examples"]) is int
    return Evaluation(**content) if good else None
