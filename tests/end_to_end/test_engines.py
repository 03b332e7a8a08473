"""A bundle for several engines: with a stand-in for ExecuTorch, and with ExecuTorch itself where it is installed."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import onnx_ir as ir
import pytest
from pocketzo.export import engines as export_engines
from pocketzo.export.onnx import writer
from pocketzo.export.onnx.graph import build_step
from pocketzo.runtime.bundle import open_bundle
from pocketzo.runtime.engines import ENGINES
from pocketzo.runtime.engines.onnx.engine import OnnxEngine
from pocketzo.runtime.errors import BadInput

from ..conftest import make_checkpoint
from .conftest import refused
from .test_export_resume import OPTIONS, contents, work_of
from .test_flow import tune_arguments

BOTH = ["--engine", "onnx", "--engine", "executorch"]


class StandIn(OnnxEngine):
    """Rounds, as an engine with int8 activations does."""

    name = "executorch"
    digits = 2

    def forward(self, batch, values):
        there = super().forward(batch, values)
        return there._replace(nll=np.round(there.nll, self.digits))


def write_stand_in(folder, store, contents, progress):
    """The ONNX graph, in a file that holds its weights; the bounds are what the command line said."""
    like = writer.write_step(folder, store, contents, progress)
    if "onnx" not in contents.engines:
        (folder / like.file).unlink()
    model = build_step(contents.decoder, contents.layout, store, contents.quantization, contents.outliers)
    ir.save(ir.external_data.load_to_model(model), folder / "step.pte")
    bounds = {"T": contents.max_length, "tokens": contents.max_tokens}
    return like.model_copy(update={"engine": "executorch", "file": "step.pte", "opset": None, "bounds": bounds})


@pytest.fixture
def stand_in(monkeypatch):
    """ExecuTorch is what this says: a writer of graphs, and an engine."""
    stand_in = SimpleNamespace(write_step=write_stand_in, check_decoder=lambda decoder, group_size: None)
    monkeypatch.setattr(export_engines, "load_writer", lambda name: stand_in if name == "executorch" else writer)
    monkeypatch.setitem(ENGINES, "executorch", replace(ENGINES["executorch"], open=StandIn))


@pytest.fixture
def export(cli, tiny_checkpoint, tmp_path):
    """export("--engine", ...): the bundle's folder and what --json says."""

    def call(*options, name="out"):
        done = cli("export", tiny_checkpoint, "--out", tmp_path / name, *OPTIONS, "--json", *options)
        assert done.code == 0, done.err
        return tmp_path / name, json.loads(done.out)

    return call


def test_both_engines(cli, export, stand_in):
    out, said = export(*BOTH, "--engine", "onnx", "--max-tokens", 300, "--max-length", 40)
    manifest = open_bundle(out).manifest
    assert [graph.engine for graph in manifest.graphs] == ["onnx", "executorch"]
    assert {"step.onnx", "step.pte", "weights.bin"} <= manifest.files.keys()
    assert manifest.golden.tolerance == {"onnx": 1e-3, "executorch": 0.5}
    assert manifest.graphs[0].bounds == {}
    assert manifest.graphs[1].bounds == {"T": 40, "tokens": 300}
    assert manifest.graphs[0].eps is None
    assert manifest.graphs[1].eps > manifest.estimator.eps, "rounding needs a larger eps"
    assert manifest.estimator_of("executorch").eps_curve[0].error > 100 * manifest.estimator.eps_curve[0].error
    assert [engine["engine"] for engine in said["engines"]] == ["onnx", "executorch"]
    assert said["golden_difference"] == said["engines"][0]["difference"] < 1e-4 < said["engines"][1]["difference"]

    verified = json.loads(cli("verify", out, "--json").out)
    assert verified["engines"] == said["engines"]
    alone = json.loads(cli("verify", out, "--engine", "executorch", "--json").out)
    assert alone["engines"] == said["engines"][1:]
    text = " ".join(cli("inspect", out).out.split())
    assert "executorch 1.29.0 or later, at most T 40, tokens 300" in text
    assert f"eps {manifest.graphs[1].eps:g}" in text
    assert "projected gradient on executorch against" in text


def test_the_first_engine_is_the_one_that_the_estimator_describes(export, stand_in):
    out, said = export("--engine", "executorch", "--engine", "onnx")
    manifest = open_bundle(out).manifest
    assert [graph.engine for graph in manifest.graphs] == ["executorch", "onnx"]
    assert manifest.graphs[0].eps is None
    assert manifest.estimator.eps > manifest.graphs[1].eps
    assert said["golden_difference"] == said["engines"][0]["difference"] > 1e-4


def test_weights_are_the_same_to_both_engines(export, stand_in, tmp_path):
    """Scales that both types hold, and without the second engine the bytes that there were before it."""
    one, _ = export()
    both, _ = export(*BOTH, name="both")
    assert contents(one)["weights.bin"] != contents(both)["weights.bin"]
    from pocketzo.toolkit.quantize import store

    with pytest.MonkeyPatch.context() as patched:
        real = store.quantize
        patched.setattr(store, "quantize", lambda *given: real(*given[:5]))
        without, _ = export(*BOTH, name="without")
    assert contents(one)["weights.bin"] == contents(without)["weights.bin"]


def test_executorch_alone(cli, export, stand_in, files):
    out, said = export("--engine", "executorch")
    bundle = open_bundle(out)
    assert [engine["engine"] for engine in said["engines"]] == ["executorch"]
    assert "step.pte" in bundle.manifest.files
    assert not {"weights.bin", "step.onnx"} & bundle.manifest.files.keys()
    assert bundle.manifest.quantization.accuracy_level == 4
    assert bundle.manifest.graphs[0].bounds == {"T": 256, "tokens": 4096}, "the context is shorter than the default"
    assert cli("verify", out).code == 0
    refused(cli(*tune_arguments(bundle, files)), "no graph for engine onnx (it has: executorch)", "--engine onnx")


