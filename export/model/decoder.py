"""What the step graph needs to know of one decoder: its family, and what its configuration says of its sizes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from pocketzo.runtime.errors import bad_input

from .families import FAMILIES, Family, Names, Switch


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

    family: Family
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
    context_tokens: int
    inverse_frequencies: np.ndarray
    """fp32 [head_dim / 2], in radians per token"""
    rotary_scale: float
    """factor of cos and sin that some long-context scalings bring"""

    @property
    def names(self) -> Names:
        """transformers' names of its modules."""
        return self.family.names

    @property
    def head_table(self) -> str:
        """The name of the table whose rows score words: a tied LM head is the embedding."""
        return self.names.embedding if self.tied_embedding else self.names.head

    def block(self, i: int) -> dict[str, Linear]:
        """The linear layers of block `i`, in the order in which a token meets them."""
        q, kv = self.heads * self.head_dim, self.kv_heads * self.head_dim
        sizes = {
            "q": (q, self.hidden, self.attention_bias),
            "k": (kv, self.hidden, self.attention_bias),
            "v": (kv, self.hidden, self.attention_bias),
            "o": (self.hidden, q, self.output_bias),
            "gate": (self.intermediate, self.hidden, self.mlp_bias),
            "up": (self.intermediate, self.hidden, self.mlp_bias),
            "down": (self.hidden, self.intermediate, self.mlp_bias),
        }
        return {key: Linear(self.names.in_block(i, getattr(self.names, key)), *size) for key, size in sizes.items()}

    def linears(self) -> list[Linear]:
        """Every linear layer but the LM head: the layers whose weights can be sensitive."""
        return [linear for i in range(self.layers) for linear in self.block(i).values()]


def check_model_type(model_type: str, where: object) -> None:
    """Raises BadInput if the architecture is not one of FAMILIES."""
    if model_type not in FAMILIES:
        bad_input(
            where, f'the architecture "{model_type}" is not supported', f"Supported model types: {', '.join(FAMILIES)}"
        )


def check_family(config: Any, where: object) -> None:
    """Raises BadInput if the configuration is of an architecture, or has a trait, that the step graph does not have."""
    check_model_type(config.model_type, where)
    family = FAMILIES[config.model_type]
    rope = (getattr(config, "rope_parameters", None) or {}).get("rope_type", "default")
    if rope not in family.rope_types:
        fix = f"Supported: {', '.join(family.rope_types)}"
        bad_input(where, f'the rotary embedding "{rope}" is not supported', fix)
    if (activation := getattr(config, "hidden_act", family.activation)) != family.activation:
        bad_input(where, f'the activation "{activation}" is not supported', f"Supported: {family.activation}")
    if config.hidden_size % 32:
        bad_input(where, f"hidden_size {config.hidden_size} is not a multiple of 32", "Choose another model")


def read_decoder(config: Any, inverse_frequencies: np.ndarray, rotary_scale: float, where: object) -> Decoder:
    """The decoder that a transformers configuration describes; `where` names the checkpoint in messages.

    Raises BadInput as `check_family` does.
    """
    check_family(config, where)
    family = FAMILIES[config.model_type]
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
        family=family,
        vocabulary=config.vocab_size,
        hidden=config.hidden_size,
        layers=config.num_hidden_layers,
        heads=config.num_attention_heads,
        kv_heads=config.num_key_value_heads,
        head_dim=head_dim,
        intermediate=config.intermediate_size,
        norm_eps=getattr(config, family.norm_eps),
        tied_embedding=bool(config.tie_word_embeddings),
        attention_bias=_switch(config, family.attention_bias),
        output_bias=_switch(config, family.output_bias),
        mlp_bias=_switch(config, family.mlp_bias),
        # Within its sliding window a model attends to everything, so a shorter context makes the window moot.
        context_tokens=min(context, window) if window else context,
        inverse_frequencies=inverse_frequencies.astype(np.float32),
        rotary_scale=rotary_scale,
    )


def _switch(config: Any, trait: Switch) -> bool:
    return bool(getattr(config, trait, False)) if isinstance(trait, str) else trait
