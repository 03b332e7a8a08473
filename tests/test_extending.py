"""docs/extending.md, followed to the letter on a copy of the sources: its family, task and engine run together."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import make_checkpoint

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"^```(python|diff)\n(.*?)^```$", re.M | re.S)


def follow(page: str, root: Path) -> None:
    """Write the files and make the changes that the page's blocks of code are."""
    for kind, code in BLOCK.findall(page):
        first, rest = code.split("\n", 1)
        path = root / first.removeprefix("# " if kind == "python" else "--- ")
        if kind == "python":
            path.parent.mkdir(exist_ok=True)
            assert not path.exists(), path
            path.write_text(rest, encoding="utf-8")
            continue
        text = path.read_text(encoding="utf-8")
        for hunk in rest.split("@@\n"):
            lines = hunk.splitlines(keepends=True)
            before = "".join(line[1:] for line in lines if line[0] in " -")
            assert text.count(before) == 1, f"{path} has not once: {before}"
            text = text.replace(before, "".join(line[1:] for line in lines if line[0] in " +"))
        path.write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def extended(tmp_path_factory):
    """pocketzo(...) of a copy with what the page adds: the command's output."""
    folder = tmp_path_factory.mktemp("extended")
    for room in ("runtime", "export", "toolkit"):
        shutil.copytree(ROOT / room, folder / "pocketzo" / room, ignore=shutil.ignore_patterns("__pycache__"))
    follow((ROOT / "docs/extending.md").read_text(encoding="utf-8"), folder / "pocketzo")

    def pocketzo(*arguments: object) -> dict:
        command = [sys.executable, "-m", "pocketzo.toolkit.cli", *map(str, arguments), "--json"]
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=folder, env={**os.environ, "PYTHONPATH": str(folder)}
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return pocketzo


def test_family_task_and_engine_of_the_page_run_together(extended, tmp_path):
    checkpoint, bundle, run = tmp_path / "tiny-seed", tmp_path / "bundle", tmp_path / "run"
    make_checkpoint(checkpoint, "seed_oss", attention_bias=True, attention_out_bias=True, mlp_bias=True)
    task = tmp_path / "task.json"
    task.write_text('{"kind": "last_token"}')
    for name, numbers in (("train", range(8)), ("validation", range(8, 12))):
        lines = [json.dumps({"text": f"{n} stones in the water"}) + "\n" for n in numbers]
        (tmp_path / f"{name}.jsonl").write_text("".join(lines))

    small = ["--density", "0.02", "--windows", "2", "--window-tokens", "64"]
    extended("export", checkpoint, "--out", bundle, "--engine", "onnx", "--engine", "acme", *small)
    manifest = json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["model"]["family"] == "seed_oss"
    assert [graph["file"] for graph in manifest["graphs"]] == ["step.onnx", "step.acme"]
    assert manifest["reading"]["by"].startswith("transformers")
    assert manifest["reading"]["difference"] < 1e-3
    assert [verdict["engine"] for verdict in extended("verify", bundle)["engines"]] == ["onnx", "acme"]
    files = ["--train", tmp_path / "train.jsonl", "--validation", tmp_path / "validation.jsonl", "--run", run]
    extended("tune", bundle, "--task", task, *files, "--engine", "acme", "--steps", "3", "--batch", "4")
    header = json.loads((run / "trajectory.jsonl").read_text(encoding="utf-8").splitlines()[0])
    assert (header["engine"], header["task"]) == ("acme", {"kind": "last_token"})
    extended("replay", run, "--bundle", bundle)


def test_the_sources_have_nothing_of_the_page():
    """Without its entries the sources refuse all three, so that what runs above is what the page adds."""
    from pocketzo.export.model.families import FAMILIES
    from pocketzo.runtime.engines import ENGINES
    from pocketzo.runtime.tasks import KINDS

    assert "seed_oss" not in FAMILIES
    assert "acme" not in ENGINES
    assert "last_token" not in KINDS
