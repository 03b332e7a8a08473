"""classify: one label word after a prompt. The loss is cross-entropy over the label words alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from ..bundle.tokenizer import Tokenizer
from ..errors import BadInput, bad_input
from ..examples import Example
from ..label_bias import log_probabilities
from . import template
from .data import Record, named, written


class Classify:
    """Label words are single tokens, so one position of one pass scores all of them.

    Spaces that end the template are read as the beginning of each word, and those that end a record's own text not at
    all: the words are the same for every record.
    """

    kind: ClassVar[str] = "classify"
    keys: ClassVar[tuple[str, ...]] = ("prompt", "labels")

    def __init__(
        self, definition: dict[str, Any], where: object, tokenizer: Tokenizer, vocabulary: int, eos: int | None
    ) -> None:
        """Raises BadInput if prompt or labels are missing, a label word is not one token, or two share a token."""
        labels = definition.get("labels")
        prompt = template.check(definition.get("prompt"), where, "prompt", "Review: {text}\\nSentiment:")
        if "label" in template.fields(prompt):
            bad_input(where, '"prompt" shows the model the answer', "Remove {label} from it")
        if not isinstance(labels, dict) or len(labels) < 2 or not all(isinstance(w, str) for w in labels.values()):
            bad_input(
                where, '"labels" must map at least two labels to words', 'Such as {"good": " good", "bad": " bad"}'
            )
        self._prompt = prompt
        end = template.end(prompt)
        self._tokenizer = tokenizer
        self.labels = self.labels_of(definition)
        self._words = [_label_word(tokenizer, where, label, end, word) for label, word in labels.items()]
        if max(self._words) >= vocabulary:
            bad_input(where, "a label word is a token that the model does not have", "Choose another word")
        for i, word in enumerate(self._words):
            if (first := self._words.index(word)) != i:
                bad_input(
                    where,
                    f'labels "{self.labels[first]}" and "{self.labels[i]}" have words that start with the same'
                    f" token ({tokenizer.token(word)!r}), so they cannot be told apart",
                    "Give one of them another word",
                )
        self.words = np.array(self._words)

    @staticmethod
    def labels_of(definition: Mapping[str, Any]) -> list[str]:
        """The labels that `definition` maps to words, in its order."""
        labels = definition.get("labels")
        return list(labels) if isinstance(labels, dict) else []

    def _answer(self, record: Record) -> int:
        label = record.fields.get("label")
        if isinstance(label, int) and not isinstance(label, bool):
            label = str(label)
        if label in self.labels:
            return self.labels.index(label)
        problem, fix = f'label "{label}" is not one of the task\'s', "Mend the line or the task file."
        if "label" not in record.fields:
            problem = 'lacks the key "label"'
        elif not isinstance(label, str):
            problem, fix = f"the label is {named(label)}, and must be a text", _label_fix(label, self.labels)
        raise BadInput(f"{record.where}: {problem} (labels: {', '.join(self.labels)}). {fix}")

    def example(self, record: Record) -> Example:
        """Scores every label word at the last token of the prompt (S = 1, L = number of labels)."""
        answer = self._answer(record)
        tokens = self._tokenizer.prompt(template.body(template.fill(self._prompt, record)))
        if not tokens:
            raise BadInput(f"{record.where}: the prompt is empty. Give it at least one character that is no space.")
        return Example(tokens, [len(tokens) - 1], list(self._words), record.where, answer)

    def judge(self, nll: np.ndarray, examples: Sequence[Example]) -> tuple[np.ndarray, np.ndarray | None]:
        """Loss: nll of the right label. Right: no other label scores better."""
        answers = np.array([e.answer for e in examples])
        log_p = log_probabilities(nll, np.zeros(len(self.labels)))
        return -log_p[np.arange(len(examples)), answers], log_p.argmax(axis=1) == answers


def _label_fix(value: Any, labels: Sequence[str]) -> str:
    """What to write in place of a label that is no text: the label that is written like it, if there is one."""
    alike = [] if isinstance(value, list | dict) else [written(value)]
    if isinstance(value, float) and value.is_integer():
        alike.append(str(int(value)))
    meant = next((label for label in labels if label.lower() in alike), None)
    return "Write one of the labels, in quotes." if meant is None else f'Write "label": "{meant}".'


def _label_word(tokenizer: Tokenizer, where: object, label: str, end: str, word: str) -> int:
    """The token of `word` behind a prompt that ends in the spaces `end`. Raises BadInput if it is not one."""
    ids = tokenizer.continuation(end + word) if word else []
    if len(ids) == 1:
        return ids[0]
    if not ids:
        bad_input(where, f'the word of label "{label}" is empty', "Give it a word")
    shown = ", ".join(repr(tokenizer.token(i)) for i in ids)
    fix = "Choose a shorter or more common word"
    if end and (end + word).startswith("  "):
        fix = "Leave one space between prompt and word: what the prompt ends in is read as part of the words"
    elif end:
        fix += " (the prompt ends in white space, which is read as part of the words)"
    elif not word.startswith(" "):
        fix += f' (in most tokenizers "{" " + word}", with a space first, is shorter)'
    bad_input(where, f'the word {end + word!r} of label "{label}" is {len(ids)} tokens ({shown}), and must be one', fix)
