"""Tasks: how a record becomes a sequence to score, and how scores become loss and accuracy. One small file a kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ..bundle.tokenizer import Tokenizer
from ..errors import bad_input
from ..examples import Example
from ..system.files import read_json
from .data import Record


class Task(Protocol):
    """What the loop and the evaluation need of a task."""

    kind: str

    @property
    def labels(self) -> Sequence[str]:
        """The labels of a classification in the order of their words; none for other kinds."""

    words: np.ndarray
    """int64 [W], the tokens that compete for a label"""

    def example(self, record: Record) -> Example:
        """The sequence with everything that loss and `judge` need scored. Raises BadInput naming file and line."""

    def judge(self, nll: np.ndarray, examples: Sequence[Example]) -> tuple[np.ndarray, np.ndarray | None]:
        """From nll [B,L]: the loss of each example [B], and whether each is right (or None)."""


def make_task(definition: Any, where: object, tokenizer: Tokenizer, vocabulary: int, eos: int | None) -> Task:
    """The task that `definition` (a parsed task file) describes.

    Raises BadInput if the kind is unknown or a field is missing or wrong; `where` names the source in messages.
    """
    from .classify import Classify
    from .complete import Complete

    kinds: dict[str, Callable[..., Task]] = {"classify": Classify, "complete": Complete}
    if not isinstance(definition, dict) or not isinstance(definition.get("kind"), str):
        bad_input(where, 'a task needs a "kind"', f"Use one of: {', '.join(kinds)}")
    if unknown := sorted(set(definition) - {"kind", "prompt", "labels", "completion"}):
        bad_input(where, f'the task has an unknown key "{unknown[0]}"', "Keys: kind, prompt, labels, completion")
    if definition["kind"] not in kinds:
        bad_input(where, f'task kind "{definition["kind"]}" is not known', f"Use one of: {', '.join(kinds)}")
    return kinds[definition["kind"]](definition, where, tokenizer, vocabulary, eos)


def read_task(path: Path) -> dict[str, Any]:
    """Parse a task file. Raises BadInput if it is missing or not a JSON object."""
    content = read_json(path, "task file")
    if not isinstance(content, dict):
        bad_input(path, "the task file is not a JSON object", 'Write {"kind": "classify", ...}')
    return content
