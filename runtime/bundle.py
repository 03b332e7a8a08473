"""Opening a bundle: the manifest's word is checked against every file before anything is used."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from .errors import bad_input
from .files import parse_json, sha256
from .manifest import NAME, Graph, Manifest, read_manifest

METADATA = "pocketzo"
"""key of a values file's metadata: JSON with the hash of its bundle and the step"""
FIX = "Copy the bundle again or export it again"


@dataclass(frozen=True)
class Bundle:
    """An opened bundle: the folder, its manifest, and the SHA-256 of manifest.json, which binds every other file."""

    directory: Path
    manifest: Manifest
    hash: str

    def graph(self, engine: str) -> Graph:
        """The step graph for `engine`. Raises BadInput if the bundle was exported without it."""
        for graph in self.manifest.graphs:
            if graph.engine == engine:
                return graph
        held = ", ".join(g.engine for g in self.manifest.graphs)
        bad_input(self.directory, f"has no graph for engine {engine} (it has: {held})", "Use one of those")

    def initial_values(self) -> np.ndarray:
        """The untuned values, fp32 [K]. Raises BadInput if the file disagrees with the manifest."""
        return _read_tensor(self.directory / self.manifest.values.file, self.manifest.values.count)[0]

    def tuned_values(self, path: Path) -> np.ndarray:
        """Values that a run wrote, fp32 [K]. Raises BadInput if they belong to another bundle or are damaged."""
        values, owner = _read_tensor(path, self.manifest.values.count)
        if owner != self.hash:
            bad_input(
                path,
                f"was tuned on the bundle {owner[:16]}..., and {self.directory} is {self.hash[:16]}..."
                if owner
                else "names no bundle that it was tuned on",
                "Use values that `pocketzo tune` wrote for this bundle",
            )
        return values


def open_bundle(directory: Path, hashes: bool = True) -> Bundle:
    """Open the bundle in `directory`, checking sizes and (unless `hashes` is off) the SHA-256 of every file.

    Raises BadInput naming the first file that is missing, of another size, altered, or not listed.
    """
    manifest = read_manifest(directory)
    listed = set(manifest.files)
    for path in sorted(directory.iterdir()):
        # A name that begins with a dot cannot be listed, so nothing refers to it: desktops drop such files.
        if path.name not in listed | {NAME} and not path.name.startswith("."):
            bad_input(path, "is not listed in the manifest", "Remove it")
    for name in [manifest.values.file, manifest.golden.file, *(g.file for g in manifest.graphs)]:
        if name not in listed:
            bad_input(directory / NAME, f"{name} is used but not listed under files", FIX)
    for name, entry in manifest.files.items():
        path = directory / name
        if path.is_symlink() or not path.is_file():
            bad_input(path, "is missing or not a regular file", FIX)
        size = path.stat().st_size
        if size != entry.bytes:
            bad_input(path, f"has {size} bytes, the manifest says {entry.bytes}", FIX)
        if hashes and sha256(path) != entry.sha256:
            bad_input(path, "its SHA-256 differs from the manifest's: it was altered or damaged", FIX)
    return Bundle(directory, manifest, sha256(directory / NAME))


def _owner(metadata: str | None) -> str | None:
    """The bundle's hash in the metadata of a values file, or None if there is none."""
    try:
        content = parse_json(metadata or "null")
    except ValueError:
        return None
    return content["bundle"] if isinstance(content, dict) and isinstance(content.get("bundle"), str) else None


def _read_tensor(path: Path, count: int) -> tuple[np.ndarray, str | None]:
    """The tensor `values` of a safetensors file, fp32 [K], and the hash of the bundle that it names (or None)."""
    try:
        with safe_open(path, framework="numpy") as f:
            owner = _owner((f.metadata() or {}).get(METADATA))
            values = f.get_tensor("values") if "values" in f.keys() else None  # noqa: SIM118
    except FileNotFoundError:
        bad_input(path, "there is no such values file", "Check the path")
    except (SafetensorError, OSError, ValueError) as e:
        bad_input(path, f"is not a readable safetensors file ({e})", "Use a values file that `pocketzo tune` wrote")
    if values is None or values.dtype != np.float32 or values.shape != (count,):
        found = "none" if values is None else f"{values.dtype} {list(values.shape)}"
        bad_input(path, f"expected `values` as float32 [{count}], found {found}", "Use values tuned on this bundle")
    if not np.isfinite(values).all():
        bad_input(path, "holds NaN or infinite values", "Use an earlier values file, such as best.safetensors")
    return values, owner
