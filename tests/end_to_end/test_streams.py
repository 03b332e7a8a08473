"""Standard output of any kind: ASCII, closed, full, read by nobody; and names of files that are not UTF-8."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

from .conftest import TASK, Done
from .test_bad_input import refused
from .test_flow import POCKETZO, tune_arguments

ASCII = {"PYTHONIOENCODING": "ascii"}
C = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}


def command(*arguments, shell='"$@"', **environment):
    """`pocketzo` in a shell of its own: exit code and bytes."""
    words = ["bash", "-c", f"set -o pipefail; {shell}", "bash", str(POCKETZO), *map(str, arguments)]
    done = subprocess.run(words, capture_output=True, env={**os.environ, **environment})
    return Done(done.returncode, done.stdout, done.stderr.decode())


def commands(bundle, files):
    """One of each command that needs a bundle alone, and what takes the other streams: help and version."""
    data = ["--task", files / "task.json", "--data", files / "validation.jsonl"]
    return {
        "inspect": ["inspect", bundle.directory],
        "verify": ["verify", bundle.directory],
        "evaluate": ["evaluate", bundle.directory, *data],
        "tune": tune_arguments(bundle, files, "--steps", 1, "--force"),
        "replay": ["replay", files / "run", "--bundle", bundle.directory],
        "help": ["--help"],
        "version": ["--version"],
    }


@pytest.fixture
def named(tiny_bundle, files, cli):
    """The arguments by command, with a run to replay, a bundle and data whose names are not ASCII."""
    from pocketzo.runtime.bundle import open_bundle

    shutil.copytree(tiny_bundle.directory, files / "bündel")
    bundle = open_bundle(files / "bündel")
    assert cli(*tune_arguments(bundle, files, "--steps", 1)).code == 0
    return commands(bundle, files)


FULL = [("inspect", []), ("inspect", ["--json"]), ("tune", ["--json"]), ("verify", []), ("replay", []), ("help", [])]


@pytest.mark.parametrize(("name", "options"), FULL)
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_full_output(named, name, options):
    done = command(*named[name], *options, shell='"$@" > /dev/full')
    refused(done._replace(out=""), "standard output", "Send it elsewhere")


@pytest.mark.parametrize("name", ["inspect", "tune", "help"])
def test_closed_output_is_said_before_the_work(named, files, name):
    shutil.rmtree(files / "run")
    done = command(*named[name], shell='"$@" >&-')
    refused(done._replace(out=""), "standard output: is closed")
    assert not (files / "run").exists()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_full_output_that_python_does_not_hold_back(named):
    done = command(*named["verify"], "--json", shell='"$@" > /dev/full', PYTHONUNBUFFERED="1")
    refused(done._replace(out=""), "standard output: cannot be written (No space left on device)")


@pytest.mark.parametrize("name", ["inspect", "help"])
def test_output_that_nobody_reads(named, name):
    assert command(*named[name], shell='"$@" | true')[::2] == (0, "")


@pytest.mark.parametrize("environment", [ASCII, C], ids=["encoding", "locale"])
def test_json_in_ascii(named, tiny_bundle, files, environment):
    done = command(*named["tune"], "--run", files / "rün 😀", "--json", **environment)
    assert done.code == 0, done.err
    assert json.loads(done.out.decode("ascii"))["best_values"] == str(files / "rün 😀/best.safetensors")


@pytest.mark.parametrize(("name", "environment"), [("inspect", ASCII), ("verify", C), ("tune", ASCII)])
def test_words_in_ascii(named, name, environment):
    done = command(*named[name], **environment)
    assert done.code == 0, done.err
    assert done.out.decode("ascii")


def test_closed_or_full_standard_error(named):
    assert command(*named["verify"], "--json", shell='"$@" 2>&-').code == 0
    assert command(*named["evaluate"], "--data", "/none", shell='"$@" 2>/dev/full').code == 3


def test_closed_streams_do_not_end_up_in_files(named, files):
    """A file that is opened gets the lowest number that is free; what a library prints must not go into it."""
    code = (
        "import os, sys\nfrom pocketzo.toolkit import cli\nfrom pocketzo.runtime.trajectory.writer import Writer\n"
        "step = Writer.step\ndef printing(self, *rest):\n os.write(2, b'print')\n step(self, *rest)\n"
        "Writer.step = printing\ncli.main()"
    )
    words = [sys.executable, "-c", code, *map(str, named["tune"])]
    done = subprocess.run(["bash", "-c", '"$@" <&- 2>&-', "bash", *words], capture_output=True)
    assert done.returncode == 0
    assert b"print" not in (files / "run/trajectory.jsonl").read_bytes()


# --- names that are not UTF-8 ---


@pytest.fixture
def odd(tmp_path):
    """odd("x"): a path whose last part is no UTF-8; skips where the disk takes none."""

    def make(name):
        return tmp_path / os.fsdecode(name.encode() + b"\xff\xe9")

    try:
        make("probe").touch()
    except OSError:
        pytest.skip("this disk takes no name that is not UTF-8")

    return make


def strict(done):
    """What --json printed, which must be UTF-8 and whole characters."""
    assert done.code == 0, done.err
    text = done.out.decode("utf-8")
    assert "\\ud" not in text
    return json.loads(text)


def test_names_that_are_not_utf8(odd, tiny_checkpoint, files):
    shutil.copytree(tiny_checkpoint, odd("model"))
    shutil.copy(files / "train.jsonl", odd("train"))
    shutil.copy(files / "validation.jsonl", odd("validation"))
    odd("task").write_text(json.dumps(TASK))
    odd("text").write_text("Words of all kinds, and many of them, so that a window is full. " * 40)
    out, run = odd("bundle"), odd("run")
    few = ["--windows", 2, "--window-tokens", 32, "--density", 0.02]
    exported = command("export", odd("model"), "--out", out, *few, "--calibration", odd("text"), "--json")
    assert strict(exported)["bundle"].endswith("bundle��")
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["model"]["name"] == "model��"
    assert manifest["values"]["calibration"]["source"] == "text��"
    assert strict(command("verify", out, "--json"))["passed"]
    assert strict(command("inspect", out, "--json"))["model"]["name"] == "model��"
    assert "model" in command("inspect", out).out.decode()
    options = ["--task", odd("task"), "--train", odd("train"), "--validation", odd("validation"), "--run", run]
    assert strict(command("tune", out, *options, "--steps", 2, "--json"))["best_values"].endswith(".safetensors")
    assert command("tune", out, *options, "--steps", 3, "--resume").code == 0
    assert json.loads((run / "metrics.json").read_text(encoding="utf-8"))["steps"] == 3
    assert strict(command("replay", run, "--bundle", out, "--json"))["same"]
    data = ["--task", odd("task"), "--data", odd("validation"), "--values", run / "best.safetensors"]
    assert strict(command("evaluate", out, *data, "--json"))["examples"] == 8


@pytest.mark.parametrize("option", ["--train", "--task", "--run", "bundle"])
def test_wrong_files_whose_names_are_not_utf8(odd, tiny_bundle, files, option):
    arguments, path = tune_arguments(tiny_bundle, files), odd("none")
    if option == "--run":
        path.touch()  # a file, not a folder
    arguments[1 if option == "bundle" else arguments.index(option) + 1] = path
    refused(command(*arguments)._replace(out=""), "none\\udcff\\udce9")
