"""GGUF files that are refused: each with exit code 3 and what is wrong with it, before anything is computed."""

from __future__ import annotations

import os
from typing import Any

import gguf
import numpy as np
import pytest
from pocketzo.toolkit.checkpoint.gguf import files

from ..toolkit.gguf.files import from_folder, write
from ..toolkit.gguf.test_folder import split
from .conftest import refused


@pytest.fixture
def export(cli, tmp_path):
    """export(path): an export that must leave nothing."""

    def call(path: Any) -> Any:
        done = cli("export", path, "--out", tmp_path / "out", "--windows", 2, "--window-tokens", 32)
        assert not [p.name for p in tmp_path.iterdir() if "out" in p.name]
        return done

    return call


@pytest.fixture
def changed(export, tiny_checkpoint, tmp_path):
    """changed(keys, tensors): the tiny model with these in addition, exported; None takes a key or a tensor away."""

    def call(keys: dict[str, Any] | None = None, tensors: dict[str, Any] | None = None, arch: str = "llama") -> Any:
        def change(all_keys: dict[str, Any], all_tensors: dict[str, Any]) -> None:
            all_keys |= keys or {}
            all_tensors |= tensors or {}
            for name in [n for n, t in all_tensors.items() if t is None]:
                del all_tensors[name]

        return export(from_folder(tiny_checkpoint, tmp_path / "m.gguf", arch, change))

    return call


@pytest.mark.parametrize("content", [b"version https://git-lfs.github.com/spec/v1\n", b"<!DOCTYPE html>", b""])
def test_what_is_no_gguf_file(export, tmp_path, content):
    (tmp_path / "m.gguf").write_bytes(content)
    refused(export(tmp_path / "m.gguf"), "m.gguf", "is not a GGUF file", "Copy the file again")


def test_a_file_of_a_folder(export, tiny_checkpoint):
    refused(export(tiny_checkpoint / "model.safetensors"), "model.safetensors", "not a GGUF file", "folder")


@pytest.mark.parametrize("share", [0.0001, 0.01, 0.1, 0.5, 0.999])
def test_truncated(export, tiny_checkpoint, tmp_path, share):
    path = from_folder(tiny_checkpoint, tmp_path / "m.gguf", "llama")
    os.truncate(path, max(4, int(share * path.stat().st_size)))
    refused(export(path), "m.gguf", "is truncated", "Copy the file again")


def test_length_that_is_damaged(export, tiny_checkpoint, tmp_path):
    path = from_folder(tiny_checkpoint, tmp_path / "m.gguf", "llama")
    content, key = bytearray(path.read_bytes()), b"tokenizer.ggml.token_type"
    at = content.index(key) + len(key) + 8  # behind the types of the value and of its items
    content[at : at + 8] = (1 << 40).to_bytes(8, "little")
    path.write_bytes(content)
    refused(export(path), "is truncated", f"ends at byte {len(content)}")


