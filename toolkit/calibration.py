"""Calibration text: what the sensitivity is measured on. A short one ships."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from pocketzo.export.golden import TOKENS as GOLDEN_TOKENS
from pocketzo.runtime.errors import bad_input
from pocketzo.runtime.files import decode_text, read_file
from pocketzo.runtime.manifest import Calibration
from pocketzo.runtime.names import valid_text

from .checkpoint import ModelTokenizer

BUILT_IN = "built-in"


def read_text(path: Path | None) -> tuple[str, str]:
    """The text of a UTF-8 file, or the built-in one for None, with its name. Raises BadInput if it cannot be read."""
    if path is None:
        return Path(__file__).with_name("calibration.txt").read_text(encoding="utf-8"), BUILT_IN
    what = "calibration text"
    return decode_text(read_file(path, what), path, what), valid_text(path.name)


def windows(
    text: str, source: str, tokenizer: ModelTokenizer, count: int, tokens: int
) -> tuple[np.ndarray, Calibration]:
    """Cut the start of `text` into at most `count` windows, int64 [windows, tokens], and describe them.

    Raises BadInput if the text is shorter than one window.
    """
    # A window is about five characters a token; the margin keeps a large file from being tokenized whole.
    ids = tokenizer.backend.encode(text[: count * tokens * 16], add_special_tokens=False).ids
    # The golden vectors are cut from the same tokens.
    if len(ids) < max(tokens, GOLDEN_TOKENS):
        bad_input(
            source,
            f"the calibration text has {len(ids)} tokens, less than one window of {max(tokens, GOLDEN_TOKENS)}",
            "Give a longer text or a smaller --window-tokens",
        )
    found = min(count, len(ids) // tokens)
    array = np.array(ids[: found * tokens], dtype=np.int64).reshape(found, tokens)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return array, Calibration(source=source, sha256=digest, windows=found, window_tokens=tokens)
