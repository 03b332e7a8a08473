"""The metadata of a GGUF file: each key is read by someone, known to be harmless, or refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, TypeVar

from pocketzo.export.model.families import FAMILIES, GGUF_FAMILIES
from pocketzo.runtime.errors import bad_input

T = TypeVar("T", bool, int, float, str, list)

MATTERS = ("tokenizer.", "adapter.")
"""what keys that change a result begin with, beside the architecture's own"""
HARMLESS = {
    r"ARCH\.vocab_size": "the table of embeddings says it",
    r"ARCH\.tensor_data_layout": "says how q and k are ordered, as the architecture does",
    r"ARCH\.rope\.scaling\.finetuned": "how the scaling came about, not what it is",
    r"tokenizer\.ggml\.\w+_token_id": "tokens for generation, for padding and for other tasks",
    r"tokenizer\.ggml\.suppress_tokens": "tokens for generation",
    r"tokenizer\.ggml\.(merges|pre|scores)": "where the tokenizer is of the kind that has none, llama.cpp ignores them",
    r"tokenizer\.ggml\.(add_sep_token|token_type_count)": "BERT's",
    r"tokenizer\.ggml\.remove_extra_whitespaces": "T5's",
    r"tokenizer\.chat_templates?(\.\w+)?": "other templates than the one that is read",
    r"tokenizer\.(huggingface\.json|rwkv\.world)": "copies for other programs",
}
"""patterns of keys that nothing here reads, and why no result depends on them"""
OFF = {
    "attention.causal": True,
    "attention.clamp_kqv": 0,
    "attention.max_alibi_bias": 0,
    "attn_logit_softcapping": 0,
    "expert_used_count": 0,
    "final_logit_softcapping": 0,
    "logit_scale": 0,
    "pooling_type": 0,
    "embedding_scale": 1,
    "residual_scale": 1,
}
"""keys of traits that no supported model has, with the value that means so"""


class Metadata:
    """Metadata by key; knows which of it was asked for."""

    def __init__(self, content: dict[str, Any], where: Path) -> None:
        """Raises BadInput if it is of no model, or of one whose architecture is not supported."""
        self._content, self.where = content, where
        self._read: set[str] = set()
        kind = self.get("general.type", "model")
        if kind != "model":
            bad_input(where, f"holds no model but {kind}", "Give the GGUF file of the model itself")
        self.architecture = self.get("general.architecture", "")
        if self.architecture not in GGUF_FAMILIES:
            why = f'the architecture "{self.architecture}" of a GGUF file is not supported'
            bad_input(where, why, f"Supported: {', '.join(GGUF_FAMILIES)} ({_read_as_others()})")
        self.model_type = GGUF_FAMILIES[self.architecture]
        """transformers' name of what the file is read as"""
        self.family = FAMILIES[self.model_type]
        if (experts := self.own("expert_count", 0)) > 0:
            why = f"is a mixture of {experts} experts ({self.architecture}.expert_count), which is not supported"
            bad_input(where, why, "Choose a dense model")

    def get(self, key: str, default: T) -> T:
        """The value of a key, of the default's type, or the default. Raises BadInput if it is of another type."""
        self._read.add(key)
        found = self._content.get(key, default)
        if isinstance(default, float) and type(found) is int:
            found = float(found)
        if type(found) is not type(default):
            kinds = f"{type(found).__name__}, and {type(default).__name__} is expected"
            bad_input(self.where, f"its {key} is of the type {kinds}", "Convert the model again")
        return found

    def own(self, name: str, default: T) -> T:
        """The value of one of the architecture's own keys."""
        return self.get(f"{self.architecture}.{name}", default)

    def count(self, name: str, default: int = 0) -> int:
        """A positive number among the architecture's own keys; where there is one for each layer, they agree.

        Raises BadInput if it is missing and has no default, or if layers differ.
        """
        key = f"{self.architecture}.{name}"
        found = self._content.get(key)
        if isinstance(found, list):
            self._read.add(key)
            if len(set(found)) != 1:
                bad_input(self.where, f"its layers differ in {key}, which is not supported", "Choose another model")
            number = found[0]
        else:
            number = self.get(key, default)
        if type(number) is not int or number <= 0:
            bad_input(self.where, f"has no {key} of 1 or more", "Convert the model again")
        return number

    def check_all_read(self) -> None:
        """Raises BadInput if a key could change a result, and nothing has asked for it."""
        mine = f"{self.architecture}."
        for key in sorted(self._content.keys() - self._read):
            value = self._content[key]
            if not key.startswith((mine, *MATTERS)) or _harmless(key, self.architecture):
                continue
            name = key.removeprefix(mine)
            if name in OFF and value == OFF[name]:
                continue
            shown = str(value)[:40]
            bad_input(self.where, f"has {key} = {shown}, which is not supported", "Choose another model")


def _read_as_others() -> str:
    """Which families have the architecture of another, for a message."""
    forms = {name: family.gguf.architecture for name, family in FAMILIES.items()}
    return ", ".join(f"{name.capitalize()}'s is {a}" for name, a in forms.items() if GGUF_FAMILIES[a] != name)


def _harmless(key: str, architecture: str) -> bool:
    return any(re.fullmatch(pattern.replace("ARCH", architecture), key) for pattern in HARMLESS)
