"""What an engine whose graph has limits can take, and what to do about more.

ExecuTorch plans a graph's memory when it is exported, for the largest of each dimension.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..errors import BadInput
from ..examples import Batch, Example

MEANING = {
    "P": ("perturbations", "Use fewer --directions"),
    "B": ("examples", "Use a smaller --batch"),
    "T": ("tokens an example", "Use shorter texts, or export again with a larger --max-length"),
    "S": ("scored positions an example", "Use shorter texts, or export again with a larger --max-length"),
    "L": ("labels an example", "Use fewer labels or shorter texts, or export again with a larger --max-length"),
    "W": ("words that compete for a label", "Use fewer labels"),
    "tokens": (
        "tokens (or labels) in all perturbations and examples",
        "Use a smaller --batch or shorter texts, or export again with a larger --max-tokens",
    ),
}


def check_bounds(bounds: Mapping[str, int], sizes: Mapping[str, int], what: object) -> None:
    """Raises BadInput, naming `what`, for the first of `sizes` (by letter, and "tokens") that is over its bound."""
    for letter, size in sizes.items():
        if size > bounds.get(letter, size):
            meaning, fix = MEANING[letter]
            raise BadInput(
                f"{what}: {size:,} {meaning} ({letter}), and the graph takes at most {bounds[letter]:,}. {fix}."
            )


def pass_sizes(batch: Batch, perturbations: int) -> dict[str, int]:
    """The sizes of a pass of `batch` under so many perturbations (P)."""
    (examples, tokens), scored, labels = batch.input_ids.shape, batch.label_positions.shape[1], batch.label_ids.shape[1]
    return _sizes(perturbations, examples, tokens, scored, labels, len(batch.words))


def check_examples(
    bounds: Mapping[str, int], examples: Sequence[Example], words: int, perturbations: int = 1, batch: int = 1
) -> None:
    """Raises BadInput if a pass of `batch` of `examples` under `perturbations` may be over `bounds`, naming the example
    that is too long if one is.
    """
    if not bounds:
        return
    for example in examples:
        alone = _sizes(1, 1, len(example.tokens), len(example.positions), len(example.targets), words)
        check_bounds(bounds, alone, example.where)
    tokens, scored = max(len(e.tokens) for e in examples), max(len(e.positions) for e in examples)
    labels = max(len(e.targets) for e in examples)
    what = f"a step with {batch} examples of up to {tokens} tokens"
    check_bounds(bounds, _sizes(perturbations, batch, tokens, scored, labels, words), what)


def _sizes(perturbations: int, examples: int, tokens: int, scored: int, labels: int, words: int) -> dict[str, int]:
    dimensions = {"P": perturbations, "B": examples, "T": tokens, "S": scored, "L": labels, "W": words}
    return {**dimensions, "tokens": perturbations * examples * max(tokens, labels)}
