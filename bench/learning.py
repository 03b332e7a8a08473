"""What is learned for how many forward passes: methods x data sets x learning rates x seeds, kept as they are done.

    python bench/learning.py --model MODEL --methods ours mezo --data sst2 trec --steps 200 --seeds 0 1 2
    python bench/learning.py --model MODEL --table --plot docs/learning.png
    python bench/learning.py --model ../shared/models/mini-llama-8m --quick

Each run is one line of bench/results/learning.jsonl, so that a table can be stopped, and taken up again by the same
command. A run is evaluated at steps 0, 25, 50, 100, ... on the first --validation records of the validation file (at
both ends only if a label head must be fitted for it, and once before); the table shows the last step, not the best.
Without --lr the method's own rates are searched on the first seed, and the others use the best.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from common import ROOT, machine, table
from learners import METHODS, Setting
from pocketzo.runtime.batches import training_batches
from pocketzo.runtime.bundle.tokenizer import Tokenizer
from pocketzo.runtime.examples import Example, check_fits, collate
from pocketzo.runtime.tasks import Task, make_task, read_task
from pocketzo.runtime.tasks.data import read_data
from pocketzo.runtime.trajectory.evaluation import Evaluation
from pocketzo.toolkit.checkpoint import find_source, open_checkpoint

RESULTS = ROOT / "bench/results/learning.jsonl"
TASKS = ROOT / "examples/tasks"
DATA = ("sst2", "trec", "subj", "agnews")
BATCH = 16
QUICK = ["ours", "ours-plain", "channels", "random", "mezo", "adam-values"]


class Sets:
    """The task and the encoded records of each data set for one checkpoint."""

    def __init__(self, checkpoint: Path, root: Path, validation: int) -> None:
        self._root, self._validation = root, validation
        opened = open_checkpoint(find_source(str(checkpoint)))
        self._backend = opened.tokenizer.backend
        self._tokenizer = Tokenizer(self._backend)
        self._decoder, self._eos = opened.decoder, opened.tokenizer.eos_token_id

    def task(self, name: str) -> Task:
        """The task of examples/tasks; of a word that a small vocabulary lacks, its first token."""
        path = TASKS / f"{name}.json"
        definition = read_task(path)
        first = {label: self._tokenizer.continuation(word)[0] for label, word in definition["labels"].items()}
        definition["labels"] = {label: self._backend.decode([token]) for label, token in first.items()}
        return make_task(definition, path, self._tokenizer, self._decoder.vocabulary, self._eos)

    def examples(self, name: str, split: str) -> list[Example]:
        """Encoded records; of the validation file the first few only."""
        records = read_data(self._root / name / f"{split}.jsonl").records
        task = self.task(name)
        kept = records[: self._validation] if split == "validation" else records
        context, vocabulary = self._decoder.context_tokens, self._decoder.vocabulary
        return [check_fits(task.example(r), context, vocabulary) for r in kept]


def run(method: str, setting: Setting, train: Sequence[Example], held_out: Sequence[Example]) -> list[dict[str, Any]]:
    """The points of one run: step, forward passes of an example, seconds of learning, loss and accuracy."""
    learner = METHODS[method].make(setting)
    batches = training_batches(train, BATCH, setting.seed)
    points, seconds = [], 0.0
    for step in range(setting.steps + 1):
        begin = time.perf_counter()
        if step:
            learner.step(collate(next(batches), setting.task.words))
        seconds += time.perf_counter() - begin
        milestone = step % 25 == 0 and (step // 25).bit_count() == 1
        if step == 0 and learner.concludes:
            points.append(point(0, 0, 0.0, learner.evaluate(held_out)))
        if step in (0, setting.steps) or (milestone and not learner.concludes):
            begin = time.perf_counter()
            passes = step * BATCH * learner.passes + learner.conclude(train)
            taken = seconds + time.perf_counter() - begin
            points.append(point(step, passes, taken, learner.evaluate(held_out)))
    return points


def point(step: int, passes: int, seconds: float, e: Evaluation) -> dict[str, Any]:
    """One point of a run, shown as it is made."""
    print(f"  step {step:>5}  loss {e.loss:.3f}  accuracy {e.accuracy:.3f}  {seconds:.0f} s", file=sys.stderr)
    return {"step": step, "passes": passes, "seconds": round(seconds, 1), "loss": e.loss, "accuracy": e.accuracy}


def read_results() -> list[dict[str, Any]]:
    """Every run that is kept."""
    if not RESULTS.exists():
        return []
    return [json.loads(line) for line in RESULTS.read_text(encoding="utf-8").splitlines()]


def of_model(options: argparse.Namespace) -> list[dict[str, Any]]:
    """The kept runs of the model, evaluated on as many records as are asked for."""
    return [r for r in read_results() if (r["model"], r["validation"]) == (options.model.stem, options.validation)]


def key(r: dict[str, Any]) -> tuple[Any, ...]:
    """What makes a run the same run."""
    return tuple(r[name] for name in ("model", "data", "method", "lr", "seed", "steps", "validation"))


def plan(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """The runs to do, the search of learning rates first; the best is known by the time that other seeds come."""
    for method in options.methods:
        for name in options.data:
            fixed = {"model": options.model.stem, "data": name, "method": method, "steps": options.steps,
                     "validation": options.validation}  # fmt: skip
            for lr in options.lr or METHODS[method].rates:
                yield {**fixed, "lr": lr, "seed": options.seeds[0]}
            for seed in options.seeds[1:]:
                yield {**fixed, "lr": best_rate({**fixed, "seed": options.seeds[0]}), "seed": seed}


def best_rate(wanted: dict[str, Any]) -> float:
    """The learning rate whose run ended with the least loss."""
    found = [r for r in read_results() if all(r[name] == value for name, value in wanted.items())]
    return min(found, key=lambda r: r["points"][-1]["loss"])["lr"]


def work(options: argparse.Namespace) -> None:
    """Do what is not done yet, a line a run."""
    sets = Sets(options.model, options.data_root, options.validation)
    RESULTS.parent.mkdir(exist_ok=True)
    for wanted in plan(options):
        if key(wanted) in {key(r) for r in read_results()}:
            continue
        print(" ".join(f"{k} {v}" for k, v in wanted.items()), file=sys.stderr, flush=True)
        task, name = sets.task(wanted["data"]), wanted["data"]
        setting = Setting(
            options.model, task, wanted["lr"], options.steps, wanted["seed"], options.threads, ROOT / "build/bench"
        )
        points = run(wanted["method"], setting, sets.examples(name, "train"), sets.examples(name, "validation"))
        with RESULTS.open("a", encoding="utf-8") as file:
            file.write(json.dumps({**wanted, "threads": options.threads, "points": points}) + "\n")


def rows(results: list[dict[str, Any]], data: Sequence[str]) -> list[list[str]]:
    """A row a method and number of steps: accuracy at the last step with the best rate, mean over the seeds."""
    made = []
    steps = sorted({(list(METHODS).index(r["method"]), r["method"], r["steps"]) for r in results})
    for _, method, count in steps:
        cells, passes = [], 0
        for name in data:
            of = [r for r in results if (r["method"], r["steps"], r["data"]) == (method, count, name)]
            cells.append(cell(of))
            passes = of[0]["points"][-1]["passes"] if of else passes
        made.append([METHODS[method].title, f"{count:,}", f"{passes:,}", *cells])
    return made


def cell(of: list[dict[str, Any]]) -> str:
    """Accuracy (range over seeds), and the learning rate."""
    if not of:
        return ""
    loss = {lr: np.mean([r["points"][-1]["loss"] for r in of if r["lr"] == lr]) for lr in {r["lr"] for r in of}}
    lr = min(loss, key=lambda rate: loss[rate])
    got = [r["points"][-1]["accuracy"] for r in of if r["lr"] == lr]
    spread = f" ({100 * min(got):.1f} to {100 * max(got):.1f})" if len(got) > 1 else ""
    return f"{100 * np.mean(got):.1f}{spread}, lr {lr:g}"


def print_table(options: argparse.Namespace) -> None:
    """The table of everything that is kept for the model."""
    results = of_model(options)
    print(machine(), f"\n\nAccuracy (%) after the last step on the first {options.validation} validation records\n")
    start = {
        r["data"]: f"{100 * r['points'][0]['accuracy']:.1f}" for r in results if r["method"] in ("ours", "ours-no-head")
    }
    zero = ["zero-shot, int4", "0", "0", *[start.get(name, "") for name in options.data]]
    table(["method", "steps of 16", "passes", *options.data], [zero, *rows(results, options.data)])


def plot(options: argparse.Namespace, path: Path) -> None:
    """Accuracy against forward passes, a panel a data set, a line a method (mean over the seeds of its best rate)."""
    import matplotlib.pyplot as plt

    results = of_model(options)
    shown = [name for name in options.data if any(r["data"] == name for r in results)]
    figure, axes = plt.subplots(1, len(shown), figsize=(4.2 * len(shown), 4.6), squeeze=False, layout="constrained")
    lines: dict[str, Any] = {}
    for axis, name in zip(axes[0], shown, strict=True):
        for number, method in enumerate(METHODS):
            of = [r for r in results if (r["method"], r["data"]) == (method, name)]
            if not of:
                continue
            best = min(of, key=lambda r: r["points"][-1]["loss"])
            alike = [r for r in of if (r["lr"], r["steps"]) == (best["lr"], best["steps"])]
            passes = [p["passes"] for p in best["points"][1:]]
            accuracy = np.mean([[100 * p["accuracy"] for p in r["points"][1:]] for r in alike], axis=0)
            color = plt.colormaps["tab20"](number)
            lines[method] = axis.plot(passes, accuracy, "o-", color=color, label=METHODS[method].title)[0]
        axis.set(title=name, xscale="log", xlabel="forward passes of an example")
        axis.grid(alpha=0.3)
    axes[0][0].set_ylabel("accuracy (%)")
    kept = [lines[m] for m in METHODS if m in lines]
    figure.legend(handles=kept, loc="outside lower center", ncols=4, fontsize=8)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--methods", nargs="+", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--data", nargs="+", choices=DATA, default=list(DATA))
    parser.add_argument("--data-root", type=Path, default=ROOT.parent / "shared/data")
    parser.add_argument("--lr", type=float, nargs="+", help="instead of each method's own search")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--validation", type=int, default=400, help="records to evaluate on")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="a few methods, 100 steps, two data sets")
    parser.add_argument("--table", action="store_true", help="run nothing")
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    if options.quick:
        options.methods, options.data, options.steps = QUICK, ["sst2", "trec"], 100
    if not options.table:
        if not options.data_root.is_dir():
            sys.exit(
                f"{options.data_root}: there are no data sets here. Give --data-root, a folder of NAME/train.jsonl."
            )
        try:
            work(options)
        except KeyboardInterrupt:
            print("stopped; the runs that are done are kept, and the same command goes on", file=sys.stderr)
    print_table(options)
    if options.plot:
        plot(options, options.plot)


if __name__ == "__main__":
    main()
