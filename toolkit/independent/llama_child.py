"""The process in which llama.cpp reads a GGUF file: python -m ... GGUF WIDE GIVEN.npy FOUND.npz TEXT.

Nothing of pocketzo's reading is imported here.
"""

from __future__ import annotations

import ctypes
import os
import sys

import llama_cpp
import numpy as np

REFUSED = 3
"""exit code for a file that llama.cpp does not take"""
ALL_F32, F32 = 0, 0
"""llama.cpp's numbers of the file type and of the tensor type"""


def main(gguf: str, wide: str, given: str, found: str, text: str) -> None:
    """Write the nll of each token but the first (fp64), and the tokens of `text`, to `found`."""
    settings = llama_cpp.llama_model_quantize_default_params()
    settings.ftype, settings.allow_requantize = ALL_F32, True
    if llama_cpp.llama_model_quantize(os.fsencode(gguf), os.fsencode(wide), ctypes.byref(settings)):
        sys.exit(REFUSED)
    ids = np.load(given, allow_pickle=False)
    # Keys and values are fp16 by default.
    try:
        model = llama_cpp.Llama(
            wide, logits_all=True, n_ctx=len(ids), n_batch=len(ids), n_ubatch=len(ids), type_k=F32, type_v=F32,
            flash_attn=False, verbose=False,
        )  # fmt: skip
    except ValueError:  # what llama-cpp-python makes of a model that llama.cpp does not load
        sys.exit(REFUSED)
    model.eval(ids.tolist())
    logits = np.array(model.scores[: len(ids) - 1], dtype=np.float64)
    top = logits.max(axis=1, keepdims=True)
    log_sum = top[:, 0] + np.log(np.exp(logits - top).sum(axis=1))
    nll = log_sum - logits[np.arange(len(logits)), ids[1:]]
    tokens = model.tokenize(text.encode(), add_bos=False, special=True)
    np.savez(found, nll=nll, tokens=np.array(tokens, dtype=np.int64))


if __name__ == "__main__":
    main(*sys.argv[1:])
