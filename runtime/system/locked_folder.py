"""A folder that one process at a time writes to; the lock goes with the process, however it ends."""

from __future__ import annotations

import contextlib
import errno
import fcntl
from pathlib import Path
from typing import BinaryIO

from ..errors import bad_input
from .files import disk_errors

TAKEN = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)
"""what a lock that another process has is refused with; anything else says that this disk does not lock"""


class LockedFolder:
    """A folder, made if need be, with a file in it that is open for reading and appending, and locked."""

    def __init__(self, path: Path, name: str, taken: str, fix: str, buffering: int = -1) -> None:
        """Raises BadInput, saying `taken` and `fix`, if another process has it; BadInput or DiskFull if it cannot be
        made or locked, and nothing is left of it then.
        """
        self._made: list[Path] = []
        try:
            with disk_errors(path):
                self._made = [p for p in (path / name, path, *path.absolute().parents) if not p.exists()]
                path.mkdir(parents=True, exist_ok=True)
                self.file: BinaryIO = open(path / name, "ab+", buffering)  # noqa: SIM115
        except BaseException:
            self._unmake()
            raise
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as e:
            self.file.close()
            if e.errno in TAKEN:
                bad_input(path, taken, fix)
            self._unmake()
            bad_input(
                path,
                f"cannot be locked ({e.strerror}), so another process could write there at the same time",
                "Choose a folder on a disk with locks: some network disks have none",
            )

    def undo(self) -> None:
        """Close the file, and remove it and the folder if they were made here."""
        self.file.close()
        self._unmake()

    def _unmake(self) -> None:
        for path in self._made:
            with contextlib.suppress(OSError):
                path.rmdir() if path.is_dir() else path.unlink()
