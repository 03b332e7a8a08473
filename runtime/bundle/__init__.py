"""Opening a bundle: the manifest's word is checked against every file before anything is used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from ..engines import ENGINES
from ..engines.description import References
from ..errors import bad_input
from ..system.files import sha256
from .manifest import NAME, Graph, Manifest, Values, read_manifest
from .tokenizer import NAME as TOKENIZER
from .values_file import ValuesFile, read_values

UNSAFE = "Do not use this bundle"
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
        why = f"has no graph for engine {engine} (it has: {held})"
        bad_input(self.directory, why, f"Use one of those, or export it with --engine {engine}")

    def initial_values(self) -> np.ndarray:
        """The untuned values, fp32 [K]. Raises BadInput if the file disagrees with the manifest."""
        return read_values(self.directory / self.manifest.values.file, self.manifest.values.count).values

    def tuned_values(self, path: Path) -> ValuesFile:
        """Values that a run wrote. Raises BadInput if they belong to another bundle or are damaged."""
        file = read_values(path, self.manifest.values.count)
        if file.bundle != self.hash:
            bad_input(
                path,
                f"was tuned on the bundle {file.bundle[:16]}..., and {self.directory} is {self.hash[:16]}..."
                if file.bundle
                else "names no bundle that it was tuned on",
                "Use values that `pocketzo tune` wrote for this bundle",
            )
        head, width = file.label_head, self.manifest.model.hidden_size
        if head is not None and head.weights.shape[1] != width + 1:
            bad_input(path, f"its label head is not of hidden states of {width}", "Use values tuned on this bundle")
        return file


def open_bundle(
    directory: Path, hashes: bool = True, progress: Callable[[int, int], None] = lambda done, total: None
) -> Bundle:
    """Open the bundle in `directory`, checking everything that docs/bundle.md lists under "What opening checks".

    `hashes` off leaves out the SHA-256 of the files, for those who have just written them; `progress` is told bytes
    hashed and bytes in all. Raises BadInput naming the first file that is missing, altered, not listed, or that refers
    to something outside of the bundle.
    """
    manifest = read_manifest(directory)
    _check_names(directory, manifest)
    total = sum(entry.bytes for entry in manifest.files.values())
    done = 0
    for name, entry in manifest.files.items():
        path = directory / name
        if path.is_symlink() or not path.is_file():
            bad_input(path, "is missing or not a regular file", FIX)
        size = path.stat().st_size
        if size != entry.bytes:
            bad_input(path, f"has {size} bytes, the manifest says {entry.bytes}", FIX)
        if hashes and sha256(path, lambda n, done=done: progress(done + n, total)) != entry.sha256:  # type: ignore[misc]
            bad_input(path, "its SHA-256 differs from the manifest's: it was altered or damaged", FIX)
        done += size
    for graph in manifest.graphs:
        for engine in ENGINES.values():
            suffix = Path(engine.graph_file).suffix
            if engine.references and (graph.engine == engine.name or graph.file.endswith(suffix)):
                _check_references(directory / graph.file, graph, engine.references, set(manifest.files))
    _check_entries(directory / manifest.values.file, manifest.values)
    return Bundle(directory, manifest, sha256(directory / NAME))


def _check_names(directory: Path, manifest: Manifest) -> None:
    """Every file that is there is listed, and every file that is used."""
    listed = set(manifest.files)
    for path in sorted(directory.iterdir()):
        # A name that begins with a dot cannot be listed, so nothing refers to it: desktops drop such files.
        if path.name not in listed | {NAME} and not path.name.startswith("."):
            bad_input(path, "is not listed in the manifest", "Remove it")
    for name in [manifest.values.file, manifest.golden.file, TOKENIZER, *(g.file for g in manifest.graphs)]:
        if name not in listed:
            bad_input(directory / NAME, f"{name} is used but not listed under files", FIX)


def _check_references(path: Path, graph: Graph, read: Callable[[Path], References], listed: set[str]) -> None:
    """An engine opens what a graph points at, so it must point at the bundle's files and known operators only."""
    found = read(path)
    if strange := sorted(found.files - listed):
        bad_input(path, f"reads its weights from {strange[0]!r}, which is not a file of the bundle", UNSAFE)
    if strange := sorted(found.domains - set(graph.domains)):
        bad_input(path, f"uses operators of the domain {strange[0]!r}, which the manifest does not list", UNSAFE)
    if found.other:
        bad_input(path, f"holds a {sorted(found.other)[0]}, which a step graph never does", UNSAFE)


def _check_entries(path: Path, values: Values) -> None:
    """The entries and sensitivities have the shapes, order and range that the layout says."""
    tensors = _tensors(path, ("values", "entries", "sensitivity"))
    entries, wanted = tensors["entries"], sum(block.entries for block in values.blocks)
    if entries.dtype != np.int64 or entries.shape != (wanted,):
        bad_input(path, f"expected `entries` as int64 [{wanted}], found {entries.dtype} {list(entries.shape)}", FIX)
    for name in ("values", "sensitivity"):
        if tensors[name].dtype != np.float32 or tensors[name].shape != (values.count,):
            bad_input(path, f"expected `{name}` as float32 [{values.count}]", FIX)
    for block in values.blocks:
        part = entries[block.entries_offset : block.entries_offset + block.entries]
        end = block.columns if values.scope == "channels" else block.rows * block.columns
        if part[0] < 0 or part[-1] >= end or (np.diff(part) <= 0).any():
            bad_input(path, f"the entries of {block.layer} do not ascend from 0 to {end - 1}", FIX)


def _tensors(path: Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    try:
        with safe_open(path, framework="numpy") as f:
            return {name: f.get_tensor(name) for name in names}
    except (SafetensorError, OSError, ValueError, TypeError, KeyError) as e:
        bad_input(path, f"is not a safetensors file with {', '.join(names)} ({e})", FIX)
