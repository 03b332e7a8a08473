"""The independent reading of GGUF files: what llama.cpp reads otherwise is refused."""

from __future__ import annotations

import numpy as np
import pytest
from pocketzo.runtime.errors import BadInput
from pocketzo.toolkit.checkpoint import find_source, open_checkpoint
from pocketzo.toolkit.checkpoint.gguf.tensors import GGUFTensors
from pocketzo.toolkit.independent import LIMIT, check_reading
from tokenizers import pre_tokenizers

from .files import from_folder

pytest.importorskip("llama_cpp", reason="needs llama.cpp: make llama")

IDS = np.arange(5, 105, dtype=np.int64)


@pytest.fixture
def model(tiny_checkpoint, tmp_path):
    """A tiny GGUF file."""
    return from_folder(tiny_checkpoint, tmp_path / "m.gguf", "llama")


def test_reading_is_that_of_llama_cpp(model, tmp_path):
    reading = check_reading(open_checkpoint(find_source(str(model))), IDS, tmp_path)
    assert reading.by.startswith("llama.cpp (llama-cpp-python ")
    assert reading.difference <= LIMIT
    assert [path.name for path in tmp_path.iterdir()] == ["m.gguf"]


def test_tensor_that_is_read_otherwise_is_refused(model, tmp_path, monkeypatch):
    right = GGUFTensors.__call__
    monkeypatch.setattr(GGUFTensors, "__call__", lambda s, n: right(s, n).flip(0) if ".q_proj" in n else right(s, n))
    with pytest.raises(BadInput, match=r"pocketzo and llama.cpp .* read it differently"):
        check_reading(open_checkpoint(find_source(str(model))), IDS, tmp_path)


def test_tokens_that_are_read_otherwise_are_refused(model, tmp_path):
    opened = open_checkpoint(find_source(str(model)))
    own, digits = opened.tokenizer.backend.pre_tokenizer, pre_tokenizers.Digits(individual_digits=True)
    opened.tokenizer.backend.pre_tokenizer = pre_tokenizers.Sequence([digits, own])
    with pytest.raises(BadInput, match=r"pocketzo and llama.cpp .* make other tokens"):
        check_reading(opened, IDS, tmp_path)
