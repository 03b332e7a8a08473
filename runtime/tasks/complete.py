"""complete: a prompt and the text that should follow. The loss is the mean nll of the completion's tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from ..bundle.tokenizer import Tokenizer
from ..errors import BadInput
from ..examples import Example
from . import template
from .data import Record


class Complete:
    """The end-of-sequence token is part of the completion where the model has one, so that it learns to stop.

    Spaces that end a prompt are read as the beginning of its completion.
    """

    kind: ClassVar[str] = "complete"
    keys: ClassVar[tuple[str, ...]] = ("prompt", "completion")
    labels: tuple[str, ...] = ()

    def __init__(
        self, definition: dict[str, Any], where: object, tokenizer: Tokenizer, vocabulary: int, eos: int | None
    ) -> None:
        """Raises BadInput if "prompt" or "completion", both optional templates, are not texts."""
        self._prompt = definition.get("prompt", "{prompt}")
        self._completion = definition.get("completion", "{completion}")
        for name, value in (("prompt", self._prompt), ("completion", self._completion)):
            template.check(value, where, name, f"{{{name}}}")
        self._tokenizer = tokenizer
        self._end = [] if eos is None else [eos]
        self.words = np.arange(vocabulary)

    @staticmethod
    def labels_of(definition: Mapping[str, Any]) -> list[str]:
        """None: a completion has no labels."""
        return []

    def example(self, record: Record) -> Example:
        """Scores every token of the completion, each predicted by the one before it."""
        before, after = template.fill(self._prompt, record), template.fill(self._completion, record)
        prompt = self._tokenizer.prompt(template.body(before))
        completion = self._tokenizer.continuation(template.end(before) + after) if after else []
        if not prompt or not completion:
            part, what = ("completion", "") if prompt else ("prompt", " that is no space")
            raise BadInput(f"{record.where}: the {part} is empty. Give it at least one character{what}.")
        targets = completion + self._end
        first = len(prompt) - 1
        positions = list(range(first, first + len(targets)))
        return Example((prompt + targets)[:-1], positions, targets, record.where)

    def judge(self, nll: np.ndarray, examples: Sequence[Example]) -> tuple[np.ndarray, np.ndarray | None]:
        """Loss: mean nll over the completion's tokens. Nothing is right or wrong."""
        return nll.sum(axis=1) / np.array([len(e.targets) for e in examples]), None
