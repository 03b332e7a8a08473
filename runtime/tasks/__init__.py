"""Tasks: how a record becomes a sequence to score, and how scores become loss and accuracy. One small file a kind.

A new kind is a class with the members of `Task`, in a file of its own here, and an entry of `KINDS`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np

from ..bundle.tokenizer import Tokenizer
from ..errors import bad_input
from ..examples import Example
from ..system.files import read_json
from .classify import Classify
from .complete import Complete
from .data import Record


class Task(Protocol):
    """What a kind of task owns: its name and keys in a task file, its labels, how records are read and judged."""

    kind: ClassVar[str]
    """its name under "kind" in a task file"""
    keys: ClassVar[tuple[str, ...]]
    """what such a task file may hold besides"""

    def __init__(
        self, definition: dict[str, Any], where: object, tokenizer: Tokenizer, vocabulary: int, eos: int | None
    ) -> None:
        """From a parsed task file, for a model with a vocabulary of that size. Raises BadInput naming `where`."""

    @staticmethod
    def labels_of(definition: Mapping[str, Any]) -> list[str]:
        """The labels that a parsed task file lists, in its order; none for kinds without. Checks nothing."""

    @property
    def labels(self) -> Sequence[str]:
        """The labels in the order of their words; none for kinds without."""

    words: np.ndarray
    """int64 [W], the tokens that compete for a label"""

    def example(self, record: Record) -> Example:
        """The sequence with everything that loss and `judge` need scored. Raises BadInput naming file and line."""

    def judge(self, nll: np.ndarray, examples: Sequence[Example]) -> tuple[np.ndarray, np.ndarray | None]:
        """From nll [B,L]: the loss of each example [B], and whether each is right (or None)."""


KINDS: dict[str, type[Task]] = {
    Classify.kind: Classify,
    Complete.kind: Complete,
}
"""every kind of task, by the name that task files have for it"""


def make_task(definition: Any, where: object, tokenizer: Tokenizer, vocabulary: int, eos: int | None) -> Task:
    """The task that `definition` (a parsed task file) describes.

    Raises BadInput if the kind is unknown or a field is missing or wrong; `where` names the source in messages.
    """
    if not isinstance(definition, dict) or not isinstance(definition.get("kind"), str):
        bad_input(where, 'a task needs a "kind"', f"Use one of: {', '.join(KINDS)}")
    keys = list(dict.fromkeys(["kind", *(key for kind in KINDS.values() for key in kind.keys)]))
    if unknown := sorted(set(definition) - set(keys)):
        bad_input(where, f'the task has an unknown key "{unknown[0]}"', f"Keys: {', '.join(keys)}")
    if definition["kind"] not in KINDS:
        bad_input(where, f'task kind "{definition["kind"]}" is not known', f"Use one of: {', '.join(KINDS)}")
    return KINDS[definition["kind"]](definition, where, tokenizer, vocabulary, eos)


def labels_of(definition: Mapping[str, Any]) -> list[str]:
    """The labels of the task that `definition` describes; none for a kind without labels, or that is not known."""
    kind = KINDS.get(definition["kind"])
    return kind.labels_of(definition) if kind else []


def read_task(path: Path) -> dict[str, Any]:
    """Parse a task file. Raises BadInput if it is missing or not a JSON object."""
    content = read_json(path, "task file")
    if not isinstance(content, dict):
        bad_input(path, "the task file is not a JSON object", f'Write {{"kind": "{next(iter(KINDS))}", ...}}')
    return content
