"""The ExecuTorch engine and its child process, whatever befalls either; needs no ExecuTorch."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from pocketzo.runtime.engines.child import LOG
from pocketzo.runtime.engines.executorch import engine as executorch
from pocketzo.runtime.errors import BadInput, NotEnoughSpace, UsageError

from ...conftest import ROOT
from . import stub_child as stub
from . import tiny

INSTALLED = executorch._installed
WAIT = 30
"""seconds that a process may take to be gone"""


@pytest.fixture(scope="module", autouse=True)
def stubbed():
    """The engine's child is the stub."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(executorch, "CHILD", "tests.runtime.engines.stub_child")
        patch.setattr(executorch, "_installed", lambda: "1.5.1")
        patch.setenv("PYTHONPATH", str(ROOT))
        yield


@pytest.fixture(scope="module")
def engine(tmp_path_factory, stubbed):
    """An engine with the stub for a child, or for one child after another."""
    return executorch.ExecuTorchEngine(tiny.bundle(tmp_path_factory.mktemp("bundle")))


def ask(engine, what):
    """A pass in which `what` happens."""
    batch, values = tiny.random_pass()
    values[:] = what
    return engine.forward(batch, values)


def alive(pid):
    """Whether a process runs; one that has ended and is not waited for does not."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def gone(pid):
    """Wait until a process is gone, and say whether it is."""
    end = time.monotonic() + WAIT
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.01)
    return not alive(pid)


def test_what_is_printed_is_no_message(engine):
    for what in (stub.FINE, stub.LOUD, stub.FINE):
        assert (ask(engine, what).nll == what).all()
        assert len(engine._child.log) <= LOG


@pytest.mark.parametrize(
    ("what", "error", "words"),
    [
        (stub.CRASH, BadInput, ["was ended by SIGSEGV at running it", "the last words", "export it again"]),
        (stub.ABORT, BadInput, ["was ended by SIGABRT at running it", "the last words", "export it again"]),
        (stub.TORN, BadInput, ["was ended by SIGSEGV at running it", "the last words", "export it again"]),
        (stub.LEAVE, BadInput, ["ended with exit code 7 at running it", "export it again"]),
        (stub.KILLED, NotEnoughSpace, ["was ended by SIGKILL at running it", "smaller --batch"]),
        (stub.NO_MEMORY, NotEnoughSpace, ["could not allocate", "smaller --batch"]),
        (stub.OTHER_SHAPES, BadInput, ["[[1, 3, 4], [1, 3, 2, 64]], expected [[2, 3, 4], [2, 3, 2, 64]]"]),
        (stub.NO_MESSAGE, BadInput, ["gave what is no answer at running it", "export it again"]),
    ],
)
def test_what_befalls_the_child_is_an_error_and_the_next_pass_runs(engine, what, error, words):
    with pytest.raises(error) as raised:
        ask(engine, what)
    for word in [*words, "step.pte: "]:
        assert word in str(raised.value)
    assert (ask(engine, stub.FINE).nll == stub.FINE).all()


def test_what_was_printed_in_an_earlier_pass_is_no_reason(engine):
    ask(engine, stub.LOUD)
    with pytest.raises(BadInput, match="SIGSEGV"):
        ask(engine, stub.CRASH)


def test_a_folder_that_the_user_is_in_stands_for_no_library(tmp_path, monkeypatch):
    (tmp_path / "safetensors.py").write_text("raise SystemExit('the wrong one')")
    monkeypatch.chdir(tmp_path)
    engine = executorch.ExecuTorchEngine(tiny.bundle(tmp_path))
    assert ask(engine, stub.FINE)
    engine.close()


def test_no_process_can_be_started(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    with pytest.raises(NotEnoughSpace, match="no process can be started"):
        executorch.ExecuTorchEngine(tiny.bundle(tmp_path))


def test_killed_between_passes(engine):
    ask(engine, stub.FINE)
    os.kill(engine._child.pid, signal.SIGKILL)
    with pytest.raises(NotEnoughSpace, match="SIGKILL"):
        ask(engine, stub.FINE)
    assert ask(engine, stub.FINE)


def test_the_child_leaves_stopping_to_its_parent(engine):
    """A terminal's Ctrl-C and a SIGTERM to the group reach it too, and the step under way is to be finished."""
    ask(engine, stub.FINE)
    child = engine._child
    timer = subprocess.Popen(["sh", "-c", f"sleep 0.3; kill -INT {child.pid}; kill -TERM {child.pid}"])
    assert (ask(engine, stub.SLOW).nll == stub.SLOW).all()
    assert timer.wait() == 0
    assert engine._child is child
    assert ask(engine, stub.FINE)


def test_a_pass_that_is_broken_off_leaves_no_process_and_no_stale_answer(engine):
    def interrupt(number, frame):
        raise KeyboardInterrupt

    ask(engine, stub.FINE)
    pid, before = engine._child.pid, signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(KeyboardInterrupt):
            ask(engine, stub.STUCK)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert not alive(pid)
    assert (ask(engine, stub.FINE).nll == stub.FINE).all()


