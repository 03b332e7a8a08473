"""The loop in Java against that in Python: the same runs, resumed and replayed in either language."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import json
import platform
import re
import shutil
import signal
import subprocess
import time
import zipfile
from pathlib import Path

import pytest
from pocketzo.runtime.engines import ENGINES
from pocketzo.runtime.engines.onnx import ONNX

from ..bundle.forge import replace
from ..end_to_end.conftest import cli as cli
from .conftest import JAR
from .fixtures import CLASSIFY, COMPLETE, write_data

DATA = {
    "classify": ("task.json", "train.jsonl", "validation.jsonl"),
    "complete": ("complete.json", "complete.jsonl", "complete-held.jsonl"),
}
BAD_DATA = ("line", "label", "long", "empty", "none", "float", "null", "bzip2", "cut")
KINDS = ("task", "train", "validation")
ACCURACY = [{}, {"accuracy_level": 4}, {"weight_bits": 8, "accuracy_level": 4}]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("parity") / "data"
    write_data(folder)
    return folder


def arguments(bundle, data, kind, run, *more):
    task, train, validation = (data / name for name in DATA[kind])
    files = ["--task", task, "--train", train, "--validation", validation, "--run", run]
    return ["tune", bundle.directory, *files, "--batch", 4, "--seed", 3, "--threads", 1, *more]


def good(done):
    assert done.returncode == 0, done.stderr
    return done


def lines(run):
    return [json.loads(line) for line in (run / "trajectory.jsonl").read_text(encoding="utf-8").splitlines()]


def same_to_the_bit(command, run, bundle, steps):
    told = json.loads(good(command("replay", run, "--bundle", bundle.directory, "--json")).stdout)
    assert told["same"], told
    assert told["files"] == {"values.safetensors": True, "best.safetensors": True}
    assert told["steps"] == steps


def test_a_thousand_steps_in_either_language_are_replayed_by_the_other(java, python, tiny_bundle, data, tmp_path):
    for command, other in ((java, python), (python, java)):
        run = tmp_path / ("java" if command is java else "python")
        good(command(*arguments(tiny_bundle, data, "classify", run, "--steps", 1000, "--evaluate-every", 500)))
        same_to_the_bit(other, run, tiny_bundle, 1000)


def test_a_changed_scalar_and_a_changed_value_are_found(java, tiny_bundle, data, tmp_path):
    run = tmp_path / "run"
    good(java(*arguments(tiny_bundle, data, "classify", run, "--steps", 3)))
    values = bytearray((run / "values.safetensors").read_bytes())
    values[-1] ^= 1
    (run / "values.safetensors").write_bytes(values)
    done = java("replay", run, "--bundle", tiny_bundle.directory)
    assert done.returncode == 3
    assert "values.safetensors: DIFFERS" in done.stdout
    trajectory = run / "trajectory.jsonl"
    trajectory.write_text(re.sub(r'"loss":\d', '"loss":7', trajectory.read_text(encoding="utf-8")), encoding="utf-8")
    done = java("replay", run, "--bundle", tiny_bundle.directory)
    assert done.returncode == 3
    assert "line 2: was changed" in done.stderr


@pytest.mark.parametrize("kind", DATA)
@pytest.mark.parametrize("options", ACCURACY, ids=str)
def test_free_runs_have_the_same_losses(java, python, export_once, tiny_checkpoint, data, tmp_path, options, kind):
    """On the same data and engine version, within the tolerance of the golden vectors; seen: within 1e-15 nats."""
    bundle = export_once(tiny_checkpoint, **options)
    runs = [tmp_path / "java", tmp_path / "python"]
    for command, run in zip((java, python), runs, strict=True):
        good(command(*arguments(bundle, data, kind, run, "--steps", 20, "--evaluate-every", 10, "--directions", 4)))
    ours, theirs = map(lines, runs)
    assert ours[0] == theirs[0]
    assert [set(line) for line in ours] == [set(line) for line in theirs]
    pairs = [(o["loss"], t["loss"]) for o, t in zip(ours, theirs, strict=True) if "loss" in o]
    assert len(pairs) == 20
    largest = max(abs(o - t) for o, t in pairs)
    print(f"{kind} {options}: losses differ by {largest:.2e} nats at most")  # noqa: T201
    assert largest <= bundle.manifest.golden.tolerance["onnx"]


@pytest.mark.parametrize("options", ACCURACY, ids=str)
def test_golden_vectors(java, export_once, tiny_checkpoint, options):
    bundle = export_once(tiny_checkpoint, **options)
    told = json.loads(good(java("verify", bundle.directory, "--json")).stdout)
    assert told["passed"]
    assert told["hash"] == bundle.hash
    (engine,) = told["engines"]
    assert engine["rng_equal"]
    assert 0 < engine["difference"] <= engine["tolerance"]


@pytest.mark.parametrize(("first", "kind"), [("java", "classify"), ("python", "complete")])
def test_the_other_language_goes_on(java, python, tiny_bundle, data, tmp_path, first, kind):
    begin, resume = (java, python) if first == "java" else (python, java)
    run = tmp_path / "run"
    options = ["--evaluate-every", 4, "--lr", 0.002]
    good(begin(*arguments(tiny_bundle, data, kind, run, "--steps", 6, *options)))
    before = (run / "trajectory.jsonl").read_bytes()
    with open(run / "trajectory.jsonl", "ab") as file:
        file.write(b'{"step":7,"g":[')  # killed within a write
    done = good(resume(*arguments(tiny_bundle, data, kind, run, "--steps", 12, *options, "--resume")))
    assert "resumed after step 6" in done.stderr
    assert (run / "trajectory.jsonl").read_bytes().startswith(before)
    for command in (java, python):
        same_to_the_bit(command, run, tiny_bundle, 12)
    whole = tmp_path / "whole"
    good(resume(*arguments(tiny_bundle, data, kind, whole, "--steps", 12, *options)))
    losses = [[line["loss"] for line in lines(path) if "loss" in line] for path in (run, whole)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-3)


def test_another_engine_version_does_not_go_on(java, tiny_bundle, data, tmp_path):
    from pocketzo.runtime.trajectory.header import Header
    from pocketzo.runtime.trajectory.writer import Writer

    run = tmp_path / "run"
    good(java(*arguments(tiny_bundle, data, "classify", run, "--steps", 2)))
    header = {name: value for name, value in lines(run)[0].items() if name != "chain"}
    with open(run / "trajectory.jsonl", "wb", buffering=0) as file:
        Writer(file, run).header(Header(**{**header, "engine_version": "1.28.0"}))
    done = java(*arguments(tiny_bundle, data, "classify", run, "--steps", 4, "--resume"))
    assert done.returncode == 3
    assert "the run was made with engine_version 1.28.0, and now it is 1.29.0" in done.stderr


def test_more_threads_than_any_processor_has_are_refused(java, python, tiny_bundle, data, tmp_path):
    for command in (java, python):
        given = arguments(tiny_bundle, data, "classify", tmp_path / "run")
        given[given.index("--threads") + 1] = 1025
        done = command(*given)
        assert done.returncode == 2
        assert "1024" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_stopped_it_goes_on_to_the_same_bytes(java_command, java, tiny_bundle, data, tmp_path, number):
    """The engine gives the same bits with one thread, so a run that was stopped ends as one that was not."""
    run, whole = tmp_path / "run", tmp_path / "whole"
    options = ["--steps", 600, "--evaluate-every", 200]
    words = [*java_command, *map(str, arguments(tiny_bundle, data, "classify", run, *options))]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    trajectory = run / "trajectory.jsonl"
    while not (trajectory.is_file() and trajectory.read_bytes().count(b'"loss"') > 20):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(number)
    said = process.communicate()[1]
    if number == signal.SIGKILL:
        assert process.returncode == -signal.SIGKILL
    else:
        assert process.returncode == 130
        assert re.search(r"pocketzo: stopped after step \d+ of 600; everything is saved in .* --resume", said), said
        assert (run / "metrics.json").is_file()
    good(java(*arguments(tiny_bundle, data, "classify", run, *options, "--resume")))
    good(java(*arguments(tiny_bundle, data, "classify", whole, *options)))
    for path in sorted(whole.iterdir()):
        assert (run / path.name).read_bytes() == path.read_bytes(), path.name


def test_started_with_ctrl_c_ignored_it_goes_on(java_command, tiny_bundle, data, tmp_path):
    """As after `&` in a script, and as in Python; SIGTERM still ends it."""
    trajectory, options = tmp_path / "run/trajectory.jsonl", ["--steps", 100_000, "--evaluate-every", 100_000]
    words = [*java_command, *map(str, arguments(tiny_bundle, data, "classify", tmp_path / "run", *options))]
    shell = ["bash", "-c", "trap '' INT; exec \"$@\"", "bash", *words]
    process = subprocess.Popen(shell, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for number in (signal.SIGINT, signal.SIGTERM):
        begun = trajectory.read_bytes().count(b"\n") if trajectory.is_file() else 0
        while not (trajectory.is_file() and trajectory.read_bytes().count(b"\n") > begun + 20):
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        process.send_signal(number)
    said = process.communicate()[1]
    assert process.returncode == 130
    assert "everything is saved in" in said


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_that_cannot_be_written_is_said(java_command, tiny_bundle):
    words = [*java_command, "inspect", str(tiny_bundle.directory)]
    for stream, code in (("> /dev/full", 3), (">&-", 3), ("| true", 0)):
        shell = ["bash", "-c", f'set -o pipefail; "$@" {stream}', "bash", *words]
        done = subprocess.run(shell, capture_output=True, text=True, timeout=100)
        assert done.returncode == code, (stream, done.stderr)
        assert done.stderr.startswith("pocketzo: standard output: cannot be written (") == bool(code), stream


def natives(folder):
    """The engine's libraries for this machine, out of the jar."""
    with zipfile.ZipFile(JAR) as jar:
        for name in jar.namelist():
            if f"linux-{'aarch64' if platform.machine() == 'aarch64' else 'x64'}/" in name and name.endswith(".so"):
                (folder / Path(name).name).write_bytes(jar.read(name))
    return folder


