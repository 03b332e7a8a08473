"""Bad input: exit code 3 (or as stated) and one message that names the thing and the fix, and nothing written."""

from __future__ import annotations

import json
import os
import resource
import shutil

import pytest

from ..conftest import make_checkpoint
from .conftest import LINES, TASK, edit_config, refused

# --- checkpoints ---


def test_checkpoint_that_is_not_there(export):
    refused(export("/no/such/folder"), "/no/such/folder", "Hugging Face folder")


def test_hub_id_that_cannot_be_fetched(export, monkeypatch):
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    def offline(*args, **kwargs):
        raise LocalEntryNotFoundError("no network")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", offline)
    refused(export("someone/something"), "someone/something", "local folder")


def test_missing_gguf(export, tmp_path):
    refused(export(tmp_path / "no.gguf"), "no.gguf", "no such GGUF file")


def test_architecture_that_nobody_knows(export, checkpoint):
    edit_config(checkpoint, model_type="nosuch")
    refused(export(checkpoint), "nosuch", "llama", "qwen3")


def test_rotary_embedding_that_changes_with_length(export, checkpoint):
    rope = {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 2.0}
    edit_config(checkpoint, rope_parameters=rope)
    refused(export(checkpoint), '"dynamic"', "Supported: default")


def test_missing_tokenizer(export, checkpoint):
    for path in checkpoint.glob("tokenizer*"):
        path.unlink()
    refused(export(checkpoint), "tokenizer")


def test_hub_id_that_cannot_be_one(export):
    refused(export("foo/b--c"), "foo/b--c", "Check the name")


def test_unsupported_architecture(export, tmp_path):
    make_checkpoint(tmp_path / "gpt", "gpt_neox")
    refused(export(tmp_path / "gpt"), "gpt_neox", "llama", "mistral", "qwen2", "qwen3")


def test_config_that_is_not_json(export, checkpoint):
    (checkpoint / "config.json").write_text("{")
    refused(export(checkpoint), "config.json")


def test_weights_with_nan(export, checkpoint):
    from safetensors.numpy import load_file, save_file

    tensors = load_file(checkpoint / "model.safetensors")
    tensors["model.norm.weight"][:] = float("nan")
    save_file(tensors, checkpoint / "model.safetensors", metadata={"format": "pt"})
    refused(export(checkpoint), "not finite")


# --- export options ---


@pytest.mark.parametrize("density", [0, -0.1, 1.5])
def test_density_out_of_range(export, tiny_checkpoint, density):
    refused(export(tiny_checkpoint, "--density", density), f"--density {density:g}", "over 0 and at most 1")


def test_density_too_small_for_one_channel(export, tiny_checkpoint):
    refused(export(tiny_checkpoint, "--density", 1e-7), "--density 1e-07", "Give at least")


def test_calibration_text_shorter_than_a_window(export, tiny_checkpoint, tmp_path):
    (tmp_path / "short.txt").write_text("Too short.")
    done = export(tiny_checkpoint, "--calibration", tmp_path / "short.txt")
    refused(done, "short.txt", "less than one window of 32", "longer text")


def test_calibration_text_that_is_not_there(export, tiny_checkpoint):
    refused(export(tiny_checkpoint, "--calibration", "/no/text.txt"), "/no/text.txt")


def test_bundle_that_exists_is_kept(cli, tiny_checkpoint, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "precious").write_text("mine")
    refused(cli("export", tiny_checkpoint, "--out", out), str(out), "exists already", "--force")
    refused(cli("export", tiny_checkpoint, "--out", out, "--force"), str(out), "is not a bundle")
    assert (out / "precious").read_text() == "mine"


def test_force_removes_nothing_but_a_bundle(cli, tiny_bundle, tiny_checkpoint, tmp_path):
    export = ["export", tiny_checkpoint, "--force", "--out"]
    extension = tmp_path / "extension"
    extension.mkdir()
    (extension / "manifest.json").write_text('{"manifest_version": 3}')
    refused(cli(*export, extension), "is not a bundle")
    bundle = shutil.copytree(tiny_bundle.directory, tmp_path / "bundle")
    (bundle / "thesis.txt").write_text("mine")
    refused(cli(*export, bundle), "thesis.txt", "Move it away first")
    (tmp_path / "link").symlink_to(bundle)
    refused(cli(*export, tmp_path / "link"), "is a link")
    assert (bundle / "thesis.txt").read_text() == "mine"


def test_current_folder_is_not_replaced(cli, tiny_bundle, tiny_checkpoint, tmp_path, monkeypatch):
    monkeypatch.chdir(shutil.copytree(tiny_bundle.directory, tmp_path / "bundle"))
    refused(cli("export", tiny_checkpoint, "--force", "--out", "."), "the current folder")


@pytest.mark.parametrize("out", ["task.json", "task.json/out"])
def test_destination_that_cannot_be(cli, tiny_checkpoint, files, out):
    refused(cli("export", tiny_checkpoint, "--out", files / out), "out" if "/" in out else "exists already")


