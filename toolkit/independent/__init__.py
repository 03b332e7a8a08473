"""An independent reading of the checkpoint in every export, by an implementation that shares no code with ours.

Golden vectors and `verify` compare a bundle with our own reading of the checkpoint, so they agree with a wrong one.
Here the nll of a short text is held against transformers' own loading (folders, hub) or llama.cpp (GGUF files).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pocketzo.export.model.layerwise import Layerwise
from pocketzo.export.model.reference import sequence_nll
from pocketzo.runtime.bundle.manifest import Reading
from pocketzo.runtime.errors import bad_input

from ..checkpoint import Checkpoint
from .folder import transformers_nll
from .llama import llama_nll

TOKENS = 256
"""of the text that both read"""
LIMIT = 1e-3
"""nats that the two may be apart at a token, and the same share of its nll where that is over a nat: both compute in
fp32 on the unquantized weights, and what is rounded off grows with the logits
"""


def check_reading(opened: Checkpoint, tokens: np.ndarray, folder: Path) -> Reading:
    """Hold our reading of `opened` against another one's, on the first of `tokens` (int64 [T]).

    `folder` takes files of the other for a while. Raises BadInput, naming both readings, if they differ by more than
    LIMIT.
    """
    # Beyond its context (a sliding window, for one) a model is not what we make of it, nor is it used there.
    ids, where = tokens[: min(TOKENS, opened.decoder.context_tokens)], opened.source.where
    other = llama_nll(opened, ids, folder) if opened.source.gguf else transformers_nll(opened.source, ids)
    if other.nll is None:
        return Reading(by=other.by, tokens=len(ids), difference=None)
    decoder = Layerwise(opened.config, opened.tensor, frequencies=opened.decoder.inverse_frequencies)
    ours = sequence_nll(decoder, ids[None])[0]
    if not (np.isfinite(ours).all() or np.isfinite(other.nll).all()):
        bad_input(where, "the nll of a text is not finite", "The checkpoint holds NaN or infinite weights: check it")
    difference = np.abs(ours - other.nll)
    share = difference / np.maximum(1, other.nll)
    worst = int(np.argmax(share))
    if not share[worst] <= LIMIT:  # NaN is no agreement
        bad_input(
            where,
            f"pocketzo and {other.by} read it differently: token {worst + 1} of a text has a nll of {ours[worst]:.4f}"
            f" nats here and {other.nll[worst]:.4f} there, and at most {LIMIT:g} of it may be between them",
            "The bundle was not written: report it with the checkpoint's name",
        )
    return Reading(by=other.by, tokens=len(ids), difference=float(difference.max()))