def test_engine_that_cannot_be_unpacked_is_said(java_command, tiny_bundle):
    """As with a disk that is full before the start."""
    words = [*java_command, "verify", str(tiny_bundle.directory)]
    shell = ["bash", "-c", 'ulimit -f 6; export _JAVA_OPTIONS=-XX:-UsePerfData; exec "$@"', "bash", *words]
    done = subprocess.run(shell, capture_output=True, text=True, timeout=100)
    assert done.returncode == 3, done.stderr
    assert "its native library cannot be loaded here" in done.stderr


def test_disk_that_fills_up_loses_no_step(java_command, java, tiny_bundle, data, tmp_path):
    """A limit on the size of files stands for a full disk."""
    run, whole = tmp_path / "run", tmp_path / "whole"
    options = ["--steps", 60, "--head-examples", 0]
    words = [*java_command, *map(str, arguments(tiny_bundle, data, "classify", run, *options))]
    engine = f"-Donnxruntime.native.path={natives(tmp_path)} -XX:-UsePerfData"  # else they are unpacked first
    shell = ["bash", "-c", f'ulimit -f 6; export _JAVA_OPTIONS="{engine}"; exec "$@"', "bash", *words]
    done = subprocess.run(shell, capture_output=True, text=True, timeout=300)
    assert done.returncode == 3, done.stderr
    stopped = re.search(r"the disk is full. The run stopped after step (\d+), and trajectory.jsonl", done.stderr)
    assert stopped, done.stderr
    assert 0 < int(stopped[1]) < 60
    good(java(*arguments(tiny_bundle, data, "classify", run, *options, "--resume")))
    good(java(*arguments(tiny_bundle, data, "classify", whole, *options)))
    for path in sorted(whole.iterdir()):
        assert (run / path.name).read_bytes() == path.read_bytes(), path.name


