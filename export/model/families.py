"""The families of decoders, one entry each: the one place that says what a family is.

The decoder (decoder.py), the pass block by block (layerwise.py), the writers of both engines and the readers of
checkpoints take what they need to know of a family from here, and its name stands nowhere else. A family with an
activation or a norm of another kind needs that kind in the table of each engine too: export/onnx/operators.py and
export/executorch/operators.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

Switch = bool | str
"""a trait that all models of a family have, or none; or the key of the configuration that says so (absent: no)"""
ROPE_TYPES = ("default", "linear", "llama3", "yarn")
"""rotary embeddings whose frequencies do not change with the length of the text"""


@dataclass(frozen=True)
class Names:
    """transformers' names of a model's modules; those from `attention_norm` on are names within a block."""

    blocks: str = "model.layers"
    embedding: str = "model.embed_tokens"
    head: str = "lm_head"
    final_norm: str = "model.norm"
    rotary: str = "model.rotary_emb"
    attention_norm: str = "input_layernorm"
    q: str = "self_attn.q_proj"
    k: str = "self_attn.k_proj"
    v: str = "self_attn.v_proj"
    o: str = "self_attn.o_proj"
    q_norm: str = "self_attn.q_norm"
    k_norm: str = "self_attn.k_norm"
    mlp_norm: str = "post_attention_layernorm"
    gate: str = "mlp.gate_proj"
    up: str = "mlp.up_proj"
    down: str = "mlp.down_proj"

    @property
    def tables(self) -> tuple[str, str]:
        """The tables with a row for each word: embedding and LM head."""
        return self.embedding, self.head

    def in_block(self, i: int, within: str) -> str:
        """The full name of what is called `within` in block `i`."""
        return f"{self.blocks}.{i}.{within}"


@dataclass(frozen=True)
class GGUF:
    """How llama.cpp stores a family: its name of the architecture, under which families may share a form.

    `permuted`: it rotates pairs of neighbours (channels 2j and 2j + 1) where transformers rotates channel j with
    j + head_dim / 2, so the rows of q and k stand in another order. `rotary_factors`: the tensor, if a file has it,
    that divides the frequencies of the rotary embedding.
    """

    architecture: str
    permuted: bool = False
    rotary_factors: str | None = None


@dataclass(frozen=True)
class Family:
    """What the models of a family have in common; sizes are in each model's configuration.

    Every family has pre-norm blocks of causal grouped-query attention and a gated MLP, down(act(gate(x)) * up(x)), and
    rotary embedding of all channels of a head in halves. `norm` and `activation` name entries of the engines' tables;
    `qk_norm` is a norm of each head's queries and keys before they are rotated.
    """

    gguf: GGUF
    names: Names = field(default_factory=Names)
    norm: str = "rms"
    norm_eps: str = "rms_norm_eps"
    """the configuration's key of the eps of all norms"""
    activation: str = "silu"
    attention_bias: Switch = False
    output_bias: Switch = False
    mlp_bias: Switch = False
    qk_norm: bool = False
    rope_types: tuple[str, ...] = ROPE_TYPES

    @property
    def keys(self) -> set[str]:
        """The keys of a configuration that this entry names."""
        return {x for x in (self.norm_eps, self.attention_bias, self.output_bias, self.mlp_bias) if isinstance(x, str)}


_LLAMA_GGUF = GGUF("llama", permuted=True, rotary_factors="rope_freqs.weight")
FAMILIES: Mapping[str, Family] = {
    "llama": Family(_LLAMA_GGUF, attention_bias="attention_bias", output_bias="attention_bias", mlp_bias="mlp_bias"),
    "mistral": Family(_LLAMA_GGUF),
    "qwen2": Family(GGUF("qwen2"), attention_bias=True),
    "qwen3": Family(GGUF("qwen3"), attention_bias="attention_bias", output_bias="attention_bias", qk_norm=True),
}
"""by transformers' model type"""
GGUF_FAMILIES: dict[str, str] = {}
"""the family, by name, that a GGUF file of an architecture is read as: the first that has it"""
for _name, _family in FAMILIES.items():
    GGUF_FAMILIES.setdefault(_family.gguf.architecture, _name)
_BLOCKS = "|".join({re.escape(family.names.blocks) for family in FAMILIES.values()})
_IN_BLOCK = re.compile(rf"(?:{_BLOCKS})\.(\d+)\.(.+)")


def place_in_blocks(name: str) -> tuple[int, str] | None:
    """The block that a layer or tensor belongs to, and its name within it; None for what stands outside of blocks.

    "model.layers.7.mlp.up_proj" is (7, "mlp.up_proj").
    """
    found = _IN_BLOCK.fullmatch(name)
    return (int(found[1]), found[2]) if found else None
