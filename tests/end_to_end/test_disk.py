"""Disks that lack locks or flushing, or fail: named as what they are, and nothing that is finished is lost."""

from __future__ import annotations

import errno
import fcntl
import os
import stat

import pytest
from pocketzo.runtime.system.files import disk_errors

from .conftest import refused
from .test_export_resume import OPTIONS, work_of
from .test_flow import tune_arguments


def failing(number, wanted=lambda *arguments: True, real=None):
    """A function of the operating system that fails with `number` where `wanted`."""

    def call(*arguments, **named):
        if wanted(*arguments):
            raise OSError(number, os.strerror(number))
        return real(*arguments, **named)

    return call


@pytest.fixture
def export(cli, tiny_checkpoint, tmp_path):
    return lambda *more: cli("export", tiny_checkpoint, "--out", tmp_path / "new/out", *OPTIONS, *more)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP, errno.EIO])
def test_run_on_a_disk_without_locks(cli, tiny_bundle, files, monkeypatch, number):
    arguments = tune_arguments(tiny_bundle, files, "--run", files / "new/run", "--steps", 1)
    with monkeypatch.context() as patched:
        patched.setattr(fcntl, "flock", failing(number))
        refused(cli(*arguments), f"cannot be locked ({os.strerror(number)})", "Choose a folder on a disk with locks")
    assert not (files / "new").exists()
    assert cli(*arguments).code == 0
    before = {path: path.read_bytes() for path in (files / "new/run").iterdir()}
    with monkeypatch.context() as patched:
        patched.setattr(fcntl, "flock", failing(number))
        refused(cli(*arguments, "--resume"), "cannot be locked")
    assert {path: path.read_bytes() for path in (files / "new/run").iterdir()} == before


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.EACCES])
def test_a_lock_that_another_process_has(cli, tiny_bundle, files, monkeypatch, number):
    monkeypatch.setattr(fcntl, "flock", failing(number))
    refused(cli(*tune_arguments(tiny_bundle, files)), "another process is tuning in this folder")


def test_run_whose_first_line_does_not_fit_on_the_disk(cli, tiny_bundle, files, monkeypatch):
    from pocketzo.runtime.trajectory.writer import Writer

    def full(self, content):
        with disk_errors(self._path):
            raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(Writer, "_append", full)
    refused(cli(*tune_arguments(tiny_bundle, files, "--run", files / "new/run")), "new/run: the disk is full")
    assert not (files / "new").exists()


def test_export_on_a_disk_without_locks(export, tmp_path, monkeypatch):
    monkeypatch.setattr(fcntl, "flock", failing(errno.ENOLCK))
    refused(export(), ".out.work: cannot be locked (No locks available)")
    assert list(tmp_path.iterdir()) == []


def is_folder(handle):
    return stat.S_ISDIR(os.fstat(handle).st_mode)


@pytest.mark.parametrize(("number", "wanted"), [(errno.EINVAL, is_folder), (errno.ENOTSUP, lambda handle: True)])
def test_export_on_a_disk_that_cannot_be_flushed(export, cli, tmp_path, monkeypatch, number, wanted):
    monkeypatch.setattr(os, "fsync", failing(number, wanted, os.fsync))
    assert export().code == 0
    assert cli("verify", tmp_path / "new/out").code == 0


def test_disk_that_fails_at_the_end_of_an_export_keeps_the_work(export, tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", failing(errno.EIO, is_folder, os.fsync))
        done = export()
    refused(done, "new/out: cannot be written (Input/output error)", "same command goes on from there")
    assert work_of(tmp_path / "new/out").is_dir()
    done = export()
    assert done.code == 0
    assert "goes on after weights" in " ".join(done.err.split())
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["out"]


def test_work_that_cannot_be_read_now_is_not_started_over(export, tmp_path, monkeypatch):
    from pocketzo.toolkit.stages import graphs
    from pocketzo.toolkit.work import work_folder

    with monkeypatch.context() as patched:
        patched.setattr(graphs, "assemble", failing(errno.EIO))
        refused(export(), "Input/output error", "goes on from there")
    with monkeypatch.context() as patched:
        patched.setattr(work_folder, "_digest", failing(errno.EIO))
        refused(export(), ".out.work: cannot be written (Input/output error)")
    assert "goes on after weights" in " ".join(export().err.split())


def test_work_of_what_is_wrong_itself_goes(export, tmp_path, monkeypatch):
    from pocketzo.runtime.errors import bad_input
    from pocketzo.toolkit.stages import graphs

    monkeypatch.setattr(graphs, "assemble", lambda *_: bad_input("it", "is wrong", "Mend it"))
    refused(export(), "it: is wrong")
    assert not work_of(tmp_path / "new/out").exists()