def test_what_is_wrong_is_said_in_the_same_words(java, cli, tiny_bundle, data, tmp_path):
    """Exit codes and messages of both command lines, for bundles, tasks, data and options that cannot be used."""
    bad = tmp_path / "bad"
    shutil.copytree(data, bad)
    (bad / "line.jsonl").write_text('{"text": "x", "label": "a"}\n["x"]\n')
    (bad / "label.jsonl").write_text('{"text": "x", "label": "c"}\n')
    (bad / "long.jsonl").write_text(json.dumps({"text": "word " * 300, "label": "a"}) + "\n")
    (bad / "beyond.jsonl").write_text('{"text": "a [PAD] more", "label": "a"}\n')
    (bad / "empty.jsonl").write_text("\n")
    (bad / "float.jsonl").write_text('{"text": "x", "label": 1.0}\n')
    (bad / "null.jsonl").write_text('{"text": null, "label": "a"}\n')
    (bad / "bzip2.jsonl").write_bytes(bz2.compress(b"{}\n"))
    (bad / "cut.jsonl").write_bytes(gzip.compress((data / "train.jsonl").read_bytes())[:99])
    tasks = {
        "kind": {"kind": "dance"},
        "key": {**CLASSIFY, "labls": {}},
        "word": {**CLASSIFY, "labels": {"a": " a", "b": " xylophone"}},
        "spaces": {**CLASSIFY, "prompt": "{text}: "},
        "same": {**CLASSIFY, "labels": {"a": " a", "b": " a"}},
        "answer": {**CLASSIFY, "prompt": "{text} {label}"},
        "place": {**COMPLETE, "prompt": "no place"},
    }
    for name, task in tasks.items():
        (bad / f"{name}.json").write_text(json.dumps(task))
    damaged = shutil.copytree(tiny_bundle.directory, tmp_path / "damaged")
    with open(damaged / "weights.bin", "r+b") as file:
        file.write(b"\xff\x00\xff\x00")
    bundle, run = tiny_bundle.directory, tmp_path / "run"
    padded = shutil.copytree(bundle, tmp_path / "padded")
    tokenizer = json.loads((padded / "tokenizer.json").read_bytes())
    first = tokenizer["added_tokens"][0]
    tokenizer["added_tokens"] += [{**first, "id": i, "content": f"<{i}>"} for i in range(500, 512)]
    tokenizer["added_tokens"] += [{**first, "id": 512, "content": "[PAD]"}]
    replace(padded, "tokenizer.json", json.dumps(tokenizer).encode())
    for more, folder in (
        *((["--train", bad / f"{name}.jsonl"], bundle) for name in BAD_DATA),
        *((["--task", bad / f"{name}.json"], bundle) for name in (*tasks, "none")),
        (["--validation", data / "train.jsonl"], bundle),
        (["--run", bundle / "run"], bundle),
        (["--batch", 0], bundle),
        (["--lr", 2], bundle),
        (["--seed", 2**63], bundle),
        (["--eps", 1e-12], bundle),
        (["--engine", "tflite"], bundle),
        (["--train", bad / "beyond.jsonl"], padded),
        ([], damaged),
    ):
        files = {f"--{kind}": data / name for kind, name in zip(KINDS, DATA["classify"], strict=True)}
        options = {**files, "--run": run, **dict([more] if more else [])}
        words = ["tune", folder, *(word for pair in options.items() for word in pair)]
        ours, theirs = java(*words), cli(*words)
        assert (ours.returncode, theirs.code) in ((2, 2), (3, 3)), (more, ours.stderr, theirs.err)
        # Java has ONNX Runtime alone.
        assert message(ours.stderr) == message(theirs.err).replace(", ".join(ENGINES), ONNX.name), more
        assert not run.exists()


