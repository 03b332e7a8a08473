"""The memory that is predicted for a run against what the operating system saw, with a real model."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from pocketzo.runtime.bundle.tokenizer import NAME, Tokenizer
from pocketzo.runtime.limits.memory import estimate
from pocketzo.runtime.run.tune import encoded
from pocketzo.runtime.tasks import make_task
from pocketzo.runtime.tasks.data import read_data

TASK = {
    "kind": "classify",
    "prompt": "Review: {text}\nSentiment:",
    "labels": {"negative": " no", "positive": " so"},
}


PEAK = """
import atexit, resource, sys
from pathlib import Path
from pocketzo.toolkit.cli import main
here = sys.argv.pop(1)
def told():  # the last of the exit's calls: a child has ended before
    child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    Path(here).write_text(Path("/proc/self/status").read_text() + f"Child: {child} kB\\n")
atexit.register(told)
main()
"""


def peak_bytes(told: Path, *arguments: object) -> int:
    """The largest resident set of a `pocketzo` command and that of its child, as its process sees them at its end."""
    command = [sys.executable, "-c", PEAK, *map(str, (told, *arguments))]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    lines = [line for line in told.read_text().splitlines() if line.startswith(("VmHWM", "Child"))]
    return sum(int(line.split()[1]) * 1024 for line in lines)


@pytest.mark.skipif(sys.platform != "linux", reason="reads a process's peak from /proc")
@pytest.mark.parametrize(
    ("batch", "bits"),
    [(32, 4), (8, 8), pytest.param(8, 4, marks=pytest.mark.long), pytest.param(32, 8, marks=pytest.mark.long)],
)
def test_a_run_takes_the_memory_that_was_predicted(bits, batch, shared, export_once, tmp_path):
    options = {} if bits == 4 else {"weight_bits": 8, "accuracy_level": 4}
    bundle = export_once(shared / "models/mini-llama-8m", **options)
    predicted, measured = predicted_and_measured(bundle, "onnx", batch, shared, tmp_path)
    assert predicted == pytest.approx(measured, rel=0.15)


@pytest.mark.skipif(sys.platform != "linux", reason="reads a process's peak from /proc")
def test_a_run_on_executorch_takes_the_memory_that_was_predicted(shared, export_once, tmp_path):
    pytest.importorskip("executorch", reason="needs ExecuTorch: pip install 'pocketzo[executorch]'")
    bundle = export_once(shared / "models/mini-llama-8m", engines=("executorch",), accuracy_level=4, max_tokens=8192)
    predicted, measured = predicted_and_measured(bundle, "executorch", 32, shared, tmp_path)
    assert predicted == pytest.approx(measured, rel=0.15)


def predicted_and_measured(bundle, engine, batch, shared, tmp_path):
    (tmp_path / "task.json").write_text(json.dumps(TASK))
    data = shared / "data/sst2"
    lines = (data / "train.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "train.jsonl").write_text("".join(lines[:256]), encoding="utf-8")
    lines = (data / "validation.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "held.jsonl").write_text("".join(lines[:100]), encoding="utf-8")
    model = bundle.manifest.model
    task = make_task(TASK, "", Tokenizer.open(bundle.directory / NAME), model.vocabulary, model.eos_token_id)
    examples = encoded(task, read_data(tmp_path / "train.jsonl"), model)
    predicted = estimate(bundle.manifest, batch, max(len(e.tokens) for e in examples), engine=engine).total
    measured = peak_bytes(
        tmp_path / "status", "tune", bundle.directory, "--task", tmp_path / "task.json",
        "--train", tmp_path / "train.jsonl",
        "--validation", tmp_path / "held.jsonl", "--run", tmp_path / "run", "--steps", 6, "--batch", batch,
        "--engine", engine,
    )  # fmt: skip
    return predicted, measured
