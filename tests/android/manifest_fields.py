"""Every field of the manifest, absent and with every kind of value: what Python says of each, for Java to agree with.

The fields come from the schema that pydantic gives of the manifest, so that a field which is added there and forgotten
in Java fails a test.
"""

from __future__ import annotations

import copy
import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pocketzo.runtime.bundle import open_bundle
from pocketzo.runtime.bundle.manifest import Manifest, seal
from pocketzo.runtime.errors import PocketzoError

from ..bundle.forge import own_eps, read

VALUES: tuple[Any, ...] = (
    None, True, 0, 1, -1, 3, 1.0, 0.5, 1.5, 1e300, 2**40, 10**30, "", "1", "x", "a" * 101, "a" * 1001, "x y", "../x",
    "f" * 64, [], [1], ["x"], {}, {"x": 1},
)  # fmt: skip
"""what every field is given in turn; which of them it takes is for the schema to say"""
MANY = 1001
"""items of a list or object that is too long"""


def cases(content: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """A name and a manifest that differs from `content`, which has every field, in one member."""
    schema = Manifest.model_json_schema()
    for at in places(schema, schema, content):
        name = ".".join(map(str, at))
        for n, value in enumerate(VALUES):
            yield f"{name}={n}", changed(content, at, value)
        held = value_at(content, at)
        if isinstance(held, list):
            yield f"{name}: many", changed(content, at, (held or [1.0]) * MANY)
        if isinstance(held, dict):
            yield f"{name}: more", changed(content, at, {**held, "surprise": 1})
        if not isinstance(at[-1], int):
            yield f"{name}: absent", without(content, at)


def places(schema: dict[str, Any], part: dict[str, Any], content: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple]:
    """Where each member of the schema stands in `content`: of lists and of free names the first one."""
    part = resolved(schema, part)
    if at:
        yield at
    if "properties" in part:
        assert isinstance(content, dict), f"{at}: the manifest that is varied lacks it"
        for name, inner in part["properties"].items():
            if name in content or at:
                assert name in content, f"{(*at, name)}: the manifest that is varied lacks it"
                yield from places(schema, inner, content[name], (*at, name))
    elif isinstance(content, list) and content:
        yield from places(schema, part["items"], content[0], (*at, 0))
    elif isinstance(content, dict) and isinstance(part.get("additionalProperties"), dict):
        name = next(iter(content))
        yield from places(schema, part["additionalProperties"], content[name], (*at, name))


def resolved(schema: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """`part`, or what it refers to; of an optional one, what it is where it is there."""
    if "anyOf" in part:
        part = next(p for p in part["anyOf"] if p.get("type") != "null")
    return resolved(schema, schema["$defs"][part["$ref"].rpartition("/")[2]]) if "$ref" in part else part


def value_at(content: Any, at: tuple[Any, ...]) -> Any:
    """What stands there."""
    for key in at:
        content = content[key]
    return content


def changed(content: dict[str, Any], at: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """A copy with another value there."""
    made = copy.deepcopy(content)
    value_at(made, at[:-1])[at[-1]] = value
    return made


def without(content: dict[str, Any], at: tuple[Any, ...]) -> dict[str, Any]:
    """A copy with nothing there."""
    made = copy.deepcopy(content)
    del value_at(made, at[:-1])[at[-1]]
    return made


def complete(folder: Path) -> dict[str, Any]:
    """The manifest of `folder` with every optional field in use."""
    content = read(folder)
    own_eps(content)
    content["graphs"][0]["bounds"] = {"B": 64, "tokens": 4096}
    content["reading"] = {"by": "transformers 5.24", "tokens": 256, "difference": 1e-6}
    content["held_out"] = {"tokens": 256, "checkpoint": 3.5, "engines": {"onnx": 3.6}}
    content["task"] = {"kind": "complete"}
    return content


def write(good: Path, out: Path) -> None:
    """A line of JSON for each case: its name, the manifest, whether Python opens it, and the field that it names."""
    with tempfile.TemporaryDirectory() as scratch, out.open("w", encoding="utf-8") as lines:
        folder = Path(scratch) / "bundle"
        shutil.copytree(good, folder)
        whole = complete(folder)
        assert verdict(folder, whole) is None
        for name, content in cases(whole):
            refused = verdict(folder, content)
            field = re.search(r"field [^:]+", refused or "")
            text = (folder / "manifest.json").read_text(encoding="utf-8")
            line = {"name": name, "manifest": text, "refused": refused is not None}
            lines.write(json.dumps(line | {"field": field[0] if field else ""}) + "\n")


def verdict(folder: Path, content: dict[str, Any]) -> str | None:
    """Why Python does not open the bundle with this manifest, or None."""
    (folder / "manifest.json").write_bytes(seal(json.dumps(content).encode()))
    try:
        open_bundle(folder).initial_values()
    except PocketzoError as e:
        return str(e)
    return None
