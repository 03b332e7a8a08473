"""Families of decoders: each trait of the graph against transformers' own modelling code."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from pocketzo.export.executorch import operators as executorch_operators
from pocketzo.export.model import families
from pocketzo.export.model.reference import reference_nll
from pocketzo.export.onnx import operators as onnx_operators
from pocketzo.runtime.bundle import open_bundle
from pocketzo.runtime.engines import open_engine

from ..conftest import make_checkpoint
from .reference_model import bundle_layout, dequantized_model
from .test_artifact import real_batch

LLAMA3_SCALING = {
    "rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}  # fmt: skip
ODD = {"hidden_size": 96, "num_attention_heads": 6, "num_key_value_heads": 3}
NARROW = {"hidden_size": 32, "num_attention_heads": 2, "num_key_value_heads": 1}
"""widths that are no multiples of 64, and make odd numbers of groups"""
FAMILIES = {
    "llama with biases": ("llama", {"attention_bias": True, "mlp_bias": True}),
    "llama with an untied head": ("llama", {"tie_word_embeddings": False}),
    "llama 3 long-context scaling": ("llama", {"rope_parameters": LLAMA3_SCALING}),
    "llama with a wide head": ("llama", {"head_dim": 32}),
    "mistral": ("mistral", {"sliding_window": None}),
    "qwen2": ("qwen2", {}),
    "qwen3": ("qwen3", {}),
    "llama with an odd width": ("llama", ODD),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_family_computes_what_transformers_does(name, tmp_path, export_once):
    model_type, changes = FAMILIES[name]
    check_family(tmp_path / f"tiny-{name.replace(' ', '-')}", model_type, changes, export_once)


def check_family(checkpoint, model_type, changes, export_once):
    """The bundle of a tiny model of a family computes what transformers does."""
    make_checkpoint(checkpoint, model_type, **changes)
    bundle = open_bundle(export_once(checkpoint).directory)
    assert bundle.manifest.model.family == model_type
    batch = real_batch(512)
    values = np.stack([bundle.initial_values(), bundle.initial_values() + 0.05])
    expected = reference_nll(dequantized_model(checkpoint, bundle), bundle_layout(bundle), batch, values)
    assert np.abs(expected[0] - expected[1]).max() > 1e-2
    assert np.abs(open_engine("onnx", bundle).forward(batch, values).nll - expected).max() <= 1e-3


def test_family_that_differs_in_declared_traits_is_one_entry(tmp_path, monkeypatch, export_once):
    """One that is not in the table: queries, keys and values have biases by one key, the output by another."""
    entry = families.Family(
        families.GGUF("seed_oss"),
        attention_bias="attention_bias",
        output_bias="attention_out_bias",
        mlp_bias="mlp_bias",
    )
    monkeypatch.setitem(families.FAMILIES, "seed_oss", entry)
    changes = {"attention_bias": True, "attention_out_bias": False, "mlp_bias": False}
    check_family(tmp_path / "tiny-entry", "seed_oss", changes, export_once)


def test_both_engines_compute_what_families_name():
    found = {(family.norm, family.activation) for family in families.FAMILIES.values()}
    for engine in (onnx_operators, executorch_operators):
        assert {(norm, activation) for norm in engine.NORMS for activation in engine.ACTIVATIONS} >= found


def test_graph_is_valid_and_names_its_inputs_as_the_contract_does(tiny_bundle):
    path = tiny_bundle.directory / "step.onnx"
    onnx.checker.check_model(str(path))
    model = onnx.load(path, load_external_data=False)
    shapes = {
        i.name: [d.dim_param or d.dim_value for d in i.type.tensor_type.shape.dim]
        for i in [*model.graph.input, *model.graph.output]
    }
    assert shapes == {
        "input_ids": ["E", "B", "T"],
        "label_positions": ["E", "B", "S"],
        "label_ids": ["E", "B", "L"],
        "words": ["W"],
        "values": ["P", tiny_bundle.manifest.values.count],
        "nll": ["P", "B", "L"],
        "hidden": ["P", "B", "S", 64],
    }
    assert {n.domain for n in model.graph.node} == set(tiny_bundle.manifest.graphs[0].domains)


def test_tied_head_and_embedding_are_the_same_bytes(tiny_bundle):
    model = onnx.load(tiny_bundle.directory / "step.onnx", load_external_data=False)
    tables = {t.name for t in model.graph.initializer if t.dims and t.dims[0] == 512}
    assert tables == {f"model.embed_tokens.{part}" for part in ("codes", "scales", "zero_points")}


def test_every_weight_is_in_the_one_file_and_large_ones_begin_on_a_page(export_once, shared):
    bundle = export_once(shared / "models/mini-llama-8m")
    model = onnx.load(bundle.directory / "step.onnx", load_external_data=False)
    places = [{e.key: e.value for e in t.external_data} for t in model.graph.initializer if t.external_data]
    assert {place["location"] for place in places} == {"weights.bin"}
    for place in places:
        alignment = 4096 if int(place["length"]) >= 65536 else 64
        assert int(place["offset"]) % alignment == 0, place


def test_padding_and_neighbours_do_not_change_an_example(tiny_bundle):
    from pocketzo.runtime.examples import Example, collate

    engine, words = open_engine("onnx", tiny_bundle), np.arange(512)
    values = tiny_bundle.initial_values()[None]
    short, long = Example([0, 9, 8, 7], [3], [5], ""), Example(list(range(30)), [29, 3], [6, 7], "")
    alone = engine.forward(collate([short], words), values).nll[0, 0, 0]
    beside = engine.forward(collate([long, short], words), values).nll[0, 1, 0]
    assert alone == pytest.approx(beside, abs=1e-5)


def test_perturbations_may_share_a_batch_or_have_their_own(export_once, tmp_path):
    checkpoint = tmp_path / "tiny-four-blocks"
    make_checkpoint(checkpoint, num_hidden_layers=4)
    bundle = export_once(checkpoint)
    assert bundle.manifest.values.first_layer > 0
    session = onnxruntime.InferenceSession(bundle.directory / "step.onnx", providers=["CPUExecutionProvider"])
    one, other = real_batch(512, seed=1), real_batch(512, seed=2)
    values = np.stack([bundle.initial_values(), bundle.initial_values() + 0.05])

    def nll(batches, rows):
        feeds = {n: np.stack([getattr(b, n) for b in batches]) for n in ("input_ids", "label_positions", "label_ids")}
        return session.run(["nll"], {**feeds, "words": one.words, "values": rows})[0]

    assert np.abs(nll([one], values) - nll([one, one], values)).max() <= 1e-5
    each = [nll([batch], values[p : p + 1])[0] for p, batch in enumerate((one, other))]
    assert np.abs(nll([one, other], values) - np.stack(each)).max() <= 1e-5


def test_an_odd_number_of_groups_in_a_table_of_four_bits(tmp_path, export_once):
    checkpoint = tmp_path / "tiny-odd"
    make_checkpoint(checkpoint, **ODD)
    bundle = open_bundle(export_once(checkpoint, embedding_bits=4).directory)
    assert bundle.manifest.quantization.embedding_group_size == 32
    batch, values = real_batch(512), bundle.initial_values()[None]
    expected = reference_nll(dequantized_model(checkpoint, bundle), bundle_layout(bundle), batch, values)
    assert np.abs(open_engine("onnx", bundle).forward(batch, values).nll - expected).max() <= 1e-3


@pytest.mark.parametrize(
    ("scope", "changes", "embedding_bits"),
    [("channels", {}, 8), ("weights", {}, 8), ("channels", NARROW, 8), ("weights", NARROW, 4)],
)
def test_eight_bits_compute_what_transformers_does_up_to_their_rounding(
    scope, changes, embedding_bits, tmp_path, export_once
):
    checkpoint = tmp_path / "tiny-eight-bits"
    make_checkpoint(checkpoint, num_hidden_layers=4, attention_bias=True, **changes)
    options = {"scope": scope, "weight_bits": 8, "accuracy_level": 4, "embedding_bits": embedding_bits}
    bundle = open_bundle(export_once(checkpoint, **options).directory)
    batch, start = real_batch(512), bundle.initial_values()
    values = np.stack([start, start + 0.05])
    expected = reference_nll(dequantized_model(checkpoint, bundle), bundle_layout(bundle), batch, values)
    difference = open_engine("onnx", bundle).forward(batch, values).nll - expected
    moved = np.abs(expected[0] - expected[1])[batch.label_ids >= 0]
    assert np.sqrt(np.mean(difference**2)) <= 0.1 * np.sqrt(np.mean(moved**2))