def test_bundle_is_replaced_with_force(cli, tiny_checkpoint, tmp_path):
    out = tmp_path / "out"
    arguments = ["export", tiny_checkpoint, "--out", out, "--windows", 2, "--window-tokens", 32, "--density"]
    assert cli(*arguments, 0.02).code == 0
    first = (out / "manifest.json").read_bytes()
    assert cli(*arguments, 0.05, "--force").code == 0
    assert (out / "manifest.json").read_bytes() != first
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_disk_that_fills_up_leaves_no_bundle(cli, tiny_checkpoint, tmp_path):
    """A limit on the size of files stands for a disk that is full: any user may set one."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
        done = cli("export", tiny_checkpoint, "--out", tmp_path / "out", "--windows", 2, "--window-tokens", 32)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    refused(done, "the disk is full", str(tmp_path / "out"), "the same command goes on")
    assert [p.name for p in tmp_path.iterdir()] == [".out.work"]
    done = cli("export", tiny_checkpoint, "--out", tmp_path / "out", "--windows", 2, "--window-tokens", 32)
    assert done.code == 0
    assert "goes on after" in done.err
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_disk_too_small_is_found_before_the_work(cli, tiny_checkpoint, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    done = cli("export", tiny_checkpoint, "--out", tmp_path / "out")
    refused(done, "MB free", "Free some space", code=4)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("option", "value", "word"),
    [
        ("--accuracy-level", 2, "1 or 4"),
        ("--weight-bits", 3, "must be 4"),
        ("--embedding-bits", 5, "4 or 8"),
        ("--engine", "tflite", "onnx"),
    ],
)
def test_option_that_has_no_such_value(export, tiny_checkpoint, option, value, word):
    refused(export(tiny_checkpoint, option, value), f"{option} {value}", word, code=2)


@pytest.mark.parametrize("layer", [-1, 2, 99])
def test_first_layer_that_the_model_does_not_have(export, tiny_checkpoint, layer):
    done = export(tiny_checkpoint, "--first-layer", layer)
    refused(done, f"--first-layer {layer}", "the model has 2 layers", "0 to 1")
    assert "Sensitivity" not in done.err


# --- tasks and data ---


def test_label_word_of_several_tokens(tune):
    task = {**TASK, "labels": {"a": " a", "b": " xylophone"}}
    refused(tune(task=task), "' xylophone'", "tokens (", "shorter")


def test_labels_that_start_with_the_same_token(tune):
    task = {**TASK, "labels": {"a": " a", "b": " a"}}
    refused(tune(task=task), '"a" and "b"', "same token", "another word")


def test_labels_of_several_tokens_that_share_the_first(tune):
    task = {**TASK, "labels": {"a": " xylophone", "b": " xylem"}}
    refused(tune(task=task), "tokens (")


@pytest.mark.parametrize(
    ("task", "word"),
    [
        ({"kind": "dance"}, "classify, complete"),
        ({"kind": "classify", "labels": {"a": " a", "b": " t"}}, "prompt"),
        ({"kind": "classify", "prompt": "no place", "labels": {"a": " a", "b": " t"}}, "prompt"),
        ({"kind": "classify", "prompt": "{text}", "labels": {"a": " a"}}, "at least two labels"),
        ([], "not a JSON object"),
        ({**TASK, "prompt": "{text} {label}"}, "shows the model the answer"),
        ({**TASK, "labls": {}}, 'unknown key "labls"'),
        ({**TASK, "prompt": "{text}", "labels": {"a": " a", "b": "\ud800"}}, "task.json"),
    ],
)
def test_task_that_is_incomplete(tune, task, word):
    refused(tune(task=task), "task.json", word)


@pytest.mark.parametrize("place", ["train", "validation"])
@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{not json}", "is not JSON"),
        ('["a", "list"]', "is an array, and must be an object"),
        ({"label": "a"}, 'lacks the key "text"'),
        ({"text": "x"}, 'lacks the key "label"'),
        ({"text": "x", "label": "c"}, 'label "c" is not one of'),
        ({"text": 7, "label": "a"}, '"text" is the number 7, and must be a text. Write it in quotes: "7".'),
        ({"text": "half \ud83d", "label": "a"}, "lone surrogate"),
        ('{"text": "x", "label": ' + "9" * 5000 + "}", "is not JSON"),
        ('{"text": "x", "text": "y", "label": "a"}', "given twice"),
        ('{"text": "x", "label": NaN}', "NaN is not a JSON number"),
        ({"text": "word " * 300, "label": "a"}, "the model's context is 256"),
    ],
)
def test_bad_data_line(tune, place, line, reason):
    done = tune(**{place: [*LINES[:4], line, *LINES[4:8]]})
    refused(done, f"{place}.jsonl, line 5", reason)


@pytest.mark.parametrize("place", ["train", "validation"])
def test_empty_split(tune, place):
    refused(tune(**{place: []}), f"{place}.jsonl", "holds no example")


def test_numbers_serve_as_labels_where_the_task_has_them(tune):
    task = {**TASK, "labels": {"0": " a", "1": " t"}}
    lines = [{**line, "label": i % 2} for i, line in enumerate(LINES)]
    assert tune(task=task, train=lines, validation=lines[:8]).code == 0


def test_empty_prompt(cli, tiny_bundle):
    from pocketzo.runtime.bundle.tokenizer import Tokenizer
    from pocketzo.runtime.errors import BadInput
    from pocketzo.runtime.tasks.classify import Classify
    from pocketzo.runtime.tasks.data import Record

    tokenizer = Tokenizer.open(tiny_bundle.directory / "tokenizer.json")
    tokenizer.prompt = tokenizer.continuation  # a tokenizer that puts nothing before a text
    task = Classify({**TASK, "prompt": "{text}"}, "task", tokenizer, 512, None)
    with pytest.raises(BadInput, match="line 7: the prompt is empty"):
        task.example(Record({"text": "", "label": "a"}, "line 7"))


def test_training_file_does_not_validate(tune):
    refused(tune(validation=LINES), "validation.jsonl", "is the training file too")


def test_data_from_a_pipe_is_hashed_as_it_was_read(tmp_path):
    from pocketzo.runtime.system.files import sha256
    from pocketzo.runtime.tasks.data import read_data

    path = tmp_path / "train.jsonl"
    path.write_text('{"text": "a"}\n')
    reader, writer = os.pipe()
    os.write(writer, path.read_bytes())
    os.close(writer)
    assert read_data(path.parent / f"/dev/fd/{reader}").hash == sha256(path)


@pytest.mark.parametrize("option", ["--train", "--task", "--validation"])
@pytest.mark.parametrize("path", ["", "train.jsonl/x", "n" * 300])
def test_path_that_is_no_file(tune, files, option, path):
    refused(tune(option, files / path), "cannot be read" if path else "is a directory")


def test_run_that_would_destroy_something(cli, tune, tiny_bundle, files):
    refused(tune("--run", files / "train.jsonl"), "train.jsonl", "is a file")
    for place in (tiny_bundle.directory, tiny_bundle.directory / "run"):
        refused(tune("--run", place), "which holds a manifest.json", "outside of bundles")
    (files / "mine").mkdir()
    (files / "mine/values.safetensors").write_text("precious")
    refused(tune("--run", files / "mine"), "holds a run already")
    assert (files / "mine/values.safetensors").read_text() == "precious"
    assert cli("verify", tiny_bundle.directory).code == 0


def test_perturbation_that_vanishes(tune):
    refused(tune("--eps", 1e-300), "--eps 1e-300", "vanishes", code=2)


def test_values_of_no_bundle(cli, tiny_bundle, files):
    values = tiny_bundle.directory / "values.safetensors"
    done = cli("evaluate", tiny_bundle.directory, "--task", files / "task.json", "--data", files / "validation.jsonl",
               "--values", values)  # fmt: skip
    refused(done, "names no bundle")


@pytest.mark.parametrize("path", ["/etc/passwd", "manifest.json"])
def test_bundle_that_is_a_file(cli, tiny_bundle, path):
    refused(cli("inspect", tiny_bundle.directory / path), "manifest")


def test_data_that_is_not_text(cli, tiny_bundle, files):
    (files / "validation.jsonl").write_bytes(b"\xff\xfe\x00")
    done = cli("evaluate", tiny_bundle.directory, "--task", files / "task.json", "--data", files / "validation.jsonl")
    refused(done, "validation.jsonl", "UTF-8")


def test_prompt_cannot_reach_into_the_program(tune):
    task = {**TASK, "prompt": "{text.__class__} {text}"}
    assert tune(task=task).code == 0


def test_no_task_at_all(cli, tiny_bundle, files):
    done = cli("evaluate", tiny_bundle.directory, "--data", files / "validation.jsonl")
    refused(done, "--task", code=2)


def test_values_of_another_bundle(cli, tiny_bundle, files, tune, tmp_path):
    from safetensors.numpy import load_file, save_file

    assert tune().code == 0
    path = tmp_path / "other.safetensors"
    save_file(
        load_file(files / "run/values.safetensors"), path, metadata={"pocketzo": json.dumps({"bundle": "0" * 64})}
    )
    done = cli("evaluate", tiny_bundle.directory, "--task", files / "task.json", "--data", files / "validation.jsonl",
               "--values", path)  # fmt: skip
    refused(done, "other.safetensors", "tuned on")


@pytest.mark.parametrize(("option", "value"), [("--steps", 0), ("--lr", -1), ("--batch", 0), ("--engine", "x")])
def test_setting_out_of_range(tune, option, value):
    refused(tune(option, value), option, code=2)


def test_option_that_does_not_exist(cli):
    assert cli("tune", "--nonsense").code == 2
