"""GGUF files of tiny models, written as llama.cpp's converter does from a Hugging Face folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from safetensors.numpy import load_file
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

BLOCK = {
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}  # fmt: skip
OUTSIDE = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)


def name_of(name: str) -> str:
    """The converter's name of a tensor ("model.layers.0.self_attn.q_proj.weight": "blk.0.attn_q.weight")."""
    layer, kind = name.rsplit(".", 1)
    if layer in OUTSIDE:
        return f"{OUTSIDE[layer]}.{kind}"
    _, _, i, within = layer.split(".", 3)
    return f"blk.{i}.{BLOCK[within]}.{kind}"


def converted(folder: Path, architecture: str) -> dict[str, np.ndarray]:
    """The tensors of a Hugging Face folder under the converter's names, q and k in the architecture's order."""
    config = json.loads((folder / "config.json").read_text())
    heads = {"attn_q": config["num_attention_heads"], "attn_k": config["num_key_value_heads"]}
    made = {}
    for name, tensor in load_file(folder / "model.safetensors").items():
        tensor, at = tensor.astype(np.float32), name_of(name)
        if architecture == "llama" and (layer := at.split(".")[-2]) in heads:
            halves = tensor.reshape(heads[layer], 2, -1, *tensor.shape[1:])
            tensor = np.ascontiguousarray(halves.swapaxes(1, 2)).reshape(tensor.shape)
        made[at] = tensor
    return made


def put(writer: gguf.GGUFWriter, key: str, value: Any) -> None:
    """Write a key, of the type that llama.cpp expects for a value of Python's."""
    if isinstance(value, list):
        writer.add_array(key, value)
        return
    for kind, add in ((bool, writer.add_bool), (int, writer.add_uint32), (float, writer.add_float32)):
        if isinstance(value, kind):
            add(key, value)
            return
    writer.add_string(key, value)


def model_keys(folder: Path, architecture: str) -> dict[str, Any]:
    """The keys that describe a model, without the architecture's prefix."""
    config = json.loads((folder / "config.json").read_text())
    return {
        f"{architecture}.{key}": value
        for key, value in {
            "context_length": config["max_position_embeddings"],
            "embedding_length": config["hidden_size"],
            "block_count": config["num_hidden_layers"],
            "feed_forward_length": config["intermediate_size"],
            "attention.head_count": config["num_attention_heads"],
            "attention.head_count_kv": config["num_key_value_heads"],
            "attention.key_length": config["head_dim"],
            "attention.value_length": config["head_dim"],
            "attention.layer_norm_rms_epsilon": config["rms_norm_eps"],
            "rope.freq_base": config["rope_parameters"]["rope_theta"],
        }.items()
    }


def byte_level_keys(tokenizer: Path, rows: int, pre: str = "gpt-2") -> dict[str, Any]:
    """The keys of a byte-level tokenizer.json, filled up to the rows of a table."""
    content = json.loads(tokenizer.read_text(encoding="utf-8"))
    vocabulary = content["model"]["vocab"]
    special = {token["content"] for token in content["added_tokens"]}
    tokens = sorted(vocabulary, key=vocabulary.get)
    unused = [f"[PAD{i}]" for i in range(len(tokens), rows)]
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": pre,
        "tokenizer.ggml.tokens": tokens + unused,
        "tokenizer.ggml.token_type": [CONTROL if t in special else NORMAL for t in tokens] + [UNUSED] * len(unused),
        "tokenizer.ggml.merges": [" ".join(merge) for merge in content["model"]["merges"]],
        "tokenizer.ggml.bos_token_id": vocabulary["<s>"],
        "tokenizer.ggml.eos_token_id": vocabulary["</s>"],
        "tokenizer.ggml.add_bos_token": True,
    }


def write(path: Path, architecture: str, keys: Mapping[str, Any], tensors: Mapping[str, Any] | None = None) -> Path:
    """Write a GGUF file; a tensor is an array, or the pair that `quantized` makes. Keys that are None are left out."""
    writer = gguf.GGUFWriter(str(path), architecture)
    for key, value in keys.items():
        if value is not None:
            put(writer, key, value)
    for name, tensor in (tensors or {}).items():
        array, kind = tensor if isinstance(tensor, tuple) else (tensor, None)
        writer.add_tensor(name, array, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def quantized(tensors: Mapping[str, np.ndarray], kind: gguf.GGMLQuantizationType) -> dict[str, Any]:
    """The same tensors with every matrix of the type `kind`."""
    return {n: (gguf.quants.quantize(t, kind), kind) if t.ndim == 2 else t for n, t in tensors.items()}


def from_folder(folder: Path, path: Path, architecture: str, change: Callable[..., None] | None = None) -> Path:
    """Write the model of `folder`; `change(keys, tensors)` edits what is written before it is."""
    tensors = converted(folder, architecture)
    keys = model_keys(folder, architecture)
    keys |= byte_level_keys(folder / "tokenizer.json", len(tensors["token_embd.weight"]))
    if change is not None:
        change(keys, tensors)
    return write(path, architecture, keys, tensors)


def splitting_tokenizer(texts: list[str], path: Path) -> Path:
    """A byte-level tokenizer.json whose merges join anything that stands together in `texts`, across words and lines,
    so that token ids show where a pre-tokenizer splits them.
    """
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    trainer = trainers.BpeTrainer(
        vocab_size=20_000,
        min_frequency=1,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(texts, trainer)
    backend.save(str(path))
    return path
