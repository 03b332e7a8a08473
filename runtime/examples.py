"""Examples, which a task makes of records; batches of them, the inputs of the step graph; and its outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .errors import BadInput


@dataclass(frozen=True)
class Example:
    """One sequence and what to score in it.

    The hidden state at `positions[s]` scores the next M of `targets` (L = S * M): one target each for a completion, and
    all label words at the one position of a classification, whose right one is `targets[answer]`.
    """

    tokens: list[int]
    positions: list[int]
    targets: list[int]
    where: str
    answer: int | None = None


@dataclass(frozen=True)
class Batch:
    """Inputs of the step graph but for the values: int64 [B,T], [B,S], [B,L] and [W], L a multiple of S.

    `words` are the tokens that compete for a label: the label words of a classification, or the whole vocabulary.
    `answers` (int64 [B]) says which of an example's labels is right, in a classification.
    """

    input_ids: np.ndarray
    label_positions: np.ndarray
    label_ids: np.ndarray
    words: np.ndarray
    answers: np.ndarray | None = None

    @property
    def tokens(self) -> int:
        """Tokens that the engine will compute for one perturbation, padding included (B x T)."""
        return self.input_ids.size


class Forward(NamedTuple):
    """What the step graph gives: nll (nats, fp32 [P,B,L]), and the final hidden states at the label positions, after
    the last norm (fp32 [P,B,S,H]).
    """

    nll: np.ndarray
    hidden: np.ndarray


def collate(examples: Sequence[Example], words: np.ndarray) -> Batch:
    """Right-pad `examples` to one T, S and L. A padded label has token id -1 and scores 0."""
    tokens = max(len(e.tokens) for e in examples)
    scored = max(len(e.positions) for e in examples)
    labels = max(len(e.targets) for e in examples)
    answers = [e.answer for e in examples if e.answer is not None]
    input_ids = np.zeros((len(examples), tokens), dtype=np.int64)
    positions = np.zeros((len(examples), scored), dtype=np.int64)
    targets = np.full((len(examples), labels), -1, dtype=np.int64)
    for b, example in enumerate(examples):
        input_ids[b, : len(example.tokens)] = example.tokens
        positions[b, : len(example.positions)] = example.positions
        targets[b, : len(example.targets)] = example.targets
    return Batch(input_ids, positions, targets, words, np.array(answers) if answers else None)


def check_range(batch: Batch, vocabulary: int) -> None:
    """Raises BadInput if a token, label, word or position lies outside of what it points into (N = `vocabulary`):
    engines read on regardless.
    """
    tokens = batch.input_ids.shape[1]
    for name, array, least, end in (
        ("input_ids", batch.input_ids, 0, vocabulary),
        ("label_ids", batch.label_ids, -1, vocabulary),
        ("words", batch.words, 0, vocabulary),
        ("label_positions", batch.label_positions, 0, tokens),
    ):
        if array.min() < least or array.max() >= end:
            raise BadInput(f"{name}: {array.min()} to {array.max()}, and the limits are {least} and {end - 1}.")
    scored, labels = batch.label_positions.shape[1], batch.label_ids.shape[1]
    if labels % scored:
        raise BadInput(f"label_ids: {labels} an example, and must be a multiple of its {scored} label_positions.")


def check_fits(example: Example, context_tokens: int, vocabulary: int) -> Example:
    """Raises BadInput if `example` is longer than the model's context, or holds a token that only the tokenizer has."""
    if len(example.tokens) > context_tokens:
        raise BadInput(
            f"{example.where}: has {len(example.tokens)} tokens with its prompt, and the model's context is"
            f" {context_tokens}. Shorten the text or the prompt."
        )
    if (largest := max(*example.tokens, *example.targets)) >= vocabulary:
        raise BadInput(
            f"{example.where}: holds token {largest}, a special one of the tokenizer, and the model's vocabulary ends"
            f" at {vocabulary - 1}. Take it out of the text."
        )
    return example
