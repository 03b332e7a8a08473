"""Which files and tensors of a folder are read: the same numbers as transformers reads, or those that were saved."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from pocketzo.toolkit.checkpoint import find_source, load_whole, open_checkpoint, tensors
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from ..conftest import make_checkpoint

SHARDS = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]


@pytest.fixture
def tied(tiny_checkpoint, tmp_path):
    """A folder with one table for the embedding and the LM head, to change."""
    return shutil.copytree(tiny_checkpoint, tmp_path / "tied")


@pytest.fixture
def untied(tmp_path):
    """A folder with two."""
    make_checkpoint(tmp_path / "untied", tie_word_embeddings=False)
    return tmp_path / "untied"


def save(folder, stored):
    save_file({n: t.contiguous() for n, t in stored.items()}, folder / "model.safetensors", metadata={"format": "pt"})


def write_index(folder, stored, write_shards):
    """An index of two shards with the tensors `stored`."""
    names = sorted(stored)
    index = {name: SHARDS[i % 2] for i, name in enumerate(names)}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))
    for i, shard in enumerate(SHARDS if write_shards else ()):
        save_file({name: stored[name] for name in names[i::2]}, folder / shard, metadata={"format": "pt"})


def transformers_tensors(folder):
    """All that transformers' own loader makes of a folder, by name, a tied table twice."""
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).state_dict()


def assert_reads(folder, expected):
    """Every tensor of the opened folder is that of `expected`, and the LM head is."""
    opened = open_checkpoint(find_source(str(folder)))
    for name in opened.shapes:
        assert torch.equal(opened.tensor(name), expected[name]), name
    head = "model.embed_tokens.weight" if opened.decoder.tied_embedding else "lm_head.weight"
    assert torch.equal(opened.tensor(head), expected["lm_head.weight"])
    assert len(opened.shapes) == len(expected) - opened.decoder.tied_embedding
    return opened


@pytest.mark.parametrize("shards", [True, False], ids=["other shards", "shards that are gone"])
def test_the_single_file_comes_before_an_index(tied, shards):
    other = {name: tensor + 1 for name, tensor in load_file(tied / "model.safetensors").items()}
    write_index(tied, other, shards)
    assert [path.name for path in find_source(str(tied)).weights] == ["model.safetensors"]
    assert_reads(tied, transformers_tensors(tied))


def test_shards_are_read_by_their_index(untied):
    stored = load_file(untied / "model.safetensors")
    write_index(untied, stored, True)
    (untied / "model.safetensors").unlink()
    save_file({"x": torch.zeros(1)}, untied / "consolidated.safetensors")
    assert [path.name for path in find_source(str(untied)).weights] == SHARDS
    assert_reads(untied, stored)


@pytest.mark.parametrize("row", [0, 511])
@pytest.mark.parametrize("rows_at_once", [1, 100, 1000])
def test_two_tables_that_differ_are_not_tied(untied, monkeypatch, row, rows_at_once):
    monkeypatch.setattr(tensors, "ROWS", rows_at_once * 64)
    stored = load_file(untied / "model.safetensors")
    stored["lm_head.weight"] = stored["model.embed_tokens.weight"].clone()
    stored["lm_head.weight"][row, 3] += 0.5
    save(untied, stored)
    edit_tied(untied, True)
    opened = assert_reads(untied, transformers_tensors(untied))
    assert not opened.decoder.tied_embedding
    assert not opened.config.tie_word_embeddings
    assert torch.equal(opened.tensor("lm_head.weight"), stored["lm_head.weight"])


def test_two_tables_that_are_equal_are_one(untied):
    stored = load_file(untied / "model.safetensors")
    stored["lm_head.weight"] = stored["model.embed_tokens.weight"].clone()
    save(untied, stored)
    edit_tied(untied, True)
    opened = assert_reads(untied, transformers_tensors(untied))
    assert opened.decoder.tied_embedding
    assert opened.parameters == sum(t.numel() for t in stored.values()) - stored["lm_head.weight"].numel()


def test_a_tied_table_may_have_the_name_of_the_head(tied):
    stored = load_file(tied / "model.safetensors")
    stored["lm_head.weight"] = stored.pop("model.embed_tokens.weight")
    save(tied, stored)
    assert assert_reads(tied, transformers_tensors(tied)).decoder.tied_embedding


def edit_tied(folder, value):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "tie_word_embeddings": value}))


@pytest.mark.parametrize("prefix", ["_orig_mod.", "module.", "module._orig_mod.", "model.", "base_model.model."])
@pytest.mark.parametrize("kind", ["tied", "untied"])
def test_what_all_names_begin_with_is_no_part_of_them(request, kind, prefix):
    folder = request.getfixturevalue(kind)
    expected, stored = transformers_tensors(folder), load_file(folder / "model.safetensors")
    save(folder, {prefix + name: tensor for name, tensor in stored.items()})
    assert_reads(folder, expected)
    whole = load_whole(find_source(str(folder))).state_dict()
    assert all(torch.equal(whole[name], tensor) for name, tensor in expected.items())


@pytest.mark.parametrize("prefix", ["", "_orig_mod.", "transformer."])
def test_a_model_saved_without_its_head_has_a_prefix_less(tied, prefix):
    expected, stored = transformers_tensors(tied), load_file(tied / "model.safetensors")
    save(tied, {prefix + name.removeprefix("model."): tensor for name, tensor in stored.items()})
    assert_reads(tied, expected)
    whole = load_whole(find_source(str(tied))).state_dict()
    assert all(torch.equal(whole[name], tensor) for name, tensor in expected.items())


def test_rotary_frequencies_of_old_files_are_left_unread(tied):
    expected, stored = transformers_tensors(tied), load_file(tied / "model.safetensors")
    stored["model.layers.0.self_attn.rotary_emb.inv_freq"] = torch.ones(8)
    stored["rotary_emb.inv_freq"] = torch.ones(8)
    save(tied, stored)
    assert_reads(tied, expected)


def test_common_prefix():
    assert tensors.common_prefix(["a.b.c.w", "a.b.d"]) == "a.b."
    assert tensors.common_prefix(["a.w", "b.w"]) == ""
    assert tensors.common_prefix(["w", "a.w"]) == ""
    assert tensors.common_prefix([]) == ""
