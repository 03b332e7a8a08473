"""Peak memory of the loop against what `pocketzo inspect` predicts, and what it is made of.

    python bench/memory.py --bundle BUNDLE [BUNDLE ...] --batch 16x32 8x128

Each row is a process of its own that takes real steps with the runtime alone. `--steps 2000` says instead whether
memory grows over so many steps with batches of ever other lengths.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from common import machine, random_batch, table
from pocketzo.runtime.bundle import open_bundle
from pocketzo.runtime.config import TuneConfig
from pocketzo.runtime.engines import DEFAULT, open_engine
from pocketzo.runtime.limits.memory import EVALUATION, estimate
from pocketzo.runtime.loop import State, zo_step
from pocketzo.runtime.tuned import Tuned

STEPS = 5
MB = 1e6


def resident() -> dict[str, float]:
    """MB of this process: now, at most, and of what is now the part that is mapped from files."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    found = {name: 1024 * float(rest.split()[0]) / MB for name, _, rest in (line.partition(":") for line in lines[10:])
             if name in ("VmRSS", "VmHWM", "RssFile")}  # fmt: skip
    return {"now": found["VmRSS"], "peak": found["VmHWM"], "files": found["RssFile"]}


def steps(folder: str, shape: str, count: str, words: str) -> dict[str, object]:
    """Memory (MB) when the modules are loaded, when the engine is, and after real steps."""
    begin = resident()["now"]
    bundle = open_bundle(Path(folder), hashes=False)
    engine = open_engine(DEFAULT, bundle)
    loaded = resident()
    size, tokens = (int(n) for n in shape.split("x"))
    first = random_batch(bundle, EVALUATION // tokens, tokens)
    engine.forward(replace(first, words=np.arange(2)), bundle.initial_values()[None])
    config = TuneConfig(steps=int(count), head_examples=0).resolved(bundle.manifest.estimator.eps)
    state = State(Tuned(bundle.initial_values()))
    rng, history, seconds = np.random.default_rng(0), [], []
    for step in range(config.steps):
        length = tokens if config.steps == STEPS else int(rng.integers(2, tokens + 1))
        batch = random_batch(bundle, size, length)
        batch = batch if words == "all" else replace(batch, words=np.arange(int(words)))
        began = time.perf_counter()
        state, _ = zo_step(engine, batch, state, config)
        seconds.append(time.perf_counter() - began)
        if step in (config.steps // 10, config.steps - 1):
            history.append(resident()["now"])
    assert "torch" not in sys.modules
    middle = float(np.median(seconds[1:]))
    return {
        "seconds": middle,
        "begin": begin,
        "loaded": loaded["now"],
        "mapped": loaded["files"],
        "history": history,
        **resident(),
    }


def measured(folder: Path, shape: str, count: int, words: str) -> dict[str, float]:
    """What `steps` finds in a process of its own."""
    command = [sys.executable, __file__, "--child", str(folder), shape, str(count), words]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


HEADER = [
    "bundle", "B x T", "words", "weights.bin", "process", "engine's weights", "activations and values", "peak",
    "peak over weights.bin", "of it mapped files", "step (s)",
]  # fmt: skip


def row(folder: Path, shape: str, words: str) -> list[str]:
    """One bundle and shape."""
    manifest = open_bundle(folder, hashes=False).manifest
    size, tokens = (int(n) for n in shape.split("x"))
    weights = manifest.files["weights.bin"].bytes / MB
    found, predicted = measured(folder, shape, STEPS, words), estimate(manifest, size, tokens)
    table = found["files"] - found["mapped"]  # rows of the embedding that were read since
    parts = [found["begin"], found["loaded"] - found["begin"] + table, found["peak"] - found["loaded"] - table]
    guesses = [predicted.process, predicted.weights, predicted.activations + predicted.values]
    return [
        folder.name, shape, words, f"{weights:.0f}",
        *(f"{part:.0f} ({guess / MB:.0f})" for part, guess in zip(parts, guesses, strict=True)),
        f"{found['peak']:.0f} ({predicted.total / MB:.0f})", f"{found['peak'] / weights:.2f}",
        f"{found['files']:.0f}", f"{found['seconds']:.2f}",
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, nargs="+", required=True)
    parser.add_argument("--batch", nargs="+", default=["16x32", "8x128", "1x512"], help="B x T")
    parser.add_argument("--words", nargs="+", default=["2"], help="competing words, or all: the whole vocabulary")
    parser.add_argument("--steps", type=int, help="only look for growth over so many steps")
    options = parser.parse_args()
    print(machine(), "\n")
    if options.steps:
        for folder in options.bundle:
            early, late = measured(folder, options.batch[0], options.steps, options.words[0])["history"]
            print(f"{folder.name}, batches up to {options.batch[0]}: {early:.0f} MB after {options.steps // 10} steps,"
                  f" {late:.0f} MB after {options.steps}")  # fmt: skip
        return
    rows = [
        row(folder, shape, words) for folder in options.bundle for words in options.words for shape in options.batch
    ]
    print("MB measured (predicted)\n")
    table(HEADER, rows)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        print(json.dumps(steps(*sys.argv[2:])))
    else:
        main()
