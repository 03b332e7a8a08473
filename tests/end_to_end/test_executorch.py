"""Runs on ExecuTorch: the loop as on any engine, within the bounds of the graph."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess

import pytest
from pocketzo.runtime.engines.executorch.engine import ExecuTorchEngine

from ..torture.kill import POCKETZO
from .conftest import LINES, refused
from .test_flow import tune_arguments
from .test_resume import contents


@pytest.fixture
def tune(cli, two_engines, files):
    """tune(*options): a run on ExecuTorch."""

    def call(*more):
        return cli(*tune_arguments(two_engines[0], files, "--engine", "executorch", *more))

    return call


def test_a_run_and_its_resume(tune, cli, two_engines, files):
    assert tune("--steps", 6, "--evaluate-every", 3).code == 0
    whole = contents(files / "run")
    assert json.loads(whole["trajectory.jsonl"].splitlines()[0])["engine"] == "executorch"
    assert tune("--steps", 3, "--evaluate-every", 3, "--force").code == 0
    assert tune("--steps", 6, "--resume").code == 0
    assert contents(files / "run") == whole
    refused(cli(*tune_arguments(two_engines[0], files, "--steps", 7, "--resume")), "executorch", "onnx")
    evaluated = cli("evaluate", two_engines[0].directory, "--task", files / "task.json", "--data",
                    files / "validation.jsonl", "--values", files / "run/best.safetensors", "--engine", "executorch",
                    "--json")  # fmt: skip
    measured = json.loads(whole["metrics.json"])["evaluations"]
    assert json.loads(evaluated.out)["loss"] in [pytest.approx(e["loss"], rel=1e-6) for e in measured]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--batch", 17], ["17 examples (B), and the graph takes at most 16", "smaller --batch"]),
        (["--directions", 5], ["10 perturbations (P), and the graph takes at most 8", "fewer --directions"]),
        (
            ["--batch", 16, "--directions", 4],
            ["tokens", "takes at most 1,600", "smaller --batch", "larger --max-tokens"],
        ),
    ],
)
def test_a_step_over_the_bounds_is_refused_before_the_start(tune, files, options, words):
    refused(tune(*options), "a step with", *words)
    assert not (files / "run").exists()


@pytest.mark.parametrize("name", ["train", "validation"])
def test_an_example_over_the_bounds_is_refused_before_the_start(tune, files, name):
    lines = [*LINES[:10], {"text": "sea " * 60, "label": "a"}]
    (files / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    done = tune()
    refused(done, f"{name}.jsonl", "line 11", "tokens an example (T), and the graph takes at most 48", "shorter texts")
    assert not (files / "run").exists()


def test_a_crash_keeps_the_steps_before_it(tune, files, monkeypatch):
    original, calls = ExecuTorchEngine.forward, [0]

    def forward(self, batch, values):
        calls[0] += len(values) == 2
        if calls[0] == 4:
            os.kill(self._child.pid, signal.SIGSEGV)
        return original(self, batch, values)

    monkeypatch.setattr(ExecuTorchEngine, "forward", forward)
    refused(tune("--steps", 10), "step.pte: ExecuTorch was ended by SIGSEGV")
    assert json.loads((files / "run/metrics.json").read_text())["steps"] == 3


def test_ctrl_c_in_a_terminal_saves_the_run_and_leaves_no_process(two_engines, files):
    """A terminal sends the signal to the whole group, ExecuTorch's process with it."""
    command = tune_arguments(two_engines[0], files, "--engine", "executorch", "--steps", 10**6)
    process = subprocess.Popen(
        [POCKETZO, *map(str, command)], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    while process.poll() is None and (
        not (files / "run/trajectory.jsonl").exists() or (files / "run/trajectory.jsonl").read_bytes().count(b"\n") < 5
    ):
        pass
    os.killpg(process.pid, signal.SIGINT)
    error = process.communicate(timeout=60)[1]
    assert process.returncode == 130, error
    assert int(re.search(r"stopped after step (\d+)", error).group(1)) > 0
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
