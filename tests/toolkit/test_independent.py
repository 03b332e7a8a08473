"""The independent reading: what reads the checkpoint wrongly is refused, whatever golden vectors say."""

from __future__ import annotations

import contextlib
import json
import subprocess
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest
import torch
from pocketzo.export.model.reference import values_in_place
from pocketzo.runtime.engines import open_engine
from pocketzo.runtime.errors import BadInput
from pocketzo.toolkit.checkpoint import Source, find_source, load_whole, open_checkpoint
from pocketzo.toolkit.checkpoint.tensors import StoredTensors
from pocketzo.toolkit.independent import LIMIT, TOKENS, check_reading, llama
from pocketzo.toolkit.pipeline import ExportConfig, export_bundle
from pocketzo.toolkit.select.calibration import held_out, windows
from pocketzo.toolkit.stages.held_out import artifact_nll, checkpoint_nll
from safetensors.torch import load_file, save_file

from ..conftest import Silent, make_checkpoint
from ..export.reference_model import bundle_layout, dequantized_model

IDS = np.arange(5, 105, dtype=np.int64)


def whole_nll(model, windows):
    """Mean nll of `windows` by transformers' own forward pass and its own loss."""
    with torch.no_grad():
        ids = torch.from_numpy(windows)
        return float(model(input_ids=ids, labels=ids).loss)


@pytest.fixture
def checkpoint(tmp_path):
    """A tiny checkpoint to read wrongly."""
    make_checkpoint(tmp_path / "checkpoint")
    return tmp_path / "checkpoint"


def test_bundle_says_who_else_read_the_checkpoint(tiny_bundle):
    reading = tiny_bundle.manifest.reading
    assert reading.by.startswith("transformers ")
    assert reading.tokens == TOKENS
    assert reading.difference <= LIMIT


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("model.layers.1.self_attn.k_proj.weight", lambda x: x.flip(0)),
        ("model.norm.weight", torch.ones_like),
        ("model.layers.0.mlp.gate_proj.weight", lambda x: x * 1.01),
    ],
)
def test_tensor_that_is_read_wrongly_is_refused_and_nothing_is_left(checkpoint, tmp_path, monkeypatch, name, wrong):
    right = StoredTensors.__call__
    monkeypatch.setattr(StoredTensors, "__call__", lambda s, n: wrong(right(s, n)) if n == name else right(s, n))
    with pytest.raises(BadInput, match=r"pocketzo and transformers [\d.]+ read it differently: token \d+"):
        export_bundle(str(checkpoint), tmp_path / "out", ExportConfig(density=0.02, windows=2), None, False, Silent())
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]


def test_frequencies_that_are_read_wrongly_are_refused(checkpoint):
    opened = open_checkpoint(find_source(str(checkpoint)))
    opened.decoder.inverse_frequencies[:] /= 2
    with pytest.raises(BadInput, match="read it differently"):
        check_reading(opened, IDS, checkpoint)


def test_row_that_no_text_touches_must_be_finite(checkpoint, tmp_path):
    tensors = load_file(checkpoint / "model.safetensors")
    tensors["model.embed_tokens.weight"][511] = float("inf")
    save_file(tensors, checkpoint / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(BadInput, match=r"model.embed_tokens.weight is not finite"):
        export_bundle(str(checkpoint), tmp_path / "out", ExportConfig(density=0.02, windows=2), None, False, Silent())


def test_text_is_no_longer_than_the_window_of_a_model(tmp_path):
    """Beyond it transformers masks what is too far, and a bundle is never used there."""
    make_checkpoint(tmp_path / "checkpoint", "mistral", sliding_window=40, tie_word_embeddings=False)
    reading = check_reading(open_checkpoint(find_source(str(tmp_path / "checkpoint"))), IDS, tmp_path)
    assert reading.tokens == 40
    assert reading.difference <= LIMIT


def test_index_that_names_the_wrong_shard_is_refused(checkpoint):
    tensors = load_file(checkpoint / "model.safetensors")
    (checkpoint / "model.safetensors").unlink()
    names = sorted(tensors)
    shards = {"a.safetensors": names[:3], "b.safetensors": names[3:]}
    for shard, held in shards.items():
        save_file({name: tensors[name] for name in held}, checkpoint / shard, metadata={"format": "pt"})
    index = {name: "b.safetensors" if name == names[0] else at for at, held in shards.items() for name in held}
    (checkpoint / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))
    with pytest.raises(BadInput, match=r"cannot be loaded|lacks"):
        check_reading(open_checkpoint(find_source(str(checkpoint))), IDS, checkpoint)


def test_layer_by_layer_nll_is_that_of_the_whole_model(checkpoint):
    opened = open_checkpoint(source := find_source(str(checkpoint)))
    windows = IDS[:96].reshape(3, 32)
    assert checkpoint_nll(opened, windows) == pytest.approx(whole_nll(load_whole(source), windows), abs=1e-5)


