"""Keys of config.json that would change what the model computes, and that nothing here reads: refused by name.

A key that nobody reads makes no error and a wrong model, so whatever is about attention, rotary embedding, norms,
experts, windows or scaling must be in one of the two tables below, or be named by a family.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pocketzo.export.model.families import FAMILIES, ROPE_TYPES
from pocketzo.runtime.errors import bad_input

ABOUT = re.compile(
    r"att(entio)?n|rope|rotary|alibi|norm|expert|moe|router|window|scal|multiplier|softcap|clip|logit|head|layer_type|qk_"
)
"""what a key that changes the model has in its name"""
READ = {
    "num_attention_heads", "num_key_value_heads", "head_dim", "layer_types",
    "rope_theta", "rope_scaling", "rope_parameters",
    "sliding_window", "use_sliding_window", "max_window_layers",
}  # fmt: skip
"""read of every family by export/model/decoder.py, or by transformers' rotary embedding, whose frequencies it takes"""
ROPE_READ = {
    "rope_type", "type", "rope_theta", "factor", "original_max_position_embeddings",
    "attention_factor", "beta_fast", "beta_slow", "mscale", "mscale_all_dim", "truncate",
    "low_freq_factor", "high_freq_factor",
}  # fmt: skip
"""keys within `rope_scaling` or `rope_parameters` that transformers' rotary embedding reads"""
ANY = object()
HARMLESS: dict[str, tuple[Any, str]] = {
    "attention_dropout": (ANY, "acts in training alone"),
    "attention_probs_dropout_prob": (ANY, "acts in training alone"),
    "attn_implementation": (ANY, "says how attention is computed, not what"),
    "_attn_implementation": (ANY, "says how attention is computed, not what"),
    "_attn_implementation_autoset": (ANY, "says how attention is computed, not what"),
    "use_flash_attn": (ANY, "says how attention is computed, not what"),
    "_attn_implementation_internal": (ANY, "says how attention is computed, not what"),
    "_flash_attn_2_enabled": (ANY, "says how attention is computed, not what"),
    "attention_dropout_prob": (ANY, "acts in training alone"),
    "finetuned": (ANY, "says how a scaling came about, not what it is"),
    "pruned_heads": ({}, "what is so anyway"),
    "alibi": (False, "what is so anyway"),
    "attn_factor": (1.0, "what is so anyway"),
    "use_dynamic_ntk": (False, "what is so anyway"),
    "use_logn_attn": (False, "what is so anyway"),
    "_remove_final_layer_norm": (False, "what is so anyway"),
    "partial_rotary_factor": (1.0, "what is so anyway"),
    "output_attentions": (ANY, "says what transformers returns"),
    "num_logits_to_keep": (ANY, "says what transformers returns"),
    "logits_to_keep": (ANY, "says what transformers returns"),
    "attn_bias": (False, "what is so anyway"),
    "rope_interleaved": (False, "what is so anyway"),
    "use_mrope": (False, "what is so anyway"),
    "use_qk_norm": (False, "what is so anyway where the family has none"),
    "norm_before_gate": (False, "what is so anyway"),
}
"""keys that nothing reads, the value at which they change nothing, and why"""
LAYER_TYPES = {"full_attention", "sliding_attention"}
FIX = "Ask for the model's support; without that key the bundle would compute something else"


def check_configuration(config: Mapping[str, Any], where: Path) -> None:
    """Raises BadInput, naming the key, for what the step graph would leave out. A null is as good as no key."""
    given = {key: value for key, value in config.items() if value is not None}
    family = FAMILIES.get(str(config.get("model_type")))
    read = READ | (family.keys if family else set())
    for key, value in given.items():
        if ABOUT.search(key) and key not in read and not _changes_nothing(key, value):
            bad_input(where, f"its {key} ({_shown(value)}) is read by nothing here", FIX)
    for key in ("rope_scaling", "rope_parameters"):
        _check_rope(key, given.get(key, {}), where)
    types = given.get("layer_types", [])
    if unknown := sorted({str(kind) for kind in types} - LAYER_TYPES if isinstance(types, list) else {str(types)}):
        bad_input(where, f"its layer_types have {unknown[0]!r}", f"Supported: {', '.join(sorted(LAYER_TYPES))}")


def _changes_nothing(key: str, value: Any) -> bool:
    if key not in HARMLESS:
        return False
    needed, _ = HARMLESS[key]
    return needed is ANY or value == needed


def _check_rope(key: str, settings: Any, where: Path) -> None:
    if not isinstance(settings, dict):
        bad_input(where, f"its {key} ({_shown(settings)}) is no JSON object", "Mend it, or copy the checkpoint again")
    if settings.get("rope_type", settings.get("type", "default")) not in ROPE_TYPES:
        return  # refused as a whole, by its type
    for name, value in settings.items():
        if value is not None and name not in ROPE_READ and not _changes_nothing(name, value):
            bad_input(where, f"its {key} has {name} ({_shown(value)}), which is read by nothing here", FIX)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
