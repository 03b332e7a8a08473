"""A bundle appears under its name whole or not at all."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from pocketzo.runtime.bundle.manifest import NAME, read_manifest
from pocketzo.runtime.errors import BadInput, NotEnoughSpace, bad_input
from pocketzo.runtime.system.files import disk_errors, flush


def check_destination(out: Path, force: bool, needed_bytes: int = 0) -> None:
    """Raises BadInput if `out` exists (unless `force`, and it is a bundle) or cannot be made, NotEnoughSpace if its
    disk has less than `needed_bytes` free.
    """
    if out.is_symlink():
        bad_input(out, "is a link", "Name the folder that it points to, or choose another folder")
    if out.exists():
        if not force:
            bad_input(out, "exists already", "Choose another folder, or replace it with --force")
        _check_replaceable(out)
    parent = out.absolute().parent
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        bad_input(out, f"{parent} is not a folder that can be written to", "Choose another folder")
    free = shutil.disk_usage(parent).free
    if free < needed_bytes:
        raise NotEnoughSpace(
            f"{out}: the export needs about {needed_bytes / 1e6:.0f} MB and its disk has {free / 1e6:.0f} MB free."
            " Free some space or choose another disk."
        )


def _check_replaceable(out: Path) -> None:
    """Replacing removes everything in a folder, so it must hold a bundle and nothing else."""
    if out.resolve() == Path.cwd():
        bad_input(out, "is the current folder, which cannot be replaced", "Run from another folder")
    try:
        listed = {NAME, *read_manifest(out).files}
    except BadInput:
        bad_input(out, "is not a bundle, so --force does not replace it", "Choose another folder")
    for path in sorted(out.iterdir()):
        if path.name not in listed:
            bad_input(path, "is not part of the bundle, so --force does not remove it", "Move it away first")


def publish(folder: Path, out: Path) -> None:
    """Let `folder`, a bundle beside `out`, take its place. Raises DiskFull or BadInput if the disk refuses."""
    out = out.resolve()
    with disk_errors(out):
        _flush(folder)
        _swap(folder, out)


def _flush(folder: Path) -> None:
    """Everything on disk before the rename, so that a power cut cannot leave empty files under the final name."""
    for path in [*folder.iterdir(), folder]:
        handle = os.open(path, os.O_RDONLY)
        try:
            flush(handle)
        finally:
            os.close(handle)


def _swap(temporary: Path, out: Path) -> None:
    if not out.exists():
        os.rename(temporary, out)
        return
    replaced = out.with_name(f".{out.name}.old-{os.getpid()}")
    os.rename(out, replaced)
    try:
        os.rename(temporary, out)
    except BaseException:
        os.rename(replaced, out)
        raise
    shutil.rmtree(replaced)
