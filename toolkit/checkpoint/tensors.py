"""Tensors of a checkpoint by name: read from safetensors files when they are asked for."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from pocketzo.export.model.families import Names
from pocketzo.runtime.errors import bad_input
from safetensors import safe_open

from .refused import check_no_quantized_tensor

FLOATS = {"F64", "F32", "F16", "BF16"}
UNREAD = {
    r"(^|\.)rotary_emb\.(inv_freq|cos_cached|sin_cached)$": "older versions of transformers stored them; every"
    " version computes them from config.json",
}
"""tensors that are left unread without harm, as patterns, and why"""
ROWS = 1 << 24
"""elements of a table that are compared at a time"""


class StoredTensors:
    """The tensors of safetensors files by transformers' names, one in memory at a time, widened to fp32.

    What all stored names begin with (`prefix`: torch.compile's "_orig_mod.", "module.", or "model." of a model saved
    without its head) is no part of a name.
    """

    def __init__(self, files: Sequence[Path], where: Path) -> None:
        """Raises BadInput (naming `where`) if a tensor is stored twice, or belongs to quantized weights."""
        self._where = where
        at: dict[str, Path] = {}
        for path in files:
            with safe_open(path, framework="pt") as file:
                for name in file.keys():  # noqa: SIM118, which is no dictionary
                    if name in at:
                        why = f"{name} is in {at[name].name} and in {path.name}"
                        bad_input(where, why, "Keep the files of one set of weights")
                    at[name] = path
        check_no_quantized_tensor(at, where)
        kept = {name: path for name, path in at.items() if not any(re.search(p, name) for p in UNREAD)}
        self.prefix = common_prefix(kept)
        self._stored = {name.removeprefix(self.prefix): (path, name) for name, path in kept.items()}
        self._found: dict[str, tuple[Path, str]] = {}

    def __len__(self) -> int:
        """How many tensors are stored."""
        return len(self._stored)

    def tied(self, names: Names) -> bool:
        """Whether the embedding table may serve as the LM head too: none is stored for that, or the same one."""
        table, head = (self._find(f"{name}.weight") for name in names.tables)
        return table is None or head is None or _equal(table, head)

    def take(self, shapes: Mapping[str, torch.Size], names: Names, tied: bool) -> None:
        """Find the tensors of `shapes`, all that the model has; if it is `tied`, either name may be the table's.

        Raises BadInput if one is missing, of another shape, or not of floating-point numbers, or if one is stored that
        the model does not have.
        """
        table, head = (f"{name}.weight" for name in names.tables)
        for name in shapes:
            at = self._find(name) or (self._find(head) if tied and name == table else None)
            if at is not None:
                self._found[name] = at
        read = {*self._found.values(), *([self._find(head)] if tied else [])}
        unread = sorted(stored for path, stored in self._stored.values() if (path, stored) not in read)
        self._check_complete(sorted(shapes.keys() - self._found.keys()), unread)
        for name, shape in shapes.items():
            self._check(name, shape)

    def __call__(self, name: str) -> torch.Tensor:
        """The tensor `name`, fp32."""
        path, stored = self._found[name]
        # Opened each time, because all that was ever read from a mapped file counts as this process's memory.
        with safe_open(path, framework="pt") as file:
            return file.get_tensor(stored).float()

    def _find(self, name: str) -> tuple[Path, str] | None:
        return self._stored.get(name) or self._stored.get(name.removeprefix("model."))

    def _check_complete(self, missing: Sequence[str], unread: Sequence[str]) -> None:
        """Raises BadInput if there is a name in either list."""
        holds = f"{len(unread)} tensors that nothing reads, such as {unread[0]}" if unread else ""
        if missing:
            why = f"lacks {len(missing)} tensors, such as {missing[0]}{holds and f', and holds {holds}'}"
            bad_input(self._where, why, "Copy the checkpoint again")
        if unread:
            fix = "What config.json describes has none such: give the config.json that belongs to these weights"
            bad_input(self._where, f"holds {holds}", fix)

    def _check(self, name: str, shape: torch.Size) -> None:
        path, stored = self._found[name]
        with safe_open(path, framework="pt") as file:
            found = file.get_slice(stored)
            if list(found.get_shape()) != list(shape):
                why = f"cannot be loaded: {stored} is {found.get_shape()}, and config.json makes it {list(shape)}"
                bad_input(self._where, why, "Copy the checkpoint again")
            if found.get_dtype() not in FLOATS:
                why = f"cannot be loaded: {stored} holds {found.get_dtype()}"
                bad_input(self._where, why, f"Give a checkpoint in one of {', '.join(sorted(FLOATS))}")


def common_prefix(names: Collection[str]) -> str:
    """The parts of a name, each with its dot, that all of `names` begin with."""
    parts = [name.split(".")[:-1] for name in names]
    shared = ""
    for level in zip(*parts, strict=False):
        if len(set(level)) > 1:
            break
        shared += f"{level[0]}."
    return shared


def _equal(one: tuple[Path, str], other: tuple[Path, str]) -> bool:
    """Whether two stored tensors hold the same numbers, read a piece at a time."""
    with safe_open(one[0], framework="pt") as first, safe_open(other[0], framework="pt") as second:
        a, b = first.get_slice(one[1]), second.get_slice(other[1])
        shape: list[int] = a.get_shape()
        if shape != b.get_shape() or len(shape) != 2:
            return False
        rows = max(1, ROWS // max(1, shape[1]))
        return all(_same(a, b, start, start + rows) for start in range(0, shape[0], rows))


def _same(a: Any, b: Any, start: int, stop: int) -> bool:
    return torch.equal(a[start:stop].float(), b[start:stop].float())
