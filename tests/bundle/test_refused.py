"""Bundles that must be refused, each by a small change to a good one."""

from __future__ import annotations

import json
import os
import shutil

import numpy as np
import onnx
import pytest
from onnx import helper
from pocketzo.runtime.bundle import open_bundle
from pocketzo.runtime.bundle.tokenizer import Tokenizer
from pocketzo.runtime.bundle.verify import verify
from pocketzo.runtime.engines import open_engine
from pocketzo.runtime.errors import BadInput
from safetensors.numpy import load_file, save

from .forge import as_before_engines, edit, own_eps, replace


@pytest.fixture
def copy(tiny_bundle, tmp_path):
    """A bundle to change."""
    return shutil.copytree(tiny_bundle.directory, tmp_path / "bundle")


def test_the_good_one_opens_and_passes(copy):
    verdict = verify(bundle := open_bundle(copy), open_engine("onnx", bundle))
    assert verdict.passed
    assert verdict.difference < 1e-4


@pytest.mark.parametrize(
    "name", ["weights.bin", "step.onnx", "values.safetensors", "tokenizer.json", "golden.safetensors"]
)
def test_one_flipped_bit(copy, name):
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    with pytest.raises(BadInput, match=f"{name}: its SHA-256 differs"):
        open_bundle(copy)


def test_truncated_file(copy):
    path = copy / "weights.bin"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(BadInput, match=r"weights.bin: has \d+ bytes, the manifest says \d+"):
        open_bundle(copy)


def test_missing_file(copy):
    (copy / "tokenizer.json").unlink()
    with pytest.raises(BadInput, match=r"tokenizer.json: is missing"):
        open_bundle(copy)


def test_bundle_from_before_there_were_several_engines(copy):
    edit(copy, as_before_engines)
    bundle = open_bundle(copy)
    graph = bundle.graph("onnx")
    assert (graph.bounds, graph.eps, graph.eps_curve) == ({}, None, [])
    assert (bundle.manifest.reading, bundle.manifest.held_out) == (None, None)
    assert bundle.manifest.estimator_of("onnx") == bundle.manifest.estimator
    assert verify(bundle, open_engine("onnx", bundle)).passed


def test_eps_and_bounds_of_an_engine(copy):
    edit(copy, lambda m: own_eps(m).update(bounds={"B": 128, "tokens": 8192}, opset=None))
    manifest = open_bundle(copy).manifest
    assert manifest.graphs[0].bounds == {"B": 128, "tokens": 8192}
    assert manifest.graphs[0].opset is None
    own = manifest.estimator_of("onnx")
    assert (own.eps, [point.eps for point in own.eps_curve]) == (2e-3, [1e-3, 2e-3])
    assert (own.kind, own.directions, own.rng) == ("two-point", "rademacher", "philox4x64-10")
    assert manifest.estimator_of("another") == manifest.estimator
    assert manifest.estimator.eps != own.eps


def test_files_that_desktops_drop_do_no_harm(copy):
    (copy / ".DS_Store").write_text("")
    assert open_bundle(copy)


def test_manifest_that_is_a_pipe_or_a_link(copy, tmp_path):
    (copy / "manifest.json").rename(tmp_path / "manifest.json")
    (copy / "manifest.json").symlink_to(tmp_path / "manifest.json")
    with pytest.raises(BadInput, match="not a regular file"):
        open_bundle(copy)
    (copy / "manifest.json").unlink()
    os.mkfifo(copy / "manifest.json")
    with pytest.raises(BadInput, match="something else than a file"):
        open_bundle(copy)


def test_file_that_is_not_listed(copy):
    (copy / "extra.so").write_text("")
    with pytest.raises(BadInput, match=r"extra.so: is not listed"):
        open_bundle(copy)


def test_link_out_of_the_bundle(copy, tmp_path):
    (copy / "weights.bin").rename(tmp_path / "weights.bin")
    (copy / "weights.bin").symlink_to(tmp_path / "weights.bin")
    with pytest.raises(BadInput, match="not a regular file"):
        open_bundle(copy)


