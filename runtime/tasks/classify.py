"""classify: one label word after a prompt. The loss is cross-entropy over the label words alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..data import Record
from ..errors import BadInput, bad_input
from ..examples import Example
from ..label_bias import log_probabilities
from ..tokenizer import Tokenizer
from . import template


class Classify:
    """Label words are single tokens, so one position of one pass scores all of them."""

    kind = "classify"

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
        self._tokenizer = tokenizer
        self.labels = list(labels)
        self._words = [_label_word(tokenizer, where, label, word) for label, word in labels.items()]
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

    def _tokens_and_answer(self, record: Record) -> tuple[list[int], int]:
        label = record.fields.get("label")
        if isinstance(label, int) and not isinstance(label, bool):
            label = str(label)
        if label not in self.labels:
            known = ", ".join(self.labels)
            problem = 'lacks the key "label"' if label is None else f'label "{label}" is not one of the task\'s'
            raise BadInput(f"{record.where}: {problem} (labels: {known}). Mend the line or the task file.")
        tokens = self._tokenizer.prompt(template.fill(self._prompt, record))
        if not tokens:
            raise BadInput(f"{record.where}: the prompt is empty. Give it at least one character.")
        return tokens, self.labels.index(label)

    def example(self, record: Record) -> Example:
        """Scores every label word at the last token of the prompt (S = 1, L = number of labels)."""
        tokens, answer = self._tokens_and_answer(record)
        return Example(tokens, [len(tokens) - 1], list(self._words), record.where, answer)

    def judge(self, nll: np.ndarray, examples: Sequence[Example]) -> tuple[np.ndarray, np.ndarray | None]:
        """Loss: nll of the right label. Right: no other label scores better."""
        answers = np.array([e.answer for e in examples])
        log_p = log_probabilities(nll, np.zeros(len(self.labels)))
        return -log_p[np.arange(len(examples)), answers], log_p.argmax(axis=1) == answers


def _label_word(tokenizer: Tokenizer, where: object, label: str, word: str) -> int:
    ids = tokenizer.continuation(word)
    if len(ids) == 1:
        return ids[0]
    if not ids:
        bad_input(where, f'the word of label "{label}" is empty', "Give it a word")
    shown = ", ".join(repr(tokenizer.token(i)) for i in ids)
    hint = "" if word.startswith(" ") else f' (in most tokenizers "{" " + word}", with a space first, is shorter)'
    bad_input(
        where,
        f'the word {word!r} of label "{label}" is {len(ids)} tokens ({shown}), and must be one',
        f"Choose a shorter or more common word{hint}",
    )
