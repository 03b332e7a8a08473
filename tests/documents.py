"""How the tests read the repository's documents: their code, the commands in it, and constants of the sources."""

from __future__ import annotations

import ast
import io
import math
import re
import shlex
import tokenize
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

from pocketzo.toolkit.config import ExportConfig
from typer.main import get_command

ROOT = Path(__file__).parent.parent
FOLDERS = ("toolkit", "export", "runtime", "tests", "bench", "docs", "examples", "android_demo")
CODE = [p for folder in FOLDERS for kind in ("py", "java") for p in sorted((ROOT / folder).rglob(f"*.{kind}"))
        if "target" not in p.parts]  # fmt: skip
MARKDOWN = [p for p in sorted([*ROOT.glob("*.md"), *(f for folder in FOLDERS for f in (ROOT / folder).rglob("*.md"))])
            if "target" not in p.parts]  # fmt: skip

PATH = re.compile(rf"(?<![\w/.$*-])(?:\.\./)?((?:{'|'.join(FOLDERS)})/[\w./-]*[\w/])")
FILE = re.compile(r"(?<![\w/.*<>{}-])([A-Za-z_]\w*\.(?:py|java|md))(?![\w(])")
MODULE = re.compile(r"(?<!org\.)\bpocketzo\.(?:toolkit|export|runtime)(?:\.[A-Za-z_]\w*)*")
PLACEHOLDER = re.compile(r"[A-Z][A-Z0-9=-]*|\.\.\.")
PROGRAMS = ("pocketzo", "optimum-cli", "accelerate", "java", "python", "make", "pip")


def text_of(path: Path) -> str:
    """A document's text; of a source file, its comments, docstrings and examples of commands."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".java":
        return "\n".join(re.sub(r"\n\s*\* ?", "\n", found) for found in re.findall(r"/\*.*?\*/|//[^\n]*", text, re.S))
    if path.suffix != ".py":
        return text
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = list(ast.walk(ast.parse(text)))
    strings = [ast.get_docstring(node) or "" for node in nodes if isinstance(node, documented)]
    strings += [n.value for n in nodes if isinstance(n, ast.Constant) and str(n.value).startswith("Examples:")]
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return "\n".join([*strings, *(token.string for token in tokens if token.type == tokenize.COMMENT)])


def code_of(text: str) -> Iterator[str]:
    """Every line of a code block that may hold commands, then every code span."""
    fences = re.findall(r"^```(?:sh|bash|console)?\n(.*?)^```", text, re.M | re.S)
    rest = re.sub(r"^```\w*\n.*?^```", "", text, flags=re.M | re.S)
    for block in [*fences, *re.findall(r"^ {4}(.*)$", rest, re.M)]:
        yield from block.splitlines()
    yield from re.findall(r"`([^`\n]+)`", re.sub(r"^ {4}.*$", "", rest, flags=re.M))


def words_of(line: str) -> list[str]:
    """A command's words, without what stands before its name, and up to a pipe or a comment."""
    line = re.split(r" #|\s\\?\||\s[;>&]", line.removeprefix("$ "))[0].strip()
    try:
        words = shlex.split(line)
    except ValueError:
        return []
    while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):
        words = words[1:]
    return [words[0].removeprefix(".venv/bin/"), *words[1:]] if words else []


CHOICES = {f.name: f.metadata["choices"] for f in fields(ExportConfig) if "choices" in f.metadata}
"""of options: the words that one takes"""


class Interface:
    """What a command takes: its options, each with the choices of its values, and how many arguments."""

    def __init__(self, name: str, most_arguments: float) -> None:
        self.name, self.most_arguments = name, most_arguments
        self.options: dict[str, tuple[float, list[str] | None, bool]] = {}

    def check(self, words: list[str], whole: bool) -> None:
        """Fail if an option, a value or an argument is none of this command's; of a `whole` one, if one is missing.

        A script without options of its own hands its words on, so that there is nothing to check.
        """
        if not self.options:
            return
        given, arguments, place = set(), 0, 0
        while place < len(words):
            word, _, value = words[place].partition("=")
            place += 1
            if not word.startswith("-"):
                arguments += word != "..."
                continue
            assert word in self.options, f"{self.name} has no option {word}"
            given.add(word)
            most, choices, _ = self.options[word]
            values = [value] if value else []
            while place < len(words) and len(values) < most and not words[place].startswith("--"):
                values.append(words[place])
                place += 1
            for value in values:
                known = choices is None or value in choices or PLACEHOLDER.fullmatch(value)
                assert known, f"{self.name} {word} {value}: one of {choices}"
        assert arguments <= self.most_arguments, f"{self.name} takes no {arguments} arguments: {words}"
        missing = {name for name, (_, _, needed) in self.options.items() if needed} - given
        assert not whole or "..." in words or not missing, f"{self.name} needs {missing}: {words}"


