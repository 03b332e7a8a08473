"""Tensors of a checkpoint by name: read from safetensors files when they are asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from pocketzo.export.layerwise import EMBEDDING, HEAD
from pocketzo.runtime.errors import bad_input
from safetensors import safe_open

FLOATS = {"F64", "F32", "F16", "BF16"}


class StoredTensors:
    """The tensors of safetensors files by transformers' names, one in memory at a time, widened to fp32."""

    def __init__(self, files: Sequence[Path], shapes: Mapping[str, torch.Size], tied: bool, where: Path) -> None:
        """`shapes` are those of all tensors that the model has.

        Raises BadInput (naming `where`) if a tensor is missing, of another shape, or not of floating-point numbers.
        """
        self._where = where
        self._found: dict[str, tuple[Path, str]] = {}
        for path in files:
            with safe_open(path, framework="pt") as file:
                stored = set(file.keys())
                for name, shape in shapes.items():
                    at = next((n for n in _spellings(name, tied) if n in stored), None)
                    if at is not None:
                        self._check(file.get_slice(at), at, shape)
                        self._found[name] = (path, at)
        if missing := sorted(shapes.keys() - self._found.keys()):
            bad_input(where, f"lacks {len(missing)} tensors, such as {missing[0]}", "Copy the checkpoint again")

    def __call__(self, name: str) -> torch.Tensor:
        """The tensor `name`, fp32."""
        path, stored = self._found[name]
        # Opened each time, because all that was ever read from a mapped file counts as this process's memory.
        with safe_open(path, framework="pt") as file:
            return file.get_tensor(stored).float()

    def _check(self, found: Any, name: str, shape: torch.Size) -> None:
        if list(found.get_shape()) != list(shape):
            why = f"cannot be loaded: {name} is {list(found.get_shape())}, and config.json makes it {list(shape)}"
            bad_input(self._where, why, "Copy the checkpoint again")
        if found.get_dtype() not in FLOATS:
            why = f"cannot be loaded: {name} holds {found.get_dtype()}"
            bad_input(self._where, why, f"Give a checkpoint in one of {', '.join(sorted(FLOATS))}")


def _spellings(name: str, tied: bool) -> list[str]:
    """Names under which a tensor may be stored: a model saved without its head has no prefix, and of a table that is
    the head as well either name may be kept.
    """
    names = [name, name.removeprefix("model.")]
    return [*names, f"{HEAD}.weight"] if tied and name == f"{EMBEDDING}.weight" else names
