"""Bundles that must be refused, each as what differs from a good one; the cases are those of tests/bundle."""

from __future__ import annotations

import json
import random
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper
from pocketzo.runtime.bundle import open_bundle
from pocketzo.runtime.bundle.manifest import seal
from pocketzo.runtime.errors import PocketzoError
from safetensors.numpy import load_file, save

from ..bundle.forge import edit, own_eps, read, replace
from ..torture.mutate import FORGERY, hostile_json

FORGERIES = 300
Change = Callable[[Path], object]


def manifest(change: Callable[[dict[str, Any]], object]) -> Change:
    """A manifest that differs, its seal right."""
    return lambda folder: edit(folder, change)


def graph(change: Callable[[Any], object]) -> Change:
    """A graph that differs, listed as it is."""

    def apply(folder: Path) -> None:
        model = onnx.load(folder / "step.onnx", load_external_data=False)
        change(model)
        replace(folder, "step.onnx", model.SerializeToString())

    return apply


def values(change: Callable[[dict[str, Any]], object]) -> Change:
    """Values that differ, listed as they are."""

    def apply(folder: Path) -> None:
        tensors = load_file(folder / "values.safetensors")
        change(tensors)
        replace(folder, "values.safetensors", save(tensors))

    return apply


def raw(name: str, content: bytes) -> Change:
    """Other bytes in a file, listed as they are."""
    return lambda folder: replace(folder, name, content)


def text(content: bytes) -> Change:
    """Other bytes as the manifest."""
    return lambda folder: (folder / "manifest.json").write_bytes(content)


def sealed(content: str) -> Change:
    """Other text as the manifest, its seal right."""
    return lambda folder: (folder / "manifest.json").write_bytes(seal(content.encode()))


def location(value: str) -> Change:
    """Weights in another file."""

    def change(model: Any) -> None:
        next(t for t in model.graph.initializer if t.external_data).external_data[0].value = value

    return graph(change)


def subgraph(model: Any) -> None:
    """A reference inside of a branch."""
    tensor = onnx.TensorProto(name="t", data_type=1, dims=[1], data_location=onnx.TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="/etc/passwd")
    inner = helper.make_graph([helper.make_node("Constant", [], ["c"], value=tensor)], "inner", [], [])
    model.graph.node.append(helper.make_node("If", ["x"], ["y"], then_branch=inner, else_branch=inner))


def function(model: Any) -> None:
    """A function of its own."""
    model.functions.append(helper.make_function("com.microsoft", "F", [], [], [], [helper.make_opsetid("", 21)]))


def deep(model: Any) -> None:
    """Branches within branches."""
    inner = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "inner", [], [])
    for _ in range(20):
        inner = helper.make_graph([helper.make_node("If", ["x"], ["y"], then_branch=inner)], "inner", [], [])
    model.graph.node.append(helper.make_node("If", ["x"], ["y"], then_branch=inner))


def renamed(folder: Path) -> None:
    """A graph by a name that says nothing."""
    shutil.copy(folder / "step.onnx", folder / "step.bin")
    edit(folder, lambda m: m["files"].update({"step.bin": m["files"]["step.onnx"]}))
    edit(folder, lambda m: m["graphs"][0].update(file="step.bin", domains=[""]))


def not_listed(folder: Path) -> None:
    """A file that nobody asked for."""
    (folder / "extra.so").write_text("")


def unsealed(folder: Path) -> None:
    """A manifest that was edited by hand."""
    path = folder / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b'"two-point"', b'"one-point"'))


def without_seal(folder: Path) -> None:
    """A manifest without its last member."""
    (folder / "manifest.json").write_text(json.dumps(read(folder)))


def huge_entries(m: dict[str, Any]) -> None:
    """Counts whose product, cut to 64 bits, is what the manifest says."""
    m["values"]["blocks"][0].update(entries=2**32 + 1, rows=2**32, count=2**32)