def test_price_is_the_nll_of_the_dequantized_weights(tiny_checkpoint, tiny_bundle):
    windows = IDS[:96].reshape(3, 32)
    engine, told = open_engine("onnx", tiny_bundle), []
    values, model = tiny_bundle.initial_values(), dequantized_model(tiny_checkpoint, tiny_bundle)
    found = artifact_nll(engine, windows, values, 512, told.append)
    with values_in_place(model, bundle_layout(tiny_bundle), values):
        assert found == pytest.approx(whole_nll(model, windows), abs=1e-4)
    assert told == [1, 1, 1]
    held = tiny_bundle.manifest.held_out
    assert held.tokens > 100
    assert held.checkpoint != held.engines["onnx"]
    assert held.checkpoint == pytest.approx(held.engines["onnx"], abs=0.5)


def test_text_that_is_held_out_is_none_that_sensitivity_saw(tiny_checkpoint, tmp_path):
    text = tmp_path / "text.txt"
    text.write_text((Path(__file__).parents[2] / "toolkit/select/calibration.txt").read_text(encoding="utf-8")[:600])
    config = ExportConfig(density=0.02, windows=8, window_tokens=64, calibration=text)
    made = export_bundle(str(tiny_checkpoint), tmp_path / "out", config, None, False, Silent())
    assert made is not None
    manifest = made[0].manifest
    seen = manifest.values.calibration.windows * 64
    opened = open_checkpoint(find_source(str(tiny_checkpoint)))
    rest = opened.tokenizer.backend.encode(text.read_text(), add_special_tokens=False).ids[seen:]
    if len(rest) < 32:
        assert manifest.held_out is None
    else:
        assert manifest.held_out.checkpoint == pytest.approx(checkpoint_nll(opened, np.array([rest])), abs=1e-9)


def test_held_out_text_has_no_token_that_the_model_lacks(checkpoint):
    tokenizer = open_checkpoint(find_source(str(checkpoint))).tokenizer
    tokenizer.backend.add_special_tokens(["[PAD]"])
    beyond = tokenizer.backend.token_to_id("[PAD]")
    words = (Path(__file__).parents[2] / "toolkit/select/calibration.txt").read_text(encoding="utf-8").split()
    text = " ".join([*words[:150], "[PAD]", *words[150:1500]])
    _, calibration = windows(text, "text", tokenizer, 2, 64, beyond)
    every, without = (held_out(text, tokenizer, calibration, 64, most) for most in (beyond + 1, beyond))
    assert len(every) == 8
    assert (every == beyond).sum() == 1
    assert len(without) == 8 - (every == beyond).any(axis=1).sum()
    assert without.max() < beyond


# --- llama.cpp ---


def gguf_source(path: Path) -> Source:
    """A source that says it is a GGUF file."""
    return Source(path.stem, path.parent, [path], path.name)


def test_without_llama_cpp_the_bundle_says_so(checkpoint, tmp_path, monkeypatch):
    def missing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(llama, "version", missing)
    opened = open_checkpoint(find_source(str(checkpoint)))
    opened.source = gguf_source(tmp_path / "m.gguf")
    reading = check_reading(opened, IDS, tmp_path)
    assert (reading.by, reading.difference) == ("llama-cpp-python is not installed", None)


@pytest.mark.parametrize("code", [-11, 1])
def test_llama_cpp_that_dies_takes_nothing_with_it(checkpoint, tmp_path, monkeypatch, code):
    monkeypatch.setattr(llama, "version", lambda name: "0")
    done = subprocess.CompletedProcess([], code, "", "cannot load\n\n")
    monkeypatch.setattr(llama.subprocess, "run", lambda *args, **options: done)
    opened = open_checkpoint(find_source(str(checkpoint)))
    opened.source = gguf_source(tmp_path / "m.gguf")
    reading = check_reading(opened, IDS, tmp_path)
    assert reading.difference is None
    assert ("signal 11" if code < 0 else "cannot load") in reading.by
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]


def test_file_that_llama_cpp_refuses_is_refused(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr(llama, "version", lambda name: "0")
    done = subprocess.CompletedProcess([], llama.REFUSED, "", "load: error loading model: no such key\nlast\n")
    monkeypatch.setattr(llama.subprocess, "run", lambda *args, **options: done)
    opened = open_checkpoint(find_source(str(checkpoint)))
    opened.source = gguf_source(tmp_path / "m.gguf")
    with pytest.raises(BadInput, match=r"refuses the file \(load: error loading model: no such key\)"):
        check_reading(opened, IDS, tmp_path)


def test_modules_of_the_current_folder_do_not_run(checkpoint, tmp_path, monkeypatch):
    """Who exports within a checkpoint's folder runs none of its code."""
    for name in ("llama_cpp", "numpy", "ctypes"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'RAN')!r}, 'w').close()\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(llama, "version", lambda name: "0")
    opened = open_checkpoint(find_source(str(checkpoint)))
    opened.source = gguf_source(tmp_path / "m.gguf")
    with contextlib.suppress(BadInput):  # of a file that is not there, where llama.cpp is installed
        check_reading(opened, IDS, checkpoint)
    assert not (tmp_path / "RAN").exists()
