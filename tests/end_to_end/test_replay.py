"""A trajectory proves a result: replayed without the model, it gives the same bits, or the files are not its own."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from pocketzo.runtime.bundle import open_bundle
from pocketzo.runtime.bundle.tokenizer import Tokenizer
from pocketzo.runtime.directions import permutation
from pocketzo.runtime.engines import open_engine
from pocketzo.runtime.run.fit_head import fitted_head
from pocketzo.runtime.tasks import make_task
from pocketzo.runtime.tasks.data import read_data
from pocketzo.runtime.trajectory.replay import replay
from safetensors.numpy import load_file, save

from .conftest import refused
from .test_flow import tune_arguments


@pytest.fixture
def run(cli, tiny_bundle, files):
    """A run of 12 steps with 2 directions."""
    options = ["--steps", 12, "--evaluate-every", 4, "--directions", 2, "--lr", 0.01]
    assert cli(*tune_arguments(tiny_bundle, files, *options)).code == 0
    return files / "run"


def test_files_of_a_run_are_what_its_trajectory_gives(cli, tiny_bundle, run):
    done = cli("replay", run, "--bundle", tiny_bundle.directory, "--json")
    assert done.code == 0, done.err
    result = json.loads(done.out)
    assert result["steps"] == 12
    assert result["files"] == {"values.safetensors": True, "best.safetensors": True}
    assert 0 < result["bytes_a_step"] <= 300


def test_replay_needs_no_engine(cli, tiny_bundle, run, monkeypatch):
    import onnxruntime

    monkeypatch.setattr(onnxruntime, "InferenceSession", None)
    assert cli("replay", run, "--bundle", tiny_bundle.directory).code == 0


@pytest.mark.parametrize("tensor", ["values", "label_head"])
def test_one_changed_bit_of_the_values_is_found(cli, tiny_bundle, run, tensor):
    path = run / "values.safetensors"
    content = bytearray(path.read_bytes())
    content[content.index(load_file(path)[tensor].tobytes())] ^= 1
    path.write_bytes(content)
    done = cli("replay", run, "--bundle", tiny_bundle.directory)
    refused(done, "its values are not what its trajectory gives")
    assert "values.safetensors: DIFFERS" in done.out
    assert "best.safetensors: the same to the bit" in done.out


def test_changed_projected_gradient_is_found(cli, tiny_bundle, run):
    path = run / "trajectory.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    lines[4] = lines[4].replace(b'"g":[', b'"g":[1')
    path.write_bytes(b"".join(lines))
    refused(cli("replay", run, "--bundle", tiny_bundle.directory), "trajectory.jsonl, line 5", "was changed")


def test_run_of_another_bundle_is_refused(cli, tiny_checkpoint, tiny_bundle, export_once, run):
    other = export_once(tiny_checkpoint, density=0.03)
    for name in ("values.safetensors", "best.safetensors"):
        (run / name).unlink()
    refused(cli("replay", run, "--bundle", other.directory), "made on bundle", other.hash[:16], tiny_bundle.hash[:16])


def test_values_can_be_made_from_the_trajectory_alone(cli, tiny_bundle, run, tmp_path):
    server = tmp_path / "server"
    server.mkdir()
    shutil.copy(run / "trajectory.jsonl", server)
    out = tmp_path / "values.safetensors"
    done = cli("replay", server, "--bundle", tiny_bundle.directory, "--out", out)
    assert done.code == 0
    assert "no values file there" in done.out
    assert out.read_bytes() == (run / "values.safetensors").read_bytes()


def test_replay_is_a_function_too(tiny_bundle, run):
    bundle = open_bundle(tiny_bundle.directory)
    replayed = replay(run / "trajectory.jsonl", bundle.initial_values())
    assert replayed.header.bundle == bundle.hash
    assert replayed.state.tuned.values.tobytes() == load_file(run / "values.safetensors")["values"].tobytes()
    assert [step for step, _ in replayed.evaluations] == [0, 0, 4, 8, 12]


def test_label_head_of_another_width_is_refused(cli, tiny_bundle, files, run):
    path = run / "best.safetensors"
    owner = json.dumps({"bundle": tiny_bundle.hash, "step": 1, "label_bias": {"a": 0.0, "b": 0.0}})
    tensors = {"values": tiny_bundle.initial_values(), "label_head": np.zeros((2, 4), np.float32)}
    path.write_bytes(save(tensors, metadata={"pocketzo": owner}))
    done = cli("evaluate", tiny_bundle.directory, "--task", files / "task.json", "--data", files / "validation.jsonl",
               "--values", path)  # fmt: skip
    refused(done, str(path), "its label head is not of hidden states of 64")


def test_values_file_of_a_step_that_never_was(cli, tiny_bundle, run):
    values = load_file(run / "values.safetensors")["values"]
    metadata = {"pocketzo": json.dumps({"bundle": tiny_bundle.hash, "step": 99})}
    (run / "values.safetensors").write_bytes(save({"values": values}, metadata=metadata))
    refused(cli("replay", run, "--bundle", tiny_bundle.directory), "not what its trajectory gives")


@pytest.mark.parametrize("path", ["nothing", "train.jsonl"])
def test_no_run_there(cli, tiny_bundle, files, path):
    refused(cli("replay", files / path, "--bundle", tiny_bundle.directory), path)


def test_what_a_completion_never_has_is_found(cli, tiny_bundle, files):
    (files / "task.json").write_text('{"kind": "complete"}')
    for name in ("train", "validation"):
        lines = [{"prompt": f"{name} {i}:", "completion": " the sea"} for i in range(8)]
        (files / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert cli(*tune_arguments(tiny_bundle, files, "--steps", 2)).code == 0
    path = files / "run/values.safetensors"
    owner = {"bundle": tiny_bundle.hash, "step": 2, "label_bias": {"a": 0.0, "b": 0.0}}
    path.write_bytes(save(load_file(path), metadata={"pocketzo": json.dumps(owner)}))
    refused(cli("replay", files / "run", "--bundle", tiny_bundle.directory), "not what its trajectory gives")


def test_best_values_from_before_the_label_head_are_the_runs_own(cli, tiny_bundle, files):
    """A head fitted to one label alone is worse than none on the other, so the best is the model as it was."""
    lines = [json.loads(line) for line in (files / "train.jsonl").read_text().splitlines()]
    (files / "train.jsonl").write_text("".join(json.dumps({**line, "label": "a"}) + "\n" for line in lines))
    (files / "validation.jsonl").write_text('{"text": "x", "label": "b"}\n{"text": "the sea", "label": "b"}\n')
    assert cli(*tune_arguments(tiny_bundle, files, "--steps", 2)).code == 0
    assert "label_head" not in load_file(files / "run/best.safetensors")
    assert cli("replay", files / "run", "--bundle", tiny_bundle.directory).code == 0


def test_a_run_without_a_label_head(cli, tiny_bundle, files):
    assert cli(*tune_arguments(tiny_bundle, files, "--steps", 2, "--head-examples", 0)).code == 0
    assert "label_head" not in (files / "run/trajectory.jsonl").read_text()
    assert list(load_file(files / "run/values.safetensors")) == ["values"]


def test_the_head_at_a_step_is_that_of_its_values_and_of_the_examples_asked_for(cli, tiny_bundle, files):
    options = ["--steps", 4, "--evaluate-every", 4, "--head-examples", 5, "--lr", 0.05]
    assert cli(*tune_arguments(tiny_bundle, files, *options)).code == 0
    bundle = open_bundle(tiny_bundle.directory)
    tuned = replay(files / "run/trajectory.jsonl", bundle.initial_values()).state.tuned
    tokenizer = Tokenizer.open(bundle.directory / "tokenizer.json")
    task = make_task(json.loads((files / "task.json").read_text()), "t", tokenizer, 512, 1)
    records = read_data(files / "train.jsonl").records
    chosen = [task.example(records[i]) for i in permutation(0, 0, 0, len(records))[:5]]
    engine = open_engine("onnx", bundle)
    assert fitted_head(engine, task, chosen, tuned.values).encode() == tuned.label_head.encode()
    assert fitted_head(engine, task, chosen, bundle.initial_values()).encode() != tuned.label_head.encode()
