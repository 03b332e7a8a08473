"""A bundle inside the app: one signed Android package that needs nothing else."""

from __future__ import annotations

import os
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from packaging.version import InvalidVersion
from pocketzo.runtime.bundle import Bundle
from pocketzo.runtime.bundle.manifest import NAME as MANIFEST
from pocketzo.runtime.bundle.tokenizer import NAME as TOKENIZER
from pocketzo.runtime.engines.onnx import ONNX
from pocketzo.runtime.engines.versions import older
from pocketzo.runtime.errors import NotEnoughSpace, UsageError, bad_input
from pocketzo.runtime.system.files import written_atomically

from . import phone_tokenizer
from .apk import PAGE, ApkWriter
from .signing import Key, require_tools, sign
from .template import ABIS, ENGINE_VERSION, TEMPLATE

ASSETS = "assets/bundle/"
ENGINE = ONNX.name
"""the one that the app has"""
_PARTS = ("AndroidManifest.xml", "classes.dex", "resources.arsc")


@dataclass(frozen=True)
class Packaged:
    """Bytes of the package, and of them those of the bundle and of the engine for each kind of processor."""

    path: Path
    bytes: int
    bundle_bytes: int
    engine_bytes: dict[str, int]


def check_request(template: Path | None, out: Path, abis: Sequence[str], force: bool) -> Path:
    """The app to put a bundle into. Raises UsageError or BadInput if it, `out` or a kind of processor will not do."""
    for abi in abis:
        if abi not in ABIS:
            raise UsageError(f"--abi {abi}: not known. Use one of: {', '.join(ABIS)}.")
    _check_out(out, force)
    if template is None and not TEMPLATE.is_file():
        bad_input(TEMPLATE, "the app is not built yet", "Run make apk in the checkout, or name one with --app APP.apk")
    app = template or TEMPLATE
    if not app.is_file():
        bad_input(app, "is no file", "Name the package that make apk builds with --app")
    if out.exists() and out.samefile(app):
        bad_input(out, "is the app that the bundle is to be put into", "Choose another --out")
    try:
        with zipfile.ZipFile(app) as opened:
            missing = [part for part in _PARTS if part not in opened.namelist()]
    except (OSError, zipfile.BadZipFile) as e:
        bad_input(app, f"cannot be read as an Android package ({e})", "Build it with make apk")
    if missing:
        bad_input(app, f"holds no {missing[0]}, so it is no Android app", "Build it with make apk")
    return app


def _check_out(out: Path, force: bool) -> None:
    if out.is_dir():
        bad_input(out, "is a folder", "Name the package with --out, such as app.apk")
    if out.exists() and not out.is_file():
        bad_input(out, "is a device or a pipe, which a package would replace", "Name a file with --out")
    if out.exists() and not force:
        bad_input(out, "is there already", "Choose another --out, or replace it with --force")
    for folder in out.resolve().parents:
        if folder.exists() and not folder.is_dir():
            bad_input(out, f"{folder} is a file, not a folder", "Choose another --out")
        if (folder / MANIFEST).exists():
            bad_input(out, f"would write into {folder}, which holds a {MANIFEST}", "Choose an --out outside of bundles")


def check_bundle(bundle: Bundle) -> None:
    """Raises BadInput if the app's engine cannot run the bundle, or the app would read texts as other tokens."""
    phone_tokenizer.check(bundle.directory / TOKENIZER)
    if all(graph.engine != ENGINE for graph in bundle.manifest.graphs):
        held = ", ".join(graph.engine for graph in bundle.manifest.graphs)
        bad_input(
            bundle.directory,
            f"has no graph for {ONNX.title}, which the app runs (it has: {held})",
            f"Export it with --engine {ENGINE}, alone or beside another",
        )
    graph = bundle.graph(ENGINE)
    needs = f"needs {ONNX.title} {graph.minimum_engine_version}, and the app has {ENGINE_VERSION}"
    try:
        refused = older(ENGINE_VERSION, graph.minimum_engine_version)
    except InvalidVersion as e:
        bad_input(bundle.directory, f"{needs} ({e})", "Export it again")
    if refused:
        bad_input(bundle.directory, needs, "Export it with an engine that is not newer than the app's")


def package(
    bundle: Bundle,
    app: Path,
    out: Path,
    key: Key,
    abis: Sequence[str] = ABIS,
    advance: Callable[[int], None] = lambda count: None,
) -> Packaged:
    """Write the app `app` with `bundle` inside to `out`, signed with `key`, its engine for `abis` alone.

    `advance` is told the bytes written. Raises NotEnoughSpace before anything is written if the disk will not take it,
    BadInput if signing fails, DiskFull; nothing half-written is left.
    """
    require_tools("apksigner")
    check_bundle(bundle)
    _check_disk(app, bundle, out)
    with written_atomically(out, f".{os.getpid()}.signed") as signed:
        unsigned = signed.with_suffix(".unsigned")
        try:
            engine_bytes = _write(bundle, app, unsigned, abis, advance)
            sign(unsigned, signed, key)
        finally:
            unsigned.unlink(missing_ok=True)
    return Packaged(out, out.stat().st_size, sum(_sizes(bundle).values()), engine_bytes)


def total_bytes(bundle: Bundle, app: Path) -> int:
    """About how many bytes `package` will tell of."""
    return app.stat().st_size + sum(_sizes(bundle).values())


def _write(
    bundle: Bundle, app: Path, unsigned: Path, abis: Sequence[str], advance: Callable[[int], None]
) -> dict[str, int]:
    engine_bytes = dict.fromkeys(abis, 0)
    with _readable(app), zipfile.ZipFile(app) as opened, ApkWriter(unsigned, advance) as apk:
        for info in opened.infolist():
            name = info.filename
            if name.startswith((ASSETS, "META-INF/")):
                continue  # another bundle, another signature
            if name.startswith("lib/"):
                abi = name.split("/")[1]
                if abi not in engine_bytes:
                    continue
                engine_bytes[abi] += info.file_size
            apk.copied(opened, info)
        for name, size in _sizes(bundle).items():
            with open(bundle.directory / name, "rb") as file:
                apk.stored(ASSETS + name, file, size, PAGE)
    if absent := [abi for abi, size in engine_bytes.items() if not size]:
        bad_input(app, f"holds no engine for {absent[0]}", "Leave that --abi out, or build the app with make apk")
    return engine_bytes


@contextmanager
def _readable(app: Path) -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError) as e:
        bad_input(app, f"is damaged ({e})", "Build it again with make apk")


def _sizes(bundle: Bundle) -> dict[str, int]:
    """Bytes of the bundle's files by name, the manifest first."""
    files = {name: entry.bytes for name, entry in sorted(bundle.manifest.files.items())}
    return {MANIFEST: (bundle.directory / MANIFEST).stat().st_size, **files}


def _check_disk(app: Path, bundle: Bundle, out: Path) -> None:
    folder = next(p for p in out.absolute().parents if p.is_dir())
    needed, free = 2 * total_bytes(bundle, app), shutil.disk_usage(folder).free
    if needed > free:
        raise NotEnoughSpace(
            f"{out}: packaging needs about {needed / 1e6:,.0f} MB for a while, and {free / 1e6:,.0f} MB are free there."
            " Free some space or choose another --out."
        )
