"""Bundles that must be refused, each by a small change to a good one."""

from __future__ import annotations

import json
import os
import shutil

import numpy as np
import pytest
from pocketzo.runtime.bundle import open_bundle
from pocketzo.runtime.engines import open_engine
from pocketzo.runtime.errors import BadInput
from pocketzo.runtime.verify import verify


@pytest.fixture
def copy(tiny_bundle, tmp_path):
    """A bundle to change."""
    return shutil.copytree(tiny_bundle.directory, tmp_path / "bundle")


def edit(copy, change):
    manifest = json.loads((copy / "manifest.json").read_text())
    change(manifest)
    (copy / "manifest.json").write_text(json.dumps(manifest))


def test_the_good_one_opens_and_passes(copy):
    verdict = verify(bundle := open_bundle(copy), open_engine("onnx", bundle))
    assert verdict.passed
    assert verdict.difference < 1e-4


@pytest.mark.parametrize("name", ["weights.bin", "step.onnx", "values.safetensors", "tokenizer.json"])
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
    with pytest.raises(BadInput, match="not a regular file"):
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
        (lambda m: m["values"].update(count=7), "values.count is 7"),
        (lambda m: m["values"]["blocks"][0].update(offset=1), "expected at 0"),
        (lambda m: m["values"].update(file="gone.safetensors"), "gone.safetensors is used but not listed"),
        (lambda m: m["graphs"].clear(), "field graphs"),
        (lambda m: m.update(task={"x": 1}), "field task.kind"),
    ],
)
def test_manifest_that_contradicts_itself(copy, change, reason):
    edit(copy, change)
    with pytest.raises(BadInput, match=reason):
        open_bundle(copy)


@pytest.mark.parametrize("content", ["", "[]", "{", "[" * 100_000, "\ud800".encode("utf-16", "surrogatepass")])
def test_manifest_that_is_no_manifest(copy, content):
    path = copy / "manifest.json"
    path.write_bytes(content) if isinstance(content, bytes) else path.write_text(content)
    with pytest.raises(BadInput, match=r"manifest.json"):
        open_bundle(copy)


def test_not_a_folder(tmp_path):
    with pytest.raises(BadInput, match="no such bundle manifest"):
        open_bundle(tmp_path / "nothing")


def test_engine_that_computes_wrongly_is_convicted(copy):
    bundle = open_bundle(copy)

    class Wrong:
        name, version = "onnx", "0"

        def nll(self, batch, values):
            return open_engine("onnx", bundle).nll(batch, values) * np.float32(1.01)

    verdict = verify(bundle, Wrong())
    assert not verdict.passed


def test_older_engine_is_refused(copy):
    edit(copy, lambda m: m["graphs"][0].update(minimum_engine_version="99.0.0"))
    with pytest.raises(BadInput, match=r"needs onnxruntime 99.0.0, here is"):
        open_engine("onnx", open_bundle(copy, hashes=False))