@pytest.mark.parametrize("name", ["../weights.bin", "/etc/passwd", "a/b", "..", ""])
def test_file_name_that_is_a_path(copy, name):
    edit(copy, lambda m: m["files"].update({name: m["files"]["weights.bin"]}))
    with pytest.raises(BadInput, match=r"manifest.json: field files"):
        open_bundle(copy)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda m: m.update(schema_version=2), "schema 2, and this pocketzo reads 1"),
        (lambda m: m.update(format="other"), "not a pocketzo bundle"),
        (lambda m: m.pop("estimator"), "field estimator"),
        (lambda m: m.update(surprise=1), "field surprise"),
        (lambda m: m["estimator"].update(eps=0), "field estimator.eps"),
        (lambda m: m["estimator"]["eps_curve"].reverse(), "estimator.eps_curve: eps does not ascend"),
        (lambda m: m["estimator"]["eps_curve"][0].update(error=-1), "field estimator.eps_curve.0.error"),
        (lambda m: m["estimator"]["eps_curve"][0].update(correlation=2), "field estimator.eps_curve.0.correlation"),
        (lambda m: m["quantization"].update(embedding_bits=5), "field quantization.embedding_bits"),
        (lambda m: m["reading"].update(difference=-1), "field reading.difference"),
        (lambda m: m["reading"].update(difference="small"), "field reading.difference"),
        (lambda m: m["reading"].pop("by"), "field reading.by"),
        (lambda m: m["held_out"].update(checkpoint=-1), "field held_out.checkpoint"),
        (lambda m: m["held_out"]["engines"].update(onnx=None), "field held_out.engines.onnx"),
        (lambda m: m["held_out"].update(tokens=0), "field held_out.tokens"),
        (lambda m: m["values"].update(first_layer=-1), "field values.first_layer"),
        (lambda m: m["values"].update(count=7), "values.count is 7"),
        (lambda m: m["values"]["blocks"][0].update(offset=1), "expected at 0"),
        (lambda m: m["values"].update(file="gone.safetensors"), "gone.safetensors is used but not listed"),
        (lambda m: m["graphs"].clear(), "field graphs"),
        (lambda m: m["graphs"][0].update(opset=0), "field graphs.0.opset"),
        (lambda m: m["graphs"][0].update(bounds={"B": 0}), "field graphs.0.bounds.B"),
        (lambda m: m["graphs"][0].update(bounds={"B": 2**40}), "field graphs.0.bounds.B"),
        (lambda m: m["graphs"][0].update(bounds={"B 1": 1}), "field graphs.0.bounds.B 1"),
        (lambda m: m["graphs"][0].update(bounds={"tokensofallkindss": 1}), "field graphs.0.bounds.tokensofallkindss"),
        (lambda m: m["graphs"][0].update(bounds={"a" * n: 1 for n in range(17)}), "field graphs.0.bounds"),
        (lambda m: m["graphs"][0].update(bounds=None), "field graphs.0.bounds"),
        (lambda m: own_eps(m).update(eps=0), "field graphs.0.eps"),
        (lambda m: own_eps(m).update(eps=None), "field graphs.0.eps: goes with eps_curve"),
        (lambda m: own_eps(m).update(eps_curve=[]), "field graphs.0.eps: goes with eps_curve"),
        (lambda m: own_eps(m).pop("eps_curve"), "field graphs.0.eps: goes with eps_curve"),
        (lambda m: own_eps(m)["eps_curve"].reverse(), "field graphs.0.eps_curve: eps does not ascend"),
        (lambda m: own_eps(m)["eps_curve"][1].update(error=-1), "field graphs.0.eps_curve.1.error"),
        (lambda m: own_eps(m).update(eps_curve=own_eps(m)["eps_curve"][:1] * 65), "field graphs.0.eps_curve"),
        (lambda m: m.update(task={"x": 1}), "field task.kind"),
    ],
)
def test_manifest_that_contradicts_itself(copy, change, reason):
    edit(copy, change)
    with pytest.raises(BadInput, match=reason):
        open_bundle(copy)


