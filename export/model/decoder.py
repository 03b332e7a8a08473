"""What the step graph needs to know of a decoder of the Llama family, read from its configuration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from pocketzo.runtime.errors import bad_input


@dataclass(frozen=True)
class Linear:
    """One linear layer: the checkpoint's name of it, its weight's shape [rows, columns] = [out, in], and its bias."""

    name: str
    rows: int
    columns: int
    bias: bool = False


@dataclass(frozen=True)
class Decoder:
    """A causal decoder: pre-norm blocks of rotary grouped-query attention and a gated MLP."""

    vocabulary: int
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    norm_eps: float
    tied_embedding: bool
    attention_bias: bool
    output_bias: bool
    mlp_bias: bool
    qk_norm: bool
    context_tokens: int
    inverse_frequencies: np.ndarray
    """fp32 [head_dim / 2], in radians per token"""
    rotary_scale: float
    """factor of cos and sin that some long-context scalings bring"""

    def block(self, i: int) -> dict[str, Linear]:
        """The linear layers of block `i`, in the order in which a token meets them."""
        at = f"model.layers.{i}."
        q, kv = self.heads * self.head_dim, self.kv_heads * self.head_dim
        return {
            "q": Linear(at + "self_attn.q_proj", q, self.hidden, self.attention_bias),
            "k": Linear(at + "self_attn.k_proj", kv, self.hidden, self.attention_bias),
            "v": Linear(at + "self_attn.v_proj", kv, self.hidden, self.attention_bias),
            "o": Linear(at + "self_attn.o_proj", self.hidden, q, self.output_bias),
            "gate": Linear(at + "mlp.gate_proj", self.intermediate, self.hidden, self.mlp_bias),
            "up": Linear(at + "mlp.up_proj", self.intermediate, self.hidden, self.mlp_bias),
            "down": Linear(at + "mlp.down_proj", self.hidden, self.intermediate, self.mlp_bias),
        }

    def linears(self) -> list[Linear]:
        """Every linear layer but the LM head: the layers whose weights can be sensitive."""
        return [linear for i in range(self.layers) for linear in self.block(i).values()]


def _llama(config: Any) -> dict[str, bool]:
    bias = bool(getattr(config, "attention_bias", False))
    return {"attention_bias": bias, "output_bias": bias, "qk_norm": False}


def _mistral(config: Any) -> dict[str, bool]:
    return {"attention_bias": False, "output_bias": False, "qk_norm": False}


def _qwen2(config: Any) -> dict[str, bool]:
    return {"attention_bias": True, "output_bias": False, "qk_norm": False}


def _qwen3(config: Any) -> dict[str, bool]:
    bias = bool(getattr(config, "attention_bias", False))
    return {"attention_bias": bias, "output_bias": bias, "qk_norm": True}


FAMILIES: dict[str, Callable[[Any], dict[str, bool]]] = {
    "llama": _llama,
    "mistral": _mistral,
    "qwen2": _qwen2,
    "qwen3": _qwen3,
}


ROPE_TYPES = ("default", "linear", "llama3", "yarn")
"""rotary embeddings whose frequencies do not change with the length of the text"""


def check_model_type(model_type: str, where: object) -> None:
    """Raises BadInput if the architecture is not one of FAMILIES."""
    if model_type not in FAMILIES:
        bad_input(
            where, f'the architecture "{model_type}" is not supported', f"Supported model types: {', '.join(FAMILIES)}"
        )


def check_family(config: Any, where: object) -> None:
    """Raises BadInput if the configuration is of an architecture, or has a trait, that the step graph does not have."""
    check_model_type(config.model_type, where)
    rope = (getattr(config, "rope_parameters", None) or {}).get("rope_type", "default")
    if rope not in ROPE_TYPES:
        bad_input(where, f'the rotary embedding "{rope}" is not supported', f"Supported: {', '.join(ROPE_TYPES)}")
    if getattr(config, "hidden_act", "silu") != "silu":
        bad_input(where, f'the activation "{config.hidden_act}" is not supported', "Supported: silu")
    if config.hidden_size % 32:
        bad_input(where, f"hidden_size {config.hidden_size} is not a multiple of 32", "Choose another model")


def read_decoder(config: Any, inverse_frequencies: np.ndarray, rotary_scale: float, where: object) -> Decoder:
    """The decoder that a transformers configuration describes; `where` names the checkpoint in messages.

    Raises BadInput as `check_family` does.
    """
    check_family(config, where)
    window = getattr(config, "sliding_window", None) if getattr(config, "use_sliding_window", True) else None
    context = config.max_position_embeddings
    for name, value in (("max_position_embeddings", context), ("sliding_window", window or 1)):
        if type(value) is not int or not 0 < value < 2**31:
            bad_input(where, f"its {name} is {value!r}", "It must be a whole number from 1 to 2^31 - 1")
    if not (np.isfinite(inverse_frequencies).all() and (inverse_frequencies > 0).all()):
        why = "the frequencies of its rotary embedding are not positive numbers"
        bad_input(where, why, "Mend the base (rope_theta) or the factor of its scaling")
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    if len(inverse_frequencies) * 2 != head_dim:
        why = f"its rotary embedding turns {len(inverse_frequencies) * 2} of the {head_dim} channels of a head"
        bad_input(where, why, "Models that turn all of them are supported")
    return Decoder(
        vocabulary=config.vocab_size,
        hidden=config.hidden_size,
        layers=config.num_hidden_layers,
        heads=config.num_attention_heads,
        kv_heads=config.num_key_value_heads,
        head_dim=head_dim,
        intermediate=config.intermediate_size,
        norm_eps=config.rms_norm_eps,
        tied_embedding=bool(config.tie_word_embeddings),
        mlp_bias=bool(getattr(config, "mlp_bias", False)),
        # Within its sliding window a model attends to everything, so a shorter context makes the window moot.
        context_tokens=min(context, window) if window else context,
        inverse_frequencies=inverse_frequencies.astype(np.float32),
        rotary_scale=rotary_scale,
        **FAMILIES[config.model_type](config),
    )
