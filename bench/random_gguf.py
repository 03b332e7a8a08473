"""A GGUF file of random weights in 8 bits (Q8_0) at the shape of a model, one tensor in memory at a time."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from pocketzo.export.model.layerwise import rotary_embedding, skeleton
from pocketzo.runtime.system.files import written_atomically
from tokenizers import Tokenizer

NORMAL, CONTROL, UNUSED = 1, 3, 5
KIND = gguf.GGMLQuantizationType.Q8_0
GROUP = 32
ROTARY_FACTORS = "rope_freqs.weight"
SCALE = np.float16(0.02 / 74)
"""of codes whose standard deviation is 74"""


def make_gguf(path: Path, config: Any, tokenizer: Tokenizer) -> None:
    """Write the file to `path`, where it appears once it is whole."""
    with written_atomically(path) as part:
        _write(gguf.GGUFWriter(part, config.model_type), config, tokenizer)


def _write(writer: gguf.GGUFWriter, config: Any, tokenizer: Tokenizer) -> None:
    _describe(writer, config)
    _add_tokenizer(writer, tokenizer, config.vocab_size)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH[config.model_type.upper()], config.num_hidden_layers)
    shapes = {
        str(names.get_name(name, try_suffixes=(".weight", ".bias"))): tuple(parameter.shape)
        for name, parameter in skeleton(config).named_parameters()
    }
    factors = _rotary_factors(config)
    if factors is not None:
        shapes[ROTARY_FACTORS] = factors.shape
    for name, shape in shapes.items():
        if len(shape) == 2:
            rows, groups = shape[0], shape[1] // GROUP
            writer.add_tensor_info(
                name, (rows, groups * (GROUP + 2)), np.dtype(np.uint8), rows * groups * (GROUP + 2), KIND
            )
        else:
            writer.add_tensor_info(name, shape, np.dtype(np.float32), 4 * math.prod(shape))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    rng = np.random.default_rng(0)
    for name, shape in shapes.items():
        made = _blocks(shape, rng) if len(shape) == 2 else np.ones(shape, np.float32)
        writer.write_tensor_data(made if factors is None or name != ROTARY_FACTORS else factors)
    writer.close()


def _describe(writer: gguf.GGUFWriter, config: Any) -> None:
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])


def _add_tokenizer(writer: gguf.GGUFWriter, tokenizer: Tokenizer, rows: int) -> None:
    """As many tokens as the table has rows: reading them takes the time that it takes."""
    model = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    unused = [f"[PAD{i}]" for i in range(len(tokens), rows)]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens + unused)
    writer.add_token_types([CONTROL] * 2 + [NORMAL] * (len(tokens) - 2) + [UNUSED] * len(unused))
    writer.add_token_merges([" ".join(merge) for merge in model["merges"]])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_add_bos_token(True)


def _rotary_factors(config: Any) -> np.ndarray | None:
    """What divides the frequencies of Llama 3's scaling, which has no keys of its own."""
    rope = config.rope_parameters
    if rope["rope_type"] != "llama3":
        return None
    scaled = rotary_embedding(config).inv_freq
    plain = 1 / rope["rope_theta"] ** (torch.arange(len(scaled)) / len(scaled))
    return (plain / scaled).numpy()


def _blocks(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Bytes of a random matrix: of each group its scale, then its codes."""
    blocks = np.empty((shape[0], shape[1] // GROUP, GROUP + 2), np.uint8)
    blocks[..., :2] = np.array([SCALE]).view(np.uint8)
    blocks[..., 2:] = np.frombuffer(rng.bytes(math.prod(shape)), np.uint8).reshape(*blocks.shape[:2], GROUP)
    return blocks.reshape(shape[0], -1)
