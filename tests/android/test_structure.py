"""The rooms in Java: small files, picocli in the command line alone, nothing of Android in the core."""

from __future__ import annotations

import re

import pytest

from ..conftest import ROOT

CORE = ROOT / "android_demo/core/src/main/java/org/pocketzo/runtime"
SOURCES = sorted((ROOT / "android_demo").glob("*/src/**/*.java"))


def imports(path):
    return re.findall(r"^import (?:static )?([\w.]+);", path.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_are_small_and_lines_short(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 300
    assert max(map(len, lines)) <= 120


def test_imports_of_the_core():
    allowed = ("java.", "org.pocketzo.runtime.", "ai.onnxruntime.", "com.fasterxml.jackson.core.")
    for path in CORE.rglob("*.java"):
        inside = path.parent.name == "cli"
        for name in imports(path):
            assert name.startswith((*allowed, "picocli.") if inside else allowed), f"{path}: {name}"
            assert inside or not name.startswith("org.pocketzo.runtime.cli."), f"{path}: {name}"
        if path.parent.name != "engines":
            assert not any(name.startswith("ai.onnxruntime.") for name in imports(path)), path


def test_a_room_in_java_for_every_room_in_python():
    """By name, but for what Java names by its class: exceptions, interfaces and what the phone has no use for."""
    elsewhere = {"errors": "BadInput", "config": "TuneConfig", "interrupts": "Request", "tokenizer": "Tokenizer"}
    python_alone = {"__init__", "names", "packages"}  # names are UTF-8 in a JVM, and its packages are in the jar
    there = {path.stem for path in CORE.rglob("*.java")}
    for path in [*(ROOT / "runtime").glob("*.py"), *(ROOT / "runtime/tasks").glob("*.py")]:
        name = "".join(part.title() for part in path.stem.split("_"))
        assert path.stem in python_alone or elsewhere.get(path.stem, name) in there, path
