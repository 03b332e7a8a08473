"""pocketzo tune: the zeroth-order loop."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import typer
from pocketzo.runtime.config import TuneConfig
from pocketzo.runtime.engines import DEFAULT

from .common import Debug, Engine, Json, Threads, percent
from .streams import print_json, say

EXAMPLES = """Examples:\n
  pocketzo tune smol.pocketzo --task task.json --train train.jsonl --validation validation.jsonl --run run1\n
  pocketzo tune smol.pocketzo --train train.jsonl --validation validation.jsonl --run run2 --steps 500 --seed 1\n
  pocketzo tune smol.pocketzo --train train.jsonl --validation validation.jsonl --run run2 --resume"""

_FIELDS = {f.name: f for f in fields(TuneConfig)}


def _option(name: str) -> Any:
    return typer.Option(help=_FIELDS[name].metadata["help"])


def tune(
    context: typer.Context,
    bundle: Annotated[Path, typer.Argument(help="Bundle folder.")],
    train: Annotated[Path, typer.Option(help="JSON Lines file of examples to learn from.")],
    validation: Annotated[Path, typer.Option(help="JSON Lines file to choose the best step on.")],
    run: Annotated[Path, typer.Option(help="Folder for the trajectory, the values and the metrics.")],
    task: Annotated[Path | None, typer.Option(help="Task file (default: the bundle's own).")] = None,
    steps: Annotated[int, _option("steps")] = TuneConfig.steps,
    batch: Annotated[int, _option("batch")] = TuneConfig.batch,
    lr: Annotated[float, _option("lr")] = TuneConfig.lr,
    eps: Annotated[float, _option("eps")] = TuneConfig.eps,
    directions: Annotated[int, _option("directions")] = TuneConfig.directions,
    rms_decay: Annotated[float, _option("rms_decay")] = TuneConfig.rms_decay,
    head_examples: Annotated[int, _option("head_examples")] = TuneConfig.head_examples,
    seed: Annotated[int, _option("seed")] = TuneConfig.seed,
    evaluate_every: Annotated[int, _option("evaluate_every")] = TuneConfig.evaluate_every,
    engine: Engine = DEFAULT,
    threads: Threads = 0,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in --run, with the settings that it began with.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Start over in a --run folder that holds a run.")] = False,
    ignore_memory: Annotated[
        bool, typer.Option("--ignore-memory", help="Start even if memory seems too little.")
    ] = False,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Tune the bundle's values on your examples by forward passes alone, keeping the best step."""
    config = TuneConfig(steps, batch, lr, eps, directions, rms_decay, head_examples, seed, evaluate_every)

    from dataclasses import asdict

    from pocketzo.runtime.engines import open_engine
    from pocketzo.runtime.errors import UsageError
    from pocketzo.runtime.run.job import Job
    from pocketzo.runtime.run.run_folder import check_run_folder
    from pocketzo.runtime.run.tune import tune as run_tune
    from pocketzo.runtime.tasks.data import read_data

    from .opening import open_with_task
    from .progress import TuneBars

    if resume and force:
        raise UsageError("--resume goes on and --force starts over: give one of them.")
    check_run_folder(run, resume, force)
    if resume:
        config = _resumed(run, config, context)
    opened, made, definition = open_with_task(bundle, task, quiet=json)
    train_data, validation_data = read_data(train), read_data(validation)
    session = open_engine(engine, opened, threads)
    job = Job(opened, session, made, definition, train_data, validation_data, run)
    with TuneBars(config.steps, quiet=json) as bars:
        result = run_tune(job, config, bars, resume, force, ignore_memory)
    if json:
        print_json({**asdict(result), "best_values": str(result.best_values)})
        return
    before, best = result.before, result.best
    change = (
        f"loss {before.loss:.4f} -> {best.loss:.4f}"
        if best.accuracy is None
        else f"accuracy {percent(before.accuracy)} -> {percent(best.accuracy)}"
    )
    head_alone = result.best_step == 0 and best != before
    when = "with the label head alone" if head_alone else f"after step {result.best_step}"
    say(
        f"{change} on the validation file, best {when}; {percent(result.padding)} of the tokens were padding."
        f" Values: {result.best_values}"
    )


def _resumed(run: Path, given: TuneConfig, context: typer.Context) -> TuneConfig:
    """The settings of the run in `run`, where the command line does not name another."""
    from dataclasses import replace

    from pocketzo.runtime.run.run_folder import TRAJECTORY
    from pocketzo.runtime.system.files import open_regular
    from pocketzo.runtime.trajectory.reader import Reader

    path = run / TRAJECTORY
    with open_regular(path, "trajectory") as f:
        there = Reader(f, path).header.config
    named = {name for name in there if context.get_parameter_source(name).name == "COMMANDLINE"}  # type: ignore[union-attr]
    return replace(given, **{name: value for name, value in there.items() if name not in named})  # type: ignore[arg-type]
