"""transformers' configuration of the model that a GGUF file's metadata describes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pocketzo.export.model.families import Family
from pocketzo.runtime.errors import bad_input

from .container import Stored
from .metadata import Metadata

USUAL = {
    "rope.scaling.yarn_ext_factor": 1.0,
    "rope.scaling.yarn_attn_factor": 1.0,
    "rope.scaling.yarn_beta_fast": 32.0,
    "rope.scaling.yarn_beta_slow": 1.0,
    "rope.scaling.yarn_log_multiplier": 0.0,
}
"""keys that llama.cpp ignores in these architectures: with any other value the file means what nothing computes"""


def read_config(metadata: Metadata, tensors: Mapping[str, Stored]) -> Any:
    """The configuration. Raises BadInput if metadata is missing or asks for what is not supported."""
    from transformers import AutoConfig

    hidden, heads = metadata.count("embedding_length"), metadata.count("attention.head_count")
    head = metadata.count("attention.key_length", hidden // heads)
    for name in ("attention.value_length", "rope.dimension_count"):
        if (size := metadata.count(name, head)) != head:
            why = f"its {metadata.architecture}.{name} is {size} where heads are {head} wide, which is not supported"
            bad_input(metadata.where, why, "Choose another model")
    context, window = metadata.count("context_length"), metadata.own("attention.sliding_window", 0)
    eps = metadata.own("attention.layer_norm_rms_epsilon", 0.0)
    if not 0 < eps < 1:
        why = f"has no {metadata.architecture}.attention.layer_norm_rms_epsilon between 0 and 1"
        bad_input(metadata.where, why, "Convert the model again")
    if (layers := metadata.count("block_count")) > len(tensors):
        why = f"its {metadata.architecture}.block_count is {layers}, and it holds {len(tensors)} tensors"
        bad_input(metadata.where, why, "Copy the file again, with all of its parts")
    if "token_embd.weight" not in tensors:
        bad_input(metadata.where, "lacks the tensor token_embd.weight", "Copy the file again, with all of its parts")
    return AutoConfig.for_model(
        metadata.model_type,
        vocab_size=tensors["token_embd.weight"].shape[0],
        hidden_size=hidden,
        intermediate_size=metadata.count("feed_forward_length"),
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=metadata.count("attention.head_count_kv", heads),
        head_dim=head,
        # Within its sliding window a model attends to everything, so a shorter context makes the window moot.
        max_position_embeddings=min(context, window) if window else context,
        **{metadata.family.norm_eps: eps},
        rope_parameters=_rope(metadata, context),
        tie_word_embeddings="output.weight" not in tensors,
        **_biases(metadata.family, tensors),
        bos_token_id=None,
        eos_token_id=None,
    )


def _biases(family: Family, tensors: Mapping[str, Stored]) -> dict[str, bool]:
    """Which layers have biases, for a family whose configuration says so: those that the file has some of."""
    parts = ((family.attention_bias, ".attn_"), (family.output_bias, ".attn_"), (family.mlp_bias, ".ffn_"))
    biases = [name for name in tensors if name.endswith(".bias")]
    return {key: any(part in name for name in biases) for key, part in parts if isinstance(key, str)}


def _rope(metadata: Metadata, context: int) -> dict[str, Any]:
    """transformers' parameters of the rotary embedding, from the keys that llama.cpp reads."""
    rope: dict[str, Any] = {"rope_type": "default", "rope_theta": metadata.own("rope.freq_base", 10000.0)}
    kind = metadata.own("rope.scaling.type", "linear")
    factor = metadata.own("rope.scaling.factor", 0.0) or metadata.own("rope.scale_linear", 0.0) or 1.0
    attention = metadata.own("rope.scaling.attn_factor", 1.0)
    for name, usual in USUAL.items():
        _expect(metadata, name, usual)
    if kind == "yarn":
        return rope | {
            "rope_type": "yarn",
            "factor": factor,
            "original_max_position_embeddings": metadata.count("rope.scaling.original_context_length", context),
            "attention_factor": attention * (1 + 0.1 * math.log(max(factor, 1))),
        }
    _expect(metadata, "rope.scaling.attn_factor", 1.0)
    metadata.own("rope.scaling.original_context_length", context)
    if kind == "linear":
        return {**rope, "rope_type": "linear", "factor": factor} if factor != 1 else rope
    if kind != "none":
        why = f'the rotary scaling "{kind}" of a GGUF file is not supported'
        bad_input(metadata.where, why, "Supported: none, linear, yarn, and factors in rope_freqs.weight (Llama 3)")
    return rope


def _expect(metadata: Metadata, name: str, value: float) -> None:
    if (found := metadata.own(name, value)) != value:
        why = f"its {metadata.architecture}.{name} is {found:g}, which is not supported"
        bad_input(metadata.where, why, f"Only {value:g} is")
