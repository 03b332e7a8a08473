"""A whole run: data and task in, the loop with evaluation beside it, the best step kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from .batches import training_batches
from .bundle import Bundle
from .config import TuneConfig
from .data import DataSet
from .engines import Engine
from .errors import Interrupted, UsageError, bad_input
from .evaluate import Evaluation, evaluate
from .examples import Batch, Example, check_length, collate
from .interrupts import Request, deferred
from .loop import State, Step, run
from .run_folder import BEST, VALUES, RunFolder, check_run_folder
from .tasks import Task


class Watcher(Protocol):
    """Who is told of a run's progress; the command line draws it, a program may ignore it."""

    def stepped(self, step: Step) -> None:
        """After each step."""

    def evaluating(self, examples: int) -> None:
        """Before an evaluation of so many examples."""

    def evaluated_batch(self, examples: int, tokens: int) -> None:
        """After each batch of an evaluation."""

    def evaluated(self, step: int, evaluation: Evaluation) -> None:
        """After an evaluation."""


@dataclass(frozen=True)
class Result:
    """What a run gained on the validation file, and where its best values are."""

    before: Evaluation
    best: Evaluation
    best_step: int
    steps: int
    best_values: Path


def training_examples(task: Task, data: DataSet, context_tokens: int) -> list[Example]:
    """Encode every record for training. Raises BadInput naming file and line of the first bad one."""
    return [check_length(task.training_example(r), context_tokens) for r in data.records]


def evaluation_examples(task: Task, data: DataSet, context_tokens: int) -> list[Example]:
    """Encode every record for evaluation. Raises BadInput naming file and line of the first bad one."""
    return [check_length(task.evaluation_example(r), context_tokens) for r in data.records]


def collated(batches: Iterator[Sequence[Example]], task: Task) -> Iterator[Batch]:
    """The batches of examples as arrays for the engine."""
    for examples in batches:
        yield collate(examples, task.logit_bias)


def tune(
    bundle: Bundle,
    engine: Engine,
    task: Task,
    definition: dict[str, Any],
    train: DataSet,
    validation: DataSet,
    config: TuneConfig,
    path: Path,
    watcher: Watcher,
    force: bool = False,
) -> Result:
    """Tune the bundle's values on `train` and write the run to `path`.

    Raises BadInput for a bad record, an example over the context, a loss that is not finite or a `path` that holds a
    run; Interrupted after Ctrl-C, when everything is saved.
    """
    config = config if config.eps else replace(config, eps=bundle.manifest.estimator.eps)
    if train.hash == validation.hash:
        bad_input(validation.path, "is the training file too, so it cannot choose the best step", "Hold examples back")
    check_run_folder(path, force)
    context = bundle.manifest.model.context_tokens
    examples = training_examples(task, train, context)
    held_out = evaluation_examples(task, validation, context)
    state = State(bundle.initial_values())
    _check_eps(state.values, config.eps)
    header = {
        "format": "pocketzo-trajectory",
        "bundle": bundle.hash,
        "train": train.hash,
        "validation": validation.hash,
        "task": definition,
        "engine": [engine.name, engine.version],
        "config": asdict(config),
    }
    folder = RunFolder(path, bundle.hash, header)
    batches = collated(training_batches(examples, config.batch, config.seed), task)
    keeper = _Keeper(engine, task, held_out, folder, watcher)
    try:
        with deferred() as request:
            keeper.check(state, request)
            for step in run(engine, batches, state, config, folder.step):
                watcher.stepped(step)
                if step.step % config.evaluate_every == 0 or step.step == config.steps:
                    keeper.check(state, request)
                request.check()
    except KeyboardInterrupt:
        raise Interrupted(
            f"Stopped after step {state.step} of {config.steps}. Saved in {path}: the values so far in {VALUES}"
            f"{f', the best on the validation file in {BEST}' if keeper.best else ''}."
        ) from None
    finally:
        keeper.save(state, config)
        folder.close()
    assert keeper.before is not None
    assert keeper.best is not None
    return Result(keeper.before, keeper.best, keeper.best_step, state.step, path / BEST)


def _check_eps(values: np.ndarray, eps: float) -> None:
    """Raises UsageError if most values are too large for fp32 to tell them from themselves plus eps."""
    lost = float(np.mean(values + np.float32(eps) == values))
    if lost > 0.5:
        raise UsageError(f"--eps {eps:g}: vanishes beside {100 * lost:.0f} % of the values. Use the bundle's own.")


class _Keeper:
    """Evaluates on the validation examples and keeps the best values seen, the untuned ones included."""

    def __init__(
        self, engine: Engine, task: Task, examples: Sequence[Example], folder: RunFolder, watcher: Watcher
    ) -> None:
        self._engine, self._task, self._examples = engine, task, examples
        self._folder, self._watcher = folder, watcher
        self.before: Evaluation | None = None
        self.best: Evaluation | None = None
        self.best_step = 0

    def check(self, state: State, request: Request) -> None:
        def done(examples: int, tokens: int) -> None:
            self._watcher.evaluated_batch(examples, tokens)
            request.check()

        self._watcher.evaluating(len(self._examples))
        result = evaluate(self._engine, self._task, self._examples, state.values, done)
        self.before = self.before or result
        if self.best is None or result.better_than(self.best):
            self.best, self.best_step = result, state.step
            self._folder.save_values(BEST, state.values, state.step)
        self._folder.evaluation(state.step, result)
        self._watcher.evaluated(state.step, result)

    def save(self, state: State, config: TuneConfig) -> None:
        """Write the last values and metrics.json, whatever ended the run."""
        self._folder.save_values(VALUES, state.values, state.step)
        self._folder.save_metrics(
            steps=state.step,
            best_step=self.best_step,
            best=asdict(self.best) if self.best else None,
            before=asdict(self.before) if self.before else None,
            config=asdict(config),
        )
