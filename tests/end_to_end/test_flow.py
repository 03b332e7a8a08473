"""Export, inspect, verify, tune and evaluate, as a user types them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pocketzo.runtime.system.files import sha256

POCKETZO = Path(sys.executable).with_name("pocketzo")


def tune_arguments(bundle, files, *more):
    return ["tune", bundle.directory, "--task", files / "task.json", "--train", files / "train.jsonl",
            "--validation", files / "validation.jsonl", "--run", files / "run", "--batch", 4, *more]  # fmt: skip


def test_the_whole_path(tiny_checkpoint, files, cli):
    out = files / "bundle"
    done = cli("export", tiny_checkpoint, "--out", out, "--density", 0.02, "--windows", 4, "--window-tokens", 64,
               "--task", files / "task.json", "--json")  # fmt: skip
    assert done.code == 0, done.err
    exported = json.loads(done.out)
    assert exported["golden_difference"] < 1e-3

    inspected = json.loads(cli("inspect", out, "--json").out)
    assert inspected["hash"] == exported["hash"] == sha256(out / "manifest.json")
    assert "tiny-llama" in cli("inspect", out).out

    verified = cli("verify", out, "--json")
    assert json.loads(verified.out)["passed"] is True

    tuned = cli("tune", out, "--train", files / "train.jsonl", "--validation", files / "validation.jsonl",
                "--run", files / "run", "--steps", 6, "--batch", 4, "--evaluate-every", 3, "--json")  # fmt: skip
    assert tuned.code == 0, tuned.err
    result = json.loads(tuned.out)
    assert result["steps"] == 6
    lines = [json.loads(line) for line in (files / "run/trajectory.jsonl").read_text().splitlines()]
    assert lines[0]["bundle"] == exported["hash"]
    assert [line["step"] for line in lines[1:] if "g" in line] == [1, 2, 3, 4, 5, 6]
    metrics = json.loads((files / "run/metrics.json").read_text())
    assert [e["step"] for e in metrics["evaluations"]] == [
        0,
        0,
        3,
        6,
    ]  # of the model as it was, then with the label head

    best = cli("evaluate", out, "--data", files / "validation.jsonl", "--values", files / "run/best.safetensors",
               "--json")  # fmt: skip
    assert json.loads(best.out) == result["best"]
    base = cli("evaluate", out, "--data", files / "validation.jsonl", "--json")
    assert json.loads(base.out) == result["before"]


def test_completion_task_lowers_its_loss(tiny_bundle, files, cli):
    (files / "task.json").write_text('{"kind": "complete"}')
    lines = [{"prompt": f"Say {i}:", "completion": " the sea and the hill"} for i in range(16)]
    for name, part in (("train", lines[:12]), ("validation", lines[12:])):
        (files / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in part))
    done = cli(*tune_arguments(tiny_bundle, files, "--steps", 150, "--lr", 0.02, "--evaluate-every", 50, "--json"))
    assert done.code == 0, done.err
    result = json.loads(done.out)
    assert result["best"]["accuracy"] is None
    assert result["best"]["loss"] < 0.9 * result["before"]["loss"]


def test_the_same_seed_gives_the_same_bytes(tiny_bundle, files, cli):
    hashes = set()
    for _ in range(2):
        assert cli(*tune_arguments(tiny_bundle, files, "--steps", 5, "--force")).code == 0
        hashes.add((sha256(files / "run/values.safetensors"), sha256(files / "run/trajectory.jsonl")))
    assert len(hashes) == 1


def test_a_run_is_not_overwritten_without_force(tiny_bundle, files, cli):
    assert cli(*tune_arguments(tiny_bundle, files, "--steps", 1)).code == 0
    before = sha256(files / "run/trajectory.jsonl")
    done = cli(*tune_arguments(tiny_bundle, files, "--steps", 1))
    assert done.code == 3
    assert "holds a run already" in done.err
    assert sha256(files / "run/trajectory.jsonl") == before


def until_steps(process, trajectory, count):
    """Wait until the run has more than `count` lines, or has ended."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if trajectory.exists() and trajectory.read_text().count("\n") > count:
            return
        time.sleep(0.05)


