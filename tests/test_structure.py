"""The rooms and the arrows between them: toolkit -> export -> runtime, and nothing heavy in runtime."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

import pytest
from pocketzo.runtime.tasks import KINDS

ROOT = Path(__file__).parent.parent
ROOMS = ["toolkit", "export", "runtime"]
ALLOWED = {"toolkit": {"export", "runtime"}, "export": {"runtime"}, "runtime": set()}
LIBRARIES = {"numpy", "onnxruntime", "packaging", "pydantic", "safetensors", "tokenizers"}
RUNTIME_NEEDS = {*LIBRARIES, "pocketzo", *sys.stdlib_module_names}
CHILD, CHILD_NEEDS = ROOT / "runtime/engines/executorch/program.py", {"torch", "executorch"}
SOURCES = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]


def imports(path: Path) -> set[str]:
    """Every module that a file imports, anywhere in it, with relative ones resolved."""
    package = ["pocketzo", *path.relative_to(ROOT).parent.parts]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            found |= {module} if module != "pocketzo" else {f"pocketzo.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_follow_the_arrows(path):
    room = path.relative_to(ROOT).parts[0]
    used = {name.split(".")[1] for name in imports(path) if name.startswith("pocketzo.")}
    assert used - {room} <= ALLOWED[room]
    if room == "runtime":
        needs = RUNTIME_NEEDS | CHILD_NEEDS if path == CHILD else RUNTIME_NEEDS
        assert {name.split(".")[0] for name in imports(path)} <= needs


def test_child_of_executorch_is_a_program_and_no_module():
    """What it imports would come into the process that imports it."""
    name = "pocketzo." + ".".join(CHILD.relative_to(ROOT).with_suffix("").parts)
    assert not [path for path in SOURCES if name in imports(path) or f".{CHILD.stem}" in imports(path)]


def test_arrows_as_they_are():
    arrows = {
        (path.relative_to(ROOT).parts[0], name.split(".")[1])
        for path in SOURCES
        for name in imports(path)
        if name.startswith("pocketzo.")
    }
    between = {(a, b) for a, b in arrows if a != b}
    assert between == {("toolkit", "export"), ("toolkit", "runtime"), ("export", "runtime")}


def test_no_call_of_transformers_may_run_code_of_a_checkpoint():
    """Its loaders ask on standard input whether they may where they are not told."""
    calls = [
        (path, node)
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("from_pretrained", "from_config")
    ]
    assert calls
    for path, call in calls:
        said = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        assert said.get("trust_remote_code") == "False", f"{path}:{call.lineno}"


def test_rooms_are_small():
    for path in [*SOURCES, *sorted((ROOT / "tests").rglob("*.py"))]:
        text = path.read_text(encoding="utf-8")
        assert text.count("\n") <= 500, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                assert node.end_lineno - node.lineno < 80, f"{path}: {node.name}"


def test_every_public_name_says_what_it_is():
    for path in SOURCES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert ast.get_docstring(tree), path
        for node in tree.body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
                assert ast.get_docstring(node), f"{path}: {node.name}"


def test_a_run_on_onnx_runtime_loads_no_torch(tiny_bundle):
    program = f"""
import sys, pathlib
from pocketzo.runtime.bundle import open_bundle
from pocketzo.runtime.engines import open_engine
from pocketzo.runtime.bundle.verify import verify
from pocketzo.runtime.run import tune
bundle = open_bundle(pathlib.Path({str(tiny_bundle.directory)!r}))
assert verify(bundle, open_engine("onnx", bundle)).passed
import pocketzo.runtime.engines.executorch.engine
print([name for name in ("torch", "transformers", "executorch") if name in sys.modules])
"""
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "[]\n"


def test_every_folder_is_installed():
    """setuptools is told each one; what it is not told is missing from a wheel alone, where no other test looks."""
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"]
    folders = {".".join(["pocketzo", *path.parent.relative_to(ROOT).parts]) for path in SOURCES}
    assert set(listed) - {"optimum.commands.register"} == folders - {"pocketzo.toolkit.optimum"}


def test_no_folder_holds_more_than_a_look_takes_in():
    """About a dozen files: a reader who looks for something sees at once where it may be."""
    for room in ROOMS:
        for folder in {path.parent for path in SOURCES if path.is_relative_to(ROOT / room)}:
            assert len(list(folder.glob("*.py"))) <= 14, folder


def test_engines_are_named_in_their_own_folders_alone():
    """Everything else asks the table; the names of their packages are other strings."""
    from pocketzo.runtime.engines import ENGINES

    # A word of a text, but no part of a module, a file, a package to install or the name of an operator.
    word = re.compile(rf"(?<![\w.\[/])({'|'.join(ENGINES)})(?![\w.\]/])")
    found: dict[str, set[str]] = {}
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and "\n" not in node.value:
                for name in word.findall(node.value):
                    found.setdefault(name, set()).add(str(path.relative_to(ROOT)))
    assert found == {name: {f"runtime/engines/{name}/__init__.py"} for name in ENGINES}


def test_kinds_of_tasks_are_named_in_their_own_files_alone():
    """So that another kind is a file and an entry of the table; a message that needs a name takes it from there."""
    quoted = re.compile(rf"[\"'`]({'|'.join(map(re.escape, KINDS))})[\"'`]")
    found = {path: count for path in SOURCES if (count := len(quoted.findall(path.read_text(encoding="utf-8"))))}
    own = {ROOT / "runtime/tasks" / f"{kind.__module__.rpartition('.')[2]}.py": 1 for kind in KINDS.values()}
    assert found == own


FAMILY_TABLE = "export/model/families.py"
OTHER_MEANINGS = {
    "toolkit/checkpoint/gguf/tokenizer.py": "a kind of tokenizer in GGUF files",
    "toolkit/checkpoint/gguf/pre_tokenizers.py": "names of pre-tokenizers in GGUF files",
    "toolkit/independent/llama.py": "llama.cpp",
}
"""files where a word that is a family's name too means something else"""


def test_families_are_named_in_their_table_alone():
    from pocketzo.export.model.families import FAMILIES

    name = re.compile(rf"\b({'|'.join(FAMILIES)})\b(?![.-]cpp)")
    found = Counter(
        path.relative_to(ROOT).as_posix()
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and name.search(node.value)
    )
    assert found[FAMILY_TABLE] >= len(FAMILIES)
    assert set(found) == {FAMILY_TABLE, *OTHER_MEANINGS}, found
