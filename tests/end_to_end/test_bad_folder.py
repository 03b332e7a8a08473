"""Folders that are no checkpoint, or not yet one: what is there is named for what it is, and nothing of it runs."""

from __future__ import annotations

import io
import json
import os

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from .conftest import LINES, TASK, edit_config, refused

LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "a" * 64 + "\nsize 538090408\n"
PAGE = "<!doctype html><html><body>404</body></html>"


def edit_tensors(checkpoint, change):
    path = checkpoint / "model.safetensors"
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path, metadata={"format": "pt"})


def edit_tokenizer(checkpoint, change):
    content = json.loads((checkpoint / "tokenizer.json").read_text())
    change(content)
    (checkpoint / "tokenizer.json").write_text(json.dumps(content))


def added(tokenizer, last):
    """Added tokens from the first free number, since the library counts on from there, to [PAD], which is `last`."""
    first, free = tokenizer["added_tokens"][0], len(tokenizer["model"]["vocab"])
    return [{**first, "id": i, "content": f"<{i}>" if i < last else "[PAD]"} for i in range(free, last + 1)]


# --- which files ---


def test_missing_safetensors(export, checkpoint):
    (checkpoint / "model.safetensors").unlink()
    refused(export(checkpoint), "model.safetensors", "missing", "Copy the checkpoint again")


def test_pickle_is_not_opened(export, checkpoint):
    (checkpoint / "model.safetensors").rename(checkpoint / "pytorch_model.bin")
    refused(export(checkpoint), "pytorch_model.bin", "never opened", "convert it to safetensors")


def test_shards_without_their_index(export, checkpoint):
    (checkpoint / "model.safetensors").rename(checkpoint / "model-00001-of-00001.safetensors")
    refused(export(checkpoint), "missing", "model-00001-of-00001.safetensors, which no model.safetensors.index.json")


def test_configuration_that_names_another_file(export, checkpoint):
    edit_config(checkpoint, transformers_weights="other.safetensors")
    refused(export(checkpoint), "transformers_weights", "Rename the file")


