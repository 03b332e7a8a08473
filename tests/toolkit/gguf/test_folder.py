"""A GGUF file against the same model as a Hugging Face folder, which transformers reads; llama.cpp is not needed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from pocketzo.toolkit.checkpoint import Checkpoint, find_source, load_whole, open_checkpoint
from tokenizers import Tokenizer
from transformers import AutoConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

from ...conftest import make_checkpoint
from .files import byte_level_keys, converted, from_folder, model_keys, write

FAMILIES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "llama": ("llama", "llama", {"attention_bias": True}),
    "mistral": ("llama", "mistral", {"tie_word_embeddings": False}),
    "qwen2": ("qwen2", "qwen2", {}),
    "qwen3": ("qwen3", "qwen3", {"head_dim": 32}),
}
TEXT = "It's 1,234 café — naïve!\n\n  The <s>end</s> of 日本 😀"


def opened(path: Path) -> Checkpoint:
    """Our reading."""
    return open_checkpoint(find_source(str(path)))


@pytest.mark.parametrize("name", FAMILIES)
def test_tensors_and_tokens_are_those_of_the_folder(name, tmp_path):
    architecture, model_type, changes = FAMILIES[name]
    make_checkpoint(tmp_path / "hf", model_type, **changes)
    found = opened(from_folder(tmp_path / "hf", tmp_path / "m.gguf", architecture))
    whole = load_whole(find_source(str(tmp_path / "hf")))
    expected = dict(whole.named_parameters())
    assert found.shapes.keys() == expected.keys()
    for tensor, parameter in expected.items():
        torch.testing.assert_close(found.tensor(tensor), parameter.detach(), rtol=0, atol=0)
    rotary = whole.model.rotary_emb
    np.testing.assert_allclose(found.decoder.inverse_frequencies, rotary.inv_freq.numpy(), rtol=1e-6)
    theirs = Tokenizer.from_file(str(tmp_path / "hf/tokenizer.json"))
    assert found.tokenizer.backend.encode(TEXT).ids == theirs.encode(TEXT).ids
    assert found.tokenizer.backend.decode(theirs.encode(TEXT).ids) == theirs.decode(theirs.encode(TEXT).ids)
    assert found.tokenizer.eos_token_id == 1


SCALINGS = {
    "linear": {"rope_type": "linear", "factor": 4.0},
    "yarn": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 128},
    "llama3": {
        "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 64,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", SCALINGS)
def test_rotary_scaling_is_that_of_transformers(name, tiny_checkpoint, tmp_path):
    rope = SCALINGS[name]
    config = AutoConfig.from_pretrained(tiny_checkpoint)
    plain, _ = ROPE_INIT_FUNCTIONS["linear"](_scaled(config, {"rope_type": "linear", "factor": 1.0}), "cpu")
    scaled, attention = ROPE_INIT_FUNCTIONS[name](_scaled(config, rope), "cpu")

    def change(keys: dict[str, Any], tensors: dict[str, Any]) -> None:
        if name == "llama3":
            tensors["rope_freqs.weight"] = (plain / scaled).numpy()
            return
        keys |= {"llama.rope.scaling.type": name, "llama.rope.scaling.factor": rope["factor"]}
        keys["llama.rope.scaling.original_context_length"] = rope.get("original_max_position_embeddings")

    decoder = opened(from_folder(tiny_checkpoint, tmp_path / "m.gguf", "llama", change)).decoder
    assert abs(scaled / plain - 1).max() > 0.5
    np.testing.assert_allclose(decoder.inverse_frequencies, scaled.numpy(), rtol=1e-6)
    assert decoder.rotary_scale == pytest.approx(attention)


def _scaled(config: Any, rope: dict[str, Any]) -> Any:
    config.rope_parameters = {"rope_theta": 10000.0, **rope}
    return config


def test_the_bundle_is_that_of_the_folder(tiny_checkpoint, export_once, tmp_path):
    """To the byte: weights, values and vectors, whatever the kind of file."""
    path = from_folder(tiny_checkpoint, tmp_path / "tiny.gguf", "llama")
    made, expected = export_once(path), export_once(tiny_checkpoint)
    for file in ("weights.bin", "values.safetensors", "golden.safetensors"):
        assert (made.directory / file).read_bytes() == (expected.directory / file).read_bytes(), file
    assert made.manifest.model.family == "llama"
    assert made.manifest.model.eos_token_id == expected.manifest.model.eos_token_id


def test_a_shorter_sliding_window_bounds_the_context(tiny_checkpoint, tmp_path):
    def change(keys: dict[str, Any], tensors: dict[str, Any]) -> None:
        keys["llama.attention.sliding_window"] = 64

    assert opened(from_folder(tiny_checkpoint, tmp_path / "m.gguf", "llama", change)).decoder.context_tokens == 64


def test_keys_that_say_nothing_are_no_obstacle(tiny_checkpoint, tmp_path):
    def change(keys: dict[str, Any], tensors: dict[str, Any]) -> None:
        heads, eps = keys["llama.attention.head_count"], keys["llama.attention.layer_norm_rms_epsilon"]
        keys |= {
            "general.name": "x", "general.file_type": 0, "llama.expert_count": 0, "llama.attention.causal": True,
            "llama.attention.head_count": [heads, heads], "llama.rope.dimension_count": 16, "llama.vocab_size": 512,
            "tokenizer.ggml.padding_token_id": 1, "tokenizer.ggml.eot_token_id": 1, "tokenizer.chat_template.tool": "x",
            "tokenizer.chat_template": "{{ messages }}", "tokenizer.ggml.add_space_prefix": False,
            "tokenizer.ggml.add_eos_token": True, "quantize.imatrix.file": "x",
            "llama.attention.layer_norm_rms_epsilon": eps,
        }  # fmt: skip

    found = opened(from_folder(tiny_checkpoint, tmp_path / "m.gguf", "llama", change))
    assert found.tokenizer.chat_template == "{{ messages }}"
    # EOS ends a whole text; a prompt goes on.
    assert 1 not in found.tokenizer.backend.encode("a prompt").ids


def test_a_vocabulary_without_endoftext(tiny_checkpoint, tmp_path):
    """As that of Llama 3, Tekken and DeepSeek."""
    path = from_folder(tiny_checkpoint, tmp_path / "m.gguf", "llama")
    assert "<|endoftext|>" not in opened(path).tokenizer.backend.get_vocab()


def split(folder: Path, at: Path, count: int = 2) -> list[Path]:
    """The model of `folder` in as many files, as llama.cpp's own tool splits it."""
    tensors = converted(folder, "llama")
    keys = model_keys(folder, "llama") | byte_level_keys(folder / "tokenizer.json", len(tensors["token_embd.weight"]))
    paths = []
    for i in range(count):
        part = dict(list(tensors.items())[i::count])
        more = {"split.no": i, "split.count": count, "split.tensors.count": len(tensors)}
        name = at / f"m-{i + 1:05}-of-{count:05}.gguf"
        paths.append(write(name, "llama", {**(keys if i == 0 else {}), **more}, part))
    return paths


