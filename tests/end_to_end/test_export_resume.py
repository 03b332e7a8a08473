"""An export that was stopped or killed anywhere goes on to the very bytes of one that was not."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

OPTIONS = ["--windows", "3", "--window-tokens", "32", "--density", "0.02"]
POCKETZO = Path(sys.executable).with_name("pocketzo")


@pytest.fixture(scope="module")
def whole(tiny_checkpoint, tmp_path_factory):
    """The bundle of an export that nothing stopped."""
    from pocketzo.toolkit.pipeline import ExportConfig, export_bundle

    from ..conftest import Silent

    out = tmp_path_factory.mktemp("whole") / "out"
    config = ExportConfig(windows=3, window_tokens=32, density=0.02)
    export_bundle(str(tiny_checkpoint), out, config, None, False, Silent())
    return contents(out)


def contents(bundle: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in bundle.iterdir()}


def work_of(out: Path) -> Path:
    return out.with_name(f".{out.name}.work")


STAGES = {
    "forward": ("pocketzo.toolkit.select.sensitivity.SensitivityPass._forward", 1, "goes on after layer 0"),
    "backward": ("pocketzo.toolkit.select.sensitivity.SensitivityPass._backward", 1, "goes on backwards after layer 1"),
    "weights": ("pocketzo.toolkit.quantize.store.Storing._store", 2, "goes on after weights of layer 0"),
    "golden vectors": (
        "pocketzo.toolkit.stages.golden.golden_vectors",
        0,
        "goes on after weights of layer model.norm.weight",
    ),
    "graph": ("pocketzo.toolkit.stages.graphs.assemble", 0, "goes on after weights"),
    "eps": ("pocketzo.export.check.eps.mean_loss", 20, "goes on after weights"),
    "publishing": ("pocketzo.toolkit.pipeline.publish", 0, "goes on after weights"),
}


@pytest.mark.parametrize("stage", STAGES)
def test_stopped_in_any_stage(cli, tiny_checkpoint, tmp_path, monkeypatch, whole, stage):
    import importlib

    from pocketzo.toolkit import pipeline  # noqa: F401

    path, after, said = STAGES[stage]
    module, _, name = path.rpartition(".")
    if module.rsplit(".", 1)[-1][0].isupper():
        module, _, owner = module.rpartition(".")
        holder = getattr(importlib.import_module(module), owner)
    else:
        holder = importlib.import_module(module)
    real, calls = getattr(holder, name), 0

    def stop(*arguments, **named):
        nonlocal calls
        calls += 1
        if calls > after:
            raise KeyboardInterrupt
        return real(*arguments, **named)

    out = tmp_path / "out"
    with monkeypatch.context() as patched:
        patched.setattr(holder, name, stop)
        done = cli("export", tiny_checkpoint, "--out", out, *OPTIONS)
    assert done.code == 130
    assert not out.exists()
    done = cli("export", tiny_checkpoint, "--out", out, *OPTIONS)
    assert done.code == 0
    assert said in " ".join(done.err.split())
    assert contents(out) == whole
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def until(process, out: Path, piece: str) -> None:
    """Wait until an export has finished `piece`, or has ended."""
    journal = work_of(out) / "journal.jsonl"
    while process.poll() is None and not (journal.exists() and f'"{piece}"' in journal.read_text()):
        time.sleep(0.0005)


@pytest.mark.parametrize(
    "pieces",
    [["statistics-1"], pytest.param(["input-1", "statistics-1", "weights-0"], marks=pytest.mark.long)],
    ids=["once", "thrice"],
)
def test_killed_at_several_moments(tiny_checkpoint, tmp_path, whole, pieces):
    out = tmp_path / "out"
    command = [POCKETZO, "export", tiny_checkpoint, "--out", out, *OPTIONS]
    for piece in pieces:
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        until(process, out, piece)
        process.kill()
        assert process.wait() == -9
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    said = "goes on backwards" if pieces[-1] == "statistics-1" else "goes on after weights"
    assert said in " ".join(done.stderr.split())
    assert contents(out) == whole


def test_terminated(tiny_checkpoint, tmp_path):
    out = tmp_path / "out"
    command = [POCKETZO, "export", tiny_checkpoint, "--out", out, *OPTIONS, "--windows", "100"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    until(process, out, "input-1")
    process.send_signal(signal.SIGTERM)
    err = process.communicate(timeout=60)[1]
    assert process.returncode == 130, err
    assert "the same command goes on from there" in " ".join(err.split())
    assert "Traceback" not in err


@pytest.fixture
def stopped(cli, tiny_checkpoint, tmp_path, monkeypatch):
    """The work folder of an export that was stopped before any graph was written."""
    from pocketzo.toolkit.stages import graphs

    def stop(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(graphs, "assemble", stop)
        assert cli("export", tiny_checkpoint, "--out", tmp_path / "out", *OPTIONS).code == 130
    return work_of(tmp_path / "out")


@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
@pytest.mark.parametrize("file", ["statistics-1", "importance-0", "values-weights-1", "bundle/weights.bin", "golden"])
def test_damaged_work_starts_over(cli, tiny_checkpoint, tmp_path, stopped, whole, file, damage):
    path = stopped / file
    content = path.read_bytes()
    if damage == "flip":
        path.write_bytes(content[:-5000] + bytes([content[-5000] ^ 1]) + content[-4999:] if len(content) > 5000
                         else content[:-1] + bytes([content[-1] ^ 1]))  # fmt: skip
    elif damage == "cut":
        os.truncate(path, len(content) // 2)
    else:
        path.unlink()
    done = cli("export", tiny_checkpoint, "--out", tmp_path / "out", *OPTIONS)
    assert done.code == 0
    assert "goes on" not in done.err
    assert contents(tmp_path / "out") == whole


def test_journal_that_was_cut_off_in_a_line(cli, tiny_checkpoint, tmp_path, stopped, whole):
    journal = stopped / "journal.jsonl"
    os.truncate(journal, journal.stat().st_size - 20)
    done = cli("export", tiny_checkpoint, "--out", tmp_path / "out", *OPTIONS)
    assert "goes on after weights" in " ".join(done.err.split())
    assert contents(tmp_path / "out") == whole


@pytest.mark.parametrize("change", ["option", "weights", "text"])
def test_work_of_another_export_is_not_used(cli, tiny_checkpoint, tmp_path, stopped, change):
    checkpoint, more = tiny_checkpoint, []
    if change == "option":
        more = ["--windows", "2"]
    elif change == "weights":
        checkpoint = shutil.copytree(tiny_checkpoint, tmp_path / "copy", copy_function=shutil.copy)
    else:
        (tmp_path / "text.txt").write_text("Other words, and many of them, so that a window is full. " * 40)
        more = ["--calibration", tmp_path / "text.txt"]
    done = cli("export", checkpoint, "--out", tmp_path / "out", *OPTIONS, *more)
    assert done.code == 0
    assert "goes on" not in done.err


def test_two_exports_to_one_place(cli, tiny_checkpoint, tmp_path):
    from pocketzo.toolkit.work.work_folder import WorkFolder

    with WorkFolder(work_of(tmp_path / "out"), "another"):
        done = cli("export", tiny_checkpoint, "--out", tmp_path / "out", *OPTIONS)
    assert done.code == 3
    assert "another export writes there" in done.err


def test_disk_without_space_is_refused_before_the_work(cli, tiny_checkpoint, tmp_path, monkeypatch):
    from pocketzo.toolkit.work import disk

    monkeypatch.setattr(disk, "FLOAT", 1e9)
    done = cli("export", tiny_checkpoint, "--out", tmp_path / "out", *OPTIONS)
    assert done.code == 4
    assert "MB free" in " ".join(done.err.split())
    assert list(tmp_path.iterdir()) == []
