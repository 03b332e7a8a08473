"""The label head by how many examples it is fitted to and how strongly it is held: held-out accuracy, no steps.

    python bench/head.py --model MODEL --data sst2 trec subj agnews

The columns are the prior's weight (runtime/label_head.py: PRIOR). Hidden states are kept in build/bench.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from common import ROOT, bundle_of, machine, table
from learning import DATA, Sets
from pocketzo.runtime import label_head
from pocketzo.runtime.bundle import Bundle
from pocketzo.runtime.engines import DEFAULT, open_engine
from pocketzo.runtime.examples import Example
from pocketzo.runtime.label_bias import losses
from pocketzo.runtime.run.fit_head import head_inputs
from pocketzo.runtime.tasks import Task
from safetensors.numpy import load_file, save_file

COUNTS = (8, 32, 100, 400, 1600, 3200)
PRIORS = (25.0, 50.0, 100.0, 200.0, 400.0)


def kept(bundle: Bundle, task: Task, examples: Sequence[Example], path: Path, threads: int) -> dict[str, np.ndarray]:
    """`hidden` [A,H], `nll` [A,W] and `answers` [A] of the untuned artifact, kept in `path`."""
    if not path.exists():
        made = head_inputs(open_engine(DEFAULT, bundle, threads), task, examples, bundle.initial_values())
        save_file(dict(zip(("hidden", "nll", "answers"), made, strict=True)), path)
    return load_file(path)


def measured(train: dict[str, np.ndarray], held: dict[str, np.ndarray], count: int) -> list[str]:
    """Accuracy (%) and loss for each prior, of heads fitted to the first `count` examples."""
    cells = []
    for prior in PRIORS:
        label_head.PRIOR = prior
        head = label_head.fit(*(train[name][:count] for name in ("hidden", "nll", "answers")))
        nll = held["nll"] - head.added(held["hidden"])
        loss = losses(nll[None], held["answers"], np.zeros(nll.shape[1]))[0]
        cells.append(f"{100 * np.mean(nll.argmin(axis=1) == held['answers']):.1f} ({loss:.3f})")
    return cells


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", nargs="+", choices=DATA, default=list(DATA))
    parser.add_argument("--data-root", type=Path, default=ROOT.parent / "shared/data")
    parser.add_argument("--validation", type=int, default=400, help="records to evaluate on")
    parser.add_argument("--threads", type=int, default=0)
    options = parser.parse_args()
    if not options.data_root.is_dir():
        sys.exit(f"{options.data_root}: there are no data sets here. Give --data-root, a folder of NAME/train.jsonl.")
    bundle = bundle_of(options.model, "channels", 1)
    sets = Sets(options.model, options.data_root, options.validation)
    rows = []
    for name in options.data:
        task, folder = sets.task(name), ROOT / "build/bench"
        train = sets.examples(name, "train")
        order = np.random.default_rng(0).permutation(len(train))[: max(COUNTS)]
        stored = [folder / f"hidden-{options.model.stem}-{name}-{part}.safetensors" for part in ("train", "held")]
        fitted = kept(bundle, task, [train[i] for i in order], stored[0], options.threads)
        held = kept(bundle, task, sets.examples(name, "validation"), stored[1], options.threads)
        rows += [[name, f"{n:,}", *measured(fitted, held, n)] for n in COUNTS]
    print(machine(), "\n")
    table(["data", "examples", *(f"prior {p:g}" for p in PRIORS)], rows)


if __name__ == "__main__":
    main()
