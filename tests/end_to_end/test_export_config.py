"""The settings of an export: Python refuses what the command refuses, with the same words, and takes what it takes."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import pytest
from pocketzo.runtime.engines import ENGINES
from pocketzo.runtime.errors import BadInput, PocketzoError, UsageError
from pocketzo.toolkit.config import ExportConfig

from .conftest import refused

REFUSED = {
    "an engine that is not known": (["--engine", "tflite"], {"engines": ("tflite",)}),
    "a second one": (["--engine", "onnx", "--engine", "tflite"], {"engines": ("onnx", "tflite")}),
    "weight bits": (["--weight-bits", 5], {"weight_bits": 5}),
    "embedding bits": (["--embedding-bits", 3], {"embedding_bits": 3}),
    "accuracy level": (["--accuracy-level", 2], {"accuracy_level": 2}),
    "level 0": (["--accuracy-level", 0], {"accuracy_level": 0}),
    "fp32 on int8": (
        ["--accuracy-level", 1, "--engine", "executorch"],
        {"accuracy_level": 1, "engines": ("executorch",)},
    ),
    "fp32 with 8 bits": (["--accuracy-level", 1, "--weight-bits", 8], {"accuracy_level": 1, "weight_bits": 8}),
    "tokens of any graph": (["--max-tokens", 512], {"max_tokens": 512}),
    "length of any graph": (
        ["--engine", "onnx", "--max-length", 64],
        {"engines": ("onnx",), "max_length": 64},
    ),
    "layers of channels": (["--per-layer"], {"per_layer": True}),
    "density 0": (["--density", 0], {"density": 0.0}),
    "density 2": (["--density", 2], {"density": 2.0}),
    "density NaN": (["--density", "nan"], {"density": float("nan")}),
}


@pytest.mark.parametrize("case", REFUSED)
def test_python_refuses_what_the_command_refuses(cli, tmp_path, case):
    options, settings = REFUSED[case]
    done = cli("export", tmp_path / "none", "--out", tmp_path / "out", *options)
    with pytest.raises(PocketzoError) as raised:
        ExportConfig(**settings)
    refused(done, code=raised.value.exit_code)
    assert done.err == f"pocketzo: {raised.value}\n", "before any progress is shown"


@pytest.mark.parametrize("name", [f.name for f in fields(ExportConfig) if "least" in f.metadata])
def test_least_value(cli, tmp_path, name):
    """The command's parser has words of its own for these."""
    least = next(f.metadata["least"] for f in fields(ExportConfig) if f.name == name)
    option, engine = "--" + name.replace("_", "-"), "executorch"
    done = cli("export", tmp_path / "none", "--out", tmp_path / "out", "--engine", engine, option, least - 1)
    assert done.code == UsageError.exit_code
    assert f"Invalid value for '{option}': Input should be greater than or equal to {least}" in done.err
    with pytest.raises(UsageError, match=f"{option} {least - 1}: must be at least {least}"):
        ExportConfig(engines=(engine,), **{name: least - 1})
    assert getattr(ExportConfig(engines=(engine,), **{name: least}), name) == least


def test_scope(cli, tmp_path):
    done = cli("export", tmp_path / "none", "--out", tmp_path / "out", "--scope", "rows")
    assert done.code == UsageError.exit_code
    assert "'--scope': Value error, 'rows' is not one of 'channels', 'weights'" in done.err
    with pytest.raises(UsageError, match="--scope rows: must be channels or weights"):
        ExportConfig(scope="rows")  # type: ignore[arg-type]


def test_no_engine():
    with pytest.raises(UsageError, match="--engine: none is given"):
        ExportConfig(engines=())


@pytest.fixture
def given(cli, monkeypatch, tmp_path):
    """given("--option", ...): the settings that the command gives to the exporter."""
    from pocketzo.toolkit import pipeline

    configs = []
    monkeypatch.setattr(pipeline, "export_bundle", lambda *given: configs.append(given[2]))

    def call(*options):
        assert cli("export", "model", "--out", tmp_path / "out", *options).code == 0
        return configs.pop()

    return call


def test_command_without_options_has_the_settings_of_python(given):
    assert given() == ExportConfig()


def test_every_option_is_the_setting_of_its_name(given):
    options = {
        "calibration": "text.txt", "windows": 3, "window-tokens": 40, "scope": "weights", "density": 0.25,
        "first-layer": 1, "accuracy-level": 4, "weight-bits": 8, "embedding-bits": 4, "max-tokens": 300,
        "max-length": 41,
    }  # fmt: skip
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    config = given(*words, "--per-layer", "--engine", "executorch", "--engine", "onnx")
    expected = {name.replace("-", "_"): value for name, value in options.items()} | {
        "calibration": Path("text.txt"), "per_layer": True, "engines": ("executorch", "onnx"),
    }  # fmt: skip
    assert expected.keys() == {f.name for f in fields(ExportConfig)}
    assert config == ExportConfig(**expected)


@pytest.mark.parametrize(
    ("settings", "level"),
    [
        ({}, 1),
        ({"weight_bits": 8}, 4),
        ({"accuracy_level": 4}, 4),
        ({"engines": ("executorch",)}, 4),
        ({"engines": ("executorch", "onnx")}, 1),
        ({"engines": ("executorch", "onnx"), "weight_bits": 8}, 4),
    ],
)
def test_accuracy_level_that_is_left_open(settings, level):
    assert ExportConfig(**settings).resolved().accuracy_level == level


def test_engine_that_is_named_twice_is_one():
    config = ExportConfig(engines=("executorch", "onnx", "executorch"))
    assert config.resolved().engines == ("executorch", "onnx")


def test_rules_are_those_of_the_table(monkeypatch):
    """An engine more needs no line in the settings."""
    monkeypatch.setitem(ENGINES, "third", replace(ENGINES["onnx"], name="third", accuracy_levels=(1,)))
    monkeypatch.setitem(ENGINES, "fourth", replace(ENGINES["onnx"], name="fourth", planned_memory=True))
    assert ExportConfig(engines=("third",)).resolved().accuracy_level == 1
    assert ExportConfig(engines=("fourth",), max_tokens=512).max_tokens == 512
    theirs = " or ".join(name for name, engine in ENGINES.items() if 4 in engine.accuracy_levels)
    words = rf"--accuracy-level 4 goes with --engine {theirs}: activations are fp32 \(1\) in third\."
    with pytest.raises(UsageError, match=words):
        ExportConfig(engines=("third",), accuracy_level=4)


def test_first_layer_and_length_against_the_checkpoint():
    from types import SimpleNamespace

    from pocketzo.toolkit.plan import first_layer, max_length

    decoder = SimpleNamespace(layers=10, context_tokens=100)
    assert (first_layer(ExportConfig(), decoder), max_length(ExportConfig(), decoder)) == (3, 100)
    decoder.context_tokens = 1000
    assert max_length(ExportConfig(), decoder) == 512
    assert max_length(ExportConfig(engines=("executorch",), max_length=1000), decoder) == 1000
    with pytest.raises(UsageError, match="--max-length 1001: the model's context is 1000"):
        max_length(ExportConfig(engines=("executorch",), max_length=1001), decoder)
    with pytest.raises(BadInput, match=r"--first-layer 10: the model has 10 layers\. Give 0 to 9"):
        first_layer(ExportConfig(first_layer=10), decoder)


def test_settings_load_nothing_heavy():
    code = (
        "import sys, pocketzo.toolkit.config as c\n"
        "print([m for m in ('torch', 'transformers', 'onnxruntime', 'numpy') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
