"""The short form of the mutation torture: no damaged bundle is accepted, no forged one breaks anything."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from ..torture.mutate import DAMAGE, FORGERY, mutate

ROOT = Path(__file__).parent.parent.parent


def test_four_hundred_mutations(tiny_bundle):
    outcomes = mutate(tiny_bundle.directory, 400, seed=7)
    assert sum(outcomes.values()) == 400
    tried = {name.split(":")[0] for name in outcomes}
    assert tried == {change.__name__ for change in DAMAGE + FORGERY}


def test_fuzzers_run(tmp_path):
    """A moment of each coverage-guided fuzzer, in a process of its own because it ends the process."""
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("needs atheris, which this system has no package of")
    for target in ("manifest", "trajectory", "onnx"):
        options = ["-runs=2000", "-seed=1", f"-artifact_prefix={tmp_path}/"]
        # A shell between: the peak memory of a child begins at its parent's, which may be over the fuzzer's limit.
        command = ["sh", "-c", '"$@"; exit $?', "sh", sys.executable, "-m", "tests.torture.fuzz", target, *options]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
        assert "Done 2000" in done.stderr
