"""Packages that are missing, or installed and broken: told apart, before the work."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from .conftest import Done, refused
from .test_flow import tune_arguments

BROKEN = {
    "a library": ("import ctypes\nctypes.CDLL('libnot-there.so.7')", "OSError: libnot-there.so.7: cannot open shared"),
    "a name": ("from os import nothing_of_this", "ImportError: cannot import name 'nothing_of_this' from 'os'"),
    "a part": ("from . import _native", "ImportError: cannot import name '_native'"),
    "an advice": (
        "try:\n import nothing.of_this\nexcept ImportError as e: raise ImportError('\\n\\nREAD THIS\\n') from e",
        "the package nothing is missing",
    ),
}


@pytest.fixture
def broken(tmp_path):
    """broken(package, content): `pocketzo` with arguments, where the package holds `content`."""

    def make(package, content):
        (tmp_path / package).mkdir(exist_ok=True)
        (tmp_path / package / "__init__.py").write_text(content)

        def call(*arguments):
            words = [sys.executable, "-m", "pocketzo.toolkit.cli", *map(str, arguments)]
            environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
            done = subprocess.run(words, capture_output=True, text=True, env=environment)
            return Done(done.returncode, done.stdout, done.stderr)

        return call

    return make


@pytest.mark.parametrize("how", BROKEN)
def test_engine_that_cannot_be_loaded_says_its_own_error(broken, tiny_bundle, how):
    content, said = BROKEN[how]
    done = broken("onnxruntime", content)("verify", tiny_bundle.directory)
    refused(done, "--engine onnx: ", said, "pip install onnxruntime", code=2)
    assert ("is installed but cannot be loaded" in done.err) == (how != "an advice")


def test_missing_engine_is_said_to_be_missing(broken, tiny_bundle):
    raising = "raise ModuleNotFoundError(\"No module named 'nothing'\", name='nothing')"
    done = broken("onnxruntime", raising)("verify", tiny_bundle.directory)
    refused(done, "--engine onnx: the package nothing is missing: pip install onnxruntime", code=2)


@pytest.mark.parametrize("package", ["torch", "transformers"])
def test_export_with_a_broken_package(broken, tmp_path, package):
    done = broken(package, "raise RuntimeError('no such operator')")("export", "x", "--out", tmp_path / "out")
    said = "is installed but cannot be loaded (RuntimeError: no such operator): pip install 'pocketzo[host]'"
    refused(done, "export needs the host packages: ", said, code=2)


def test_export_for_executorch_with_a_broken_package_does_not_begin(broken, tmp_path):
    done = broken("executorch", "raise OSError('libfoo.so: not there')")(
        "export", "/no/such/folder", "--out", tmp_path / "out", "--engine", "executorch"
    )
    said = "is installed but cannot be loaded (OSError: libfoo.so: not there): pip install 'pocketzo[host,executorch]'"
    refused(done, "--engine executorch: ", said, code=2)


def test_export_for_executorch_without_it_does_not_begin(cli, tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "pocketzo.export.executorch.writer", raising=False)
    monkeypatch.setitem(sys.modules, "executorch", None)
    for name in [
        name for name in sys.modules if name.startswith(("executorch.", "pocketzo.export.executorch.lowering"))
    ]:
        monkeypatch.delitem(sys.modules, name)
    done = cli("export", "/no/such/folder", "--out", tmp_path / "out", "--engine", "executorch")
    refused(done, "--engine executorch: the package executorch is missing: pip install", "[host,executorch]", code=2)


def test_any_other_package(broken, tiny_bundle, files):
    done = broken("safetensors", "from . import nothing")(*tune_arguments(tiny_bundle, files))
    refused(done, "safetensors is installed but cannot be loaded (ImportError: cannot import name 'nothing'", code=2)
