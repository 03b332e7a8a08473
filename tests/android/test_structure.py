"""The rooms in Java: small files, picocli in the command line alone, nothing of Android in the core."""

from __future__ import annotations

import re
from collections import Counter
from graphlib import TopologicalSorter

import pytest

from ..conftest import ROOT

CORE = ROOT / "android_demo/core/src/main/java/org/pocketzo/runtime"
RUNTIME = ROOT / "runtime"
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


def package(path):
    return re.search(r"^package ([\w.]+);", path.read_text(encoding="utf-8"), re.MULTILINE)[1]


def test_rooms_of_the_core_do_not_import_each_other_in_circles():
    rooms: dict[str, set[str]] = {}
    for path in CORE.rglob("*.java"):
        others = {name.rpartition(".")[0] for name in imports(path) if name.startswith("org.pocketzo.runtime.")}
        rooms.setdefault(package(path), set()).update(others - {package(path)})
    TopologicalSorter(rooms).prepare()  # raises CycleError, which names them


def test_no_folder_holds_more_than_one_can_look_over():
    for folder, count in Counter(path.parent for path in SOURCES).items():
        assert count <= 16, f"{folder.relative_to(ROOT)}: {count} files"


def test_engines_and_kinds_of_tasks_are_named_in_one_place_each():
    """Elsewhere the tables answer, engines/Engines and tasks/Tasks, or the class's constant."""
    homes = {"onnx": "OnnxReferences", "classify": "Classify", "complete": "Complete"}
    for name, home in homes.items():
        written = Counter(
            path.stem
            for path in SOURCES
            if "main" in path.relative_to(ROOT).parts
            for _ in re.findall(rf'"\.?{name}\\?"', path.read_text(encoding="utf-8"))
        )
        assert written == {home: 1}, name


def test_a_class_in_java_for_every_file_in_python():
    """By name and room, but for what Java names by its class: exceptions, interfaces, what phones do without."""
    elsewhere = {"errors": "BadInput", "config": "TuneConfig", "interrupts": "Request", "tokenizer": "Tokenizer"}
    wider = {"tokenizer": "tokenizers"}  # the `tokenizers` library again
    # Names are UTF-8 in a JVM, its packages are in the jar, and no engine of its own plans memory when it is exported.
    python_alone = {"__init__", "names", "packages", "bounds"}
    there = {(path.stem, ".".join(path.parent.relative_to(CORE).parts)) for path in CORE.rglob("*.java")}
    for path in RUNTIME.rglob("*.py"):
        room = ".".join(path.parent.relative_to(RUNTIME).parts)
        if path.stem in python_alone or room.split(".")[0] == "engines":
            continue
        name = elsewhere.get(path.stem, "".join(part.title() for part in path.stem.split("_")))
        rooms = {java for stem, java in there if stem == name}
        assert rooms or (CORE / path.stem).is_dir(), f"{path}: no class {name} in Java, and no room"
        assert not room or wider.get(path.stem, room) in rooms, f"{path}: {name} is in {rooms}"
