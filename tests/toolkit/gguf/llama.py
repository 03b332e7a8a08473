"""llama.cpp, which is what GGUF means: its token ids and log-probabilities. Skips where llama-cpp-python is missing."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

llama_cpp = pytest.importorskip("llama_cpp", reason="needs llama.cpp: pip install llama-cpp-python")


@llama_cpp.llama_log_callback
def _silent(level: int, text: bytes, data: ctypes.c_void_p) -> None: ...


llama_cpp.llama_log_set(_silent, None)


def tokenizer(path: Path) -> Callable[[str], list[int]]:
    """Token ids of a text, special tokens in it read as such, with what the file puts around it."""
    options = llama_cpp.llama_model_default_params()
    options.vocab_only = True
    model = llama_cpp.llama_model_load_from_file(str(path).encode(), options)
    assert model, "llama.cpp does not read it"
    vocabulary = llama_cpp.llama_model_get_vocab(model)

    def encode(text: str) -> list[int]:
        given = text.encode()
        made = (llama_cpp.llama_token * (4 * len(given) + 8))()
        count = llama_cpp.llama_tokenize(vocabulary, given, len(given), made, len(made), True, True)
        return list(made[:count])

    return encode


def log_probabilities(path: Path, tokens: list[int]) -> np.ndarray:
    """Of each word after each of `tokens`, fp32 [T, N]; keys and values are kept in fp32."""
    model = llama_cpp.Llama(
        str(path), n_ctx=512, n_threads=1, n_threads_batch=1, logits_all=True, type_k=0, type_v=0, verbose=False
    )
    model.eval(tokens)
    logits = np.array(model.scores[: len(tokens)], np.float64)
    logits -= logits.max(-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


def quantize(path: Path, out: Path, kind: int) -> Path:
    """The same model with its matrices in one of llama.cpp's own types."""
    options = llama_cpp.llama_model_quantize_default_params()
    options.nthread, options.ftype, options.pure, options.allow_requantize = 1, kind, True, True
    assert llama_cpp.llama_model_quantize(str(path).encode(), str(out).encode(), ctypes.byref(options)) == 0
    return out
