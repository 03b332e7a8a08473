"""What a GGUF file is read as against llama.cpp's own log-probabilities."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from pocketzo.export.model.layerwise import Layerwise
from pocketzo.toolkit.checkpoint import find_source, load_whole, open_checkpoint

from ...conftest import make_checkpoint
from .files import from_folder, quantized
from .llama import llama_cpp, log_probabilities, quantize

TOKENS = np.random.default_rng(0).integers(3, 500, 96)


def read_log_probabilities(path: Path) -> np.ndarray:
    """Of each word after each of TOKENS, fp64 [T, N], by the pass that an export makes."""
    opened = open_checkpoint(find_source(str(path)))
    model = Layerwise(opened.config, opened.tensor, frequencies=opened.decoder.inverse_frequencies)
    with torch.no_grad():
        x = model.embedded(TOKENS[None])
        for i in range(model.layers):
            with model.block(i) as block:
                x = model.run(block, x)
        with model.last() as (norm, head):
            logits = norm(x) @ head.T
    return torch.log_softmax(logits[0].double(), -1).numpy()


def difference(path: Path) -> float:
    """The largest, in nats, between both readings."""
    return float(abs(read_log_probabilities(path) - log_probabilities(path, TOKENS.tolist())).max())


def set_keys(**more: Any) -> Callable[..., None]:
    """An edit that adds keys of the architecture llama: dots are written as double underscores."""
    return lambda keys, tensors: keys.update({f"llama.{key.replace('__', '.')}": value for key, value in more.items()})


def rotary_factors(keys: dict[str, Any], tensors: dict[str, Any]) -> None:
    """What the converter makes of Llama 3's scaling: the factors that divide its frequencies."""
    tensors["rope_freqs.weight"] = np.array([1, 1, 1, 1.5, 2.5, 6, 8, 8], np.float32)


def some_biases(keys: dict[str, Any], tensors: dict[str, Any]) -> None:
    """Biases of q, k and v alone, as models have that were made into Llama's form."""
    rng = np.random.default_rng(1)
    for name in [n for n in tensors if n.endswith(("attn_q.weight", "attn_k.weight", "attn_v.weight"))]:
        tensors[name.replace("weight", "bias")] = rng.standard_normal(len(tensors[name])).astype(np.float32)


CASES: dict[str, tuple[str, str, dict[str, Any], Callable[..., None] | None]] = {
    "llama": ("llama", "llama", {}, None),
    "mistral, own output table": ("llama", "mistral", {"tie_word_embeddings": False}, None),
    "qwen2": ("qwen2", "qwen2", {}, None),
    "qwen3, heads of 32": ("qwen3", "qwen3", {"head_dim": 32}, None),
    "biases": ("llama", "llama", {"attention_bias": True, "mlp_bias": True}, None),
    "some biases": ("llama", "llama", {}, some_biases),
    "linear": ("llama", "llama", {}, set_keys(rope__scaling__type="linear", rope__scaling__factor=4.0)),
    "linear, by default": ("llama", "llama", {}, set_keys(rope__scaling__factor=4.0)),
    "linear, old key": ("llama", "llama", {}, set_keys(rope__scale_linear=4.0)),
    "none": ("llama", "llama", {}, set_keys(rope__scaling__type="none", rope__scaling__factor=4.0)),
    "yarn": (
        "llama", "llama", {}, set_keys(rope__scaling__type="yarn", rope__scaling__factor=4.0,
                                       rope__scaling__original_context_length=32),
    ),
    "yarn, all keys": (
        "llama", "llama", {}, set_keys(rope__scaling__type="yarn", rope__scaling__factor=4.0,
                                       rope__scaling__original_context_length=32, rope__scaling__attn_factor=1.2,
                                       rope__scaling__yarn_beta_fast=32.0, rope__scaling__yarn_beta_slow=1.0),
    ),
    "llama 3": ("llama", "llama", {}, rotary_factors),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_log_probabilities_are_those_of_llama_cpp(name, tmp_path):
    architecture, model_type, changes, change = CASES[name]
    make_checkpoint(tmp_path / "hf", model_type, **changes)
    path = from_folder(tmp_path / "hf", tmp_path / "m.gguf", architecture, change)
    assert difference(path) < 1e-3


@pytest.fixture(scope="module")
def wide(tmp_path_factory) -> Path:
    """A Hugging Face folder whose rows are as wide as llama.cpp's blocks of 256 need."""
    folder = tmp_path_factory.mktemp("wide") / "hf"
    make_checkpoint(folder, hidden_size=256, intermediate_size=512, head_dim=64)
    return folder


def calmed(keys: dict[str, Any], tensors: dict[str, Any]) -> None:
    """Smaller weights, so that what is rounded in one place does not change everything behind it."""
    for tensor in tensors.values():
        tensor *= 0.3 if tensor.ndim == 2 else 1


def of_type(folder: Path, kind: str, path: Path) -> Path:
    """The model of `folder` with every matrix of a type, quantized by llama.cpp where the package gguf does not."""
    if kind in FTYPES:
        return quantize(from_folder(folder, path.with_suffix(".f32"), "llama", calmed), path, FTYPES[kind])

    def change(keys: dict[str, Any], tensors: dict[str, Any]) -> None:
        calmed(keys, tensors)
        tensors.update(quantized(tensors, gguf.GGMLQuantizationType[kind]))

    return from_folder(folder, path, "llama", change)


FTYPES = {"Q4_K": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_K_S, "Q6_K": llama_cpp.LLAMA_FTYPE_MOSTLY_Q6_K}
ROUNDED = {"F32": 1e-4, "F16": 2e-3, "BF16": 2e-2, "Q8_0": 0.06, "Q4_0": 0.06, "Q4_K": 0.06, "Q6_K": 0.06}
"""nats on average, twice or thrice what llama.cpp's rounding of activations to the type that goes with it brings"""


@pytest.mark.parametrize("kind", ROUNDED)
def test_each_type_is_dequantized_as_llama_cpp_does(kind, wide, tmp_path):
    path = of_type(wide, kind, tmp_path / "m.gguf")
    assert {t.tensor_type.name for t in gguf.GGUFReader(path).tensors if len(t.shape) == 2} == {kind}
    found = read_log_probabilities(path)
    assert abs(found - log_probabilities(path, TOKENS.tolist())).mean() < ROUNDED[kind]
    # With fp32 activations, on what llama.cpp itself makes of the types.
    widened = quantize(path, tmp_path / "widened.gguf", llama_cpp.LLAMA_FTYPE_ALL_F32)
    assert abs(found - log_probabilities(widened, TOKENS.tolist())).max() < 1e-4


def test_the_whole_model_is_the_same_as_block_by_block(tmp_path):
    make_checkpoint(tmp_path / "hf")
    path = from_folder(tmp_path / "hf", tmp_path / "m.gguf", "llama", rotary_factors)
    with torch.no_grad():
        logits = load_whole(find_source(str(path)))(torch.from_numpy(TOKENS[None])).logits[0]
    np.testing.assert_allclose(torch.log_softmax(logits.double(), -1), read_log_probabilities(path), atol=1e-4)
