"""Validation records that repeat training records: what was learnt by heart proves nothing of new ones."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from ..examples import Example


@dataclass(frozen=True)
class Repeats:
    """Of `all` validation records, how many are among the training records, and how many have the text of one with
    another label. Compared is what the model sees.
    """

    records: int
    texts: int
    all: int

    def warnings(self) -> list[str]:
        """What to say of them before a run."""
        said = []
        if self.records:
            said.append(
                f"{self._share(self.records, 'is', 'are')} in the training file too: how the model does on them says"
                " nothing of new ones."
            )
        if self.texts:
            said.append(
                f"{self._share(self.texts, 'has', 'have')} the text of a training record, but another label: one of"
                " the two is probably wrong."
            )
        return said

    def _share(self, count: int, one: str, many: str) -> str:
        return f"{count:,} of {self.all:,} validation records {one if count == 1 else many}"


def repeats(train: Sequence[Example], held_out: Sequence[Example]) -> Repeats:
    """Which of the examples `held_out` are in `train` too."""
    texts, records = {_text(e) for e in held_out}, {_record(e) for e in held_out}
    texts_there = {text for e in train if (text := _text(e)) in texts}
    records_there = {record for e in train if (record := _record(e)) in records}
    same = [_record(e) in records_there for e in held_out]
    other = [e.answer is not None and _text(e) in texts_there for e in held_out]
    return Repeats(sum(same), sum(o and not s for o, s in zip(other, same, strict=True)), len(held_out))


def _text(example: Example) -> Hashable:
    """The prompt."""
    return tuple(example.tokens[: example.positions[0] + 1])


def _record(example: Example) -> Hashable:
    return _text(example), tuple(example.targets), example.answer