def test_parts_are_read_together_whichever_is_named(tiny_checkpoint, tmp_path):
    whole = opened(from_folder(tiny_checkpoint, tmp_path / "whole.gguf", "llama"))
    (tmp_path / "parts").mkdir()
    parts = split(tiny_checkpoint, tmp_path / "parts")
    for named in (*parts, tmp_path / "parts"):
        found = opened(named)
        assert found.source.name == "m"
        assert found.source.weights == parts
        for name in whole.shapes:
            torch.testing.assert_close(found.tensor(name), whole.tensor(name), rtol=0, atol=0)
    assert len(find_source(str(parts[0])).hash()) == 64


def test_a_file_without_suffix_and_a_folder_that_holds_one(tiny_checkpoint, tmp_path):
    blob = from_folder(tiny_checkpoint, tmp_path / "sha256-0123", "llama")
    assert opened(blob).source.name == "sha256-0123"
    (tmp_path / "folder").mkdir()
    blob.rename(tmp_path / "folder/model.Q8_0.gguf")
    assert opened(tmp_path / "folder").source.where == tmp_path / "folder/model.Q8_0.gguf"


def test_a_large_table_is_dequantized_piece_by_piece(tmp_path, monkeypatch):
    from pocketzo.toolkit.checkpoint.gguf import container

    monkeypatch.setattr(container, "AT_ONCE", 1000)
    rng = np.random.default_rng(0)
    for kind in ("F32", "F16", "Q8_0"):
        made = gguf.GGMLQuantizationType[kind]
        array = rng.standard_normal((100, 64)).astype(np.float32)
        raw = gguf.quants.quantize(array, made)
        path = write(tmp_path / f"{kind}.gguf", "llama", {}, {"t": (raw, made)})
        found = container.Container([path], path).tensor("t")
        np.testing.assert_array_equal(found, gguf.quants.dequantize(raw, made))
    assert json.dumps(found.shape) == "[100, 64]"
