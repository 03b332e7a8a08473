"""One line of a trajectory after the header, and what of parsed JSON is one."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from ..label_bias import is_bias
from ..label_head import LabelHead, decode
from .evaluation import Evaluation
from .header import Header


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


def parse_line(content: dict[str, Any], header: Header, directions: int) -> Line | None:
    """The line that a parsed JSON object of a run with `header` is, or None if it is none."""
    step, g, loss = content.get("step"), content.get("g"), content.get("loss")
    if type(step) is not int:
        return None
    if set(content) == {"step", "evaluation"}:
        evaluation = _evaluation(content["evaluation"])
        return Line(step, None, None, evaluation) if evaluation else None
    if set(content) == {"step", "label_head"}:
        head = decode(content["label_head"], len(header.labels), header.hidden_size)
        return Line(step, None, None, None, label_head=head) if head else None
    bias = content.get("label_bias", [])
    if set(content) - {"label_bias"} != {"step", "g", "loss"} or not isinstance(g, list) or len(g) != directions:
        return None
    if not isinstance(bias, list) or len(bias) != len(header.labels):
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
