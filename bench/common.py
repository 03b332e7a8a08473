"""What the benchmarks share: bundles made once under build/bench, batches of real notes, and plain tables."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from pocketzo.runtime.bundle import Bundle, open_bundle
from pocketzo.runtime.data import read_data
from pocketzo.runtime.examples import Batch, collate
from pocketzo.runtime.tasks import Task, make_task
from pocketzo.runtime.tokenizer import NAME, Tokenizer
from pocketzo.runtime.tune import encoded

ROOT = Path(__file__).parent.parent
NOTES = ROOT / "examples/notes"


def machine() -> str:
    """One line about what the figures were measured on."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        named = [line.split(":")[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = named[0] if named else model
    return f"{model}, {os.cpu_count()} cores, onnxruntime {onnxruntime.__version__}, Python {platform.python_version()}"


def bundle_of(model: Path, scope: str, accuracy_level: int, *more: str) -> Bundle:
    """The bundle of `model`, exported with the defaults but for scope, level and `more`, and kept for the next run."""
    out = ROOT / "build/bench" / "-".join([model.stem, scope, str(accuracy_level), *(o.strip("-") for o in more)])
    if not out.exists():
        options = ["--scope", scope, "--accuracy-level", str(accuracy_level), *more]
        command = [str(Path(sys.executable).with_name("pocketzo")), "export", str(model), "--out", str(out), *options]
        subprocess.run(command, check=True, stdout=sys.stderr)
    return open_bundle(out, hashes=False)


def notes_task(bundle: Bundle) -> Task:
    """The phone-notes task for a bundle."""
    model = bundle.manifest.model
    tokenizer = Tokenizer.open(bundle.directory / NAME)
    definition = json.loads((NOTES / "task.json").read_text(encoding="utf-8"))
    return make_task(definition, NOTES, tokenizer, model.vocabulary, model.eos_token_id)


def notes_batch(bundle: Bundle, size: int) -> Batch:
    """The first `size` training notes as one batch."""
    task = notes_task(bundle)
    examples = encoded(task, read_data(NOTES / "train.jsonl"), bundle.manifest.model.context_tokens)
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