def test_manifest_edited_without_its_seal(copy):
    path = copy / "manifest.json"
    text = path.read_bytes()
    path.write_bytes(text.replace(b'"eps": 0.001', b'"eps": 0.002'))
    assert path.read_bytes() != text
    with pytest.raises(BadInput, match="was altered or damaged"):
        open_bundle(copy)


def test_manifest_without_a_seal(copy):
    content = json.loads((copy / "manifest.json").read_text())
    del content["seal"]
    (copy / "manifest.json").write_text(json.dumps(content))
    with pytest.raises(BadInput, match="was altered or damaged"):
        open_bundle(copy)


def test_manifest_of_endless_length(copy):
    with open(copy / "manifest.json", "ab") as f:
        f.truncate(1 << 30)
    with pytest.raises(BadInput, match=r"more than 67,108,864 bytes"):
        open_bundle(copy)


@pytest.mark.parametrize("location", ["../weights.bin", "/etc/passwd", "other.bin", "", "weights.bin\0"])
def test_graph_that_reads_another_file(copy, location):
    model = onnx.load(copy / "step.onnx", load_external_data=False)
    next(t for t in model.graph.initializer if t.external_data).external_data[0].value = location
    replace(copy, "step.onnx", model.SerializeToString())
    with pytest.raises(BadInput, match=r"reads its weights from"):
        open_bundle(copy)


def test_graph_that_reads_another_file_from_within_a_subgraph(copy):
    tensor = onnx.TensorProto(name="t", data_type=1, dims=[1], data_location=onnx.TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="/etc/passwd")
    inner = helper.make_graph([helper.make_node("Constant", [], ["c"], value=tensor)], "inner", [], [])
    model = onnx.load(copy / "step.onnx", load_external_data=False)
    model.graph.node.append(helper.make_node("If", ["x"], ["y"], then_branch=inner, else_branch=inner))
    replace(copy, "step.onnx", model.SerializeToString())
    with pytest.raises(BadInput, match="'/etc/passwd', which is not a file of the bundle"):
        open_bundle(copy)


def test_graph_with_operators_of_an_unlisted_domain(copy):
    model = onnx.load(copy / "step.onnx", load_external_data=False)
    model.graph.node.append(helper.make_node("Evil", [], ["y"], domain="com.evil"))
    replace(copy, "step.onnx", model.SerializeToString())
    with pytest.raises(BadInput, match=r"domain 'com\.evil', which the manifest does not list"):
        open_bundle(copy)


def test_graph_under_another_name(copy):
    """The engine would open it all the same."""
    (copy / "step.onnx").rename(copy / "step.bin")
    edit(copy, lambda m: m["files"].update({"step.bin": m["files"].pop("step.onnx")}))
    edit(copy, lambda m: m["graphs"][0].update(file="step.bin", domains=[""]))
    with pytest.raises(BadInput, match=r"domain 'com\.microsoft', which the manifest does not list"):
        open_bundle(copy)


def test_graph_that_defines_functions(copy):
    model = onnx.load(copy / "step.onnx", load_external_data=False)
    model.functions.append(helper.make_function("com.microsoft", "F", [], [], [], [helper.make_opsetid("", 21)]))
    replace(copy, "step.onnx", model.SerializeToString())
    with pytest.raises(BadInput, match="holds a function"):
        open_bundle(copy)


@pytest.mark.parametrize("content", [b"", b"\xff" * 100, b"\x3a\xff\xff\xff\xff\x0f", b"not an onnx file"])
def test_graph_that_is_no_onnx_file(copy, content):
    replace(copy, "step.onnx", content)
    with pytest.raises(BadInput):
        open_engine("onnx", open_bundle(copy))


def test_graph_with_a_field_that_only_engines_see(copy):
    """The tag of field 7, a graph, with a bit beyond the 32 that engines read of it."""
    replace(copy, "step.onnx", b"\xba\x80\x80\x80\x10\x00")
    with pytest.raises(BadInput, match="no field has the number"):
        open_bundle(copy)


