"""Changing a bundle as someone would who knows the format: sizes, hashes and seal made to fit again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pocketzo.runtime.bundle.manifest import seal
from pocketzo.runtime.system.files import sha256


def read(folder: Path) -> dict[str, Any]:
    """The manifest without its seal."""
    content = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    del content["seal"]
    return content


def write(folder: Path, content: Any) -> None:
    """Write a manifest with a seal that fits."""
    (folder / "manifest.json").write_bytes(seal(json.dumps(content, indent=2).encode()))


def edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the manifest and seal it again."""
    content = read(folder)
    change(content)
    write(folder, content)


def own_eps(content: dict[str, Any]) -> dict[str, Any]:
    """The first graph of a manifest, with an eps of its own and the curve that it was chosen from."""
    curve = [{"eps": eps, "error": 0.1, "correlation": 0.9} for eps in (1e-3, 2e-3)]
    content["graphs"][0].update(eps=2e-3, eps_curve=curve)
    return content["graphs"][0]


def as_before_engines(content: dict[str, Any]) -> None:
    """A manifest without the fields that came with the second engine, and after it."""
    for name in ("reading", "held_out"):
        del content[name]
    for graph in content["graphs"]:
        for name in ("bounds", "eps", "eps_curve"):
            del graph[name]


def replace(folder: Path, name: str, content: bytes) -> None:
    """Put other bytes into a file, and their size and hash into the manifest."""
    (folder / name).write_bytes(content)
    entry = {"bytes": len(content), "sha256": sha256(folder / name)}
    edit(folder, lambda m: m["files"].update({name: entry}))