@cache
def pocketzo() -> dict[str, Interface]:
    """The commands of `pocketzo`, from their signatures."""
    from pocketzo.toolkit.cli import app

    made = {}
    for name, command in get_command(app).commands.items():
        made[name] = Interface(f"pocketzo {name}", sum(p.param_type_name == "argument" for p in command.params))
        made[name].options["--help"] = (0, None, False)
        for parameter in command.params:
            if parameter.param_type_name == "option":
                choices = CHOICES.get(parameter.name)
                kind = (0 if parameter.is_flag else 1, choices and list(map(str, choices)), parameter.required)
                made[name].options.update({option: kind for option in parameter.opts})
    optimum = made["optimum-cli export pocketzo"] = Interface("optimum-cli export pocketzo", 1)
    optimum.options = {**made["export"].options, "--model": (1, None, True)}
    del optimum.options["--out"]
    return made


@cache
def script(path: Path) -> Interface:
    """The options of a script, from its calls of add_argument; it is not run."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    made = Interface(str(path.relative_to(ROOT)), 0)
    for call in ast.walk(tree):
        if not (isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "add_argument"):
            continue
        if not isinstance(call.args[0], ast.Constant):
            continue
        name, said = ast.literal_eval(call.args[0]), {word.arg: word.value for word in call.keywords}
        if not name.startswith("-"):
            several = "nargs" in said and ast.literal_eval(said["nargs"]) in ("+", "*")
            made.most_arguments += math.inf if several else 1
            continue
        flag, many = ("action" in said and "store" in ast.unparse(said["action"])), "nargs" in said
        choices = _choices(tree, said["choices"]) if "choices" in said else None
        made.options[name] = (0 if flag else 99 if many else 1, choices, "required" in said)
    return made


def _choices(tree: ast.Module, node: ast.expr) -> list[str] | None:
    """The words of a literal, or of a literal that is named in the same file; None if they come from elsewhere."""
    name = next((n.id for n in ast.walk(node) if isinstance(n, ast.Name) and n.id != "list"), "")
    for statement in tree.body:
        if isinstance(statement, (ast.Assign, ast.AnnAssign)) and name and ast.unparse(_target(statement)) == name:
            node = statement.value or node
    values = node.keys if isinstance(node, ast.Dict) else getattr(node, "elts", None)
    return [v.value for v in values if isinstance(v, ast.Constant)] if values else None


def _target(statement: ast.Assign | ast.AnnAssign) -> ast.expr:
    return statement.targets[0] if isinstance(statement, ast.Assign) else statement.target


def check_command(words: list[str], whole: bool) -> None:
    """Fail if a command of this repository is not there, or not with these words."""
    program, rest = words[0], words[1:]
    if words[:5] == ["accelerate", "launch", "-m", "pocketzo.toolkit.cli", *words[4:5]]:
        program, rest = "pocketzo", words[4:]
    if words[:3] == ["optimum-cli", "export", "pocketzo"]:
        pocketzo()[" ".join(words[:3])].check(words[3:], whole)
    elif program == "pocketzo" and rest and not PLACEHOLDER.fullmatch(rest[0]):
        name = rest[0].rstrip(":")
        assert name in pocketzo(), f"pocketzo has no command {name}"
        pocketzo()[name].check(rest[1:] if name == rest[0] else [], whole)
    elif program == "java" and "-jar" in rest:
        check_java(rest[rest.index("-jar") + 1 :], whole)
    elif program == "python" and rest[:1] == ["-m"]:
        name = rest[1].rstrip(":")
        file = module(name)
        assert file or name.split(".")[0] not in ("tests", "pocketzo"), f"no module {name}"
        if file and name.startswith("tests"):
            script(file).check(rest[2:], whole)
    elif program == "python" and rest and rest[0].endswith(".py"):
        assert (ROOT / rest[0]).is_file(), f"no script {rest[0]}"
        script(ROOT / rest[0]).check(rest[1:], whole)
    elif program == "make":
        targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
        named = [word for word in rest if "=" not in word and not PLACEHOLDER.fullmatch(word)]
        assert set(named) <= targets, f"no target of make: {set(named) - targets}"
    elif program == "pip":
        extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
            "optional-dependencies"
        ]
        for names in re.findall(r"(?:\.|pocketzo)\[([\w,]+)\]", " ".join(rest)):
            assert set(names.split(",")) <= set(extras), f"no such extras: {names}"


def check_java(words: list[str], whole: bool) -> None:
    """The command in Java has the options of Python's, as many of them as its sources name."""
    if not (words := words[1:]) or PLACEHOLDER.fullmatch(words[0]):
        return
    folder = next(p for p in (ROOT / "android_demo/core/src/main").rglob("cli") if p.is_dir())
    file = folder / f"{words[0].capitalize()}Command.java"
    assert file.is_file(), f"Java has no command {words[0]}"
    text = file.read_text(encoding="utf-8")
    text += "".join((folder / f"{m}.java").read_text(encoding="utf-8") for m in re.findall(r"@Mixin \w+ (\w+)", text))
    for word in words:
        assert not word.startswith("--") or f'names = "{word}"' in text, f"Java's {words[0]} has no option {word}"
    pocketzo()[words[0]].check(words[1:], whole)


