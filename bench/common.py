"""What the benchmarks share: bundles made once under build/bench, batches of real notes, and plain tables."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import numpy as np
import onnxruntime
from pocketzo.runtime.bundle import Bundle, open_bundle
from pocketzo.runtime.bundle.tokenizer import NAME, Tokenizer
from pocketzo.runtime.engines import ENGINES
from pocketzo.runtime.examples import Batch, collate
from pocketzo.runtime.run.tune import encoded
from pocketzo.runtime.tasks import Task, make_task
from pocketzo.runtime.tasks.data import read_data

ROOT = Path(__file__).parent.parent
NOTES = ROOT / "examples/notes"


def machine() -> str:
    """One line about what the figures were measured on."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        named = [line.split(":")[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = named[0] if named else model
    engines = [f"onnxruntime {onnxruntime.__version__}"]
    with contextlib.suppress(metadata.PackageNotFoundError):
        engines.append(f"executorch {metadata.version('executorch')}")
    return f"{model}, {os.cpu_count()} cores, {', '.join(engines)}, Python {platform.python_version()}"


def bundle_of(model: Path, scope: str, accuracy_level: int, *more: str) -> Bundle:
    """The bundle of `model`, exported with the defaults but for scope, level and `more`, and kept for the next run."""
    out = _kept(model, scope, str(accuracy_level), *more)
    if not out.exists():
        _export([str(Path(sys.executable).with_name("pocketzo"))], model, out, scope, accuracy_level, more)
    return open_bundle(out, hashes=False)


def bundles_of(model: Path, scope: str, accuracy_level: int, *more: str) -> tuple[Bundle, Bundle]:
    """The same for both engines, and the same bundle with a step.pte without tuned channels."""
    out, aside = (_kept(model, scope, str(accuracy_level), *more, name) for name in ("both", "frozen"))
    if not out.exists():
        command = [sys.executable, str(Path(__file__).with_name("frozen_executorch.py")), str(aside)]
        both = [word for name in ENGINES for word in ("--engine", name)]
        _export(command, model, out, scope, accuracy_level, (*more, *both))
    bundle = open_bundle(out, hashes=False)
    return bundle, Bundle(aside, bundle.manifest, "")


def _kept(model: Path, *parts: str) -> Path:
    return ROOT / "build/bench" / "-".join([model.stem, *(part.strip("-") for part in parts)])


def _export(command: list[str], model: Path, out: Path, scope: str, level: int, more: Sequence[str]) -> None:
    options = ["--scope", scope, "--accuracy-level", str(level), *more]
    subprocess.run([*command, "export", str(model), "--out", str(out), *options], check=True, stdout=sys.stderr)


def notes_task(bundle: Bundle) -> Task:
    """The phone-notes task for a bundle."""
    model = bundle.manifest.model
    tokenizer = Tokenizer.open(bundle.directory / NAME)
    definition = json.loads((NOTES / "task.json").read_text(encoding="utf-8"))
    return make_task(definition, NOTES, tokenizer, model.vocabulary, model.eos_token_id)


def notes_batch(bundle: Bundle, size: int) -> Batch:
    """The first `size` training notes as one batch."""
    task = notes_task(bundle)
    examples = encoded(task, read_data(NOTES / "train.jsonl"), bundle.manifest.model)
    return collate(examples[:size], task.words)


def random_batch(bundle: Bundle, size: int, tokens: int) -> Batch:
    """A batch of random tokens of one exact shape, with one label an example."""
    rng = np.random.default_rng(0)
    vocabulary = bundle.manifest.model.vocabulary
    last = np.full((size, 1), tokens - 1)
    ids, labels = (rng.integers(2, vocabulary, (size, n)) for n in (tokens, 1))
    return Batch(ids, last, labels, np.arange(vocabulary))


def table(header: list[str], rows: list[list[str]]) -> None:
    """Print a Markdown table."""
    for row in [header, ["---"] * len(header), *rows]:
        print("| " + " | ".join(row) + " |")
