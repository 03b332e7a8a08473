"""A file that is written appears under its name whole or not at all."""

from __future__ import annotations

import errno
import os

import pytest
from pocketzo.runtime.errors import DiskFailed, DiskFull
from pocketzo.runtime.system.files import written_atomically


@pytest.fixture
def path(tmp_path):
    """A file that holds something already."""
    path = tmp_path / "file"
    path.write_text("before")
    return path


def test_it_is_on_disk_before_it_has_its_name(path, monkeypatch):
    order = []
    real_fsync, real_replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (order.append(os.fstat(handle).st_size), real_fsync(handle)))
    monkeypatch.setattr(os, "replace", lambda old, new: (order.append("renamed"), real_replace(old, new)))
    with written_atomically(path) as temporary:
        temporary.write_text("afterwards")
        assert path.read_text() == "before"
    assert order == [len("afterwards"), "renamed"]
    assert path.read_text() == "afterwards"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (OSError(errno.ENOSPC, "full"), DiskFull),
        (OSError(errno.EROFS, "read-only"), DiskFailed),
        (ValueError("something else"), ValueError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
    ids=["full", "read-only", "another", "interrupted"],
)
def test_error_leaves_what_was_there(path, raised, expected):
    def write_half():
        with written_atomically(path) as temporary:
            temporary.write_text("half")
            raise raised

    with pytest.raises(expected):
        write_half()
    assert path.read_text() == "before"
    assert list(path.parent.iterdir()) == [path]


def test_two_processes_have_temporary_files_of_their_own(path):
    with written_atomically(path, ".1") as one, written_atomically(path, ".2") as other:
        one.write_text("one")
        other.write_text("other")
    assert path.read_text() == "one", "the last that is renamed"
    assert list(path.parent.iterdir()) == [path]


def test_folders_above_are_made(tmp_path):
    with written_atomically(tmp_path / "a/b/file") as temporary:
        temporary.write_text("here")
    assert (tmp_path / "a/b/file").read_text() == "here"


def test_folder_that_cannot_be_made(path):
    with pytest.raises(DiskFailed, match="cannot be written"), written_atomically(path / "below") as _:
        raise AssertionError("there is no place for it")