def test_closed_and_forgotten_engines_leave_no_process(tmp_path):
    first, second = (executorch.ExecuTorchEngine(tiny.bundle(tmp_path)) for _ in range(2))
    pids = [first._child.pid, second._child.pid]
    assert all(alive(pid) for pid in pids)
    first.close()
    del second
    gc.collect()
    assert not any(alive(pid) for pid in pids)


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts open files in /proc")
def test_children_leave_no_file_open(tmp_path, monkeypatch):
    def open_files():
        gc.collect()
        return len(os.listdir("/proc/self/fd"))

    before = open_files()
    engine = executorch.ExecuTorchEngine(tiny.bundle(tmp_path))
    for what in (stub.FINE, stub.CRASH, stub.NO_MESSAGE, stub.TORN):
        with contextlib.suppress(BadInput):
            ask(engine, what)
    engine.close()
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    with pytest.raises(NotEnoughSpace):
        executorch.ExecuTorchEngine(tiny.bundle(tmp_path))
    assert open_files() == before


PARENT = f"""
import sys, pathlib
from tests.runtime.engines import stub_child, test_child, tiny
from pocketzo.runtime.engines.executorch import engine as executorch
executorch.CHILD, executorch._installed = "tests.runtime.engines.stub_child", lambda: "1.5.1"
engine = executorch.ExecuTorchEngine(tiny.bundle(pathlib.Path({str(ROOT)!r})))
print(engine._child.pid, flush=True)
if sys.argv[1] == "stuck":
    test_child.ask(engine, stub_child.STUCK)
if sys.argv[1] == "idle":
    sys.stdin.read()
"""


@pytest.mark.parametrize("state", ["ended", "idle", "stuck"])
def test_a_parent_that_is_gone_leaves_no_process(state):
    pipe = subprocess.PIPE
    parent = subprocess.Popen([sys.executable, "-c", PARENT, state], stdin=pipe, stdout=pipe, cwd=ROOT)
    with parent:
        pid = int(parent.stdout.readline())
        if state != "ended":
            if state == "stuck":
                time.sleep(0.3)
            assert alive(pid)
            parent.kill()
        assert (parent.wait() == 0) == (state == "ended")
        assert gone(pid)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"values": 25}, "its inputs are int64 [1, 16, 48], .* float32 [8, 24], the manifest says .* K = 25"),
        ({"hidden": 63}, "its outputs are .*64], the manifest says float32 ['P', 'B', 'L'], .*63] with .* H = 63"),
        ({"bounds": {**tiny.BOUNDS, "B": 17}}, "its inputs are .* B = 17"),
        ({"inputs": tiny.graph().inputs[:4]}, "the manifest's inputs are not input_ids"),
        ({"outputs": tiny.graph().outputs[::-1]}, "the manifest's outputs are not nll, hidden"),
        ({"inputs": [t.model_copy(update={"type": "int64"}) for t in tiny.graph().inputs]}, "its inputs are"),
        ({"minimum_engine_version": "1.5.2"}, "needs executorch 1.5.2, here is 1.5.1"),
    ],
)
def test_a_graph_that_is_not_what_the_manifest_says(tmp_path, change, words):
    pattern = words.replace("[", r"\[").replace("]", r"\]")
    with pytest.raises(BadInput, match=pattern):
        executorch.ExecuTorchEngine(tiny.bundle(tmp_path, **change))


@pytest.mark.parametrize("package", ["executorch", "torch"])
def test_without_the_package(tmp_path, monkeypatch, package):
    monkeypatch.setattr(executorch, "_installed", INSTALLED)
    monkeypatch.setattr(executorch.metadata, "version", lambda name: "1.5.1")
    monkeypatch.setattr(executorch.importlib.util, "find_spec", lambda name: None if name == package else name)
    with pytest.raises(UsageError, match=rf"the package {package}, which is not here.*pocketzo\[executorch\]"):
        executorch.ExecuTorchEngine(tiny.bundle(tmp_path))


@pytest.mark.parametrize(
    ("size", "words"),
    [
        ({"p": 9}, r"9 perturbations \(P\), and the graph takes at most 8. Use fewer --directions\.$"),
        ({"b": 17}, r"17 examples \(B\), and the graph takes at most 16. Use a smaller --batch\.$"),
        (
            {"t": 49},
            r"49 tokens an example \(T\), and the graph takes at most 48. Use shorter texts, .* larger --max-length",
        ),
        ({"s": 9}, r"9 scored positions an example \(S\), and the graph takes at most 8.*--max-length"),
        ({"m": 9}, r"18 labels an example \(L\), and the graph takes at most 16.*--max-length"),
        ({"w": 33}, r"33 words that compete for a label \(W\), and the graph takes at most 32. Use fewer labels\.$"),
        (
            {"p": 3, "b": 16, "t": 40},
            r"1,920 tokens .* takes at most 1,600. Use a smaller --batch .* larger --max-tokens",
        ),
    ],
)
def test_a_pass_over_the_bounds(engine, size, words):
    with pytest.raises(BadInput, match=r"step.pte: a pass: " + words):
        engine.forward(*tiny.random_pass(**size))
    assert np.isfinite(engine.forward(*tiny.random_pass(b=16, t=48)).nll).all()


def test_a_token_beyond_the_vocabulary(engine):
    batch, values = tiny.random_pass()
    batch.input_ids[0, 0] = tiny.VOCABULARY
    with pytest.raises(BadInput, match=r"input_ids: .* to 512, and the limits are 0 and 511"):
        engine.forward(batch, values)