def test_packed_and_repeated_data_is_the_same_to_both(java, cli, tiny_bundle, data, tmp_path):
    """Validation records of the training file, gzip and all, and the space that a prompt ends in."""
    train = (data / "train.jsonl").read_bytes()
    (tmp_path / "train.jsonl").write_bytes(gzip.compress(train))
    again = [{"text": "new", "label": "a"}, {**json.loads(train.splitlines()[0]), "label": "ü"}]
    held = train.splitlines(keepends=True)[:5] + [json.dumps(line).encode() + b"\n" for line in again]
    (tmp_path / "validation.jsonl").write_bytes(b"".join(held))
    task = {**CLASSIFY, "prompt": CLASSIFY["prompt"] + " ", "labels": {k: v[1:] for k, v in CLASSIFY["labels"].items()}}
    (tmp_path / "task.json").write_text(json.dumps(task))
    told = []
    for name, command in (("java", java), ("python", cli)):
        options = ["--steps", 2, "--head-examples", 4, "--json"]
        done = command(*arguments(tiny_bundle, tmp_path, "classify", tmp_path / name, *options))
        out, err = (done.stdout, done.stderr) if name == "java" else (done.out, done.err)
        told.append([json.loads(out)["repeated"], [line for line in err.splitlines() if line.startswith("Warning")]])
    assert told[0] == told[1]
    assert told[0][0] == 5
    assert len(told[0][1]) == 2
    headers = [lines(tmp_path / name)[0] for name in ("java", "python")]
    for name in ("train", "validation", "task"):
        assert headers[0][name] == headers[1][name]
    assert headers[0]["task"] == task
    assert headers[0]["train"] == hashlib.sha256((tmp_path / "train.jsonl").read_bytes()).hexdigest()


def message(said):
    """The one line that says what is wrong."""
    (line,) = [line for line in said.splitlines() if line.startswith("pocketzo: ")]
    return line
