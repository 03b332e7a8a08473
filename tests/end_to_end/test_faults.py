"""Faults during a run: it stops with the last good state saved, and says what to try."""

from __future__ import annotations

import json
import resource

import numpy as np
import pytest
from pocketzo.runtime.engines import executorch
from pocketzo.runtime.engines.onnx.engine import OnnxEngine
from pocketzo.runtime.limits import memory

from ..torture.kill import whole_steps
from .conftest import refused
from .test_flow import tune_arguments


@pytest.fixture
def fault(monkeypatch):
    """fault(step, nll): the engine gives `nll` instead, from `step` on."""

    def arrange(step, change):
        original, calls = OnnxEngine.forward, [0]

        def forward(self, batch, values):
            calls[0] += len(values) == 2
            true = original(self, batch, values)
            return true._replace(nll=change(true.nll)) if calls[0] >= step and len(values) == 2 else true

        monkeypatch.setattr(OnnxEngine, "forward", forward)

    return arrange


def test_disk_that_fills_up_loses_no_step(cli, tiny_bundle, files):
    """A limit on the size of files stands for a full disk; the run goes on when there is room, to the same bytes."""
    arguments = tune_arguments(tiny_bundle, files, "--steps", 100)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (8_000, limits[1]))
        done = cli(*arguments)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    refused(done, "the disk is full", str(files / "run"), "--resume")
    steps = json.loads((files / "run/metrics.json").read_text())["steps"]
    assert f"stopped after step {steps}," in done.err
    assert whole_steps(files / "run") == steps
    assert 0 < steps < 100
    assert cli(*arguments, "--resume").code == 0
    resumed = (files / "run/trajectory.jsonl").read_bytes()
    assert cli(*arguments, "--force").code == 0
    assert (files / "run/trajectory.jsonl").read_bytes() == resumed


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_loss_that_is_no_number_keeps_the_steps_before_it(cli, tiny_bundle, files, fault, bad):
    fault(4, lambda nll: np.full_like(nll, bad))
    done = cli(*tune_arguments(tiny_bundle, files, "--steps", 10))
    refused(done, "step 4: the loss or a value is not a finite number", "smaller --lr")
    replayed = json.loads(cli("replay", files / "run", "--bundle", tiny_bundle.directory, "--json").out)
    assert replayed["steps"] == 3
    assert replayed["same"]


def test_evaluation_that_is_no_number(cli, tiny_bundle, files, monkeypatch):
    original = OnnxEngine.forward

    def forward(self, batch, values):
        true = original(self, batch, values)
        return true._replace(nll=true.nll * np.nan) if len(values) == 1 else true

    monkeypatch.setattr(OnnxEngine, "forward", forward)
    refused(cli(*tune_arguments(tiny_bundle, files)), "evaluation: the loss is not a finite number")


@pytest.mark.parametrize("output", ["hidden", "nll"])
def test_label_head_of_no_numbers_keeps_the_steps_before_it(cli, tiny_bundle, files, monkeypatch, output):
    original, heads = OnnxEngine.forward, [0]

    def forward(self, batch, values):
        true = original(self, batch, values)
        heads[0] += len(values) == 2
        broken = heads[0] >= 4 and len(values) == 1
        return true._replace(**{output: getattr(true, output) * np.nan}) if broken else true

    monkeypatch.setattr(OnnxEngine, "forward", forward)
    done = cli(*tune_arguments(tiny_bundle, files, "--steps", 10, "--evaluate-every", 4))
    refused(done, "the label head: a score is not a finite number")
    assert json.loads((files / "run/metrics.json").read_text())["steps"] == 4


def test_engine_without_memory_for_a_step(cli, tiny_bundle, files, fault):
    def fail(nll):
        raise MemoryError

    fault(3, fail)
    refused(cli(*tune_arguments(tiny_bundle, files)), "out of memory", code=4)
    assert json.loads((files / "run/metrics.json").read_text())["steps"] == 2


def test_memory_that_cannot_suffice_is_found_before_the_start(cli, tiny_bundle, files, monkeypatch):
    monkeypatch.setattr(memory, "available_bytes", lambda: 50_000_000)
    arguments = tune_arguments(tiny_bundle, files, "--steps", 1)
    refused(cli(*arguments), "50 MB are free", "--ignore-memory", code=4)
    assert not (files / "run").exists()
    assert cli(*arguments, "--ignore-memory").code == 0


def test_memory_estimate_grows_with_what_a_step_holds(tiny_bundle):
    manifest = tiny_bundle.manifest
    small = memory.estimate(manifest, 16, 64).total
    assert small < memory.estimate(manifest, 32, 64).total < memory.estimate(manifest, 32, 128).total
    assert memory.estimate(manifest, 16, 64, scored=50).total > small
    assert memory.estimate(manifest, 16, 64, directions=4).total > small


def test_memory_estimate_of_executorch_grows_with_its_plan(two_engines):
    manifest = two_engines[0].manifest
    onnx, graph = manifest.graphs

    def total(**bounds):
        other = graph.model_copy(update={"bounds": {**graph.bounds, **bounds}})
        return memory.estimate(manifest.model_copy(update={"graphs": [onnx, other]}), 4, 16, engine="executorch").total

    assert total() > memory.estimate(manifest, 4, 16).total + executorch.CHILD
    assert total(tokens=1 << 20) - total(tokens=1 << 19) > (1 << 19) * 4 * 2 * executorch.PLANNED_WORDS
    assert total(P=64) > total()


def test_memory_that_is_short_for_executorch_is_said_with_its_plan(two_engines, cli, files, monkeypatch):
    monkeypatch.setattr(memory, "available_bytes", lambda: 500_000_000)
    arguments = tune_arguments(two_engines[0], files, "--steps", 1)
    refused(cli(*arguments, "--engine", "executorch"), "500 MB are free", "smaller --max-tokens", code=4)
    assert cli(*arguments).code == 0
