"""Documents point at things that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/**/*.md")]
FOLDERS = ("toolkit", "export", "runtime", "tests", "bench", "docs", "examples")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_paths_and_make_targets_exist(path):
    text = path.read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for target in re.findall(r"`make ([a-z-]+)`|^    make ([a-z-]+)", text, re.MULTILINE):
        assert (target[0] or target[1]) in targets, target
    for name in re.findall(rf"`((?:{'|'.join(FOLDERS)})/[\w./-]*)`", text):
        assert (ROOT / name).exists(), name
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (path.parent / link).exists(), link
    assert not re.findall(r"\b[A-Z]+_(?:TABLE|TEXT)\b", text), "a place that was to be filled in"
    assert not re.findall(r"^(?:<{7}|={7}$|>{7})", text, re.MULTILINE), "what a merge left behind"


def test_every_manifest_field_is_described():
    from pocketzo.runtime.bundle import manifest

    text = (ROOT / "docs/bundle.md").read_text(encoding="utf-8")
    for model in (manifest.Model, manifest.Quantization, manifest.Values, manifest.Block, manifest.Graph,
                  manifest.Estimator, manifest.Golden, manifest.Manifest, manifest.Calibration):  # fmt: skip
        for field in model.model_fields:
            assert re.search(rf"`[\w.\[\]]*{field}[`.\[]", text) or f"`{field}`" in text, field


def test_every_command_and_option_of_the_readme_exists():
    from pocketzo.toolkit.cli import app
    from typer.main import get_command

    commands = get_command(app).commands
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for line in re.findall(r"^    pocketzo (.*)$", text, re.MULTILINE):
        name, *words = line.split("#")[0].split()
        options = {o for p in commands[name].params for o in p.opts}
        assert {w for w in words if w.startswith("--")} <= options, line