def test_truncated_safetensors(export, checkpoint):
    path = checkpoint / "model.safetensors"
    os.truncate(path, path.stat().st_size // 2)
    refused(export(checkpoint), "model.safetensors", "truncated")


@pytest.mark.parametrize("shard", ["../elsewhere.safetensors", "/etc/passwd", 7])
def test_index_that_names_files_elsewhere(export, checkpoint, shard):
    (checkpoint / "model.safetensors").unlink()
    content = {"metadata": {}, "weight_map": {"lm_head.weight": shard}}
    (checkpoint / "model.safetensors.index.json").write_text(json.dumps(content))
    refused(export(checkpoint), "index.json", "beside it")


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_git_lfs_pointer(export, checkpoint, name):
    (checkpoint / name).write_text(LFS)
    refused(export(checkpoint), name, "Git LFS pointer", "git lfs pull")


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json"])
def test_web_page(export, checkpoint, name):
    (checkpoint / name).write_text(PAGE)
    refused(export(checkpoint), name, "is a web page", "Download the file again")


# --- adapters ---


@pytest.mark.parametrize(
    ("config", "weights"),
    [
        ({"base_model_name_or_path": "some/base", "peft_type": "LORA"}, "adapter_model.safetensors"),
        ({"model": "some/base", "fine_tune_type": "lora"}, "adapters.safetensors"),
    ],
    ids=["PEFT", "mlx-lm"],
)
def test_adapter_is_named_with_its_base(export, checkpoint, tmp_path, config, weights):
    alone = tmp_path / "alone"
    alone.mkdir()
    for folder in (alone, checkpoint):
        (folder / "adapter_config.json").write_text(json.dumps(config))
        save_file({"lora": np.zeros(1)}, folder / weights)
    refused(export(alone), "is an adapter of some/base", "not a model", "Merge it into its base first")
    refused(export(checkpoint), "holds an adapter of some/base", "beside a model", "Merge it into its base first")
    (checkpoint / "adapter_config.json").unlink()
    refused(export(checkpoint), "holds an adapter (", weights)


# --- quantized already ---


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": 128}}, "GPTQ"),
        ({"quantization_config": {"quant_method": "awq"}}, "AWQ"),
        ({"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}}, "bitsandbytes"),
        ({"quantization_config": {"load_in_8bit": True}}, "bitsandbytes"),
        ({"quantization_config": {"quant_method": "fp8"}}, "fp8"),
        ({"quantization_config": {"quant_method": "compressed-tensors"}}, "compressed-tensors"),
        ({"quantization": {"group_size": 64, "bits": 4}}, "MLX"),
        ({"quantization_config": {"group_size": 64, "bits": 4}}, "MLX"),
    ],
)
def test_configuration_of_quantized_weights(export, checkpoint, changes, name):
    edit_config(checkpoint, **changes)
    refused(export(checkpoint), f"names {name}", "quantized already", "Give the one that is not")


@pytest.mark.parametrize(
    ("end", "name"),
    [
        ("qweight", "GPTQ or AWQ"),
        ("weight_packed", "compressed-tensors"),
        ("scales", "MLX"),
        ("weight.absmax", "bitsa"),
    ],
)
def test_quantized_weights_that_no_configuration_tells_of(export, checkpoint, end, name):
    edit_tensors(checkpoint, lambda t: t.update({f"model.layers.0.mlp.up_proj.{end}": np.zeros((1, 1), np.int32)}))
    refused(export(checkpoint), f"model.layers.0.mlp.up_proj.{end}", name, "quantized already")


def test_null_says_that_nothing_is_quantized(export, checkpoint):
    edit_config(checkpoint, quantization_config=None)
    assert export(checkpoint).code == 0


# --- configuration and tensors ---


def test_key_of_the_wrong_type_is_named(export, checkpoint):
    edit_config(checkpoint, attention_bias=None)
    refused(export(checkpoint), "config.json", "'attention_bias' expected bool, got NoneType")


def test_width_that_groups_do_not_fill(export, checkpoint):
    edit_config(checkpoint, hidden_size=48, head_dim=12)
    refused(export(checkpoint), "hidden_size 48 is not a multiple of 32")


def test_safetensors_that_lacks_a_tensor(export, checkpoint):
    edit_tensors(checkpoint, lambda t: t.pop("model.layers.1.mlp.up_proj.weight"))
    refused(export(checkpoint), "model.layers.1.mlp.up_proj.weight", "lacks 1 tensor")


@pytest.mark.parametrize("name", ["model.layers.0.self_attn.q_proj.bias", "model.layers.2.mlp.up_proj.weight", "score"])
def test_tensor_that_nothing_reads(export, checkpoint, name):
    edit_tensors(checkpoint, lambda t: t.update({name: np.zeros(64, np.float32)}))
    refused(export(checkpoint), f"holds 1 tensors that nothing reads, such as {name}")


def test_tensor_that_is_stored_twice(export, checkpoint):
    names = ["one.safetensors", "two.safetensors"]
    tensors = load_file(checkpoint / "model.safetensors")
    (checkpoint / "model.safetensors").rename(checkpoint / names[0])
    save_file({"model.norm.weight": tensors["model.norm.weight"]}, checkpoint / names[1])
    content = {"weight_map": dict(zip("ab", names, strict=True))}
    (checkpoint / "model.safetensors.index.json").write_text(json.dumps(content))
    refused(export(checkpoint), "model.norm.weight is in one.safetensors and in two.safetensors")


# --- tokens that only the tokenizer has ---


def test_word_that_the_model_does_not_have(export, checkpoint):
    edit_tokenizer(checkpoint, lambda t: t["model"]["vocab"].update({"zebra": 512}))
    refused(export(checkpoint), "token 512", "ends at 511")


def test_first_token_of_every_text_that_the_model_does_not_have(export, checkpoint):
    def change(t):
        t["added_tokens"].extend(added(t, 512))
        t["post_processor"]["special_tokens"]["<s>"]["ids"] = [512]

    edit_tokenizer(checkpoint, change)
    refused(export(checkpoint), "token 512", "ends at 511")


def test_added_token_is_refused_only_where_a_text_has_it(cli, export, checkpoint, tmp_path):
    edit_tokenizer(checkpoint, lambda t: t["added_tokens"].extend(added(t, 512)))
    (tmp_path / "text.txt").write_text("[PAD] and more of it. " * 100)
    refused(export(checkpoint, "--calibration", tmp_path / "text.txt"), "text.txt", "token 512", "ends at 511")
    assert export(checkpoint).code == 0
    (tmp_path / "task.json").write_text(json.dumps(TASK))
    evaluate = ["evaluate", tmp_path / "out", "--task", tmp_path / "task.json", "--data", tmp_path / "data.jsonl"]
    for text, code in (("a", 0), ("a [PAD]", 3)):
        (tmp_path / "data.jsonl").write_text(json.dumps(LINES[0]) + "\n" + json.dumps({**LINES[0], "text": text}))
        done = cli(*evaluate)
        assert done.code == code
    refused(done, "data.jsonl, line 2", "token 512", "ends at 511", "Take it out of the text")


# --- code that a checkpoint brings ---


@pytest.mark.parametrize("model_type", ["llama", "unknown"])
@pytest.mark.parametrize("place", ["config", "tokenizer_config"])
def test_no_code_of_a_checkpoint_runs(export, checkpoint, tmp_path, monkeypatch, place, model_type):
    """Neither by itself nor because somebody, or a pipe, says yes to a question."""
    classes = "class XConfig(transformers.LlamaConfig): model_type = 'unknown'\n"
    classes += "class XModel(transformers.LlamaForCausalLM): pass\nclass XTokenizer(transformers.GPT2Tokenizer): pass\n"
    code = f"import transformers\nopen({str(tmp_path / 'ran')!r}, 'w').close()\n{classes}"
    (checkpoint / "mine.py").write_text(code)
    auto = {"AutoConfig": "mine.XConfig", "AutoModelForCausalLM": "mine.XModel"}
    if place == "tokenizer_config":
        auto = {"AutoTokenizer": ["mine.XTokenizer", None]}
        path = checkpoint / "tokenizer_config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "auto_map": auto, "tokenizer_class": "XTokenizer"}))
    edit_config(checkpoint, model_type=model_type, **({"auto_map": auto} if place == "config" else {}))
    answers = io.StringIO("y\n" * 9)
    monkeypatch.setattr("sys.stdin", answers)
    done = export(checkpoint)
    assert not (tmp_path / "ran").exists()
    assert "[y/N]" not in done.out + done.err
    assert answers.tell() == 0
    if done.code:
        refused(done, str(checkpoint))