def test_verify_where_one_engine_is_not_installed(cli, export, stand_in, monkeypatch):
    from pocketzo.runtime.errors import UsageError

    out, _ = export(*BOTH)

    def missing(bundle, threads):
        raise UsageError("its package is not here")

    monkeypatch.setitem(ENGINES, "executorch", replace(ENGINES["executorch"], open=missing))
    refused(cli("verify", out), "its package is not here, or go without it: --engine onnx", code=2)
    assert cli("verify", out, "--engine", "onnx").code == 0
    assert "go without" not in cli("verify", out, "--engine", "executorch").err


def test_package_needs_a_graph_that_the_app_can_run(export, stand_in):
    from pocketzo.toolkit.android.package import check_bundle

    bundle = open_bundle(export("--engine", "executorch")[0])
    with pytest.raises(BadInput, match=r"no graph for ONNX Runtime.*\(it has: executorch\)\. Export it with --engine"):
        check_bundle(bundle)


@pytest.mark.parametrize("engines", [BOTH, BOTH[2:]], ids=["both", "alone"])
@pytest.mark.parametrize("share", [0.5, 1.5])
def test_stopped_while_eps_is_fitted(cli, export, stand_in, tiny_checkpoint, monkeypatch, tmp_path, engines, share):
    """The second export measures only what the first did not, and the bundle is the same."""
    from pocketzo.export.check import eps

    pairs, calls, real = len(eps.GRID) * eps.DIRECTIONS, 0, eps.mean_loss
    if share > len(engines) / 2:
        pytest.skip("has one engine")
    whole = contents(export(*engines, name="whole")[0])

    def counted(*given):
        nonlocal calls
        calls += 1
        if calls == round(share * pairs):
            raise KeyboardInterrupt
        return real(*given)

    monkeypatch.setattr(eps, "mean_loss", counted)
    done = cli("export", tiny_checkpoint, "--out", tmp_path / "out", *OPTIONS, *engines)
    assert done.code == 130
    weights = work_of(tmp_path / "out") / ("bundle/weights.bin" if "onnx" in engines else "weights.bin")
    assert weights.is_file()
    calls = 10**6
    out, _ = export(*engines)
    measured = calls - 10**6
    assert 0 < measured <= pairs * (len(engines) / 2) - share * pairs + eps.DIRECTIONS
    assert contents(out) == whole


def test_a_second_graph_that_computes_wrongly_is_not_written(cli, stand_in, tiny_checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr(StandIn, "digits", -1)
    done = cli("export", tiny_checkpoint, "--out", tmp_path / "out", *OPTIONS, *BOTH)
    refused(done, "the exported graph for executorch is", "nats off the reference, and the limit is 0.5")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--engine", "tflite"], ["--engine tflite: not known", "onnx, executorch"]),
        (["--max-tokens", 512], ["go with --engine executorch"]),
        (["--engine", "onnx", "--max-length", 64], ["go with --engine executorch"]),
        (["--engine", "executorch", "--max-length", 300], ["--max-length 300: the model's context is 256"]),
        (["--engine", "executorch", "--accuracy-level", 1], ["--accuracy-level 1 goes with --engine onnx"]),
    ],
)
def test_options_that_do_not_go_together(cli, stand_in, tiny_checkpoint, tmp_path, options, words):
    refused(cli("export", tiny_checkpoint, "--out", tmp_path / "out", *options), *words, code=2)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(find_spec("executorch") is None, reason="needs the package executorch")
def test_executorch_itself(cli, export, files):
    """Export, verify, tune and evaluate on both engines; the two give the same within what int8 activations do."""
    out, said = export(*BOTH)
    assert [engine["passed"] for engine in said["engines"]] == [True, True]
    assert said["engines"][1]["difference"] > 0
    bundle = open_bundle(out)
    assert json.loads(cli("verify", out, "--json").out)["passed"] is True
    losses = {}
    for engine in ("onnx", "executorch"):
        shutil.rmtree(files / "run", ignore_errors=True)
        tuned = cli(*tune_arguments(bundle, files, "--steps", 2, "--engine", engine, "--json"))
        assert tuned.code == 0, tuned.err
        header = json.loads((files / "run/trajectory.jsonl").read_text().splitlines()[0])
        assert header["config"]["eps"] == bundle.manifest.estimator_of(engine).eps
        assert header["engine"] == engine
        losses[engine] = json.loads(tuned.out)["before"]["loss"]
        evaluated = cli("evaluate", out, "--task", files / "task.json", "--data", files / "validation.jsonl",
                        "--values", files / "run/best.safetensors", "--engine", engine, "--json")  # fmt: skip
        assert json.loads(evaluated.out) == json.loads(tuned.out)["best"]
    assert losses["executorch"] == pytest.approx(losses["onnx"], abs=0.1)


@pytest.mark.skipif(find_spec("executorch") is None, reason="needs the package executorch")
def test_a_layer_that_groups_do_not_fill_is_refused_before_the_work(cli, tmp_path, monkeypatch):
    from pocketzo.toolkit import pipeline

    def begun(*given):
        raise AssertionError("the work has begun")

    monkeypatch.setattr(pipeline, "measure_sensitivity", begun)
    make_checkpoint(tmp_path / "odd", intermediate_size=100)
    done = cli("export", tmp_path / "odd", "--out", tmp_path / "bundle", *BOTH)
    refused(done, "down_proj: its input has 100 channels", "groups of 32", "--weight-bits 8 or --engine onnx")