@pytest.fixture
def long_run(tiny_bundle, files):
    """long_run("trap ..."): a run without end, started from a shell that did this before, once it has begun."""

    def start(before=":"):
        words = [POCKETZO, *tune_arguments(tiny_bundle, files, "--steps", 100_000, "--evaluate-every", 100_000)]
        shell = ["bash", "-c", f'{before}; exec "$@"', "bash", *map(str, words)]
        process = subprocess.Popen(shell, stderr=subprocess.PIPE, text=True)
        until_steps(process, files / "run/trajectory.jsonl", 5)
        return process

    return start


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_saves_what_it_has(long_run, files, number):
    process, trajectory = long_run(), files / "run/trajectory.jsonl"
    process.send_signal(number)
    err = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert "everything is saved in" in err
    assert "Traceback" not in err
    steps = trajectory.read_text().count('"g":')
    assert json.loads((files / "run/metrics.json").read_text())["steps"] == steps
    assert (files / "run/values.safetensors").exists()


def test_a_run_that_is_to_ignore_ctrl_c_goes_on(long_run, files):
    """As after `&` in a script; SIGTERM still ends it."""
    process, trajectory = long_run("trap '' INT"), files / "run/trajectory.jsonl"
    process.send_signal(signal.SIGINT)
    until_steps(process, trajectory, trajectory.read_text().count("\n") + 5)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    err = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert "everything is saved in" in err


def test_a_stopped_export_says_how_to_go_on(cli, tiny_checkpoint, tmp_path, monkeypatch):
    from pocketzo.toolkit import pipeline
    from pocketzo.toolkit.stages import graphs

    def stop(*arguments):
        raise KeyboardInterrupt

    arguments = ["export", tiny_checkpoint, "--out", tmp_path / "out", "--windows", 2, "--window-tokens", 32]
    with monkeypatch.context() as patched:
        patched.setattr(pipeline, "find_source", stop)
        done = cli(*arguments)
    assert done.code == 130
    assert "pocketzo: interrupted; nothing was left half-written." in done.err
    assert list(tmp_path.iterdir()) == []
    with monkeypatch.context() as patched:
        patched.setattr(graphs, "assemble", stop)
        done = cli(*arguments)
    assert done.code == 130
    assert f"What is finished is saved in {tmp_path}/.out.work; the same command goes on" in " ".join(done.err.split())
    done = cli(*arguments, "--density", 0.02)
    assert done.code == 0
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_help_is_quick_to_import_and_imports_nothing_heavy():
    code = "import sys; sys.argv = ['pocketzo', '--help']\nfrom pocketzo.toolkit.cli import main\ntry: main()\nexcept SystemExit: pass\nprint([m for m in ('torch', 'transformers', 'onnxruntime', 'onnx', 'numpy', 'matplotlib') if m in sys.modules])"  # noqa: E501
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "export" in shown
    assert shown.splitlines()[-1] == "[]"


@pytest.mark.parametrize("command", ["export", "inspect", "verify", "tune", "evaluate"])
def test_every_command_explains_itself_with_examples(cli, command):
    done = cli(command, "--help")
    assert done.code == 0
    assert "Examples" in done.out
    for option in ("--json", "--debug"):
        assert option in done.out


def test_runtime_alone_is_enough_on_a_device(tiny_bundle, files, tmp_path):
    """In a clean environment with `pip install .` and no torch: verify, tune and evaluate."""
    venv, uv = tmp_path / "venv", Path(sys.executable).with_name("uv")
    if not uv.exists():
        pytest.skip("needs uv, which `make setup` brings")
    root = Path(__file__).parent.parent.parent
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, venv], check=True)
    source = tmp_path / "source"
    shutil.copytree(root, source, ignore=shutil.ignore_patterns(".*", "build", "*.egg-info"))
    subprocess.run([uv, "pip", "install", "--quiet", "--python", venv / "bin/python", source], check=True)
    probe = "import importlib.util as u; print(u.find_spec('torch'), u.find_spec('transformers'), u.find_spec('onnx'))"
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}

    def run(*arguments):
        done = subprocess.run(
            [venv / "bin" / arguments[0], *map(str, arguments[1:])], capture_output=True, text=True, env=environment
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert run("python", "-c", probe) == "None None None\n"
    assert json.loads(run("pocketzo", "verify", tiny_bundle.directory, "--json"))["passed"]
    run("pocketzo", *tune_arguments(tiny_bundle, files, "--steps", 2))
    data = ["--data", files / "validation.jsonl", "--task", files / "task.json"]
    values = ["--values", files / "run/values.safetensors"]
    assert "accuracy" in run("pocketzo", "evaluate", tiny_bundle.directory, *data, *values)
    export = subprocess.run([venv / "bin/pocketzo", "export", "x", "--out", "y"], capture_output=True, text=True)
    assert export.returncode == 2
    assert "pip install 'pocketzo[host]'" in export.stderr