CASES: dict[str, tuple[Change, str]] = {
    "schema": (manifest(lambda m: m.update(schema_version=2)), "schema 2, and this pocketzo reads 1"),
    "format": (manifest(lambda m: m.update(format="other")), "not a pocketzo bundle"),
    "field-missing": (manifest(lambda m: m.pop("estimator")), "field estimator"),
    "field-unknown": (manifest(lambda m: m.update(surprise=1)), "field surprise"),
    "eps-zero": (manifest(lambda m: m["estimator"].update(eps=0)), "field estimator.eps"),
    "curve-order": (
        manifest(lambda m: m["estimator"]["eps_curve"].reverse()),
        "estimator.eps_curve: eps does not ascend",
    ),
    "curve-error": (
        manifest(lambda m: m["estimator"]["eps_curve"][0].update(error=-1)),
        "field estimator.eps_curve.0.error",
    ),
    "curve-correlation": (
        manifest(lambda m: m["estimator"]["eps_curve"][0].update(correlation=2)),
        "field estimator.eps_curve.0.correlation",
    ),
    "embedding-bits": (
        manifest(lambda m: m["quantization"].update(embedding_bits=5)),
        "field quantization.embedding_bits",
    ),
    "first-layer": (manifest(lambda m: m["values"].update(first_layer=-1)), "field values.first_layer"),
    "values-count": (manifest(lambda m: m["values"].update(count=7)), "values.count is 7"),
    "block-offset": (manifest(lambda m: m["values"]["blocks"][0].update(offset=1)), "expected at 0"),
    "block-overflow": (manifest(huge_entries), "expected at 0"),
    "values-file": (
        manifest(lambda m: m["values"].update(file="g.safetensors")),
        "g.safetensors is used but not listed",
    ),
    "no-graph": (manifest(lambda m: m["graphs"].clear()), "field graphs"),
    "opset-zero": (manifest(lambda m: m["graphs"][0].update(opset=0)), "field graphs.0.opset"),
    "bound-zero": (manifest(lambda m: m["graphs"][0].update(bounds={"B": 0})), "field graphs.0.bounds.B"),
    "bound-large": (manifest(lambda m: m["graphs"][0].update(bounds={"B": 2**40})), "field graphs.0.bounds.B"),
    "bound-name": (manifest(lambda m: m["graphs"][0].update(bounds={"B 1": 1})), "field graphs.0.bounds.B 1"),
    "bound-long": (manifest(lambda m: m["graphs"][0].update(bounds={"a" * 17: 1})), "field graphs.0.bounds.a"),
    "bounds-many": (
        manifest(lambda m: m["graphs"][0].update(bounds={"a" * n: 1 for n in range(17)})),
        "field graphs.0.bounds",
    ),
    "bounds-null": (manifest(lambda m: m["graphs"][0].update(bounds=None)), "field graphs.0.bounds"),
    "own-eps-zero": (manifest(lambda m: own_eps(m).update(eps=0)), "field graphs.0.eps"),
    "own-eps-null": (manifest(lambda m: own_eps(m).update(eps=None)), "field graphs.0.eps: goes with eps_curve"),
    "own-curve-none": (
        manifest(lambda m: own_eps(m).pop("eps_curve")),
        "field graphs.0.eps: goes with eps_curve",
    ),
    "own-curve-order": (
        manifest(lambda m: own_eps(m)["eps_curve"].reverse()),
        "field graphs.0.eps_curve: eps does not ascend",
    ),
    "own-curve-error": (
        manifest(lambda m: own_eps(m)["eps_curve"][1].update(error=-1)),
        "field graphs.0.eps_curve.1.error",
    ),
    "own-curve-long": (
        manifest(lambda m: own_eps(m).update(eps_curve=own_eps(m)["eps_curve"][:1] * 65)),
        "field graphs.0.eps_curve",
    ),
    "task-kind": (manifest(lambda m: m.update(task={"x": 1})), "field task.kind"),
    "count-too-large": (manifest(lambda m: m["model"].update(layers=2**40)), "field model.layers"),
    "count-endless": (manifest(lambda m: m["model"].update(layers=10**400)), "field model.layers"),
    "count-fraction": (manifest(lambda m: m["model"].update(layers=1.5)), "field model.layers"),
    "text-too-long": (manifest(lambda m: m["model"].update(name="a" * 1001)), "field model.name"),
    "path-up": (manifest(lambda m: m["files"].update({"../a": m["files"]["step.onnx"]})), "manifest.json: field files"),
    "path-root": (manifest(lambda m: m["files"].update({"/a": m["files"]["step.onnx"]})), "manifest.json: field files"),
    "path-inner": (
        manifest(lambda m: m["files"].update({"a/b": m["files"]["step.onnx"]})),
        "manifest.json: field files",
    ),
    "path-empty": (manifest(lambda m: m["files"].update({"": m["files"]["step.onnx"]})), "manifest.json: field files"),
    "path-line": (
        manifest(lambda m: m["files"].update({"a\n": m["files"]["step.onnx"]})),
        "manifest.json: field files",
    ),
    "not-listed": (not_listed, "extra.so: is not listed"),
    "unsealed": (unsealed, "was altered or damaged"),
    "without-seal": (without_seal, "was altered or damaged"),
    "twice": (sealed('{"format":"pocketzo-bundle","format":"pocketzo-bundle"}'), "given twice"),
    "nan": (sealed('{"format":"pocketzo-bundle","a":NaN}'), "is not JSON"),
    "half": (sealed('{"format":"pocketzo-bundle","a":"\\ud800"}'), "half a character"),
    "empty": (text(b""), "manifest.json: the bundle manifest is not JSON"),
    "list": (text(b"[]"), "not a pocketzo bundle"),
    "torn": (text(b"{"), "manifest.json: the bundle manifest is not JSON"),
    "nested": (text(b"[" * 100_000), "manifest.json: the bundle manifest is not JSON"),
    "not-utf8": (text(b"\xff\xfe{}"), "manifest.json: the bundle manifest is not JSON"),
    "weights-up": (location("../weights.bin"), "reads its weights from"),
    "weights-root": (location("/etc/passwd"), "reads its weights from"),
    "weights-other": (location("other.bin"), "reads its weights from"),
    "weights-none": (location(""), "reads its weights from"),
    "weights-zero": (location("weights.bin\0"), "reads its weights from"),
    "weights-subgraph": (graph(subgraph), "'/etc/passwd', which is not a file of the bundle"),
    "domain": (
        graph(lambda m: m.graph.node.append(helper.make_node("Evil", [], ["y"], domain="com.evil"))),
        "domain 'com.evil', which the manifest does not list",
    ),
    "graph-renamed": (renamed, "domain 'com.microsoft', which the manifest does not list"),
    "function": (graph(function), "holds a function"),
    "training": (graph(lambda m: m.training_info.add()), "holds a training"),
    "deep": (graph(deep), "more than 16 deep"),
    "graph-bytes": (raw("step.onnx", b"\xff" * 100), "is not a readable ONNX file"),
    "graph-long-field": (raw("step.onnx", b"\x3a\xff\xff\xff\xff\x0f"), "longer than the message"),
    "graph-wrapped-tag": (raw("step.onnx", b"\xba\x80\x80\x80\x10\x00"), "no field has the number"),
    "graph-text": (raw("step.onnx", b"not an onnx file"), "is not a readable ONNX file"),
    "entries-short": (values(lambda t: t.update(entries=t["entries"][:-1])), "expected `entries` as int64"),
    "entries-reversed": (values(lambda t: t.update(entries=t["entries"][::-1].copy())), "do not ascend"),
    "entries-below": (values(lambda t: t.update(entries=t["entries"] - 10_000)), "do not ascend"),
    "entries-above": (values(lambda t: t.update(entries=t["entries"] + 10_000)), "do not ascend"),
    "values-short": (values(lambda t: t.update(values=t["values"][:-1])), "expected `values` as float32"),
    "sensitivity-type": (
        values(lambda t: t.update(sensitivity=t["sensitivity"].astype(np.float64))),
        "expected `sensitivity` as float32",
    ),
    "no-sensitivity": (values(lambda t: t.pop("sensitivity")), "is not a safetensors file with"),
    "values-nan": (values(lambda t: t["values"].__setitem__(3, np.nan)), "holds NaN or infinite values"),
    "values-none": (raw("values.safetensors", b""), "is not a safetensors file with"),
    "values-header": (raw("values.safetensors", b"\xff" * 20), "is not a safetensors file with"),
}


def write(good: Path, out: Path) -> None:
    """Write each case, then random forgeries with what Python says of them."""
    for name, (change, reason) in CASES.items():
        write_case(good, out / name, change, reason)
    for n in range(FORGERIES):
        r = random.Random(f"java-{n}")
        forge = r.choice([*FORGERY, hostile_json])
        write_case(good, out / f"forgery-{n}", lambda folder, forge=forge, r=r: forge(folder, r), None)


def write_case(good: Path, out: Path, change: Change, reason: str | None) -> None:
    """The files of a changed copy that differ; `reason` None asks Python for the verdict."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "bundle"
        shutil.copytree(good, folder)
        change(folder)
        out.mkdir(parents=True)
        for path in folder.iterdir():
            if not (good / path.name).exists() or path.read_bytes() != (good / path.name).read_bytes():
                shutil.copy(path, out / path.name)
        opens = reason is None and opened(folder)
        (out / "refused.json").write_text(json.dumps({"reason": reason, "opens": opens}))


def opened(folder: Path) -> bool:
    """Whether Python opens the bundle."""
    try:
        open_bundle(folder).initial_values()
    except PocketzoError:
        return False
    return True