def test_file_that_cannot_be_read(export, tiny_checkpoint, tmp_path, monkeypatch):
    path = from_folder(tiny_checkpoint, tmp_path / "m.gguf", "llama")

    def denied(*arguments: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(files, "is_gguf", denied)
    refused(export(path), "m.gguf", "cannot be read (Permission denied)")


def test_big_endian(export, tmp_path):
    writer = gguf.GGUFWriter(tmp_path / "m.gguf", "llama", endianess=gguf.GGUFEndian.BIG)
    writer.add_tensor("t", np.zeros((2, 32), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    refused(export(tmp_path / "m.gguf"), "big-endian")


def test_other_architecture(export, tmp_path):
    refused(export(write(tmp_path / "m.gguf", "gemma3", {})), '"gemma3"', "Supported: llama, qwen2, qwen3")


def test_adapter(export, tmp_path):
    path = write(tmp_path / "m.gguf", "llama", {"general.type": "adapter", "adapter.type": "lora"})
    refused(export(path), "adapter", "the model itself")


def test_mixture_of_experts(changed):
    refused(changed({"llama.expert_count": 8}), "mixture of 8 experts", "llama.expert_count", "dense")


EXPERTS = {"blk.1.ffn_gate_exps.weight": np.ones((8, 96, 64), np.float32)}


@pytest.mark.parametrize(
    "tensors", [EXPERTS, {"blk.0.attn_sinks.weight": np.ones(4, np.float32)}, {"output.bias": np.ones(512, np.float32)}]
)
def test_tensor_that_nothing_reads(changed, tensors):
    refused(changed(tensors=tensors), next(iter(tensors)), "does not have")


def test_rotary_factors_where_llama_cpp_has_none(export, tmp_path):
    from ..conftest import make_checkpoint

    make_checkpoint(tmp_path / "hf", "qwen2")
    path = from_folder(
        tmp_path / "hf",
        tmp_path / "m.gguf",
        "qwen2",
        lambda keys, tensors: tensors.update({"rope_freqs.weight": np.ones(8, np.float32)}),
    )
    refused(export(path), "rope_freqs.weight", "does not have")


@pytest.mark.parametrize("factors", [np.ones(4), np.ones(0), np.zeros(8), np.full(8, np.nan)])
def test_rotary_factors_that_are_none(changed, factors):
    done = changed(tensors={"rope_freqs.weight": factors.astype(np.float32)})
    refused(done, "rope_freqs.weight", "not 8 positive numbers")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("llama.attention.scale", 0.5),
        ("llama.attention.causal", False),
        ("llama.attention.temperature_length", 8192),
        ("llama.attn_logit_softcapping", 50.0),
        ("llama.logit_scale", 2.0),
        ("llama.rope.scaling.alpha", 1000.0),
        ("llama.rope.freq_base_swa", 10000.0),
        ("llama.embedding_scale", 12.0),
        ("tokenizer.ggml.normalizer.lowercase", True),
        ("tokenizer.ggml.precompiled_charsmap", [1, 2]),
    ],
)
def test_key_that_nothing_reads(changed, key, value):
    refused(changed({key: value}), key, "not supported")


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"rope.scaling.type": "longrope", "rope.scaling.factor": 2.0}, ['"longrope"', "yarn"]),
        ({"rope.scaling.factor": 2.0, "rope.scaling.attn_factor": 1.5}, ["rope.scaling.attn_factor is 1.5"]),
        ({"rope.scaling.type": "yarn", "rope.scaling.yarn_beta_fast": 16.0}, ["yarn_beta_fast is 16", "Only 32 is"]),
        ({"rope.dimension_count": 8}, ["rope.dimension_count is 8", "16 wide"]),
        ({"attention.value_length": 32}, ["attention.value_length is 32"]),
        ({"attention.head_count_kv": [2, 1]}, ["layers differ", "attention.head_count_kv"]),
        ({"attention.head_count": None}, ["has no llama.attention.head_count"]),
        ({"attention.layer_norm_rms_epsilon": None}, ["has no llama.attention.layer_norm_rms_epsilon"]),
        ({"context_length": "long"}, ["llama.context_length", "of the type str"]),
        ({"block_count": 3}, ["lacks the tensor blk.2."]),
        ({"block_count": 1}, ["blk.1.", "does not have"]),
        ({"block_count": 1 << 30}, ["block_count is 1073741824", "holds 20 tensors"]),
        ({"feed_forward_length": 128}, ["is [96, 64]", "make it [128, 64]"]),
    ],
    ids=str,
)
def test_model_that_is_not_supported(changed, keys, words):
    refused(changed({f"llama.{key}": value for key, value in keys.items()}), *words)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"pre": "no-such"}, ['pre-tokenizer "no-such"', "llama-bpe"]),
        ({"model": "t5"}, ['of the kind "t5"', "gpt2, llama"]),
        ({"model": "llama"}, ["no scores", "tokenizer.ggml.scores"]),
        ({"merges": None}, ["no merges"]),
        ({"merges": ["no such"]}, ["cannot be read", "out of vocabulary"]),
        ({"tokens": None}, ["no list of tokens"]),
        ({"tokens": ["a", "a"]}, ["a token twice"]),
        ({"token_type": [1]}, ["types of 1 of 512 tokens"]),
        ({"bos_token_id": None}, ["tokenizer.ggml.bos_token_id"]),
    ],
    ids=str,
)
def test_tokenizer_that_is_not_supported(changed, keys, words):
    refused(changed({f"tokenizer.ggml.{key}": value for key, value in keys.items()}), *words)


def test_tokenizer_of_another_size_than_the_table(changed):
    done = changed(tensors={"token_embd.weight": np.ones((600, 64), np.float32)})
    refused(done, "512 tokens", "600 rows")


def test_lacks_a_tensor(changed):
    refused(changed(tensors={"blk.1.ffn_up.weight": None}), "lacks the tensor blk.1.ffn_up.weight")
    refused(changed(tensors={"token_embd.weight": None}), "lacks the tensor token_embd.weight")


def test_type_that_nothing_dequantizes(changed):
    done = changed(tensors={"blk.0.ffn_up.weight": np.ones((96, 64), np.int8)})
    refused(done, "blk.0.ffn_up.weight", "I8", "cannot dequantize")


def test_part_that_is_missing(export, tiny_checkpoint, tmp_path):
    parts = split(tiny_checkpoint, tmp_path)
    parts[1].unlink()
    refused(export(parts[0]), parts[1].name, "is missing", "one of 2 parts")
    refused(export(tmp_path), parts[1].name, "is missing")


def test_part_under_another_name(export, tiny_checkpoint, tmp_path):
    first, second = split(tiny_checkpoint, tmp_path)
    first.rename(tmp_path / "m.gguf")
    refused(export(tmp_path / "m.gguf"), "part 1 of 2", "NAME-00001-of-")
    (tmp_path / "m.gguf").unlink()
    second.rename(tmp_path / "m.gguf")
    refused(export(tmp_path / "m.gguf"), "part 2 of 2")


def test_parts_of_different_models(export, tiny_checkpoint, tmp_path):
    first, second = split(tiny_checkpoint, tmp_path)
    keys, tensor = {"split.no": 1, "split.count": 2}, np.ones((64, 64), np.float32)
    write(second, "llama", keys, {"token_embd.weight": tensor})
    refused(export(first), second.name, "token_embd.weight, which another part holds too")
    write(second, "llama", keys, {"blk.7.attn_q.weight": tensor})
    refused(export(first), "its parts hold", "tensors of")


def test_folder_with_several_models(export, tiny_checkpoint, tmp_path):
    for name in ("m.Q4_K_M.gguf", "m.Q8_0.gguf"):
        from_folder(tiny_checkpoint, tmp_path / name, "llama")
    refused(export(tmp_path), "holds 2 GGUF files", "m.Q4_K_M.gguf", "Name one")
