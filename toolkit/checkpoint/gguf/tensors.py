"""The tensors of a GGUF file by transformers' names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from gguf import MODEL_ARCH, get_tensor_name_map
from pocketzo.export.model.families import Family, place_in_blocks
from pocketzo.runtime.errors import bad_input

from .container import Container


class GGUFTensors:
    """Gives a tensor by transformers' name of it, fp32; a bias that the file lacks is zero, as it is for llama.cpp.

    `rotary_factors` (fp32 [head_dim / 2], or None) divide the frequencies of the rotary embedding.
    """

    def __init__(self, container: Container, family: Family, config: Any, shapes: Mapping[str, torch.Size]) -> None:
        """`shapes` are those of all tensors that the model has.

        Raises BadInput if a tensor is missing or of another shape, or if one is there that the model does not have.
        """
        self._container, self._shapes = container, shapes
        heads = {family.names.q: config.num_attention_heads, family.names.k: config.num_key_value_heads}
        self._permuted = heads if family.gguf.permuted else {}
        """heads of the layers whose rows stand in llama.cpp's order"""
        stored = _names(family.gguf.architecture, config.num_hidden_layers, shapes)
        self._stored = {name: at for name, at in stored.items() if at in container.tensors or not _is_bias(name)}
        where = container.where
        for name, at in self._stored.items():
            if at not in container.tensors:
                bad_input(where, f"lacks the tensor {at}", "Copy the file again, with all of its parts")
            if (found := container.tensors[at].shape) != tuple(shapes[name]):
                why = f"its tensor {at} is {list(found)}, and its metadata make it {list(shapes[name])}"
                bad_input(where, why, "Convert the model again")
        factors = family.gguf.rotary_factors
        self.rotary_factors = self._factors(factors, config.head_dim) if factors in container.tensors else None
        read = {*self._stored.values(), *([] if self.rotary_factors is None else [factors])}
        if unread := sorted(container.tensors.keys() - read):
            why = f"holds {len(unread)} tensors that a model of its metadata does not have, such as {unread[0]}"
            bad_input(where, why, "Choose another model")

    def __call__(self, name: str) -> torch.Tensor:
        """The tensor `name`, fp32."""
        if name not in self._stored:
            return torch.zeros(self._shapes[name])
        found = self._container.tensor(self._stored[name])
        place = place_in_blocks(name.rpartition(".")[0])
        if place and (heads := self._permuted.get(place[1])):
            pairs = found.reshape(heads, -1, 2, *found.shape[1:])
            found = np.ascontiguousarray(pairs.swapaxes(1, 2)).reshape(found.shape)
        return torch.from_numpy(found)

    def _factors(self, name: str, head: int) -> np.ndarray:
        right = self._container.tensors[name].shape == (head // 2,)
        factors = self._container.tensor(name) if right else np.zeros(1)
        if not (np.isfinite(factors).all() and (factors > 0).all()):
            why = f"its {name} are not {head // 2} positive numbers"
            bad_input(self._container.where, why, "Convert the model again")
        return factors


def _is_bias(name: str) -> bool:
    return name.endswith(".bias")


def _names(architecture: str, layers: int, shapes: Mapping[str, torch.Size]) -> dict[str, str]:
    """The file's names of the tensors, by transformers' names."""
    names = get_tensor_name_map(MODEL_ARCH[architecture.upper()], layers)
    return {name: str(names.get_name(name, try_suffixes=(".weight", ".bias"))) for name in shapes}
