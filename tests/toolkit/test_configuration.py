"""What config.json may hold: what is read, and nothing that would change the model unread."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pocketzo.runtime.errors import BadInput
from pocketzo.toolkit.checkpoint import find_source, open_checkpoint
from pocketzo.toolkit.checkpoint.configuration import ABOUT, READ, check_configuration
from transformers import AutoConfig

from ..conftest import make_checkpoint


@pytest.mark.parametrize("family", ["llama", "mistral", "qwen2", "qwen3"])
def test_every_key_that_transformers_writes_is_known(family):
    """With every default written out, as checkpoints of other tools have them."""
    check_configuration(json.loads(AutoConfig.for_model(family).to_json_string(use_diff=False)), Path("config.json"))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("num_local_experts", 8),
        ("num_experts_per_tok", 2),
        ("final_logit_softcapping", 30.0),
        ("attention_multiplier", 0.5),
        ("residual_multiplier", 0.22),
        ("qk_layernorm", True),
        ("clip_qkv", 6.0),
        ("logits_scaling", 8.0),
        ("partial_rotary_factor", 0.5),
        ("no_rope_layers", [0, 1]),
        ("attention_window_size", 128),
        ("layer_norm_eps", 1e-5),
        ("layer_types", ["full_attention", "chunked_attention"]),
        ("rope_scaling", {"rope_type": "linear", "factor": 2.0, "mrope_section": [16, 24, 24]}),
        ("rope_scaling", {"rope_type": "linear", "factor": 2.0, "partial_rotary_factor": 0.5}),
        ("rope_scaling", "linear"),
    ],
)
def test_key_that_nothing_reads_is_refused_by_name(tmp_path, key, value):
    make_checkpoint(tmp_path / "checkpoint")
    path = tmp_path / "checkpoint/config.json"
    config = json.loads(path.read_text())
    config.pop("rope_parameters")
    path.write_text(json.dumps({**config, key: value}))
    with pytest.raises(BadInput, match=key):
        open_checkpoint(find_source(str(tmp_path / "checkpoint")))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("clip_qkv", None),
        ("rope_interleaved", False),
        ("use_mrope", False),
        ("attention_dropout", 0.1),
        ("name", "x"),
        ("pruned_heads", {}),
        ("_flash_attn_2_enabled", True),
        ("rope_scaling", {"type": "yarn", "factor": 16.0, "original_max_position_embeddings": 8192, "finetuned": True}),
    ],
)
def test_key_that_changes_nothing_is_accepted(key, value):
    check_configuration({key: value}, Path("config.json"))


def test_what_is_read_is_about_the_model():
    """An entry that no check would meet would be there for nothing."""
    assert all(ABOUT.search(key) for key in READ)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"max_position_embeddings": 0}, "max_position_embeddings is 0"),
        ({"max_position_embeddings": -5}, "max_position_embeddings is -5"),
        ({"max_position_embeddings": 10**30}, "max_position_embeddings is 1000"),
        ({"sliding_window": "x"}, "sliding_window is 'x'"),
        ({"num_hidden_layers": 10**9}, "num_hidden_layers is 1000000000, and 20 tensors are stored"),
        ({"rope_parameters": {"rope_type": "default", "rope_theta": 0.0}}, "frequencies of its rotary embedding"),
        ({"rope_parameters": {"rope_type": "linear", "rope_theta": 1e4, "factor": 0.0}}, "frequencies of its rotary"),
    ],
)
def test_number_that_makes_no_model_is_refused_by_name(tmp_path, changes, name):
    make_checkpoint(tmp_path / "checkpoint")
    path = tmp_path / "checkpoint/config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    with pytest.raises(BadInput, match=name):
        open_checkpoint(find_source(str(tmp_path / "checkpoint")))
