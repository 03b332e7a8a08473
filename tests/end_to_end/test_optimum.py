"""optimum-cli export pocketzo: the options, the bundle and the errors of `pocketzo export`, from an installed wheel."""

from __future__ import annotations

import json
import os
import shutil
import site
import subprocess
import sys
from argparse import ArgumentParser
from inspect import signature
from pathlib import Path

import pytest

from ..conftest import ROOT
from .conftest import TASK, Done

MAIN = "import sys; sys.argv[0] = 'optimum-cli'; from optimum.commands.optimum_cli import main; main()"
HEAVY = "{'torch', 'transformers', 'onnxruntime', 'onnx'}"
EVERY_OPTION = [
    "--windows=3", "--window-tokens=40", "--scope=weights", "--density=0.25", "--per-layer", "--first-layer=1",
    "--accuracy-level=4", "--weight-bits=8", "--embedding-bits=4", "--engine=onnx", "--engine=executorch",
    "--engine=onnx", "--max-tokens=300", "--max-length=40", "--force", "--json", "--debug",
]  # fmt: skip


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    """Python of a fresh environment with the wheel in it; all but pocketzo comes from this one."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for room in ("toolkit", "export", "runtime"):
        shutil.copytree(ROOT / room, source / room, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = ["wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", folder, source]
    subprocess.run([*pip, *build], check=True, timeout=300)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True, timeout=300)
    python = folder / "venv/bin/python"
    wheel = next(folder.glob("*.whl"))
    subprocess.run([*pip, "--python", python, "install", "--no-deps", "--no-index", wheel], check=True, timeout=300)
    packages = next((folder / "venv/lib").glob("python*/site-packages"))
    # Searched last; the .pth files in there, the editable install's too, are not read.
    (packages / "others.pth").write_text("\n".join(site.getsitepackages()) + "\n")
    return python


@pytest.fixture
def optimum(installed, tmp_path):
    """optimum("export", ...): optimum-cli of the fresh environment."""

    def call(*arguments, code=MAIN):
        command = [installed, "-c", code, *map(str, arguments)]
        environment = {**os.environ, "COLUMNS": "120"}
        environment.pop("PYTHONPATH", None)
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=tmp_path, env=environment)
        return Done(done.returncode, done.stdout, done.stderr)

    return call


def in_process(*arguments):
    """The command below a parser of its own, as optimum-cli calls it."""
    from pocketzo.toolkit.cli.optimum import PocketzoExportCommand

    parser = ArgumentParser("optimum-cli export")
    PocketzoExportCommand(parser.add_subparsers())
    parsed = parser.parse_args(["pocketzo", *map(str, arguments)])
    with pytest.raises(SystemExit) as stopped:
        parsed.func(parsed).run()
    return stopped.value.code or 0


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_installed_wheel_makes_the_same_bundle(optimum, cli, tiny_checkpoint, tmp_path):
    options = ["--windows", 2, "--window-tokens", 32, "--density", 0.02, "--scope", "weights", "--per-layer", "--json"]
    ours = cli("export", tiny_checkpoint, "--out", tmp_path / "ours", *options)
    theirs = optimum("export", "pocketzo", "--model", tiny_checkpoint, tmp_path / "theirs", *options)
    assert (ours.code, theirs.code) == (0, 0), theirs.err
    assert ours.out.replace("ours", "theirs") == theirs.out
    files = contents(tmp_path / "theirs")
    assert files == contents(tmp_path / "ours")
    assert {"manifest.json", "weights.bin"} <= files.keys()


def test_imported_from_the_wheel_and_light(optimum, installed):
    register = "import optimum.commands.register.register_pocketzo as r, pocketzo.toolkit, sys; "
    done = optimum(
        code=f"{register}print(r.__file__, pocketzo.toolkit.__file__, {HEAVY} & set(sys.modules), sep='\\n')"
    )
    *files, heavy = done.out.splitlines()
    assert done.code == 0, done.err
    assert all(Path(file).is_relative_to(installed.parent.parent) for file in files), files
    assert heavy == "set()"


def test_namespace_has_no_init_file(installed):
    """One would hide the commands of every other distribution."""
    namespace = next((installed.parent.parent / "lib").glob("python*/site-packages/optimum"))
    assert [p.name for p in namespace.rglob("*.py")] == ["register_pocketzo.py"]


def test_help(optimum):
    from pocketzo.toolkit.cli.export import export

    assert "pocketzo" in optimum("export", "--help").out
    done = optimum("export", "pocketzo", "--help")
    assert done.code == 0
    assert "Examples:\n  optimum-cli export pocketzo --model" in done.out
    for name in signature(export).parameters.keys() - {"checkpoint", "out"}:
        assert f"  --{name.replace('_', '-')}" in done.out
    assert "{channels,weights}" in done.out
    assert "(default: 32; at least 1)" in done.out


def test_every_option_means_the_same(cli, tmp_path, monkeypatch):
    """Both commands call the exporter with the same arguments, whatever was given."""
    from pocketzo.toolkit import pipeline
    from pocketzo.toolkit.cli.export import export

    calls = []
    monkeypatch.setattr(pipeline, "export_bundle", lambda *given: calls.append(given[:-1]))
    (tmp_path / "task.json").write_text(json.dumps(TASK))
    every = [*EVERY_OPTION, f"--task={tmp_path / 'task.json'}", "--calibration=-text of 100%.txt"]
    assert {o.split("=")[0][2:].replace("-", "_") for o in every} == signature(export).parameters.keys() - {
        "checkpoint", "out"
    }  # fmt: skip
    for options in ([], every):
        assert cli("export", "some model", "--out", "-out", *options).code == 0
        assert in_process("--model", "some model", *options, "--", "-out") == 0
    assert len(calls) == 4
    assert calls[0] == calls[1]
    assert calls[2] == calls[3]
    assert calls[0] != calls[2]


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--model", "/no/such/folder"], 3, ["pocketzo: /no/such/folder", "Hugging Face folder"]),
        (["--model", "x", "--weight-bits", "5"], 2, ["pocketzo: --weight-bits 5: must be 4 or 8"]),
        (["--model", "x", "--windows", "0"], 2, ["usage: optimum-cli export pocketzo", "'--windows'", "1"]),
        (["--model", "x", "--windows", "many"], 2, ["usage: optimum-cli export pocketzo", "'--windows'", "integer"]),
        (["--model", "x", "--scope", "all"], 2, ["usage: optimum-cli export pocketzo", "--scope", "channels"]),
        ([], 2, ["usage: optimum-cli export pocketzo", "--model"]),
    ],
)
def test_errors_are_messages(optimum, tmp_path, options, code, words):
    done = optimum("export", "pocketzo", *options, tmp_path / "out")
    assert done.code == code, done
    assert "Traceback" not in done.err
    assert all(word in done.err for word in words), done.err
    assert not list(tmp_path.iterdir())


def test_output_that_exists(optimum, tiny_checkpoint, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine").write_text("kept")
    done = optimum("export", "pocketzo", "-m", tiny_checkpoint, tmp_path / "out")
    assert (done.code, done.out) == (3, "")
    assert "pocketzo: " in done.err
    assert "--force" in done.err
    assert "--out" not in done.err, "an option of the other command"
    assert (tmp_path / "out/mine").read_text() == "kept"


def test_interrupted(tmp_path, monkeypatch, capfd):
    from pocketzo.toolkit import pipeline

    def interrupted(*given):
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "export_bundle", interrupted)
    assert in_process("--model", "x", tmp_path / "out") == 130
    assert "pocketzo: interrupted" in capfd.readouterr().err
