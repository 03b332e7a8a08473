"""A bundle appears under its name whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from pocketzo.runtime.errors import NotEnoughRoom, bad_input
from pocketzo.runtime.files import disk_errors


def check_destination(out: Path, force: bool, needed_bytes: int = 0) -> None:
    """Raises BadInput if `out` exists (unless `force`) or cannot be made, NotEnoughRoom if its disk is too full."""
    if out.exists() or out.is_symlink():
        if not force:
            bad_input(out, "exists already", "Choose another --out, or replace it with --force")
        if not (out / "manifest.json").is_file() and (not out.is_dir() or any(out.iterdir())):
            bad_input(out, "is not a bundle, so --force does not replace it", "Choose another --out")
    with disk_errors(out):
        out.absolute().parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(out.absolute().parent).free
    if free < needed_bytes:
        raise NotEnoughRoom(
            f"{out}: the bundle needs about {needed_bytes / 1e6:.0f} MB and its disk has {free / 1e6:.0f} MB free."
            " Free some space or choose another disk."
        )


@contextlib.contextmanager
def staged(out: Path) -> Iterator[Path]:
    """A temporary folder beside `out` that takes its place if the body succeeds and is removed if it does not.

    Raises DiskFull or BadInput if the disk refuses a write.
    """
    temporary = out.absolute().with_name(f".{out.name}.part-{os.getpid()}")
    try:
        with disk_errors(out):
            temporary.mkdir()
            yield temporary
            replaced = out.absolute().with_name(f".{out.name}.old-{os.getpid()}")
            if out.exists():
                os.rename(out, replaced)
            os.rename(temporary, out)
            shutil.rmtree(replaced, ignore_errors=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
