"""pocketzo evaluate: loss and accuracy on a file of examples."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from pocketzo.runtime.engines import DEFAULT

from .common import Debug, Engine, Json, Threads, percent
from .streams import print_json, say

EXAMPLES = """Examples:\n
  pocketzo evaluate smol.pocketzo --task task.json --data test.jsonl\n
  pocketzo evaluate smol.pocketzo --task task.json --data test.jsonl --values run1/best.safetensors"""


def evaluate(
    bundle: Annotated[Path, typer.Argument(help="Bundle folder.")],
    data: Annotated[Path, typer.Option(help="JSON Lines file of examples.")],
    task: Annotated[Path | None, typer.Option(help="Task file (default: the bundle's own).")] = None,
    values: Annotated[Path | None, typer.Option(help="Tuned values (default: the untuned ones).")] = None,
    engine: Engine = DEFAULT,
    threads: Threads = 0,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Measure loss and accuracy of the base or the tuned model on a file of examples."""
    from dataclasses import asdict

    import numpy as np
    from pocketzo.runtime.engines import open_engine
    from pocketzo.runtime.run.evaluate import evaluate as run_evaluate
    from pocketzo.runtime.run.tune import encoded
    from pocketzo.runtime.tasks.data import read_data
    from pocketzo.runtime.tuned import Tuned

    from .opening import open_with_task
    from .progress import EvaluateBar

    opened, made, _ = open_with_task(bundle, task, quiet=json)
    if values:
        tuned = opened.tuned_values(values).tuned(made.labels, values)
    else:
        tuned = Tuned(opened.initial_values(), np.zeros(len(made.labels)))
    examples = encoded(made, read_data(data), opened.manifest.model)
    session = open_engine(engine, opened, threads)
    with EvaluateBar(len(examples), quiet=json) as bar:
        result = run_evaluate(session, made, examples, tuned, bar.batch_done)
    if json:
        print_json(asdict(result))
        return
    right = "" if result.accuracy is None else f"accuracy {percent(result.accuracy)}, "
    say(f"{right}loss {result.loss:.4f} on {result.examples} examples")