def test_graph_without_hidden_states(copy):
    """As bundles were before there was a label head."""
    model = onnx.load(copy / "step.onnx", load_external_data=False)
    del model.graph.output[1]
    replace(copy, "step.onnx", model.SerializeToString())
    edit(copy, lambda m: m["graphs"][0]["outputs"].pop())
    with pytest.raises(BadInput, match=r"has no output hidden\. Export it again"):
        open_engine("onnx", open_bundle(copy))


def test_graph_of_other_inputs(copy):
    model = onnx.load(copy / "step.onnx", load_external_data=False)
    model.graph.input[4].type.tensor_type.shape.dim[1].dim_value = 7
    replace(copy, "step.onnx", model.SerializeToString())
    with pytest.raises(BadInput, match=r"refuses the graph|its inputs are"):
        open_engine("onnx", open_bundle(copy))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda t: t.update(entries=t["entries"][:-1]), "expected `entries` as int64"),
        (lambda t: t.update(entries=t["entries"][::-1].copy()), "do not ascend"),
        (lambda t: t.update(entries=t["entries"] - 10_000), "do not ascend"),
        (lambda t: t.update(entries=t["entries"] + 10_000), "do not ascend"),
        (lambda t: t.update(values=t["values"][:-1]), "expected `values` as float32"),
        (lambda t: t.update(sensitivity=t["sensitivity"].astype(np.float64)), "expected `sensitivity` as float32"),
        (lambda t: t.pop("sensitivity"), "is not a safetensors file with"),
    ],
)
def test_values_that_contradict_the_layout(copy, change, reason):
    tensors = load_file(copy / "values.safetensors")
    change(tensors)
    replace(copy, "values.safetensors", save(tensors))
    with pytest.raises(BadInput, match=reason):
        open_bundle(copy)


def test_values_that_are_not_numbers(copy):
    tensors = load_file(copy / "values.safetensors")
    tensors["values"][3] = np.nan
    replace(copy, "values.safetensors", save(tensors))
    with pytest.raises(BadInput, match="NaN"):
        open_bundle(copy).initial_values()


@pytest.mark.parametrize("change", ["shape", "missing", "ids"])
def test_golden_vectors_that_do_not_fit(copy, change):
    tensors = load_file(copy / "golden.safetensors")
    if change == "shape":
        tensors["label_ids"] = tensors["label_ids"][:1]
    elif change == "missing":
        del tensors["nll"]
    else:
        tensors["input_ids"][:] = 10**6
    replace(copy, "golden.safetensors", save(tensors))
    with pytest.raises(BadInput, match=r"golden|input_ids: 1000000"):
        verify(bundle := open_bundle(copy), open_engine("onnx", bundle))


def test_tokenizer_that_is_none(copy):
    replace(copy, "tokenizer.json", b'{"model": {"type": "BPE", "vocab": {"a": 4294967296}, "merges": []}}')
    with pytest.raises(BadInput, match="not a readable tokenizer"):
        Tokenizer.open(open_bundle(copy).directory / "tokenizer.json")


@pytest.mark.parametrize("content", ["", "[]", "{", "[" * 100_000, "\ud800".encode("utf-16", "surrogatepass")])
def test_manifest_that_is_no_manifest(copy, content):
    path = copy / "manifest.json"
    path.write_bytes(content) if isinstance(content, bytes) else path.write_text(content)
    with pytest.raises(BadInput, match=r"manifest.json"):
        open_bundle(copy)


def test_not_a_folder(tmp_path):
    with pytest.raises(BadInput, match="bundle manifest cannot be read"):
        open_bundle(tmp_path / "nothing")


def test_engine_that_computes_wrongly_is_convicted(copy):
    bundle = open_bundle(copy)

    class Wrong:
        name, version = "onnx", "0"

        def forward(self, batch, values):
            right = open_engine("onnx", bundle).forward(batch, values)
            return right._replace(nll=right.nll * np.float32(1.01))

    verdict = verify(bundle, Wrong())
    assert not verdict.passed


def test_older_engine_is_refused(copy):
    edit(copy, lambda m: m["graphs"][0].update(minimum_engine_version="99.0.0"))
    with pytest.raises(BadInput, match=r"needs onnxruntime 99.0.0, here is"):
        open_engine("onnx", open_bundle(copy, hashes=False))
