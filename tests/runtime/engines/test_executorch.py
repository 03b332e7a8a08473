"""The ExecuTorch engine against torch, and on damaged files."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path

import numpy as np
import pytest
from pocketzo.runtime.bundle import Bundle
from pocketzo.runtime.engines import child, open_engine
from pocketzo.runtime.engines.executorch.engine import ExecuTorchEngine
from pocketzo.runtime.errors import BadInput, PocketzoError

from . import tiny
from .forking import Server


def inputs(bundle, **sizes):
    return tiny.random_pass(values=bundle.manifest.values.count, **sizes)


@pytest.fixture(scope="module")
def engine(two_engines):
    engine = open_engine("executorch", two_engines[0])
    yield engine
    engine.close()


@pytest.mark.parametrize(
    "sizes", [{}, {"p": 1, "b": 1, "t": 1, "s": 1, "m": 1, "w": 1}, {"b": 16, "t": 48, "s": 8, "w": 32}, {"p": 8}]
)
def test_a_pass_is_what_torch_computes(two_engines, engine, sizes):
    import torch

    bundle, step = two_engines
    batch, values = inputs(bundle, **sizes)
    arrays = (batch.input_ids[None], batch.label_positions[None], batch.label_ids[None], batch.words, values)
    with torch.no_grad():
        expected = step(*map(torch.from_numpy, arrays))
    kept = engine.forward(batch, values)
    engine.forward(*inputs(bundle, seed=2))
    for ours, theirs in zip(kept, expected, strict=True):
        assert ours.dtype == np.float32
        assert ours.flags.writeable
        np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-5)


def test_values_that_are_no_number_give_no_number(two_engines, engine):
    batch, values = inputs(two_engines[0])
    values[1, 0] = np.nan
    nll = engine.forward(batch, values).nll
    assert np.isnan(nll[1][batch.label_ids >= 0]).all()
    assert np.isfinite(nll[0]).all()


def test_arrays_of_other_types_and_sizes_are_an_error(two_engines, engine):
    batch, values = inputs(two_engines[0])
    for wrong in (values[:, 1:], values.astype(np.float64), values[:, :, None]):
        with pytest.raises(BadInput, match=r"step.pte: ExecuTorch fails at running it \(RuntimeError.*export it again"):
            engine.forward(batch, wrong)
    assert np.isfinite(engine.forward(batch, values).nll).all()


def test_threads(two_engines, monkeypatch):
    said = []
    monkeypatch.setattr(ExecuTorchEngine, "_check_signature", lambda self, description: said.append(description))
    open_engine("executorch", two_engines[0], threads=3).close()
    assert said[0]["threads"].tolist() == [3]


@pytest.fixture(scope="module")
def outcomes(two_engines, tmp_path_factory):
    """outcomes(contents): for each, what a pass with it as the graph's file gives, or the error."""
    folder, whole = tmp_path_factory.mktemp("damaged"), two_engines[0]
    bundle = Bundle(folder, whole.manifest, whole.hash)
    batch, values = inputs(whole)

    def run(contents):
        server = Server()
        with contextlib.closing(server), pytest.MonkeyPatch.context() as patch:
            patch.setattr(child.subprocess, "Popen", server.popen)
            for content in contents:
                (folder / "step.pte").write_bytes(content)
                engine = None
                try:
                    engine = open_engine("executorch", bundle, threads=1)
                    yield engine.forward(batch, values)
                except PocketzoError as e:
                    yield e
                finally:
                    if engine:
                        engine.close()

    return run


@pytest.fixture(scope="module")
def content(two_engines):
    return (two_engines[0].directory / "step.pte").read_bytes()


def flipped(content, positions):
    for i, position in enumerate(positions):
        changed = bytearray(content)
        changed[position] ^= (1, 0x80, 0xFF)[i % 3]
        yield bytes(changed)


def test_flipped_bytes_are_an_error_or_a_result_and_never_the_end(outcomes, content):
    """A byte of a weight is found by the manifest's hash alone; what crashes is the program around them."""
    chosen, program = random.Random(0), content.index(b"ET12") + 4096
    positions = [*range(0, 64, 2), *(chosen.randrange(program) for _ in range(120))]
    positions += [chosen.randrange(len(content)) for _ in range(60)]
    ran, errors = 0, []
    for outcome in outcomes(flipped(content, positions)):
        if isinstance(outcome, PocketzoError):
            errors.append(str(outcome))
            assert "step.pte: " in errors[-1]
            assert "gain" in errors[-1] or "smaller --batch" in errors[-1], errors[-1]
            assert "SIGALRM" not in errors[-1]
        else:
            ran += 1
            assert outcome.nll.shape == (2, 3, 4)
            assert outcome.hidden.shape == (2, 3, 2, tiny.HIDDEN)
    assert ran > 20
    for way in ("fails at loading", "fails at running", "was ended by SIGSEGV"):
        assert any(way in error for error in errors), way


def test_truncated_files_are_an_error(outcomes, content):
    lengths = [*range(0, 64, 4), *range(64, len(content), len(content) // 40), len(content) - 1]
    for length, outcome in zip(lengths, outcomes(content[:n] for n in lengths), strict=True):
        assert isinstance(outcome, BadInput), length
        assert "step.pte: ExecuTorch " in str(outcome)
        assert "Copy the bundle again or export it again" in str(outcome)


def test_no_file(two_engines, tmp_path):
    whole = two_engines[0]
    for make in (lambda path: None, Path.mkdir):
        make(tmp_path / "step.pte")
        with pytest.raises(BadInput, match=r"step.pte: ExecuTorch fails at loading it"):
            open_engine("executorch", Bundle(tmp_path, whole.manifest, whole.hash))