def module(name: str) -> Path | None:
    """The file of a module, or of the module that defines the name after it."""
    parts = name.split(".")
    parts = parts[1:] if parts[0] == "pocketzo" else parts
    for length in range(len(parts), 0, -1):
        base = ROOT.joinpath(*parts[:length])
        for file in (base.with_suffix(".py"), base / "__init__.py"):
            if file.is_file():
                wanted = parts[length : length + 1]
                defined = re.search(rf"\b{wanted[0]}\b", file.read_text(encoding="utf-8")) if wanted else True
                return file if defined else None
        if base.is_dir() and length == len(parts):
            return base
    return None


def exists(path: str) -> bool:
    """Whether a path is there; NAME in it stands for any."""
    return bool(list(ROOT.glob(re.sub(r"\bNAME\b", "*", path.rstrip("/")))))


def constant(name: str) -> Any:
    """The value of a constant, `Class.FIELD` or `file.NAME`, wherever the one class or file of that name lies."""
    owner, wanted = name.split(".")
    found = [value for path in CODE if path.parts[len(ROOT.parts)] != "tests" for value in _values(path, owner, wanted)]
    assert len(found) == 1, f"{name} is defined {len(found)} times"
    return found[0]


def _values(path: Path, owner: str, wanted: str) -> Iterator[Any]:
    stem = path.parent.name if path.stem == "__init__" else path.stem
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".java" and stem == owner:
        for value in re.findall(rf"static final \w+ {wanted} = ([^;]+);", text):
            yield evaluate(ast.parse(re.sub(r"(?<=\d)[Lf]\b", "", value), mode="eval").body)
    if path.suffix != ".py" or wanted not in text:
        return
    tree = ast.parse(text)
    bodies = [tree.body] if stem == owner else []
    bodies += [n.body for n in tree.body if isinstance(n, ast.ClassDef) and n.name == owner]
    for statement in (s for body in bodies for s in body):
        if isinstance(statement, (ast.Assign, ast.AnnAssign)) and statement.value:
            names, value = _target(statement), statement.value
            if isinstance(names, ast.Tuple) and isinstance(value, ast.Tuple):
                pairs = list(zip(names.elts, value.elts, strict=True))
            else:
                pairs = [(names, value)]
            yield from (evaluate(v) for n, v in pairs if ast.unparse(n) == wanted)


def evaluate(node: ast.expr) -> Any:
    """A literal, an arithmetic of literals, or the default of a dataclass's field."""
    if isinstance(node, ast.Call):
        return evaluate(next(k.value for k in node.keywords if k.arg == "default"))
    if isinstance(node, ast.BinOp):
        left, right = evaluate(node.left), evaluate(node.right)
        return {ast.LShift: left.__lshift__, ast.Mult: left.__mul__, ast.Pow: left.__pow__}[type(node.op)](right)
    return ast.literal_eval(node)
