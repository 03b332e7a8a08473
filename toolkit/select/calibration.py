"""Calibration text: what the sensitivity is measured on. A short one ships."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from pocketzo.export.check.golden import TOKENS as GOLDEN_TOKENS
from pocketzo.runtime.bundle.manifest import Calibration
from pocketzo.runtime.errors import bad_input
from pocketzo.runtime.system.files import decode_text, read_file
from pocketzo.runtime.system.names import valid_text

from ..checkpoint import ModelTokenizer

BUILT_IN = "built-in"
HELD_OUT, LEAST = 8, 32
"""windows that are kept for the price of quantization, and the fewest tokens that say anything of it"""


def read_text(path: Path | None) -> tuple[str, str]:
    """The text of a UTF-8 file, or the built-in one for None, with its name. Raises BadInput if it cannot be read."""
    if path is None:
        return Path(__file__).with_name("calibration.txt").read_text(encoding="utf-8"), BUILT_IN
    what = "calibration text"
    return decode_text(read_file(path, what), path, what), valid_text(path.name)


def windows(
    text: str, source: str, tokenizer: ModelTokenizer, count: int, tokens: int, vocabulary: int
) -> tuple[np.ndarray, Calibration]:
    """Cut the start of `text` into at most `count` windows, int64 [windows, tokens], and describe them.

    Raises BadInput if the text is shorter than one window, or if one holds a token beyond the model's `vocabulary`.
    """
    ids = _ids(text, tokenizer, count * tokens)
    # The golden vectors are cut from the same tokens.
    if len(ids) < max(tokens, GOLDEN_TOKENS):
        bad_input(
            source,
            f"the calibration text has {len(ids)} tokens, less than one window of {max(tokens, GOLDEN_TOKENS)}",
            "Give a longer text or a smaller --window-tokens",
        )
    found = min(count, len(ids) // tokens)
    array = np.array(ids[: found * tokens], dtype=np.int64).reshape(found, tokens)
    if (largest := max(array.max(), *ids[:GOLDEN_TOKENS])) >= vocabulary:
        why = f"the calibration text holds token {largest}, a special one, and the model's vocabulary ends at"
        bad_input(source, f"{why} {vocabulary - 1}", "Take it out of the text")
    digest = hashlib.sha256(text.encode()).hexdigest()
    return array, Calibration(source=source, sha256=digest, windows=found, window_tokens=tokens)


def held_out(
    text: str, tokenizer: ModelTokenizer, calibration: Calibration, tokens: int, vocabulary: int
) -> np.ndarray:
    """At most HELD_OUT windows of at most `tokens` that follow those of `calibration` in `text`, int64 [windows, T].

    Of what is shorter than a window one shorter window is made; none if hardly anything is left. A window with a token
    beyond the model's `vocabulary` is left out.
    """
    seen = calibration.windows * calibration.window_tokens
    ids = _ids(text, tokenizer, seen + HELD_OUT * tokens)[seen:]
    length = min(tokens, len(ids))
    count = min(HELD_OUT, len(ids) // length) if length >= LEAST else 0
    cut = np.array(ids[: count * length], dtype=np.int64).reshape(count, length)
    return cut[(cut < vocabulary).all(axis=1)]


def _ids(text: str, tokenizer: ModelTokenizer, count: int) -> list[int]:
    # A token is about five characters; the margin keeps a large file from being tokenized whole.
    return tokenizer.backend.encode(text[: count * 16], add_special_tokens=False).ids
