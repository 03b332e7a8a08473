"""A whole run: data and task in, the loop with evaluation beside it, the best step kept, and resumed if need be."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ..batches import padding, training_batches
from ..bundle import Bundle
from ..bundle.manifest import Model
from ..config import LR, TuneConfig
from ..engines import Engine
from ..errors import DiskFull, Interrupted, PocketzoError, UsageError, bad_input
from ..examples import Batch, Example, check_fits, collate
from ..limits.bounds import check_examples
from ..limits.eps_window import warning
from ..limits.memory import check_memory
from ..loop import Step, run
from ..system.files import open_regular
from ..system.interrupts import Request, deferred
from ..tasks import Task
from ..tasks.data import DataSet
from ..tasks.repeats import repeats
from ..trajectory.evaluation import Evaluation
from ..trajectory.header import Header, config_members
from ..trajectory.reader import Reader
from ..trajectory.replay import Replayed
from .evaluate import evaluate
from .fit_head import check_head, fitted_head, head_indices
from .run_folder import BEST, TRAJECTORY, RunFolder, check_run_folder


class Watcher(Protocol):
    """Who is told of a run's progress; the command line draws it, a program may ignore it."""

    def warned(self, text: str) -> None:
        """Before the first step, of a setting or data that will probably waste the run."""

    def resumed(self, step: int) -> None:
        """Once, when a run goes on after `step`."""

    def stepped(self, step: Step) -> None:
        """After each step."""

    def passing(self, what: str, examples: int) -> None:
        """Before a pass over so many examples: "evaluating" or "label head"."""

    def passed_batch(self, examples: int, tokens: int) -> None:
        """After each batch of such a pass."""

    def fitted_head(self, step: int, examples: int) -> None:
        """After a label head was fitted to so many examples."""

    def evaluated(self, step: int, evaluation: Evaluation) -> None:
        """After an evaluation."""


@dataclass(frozen=True)
class Job:
    """What a run needs beside its settings: `definition` is the task as its file writes it."""

    bundle: Bundle
    engine: Engine
    task: Task
    definition: dict[str, Any]
    train: DataSet
    validation: DataSet
    path: Path


@dataclass(frozen=True)
class Result:
    """What a run gained on the validation file, and where its best values are."""

    before: Evaluation
    best: Evaluation
    best_step: int
    steps: int
    best_values: Path
    padding: float
    """share of padding among the tokens of training batches"""
    repeated: int
    """validation records that are in the training file too"""


def encoded(task: Task, data: DataSet, model: Model) -> list[Example]:
    """The example of every record. Raises BadInput naming file and line of the first bad one."""
    return [check_fits(task.example(r), model.context_tokens, model.vocabulary) for r in data.records]


def tune(
    job: Job,
    config: TuneConfig,
    watcher: Watcher,
    resume: bool = False,
    force: bool = False,
    ignore_memory: bool = False,
) -> Result:
    """Tune the bundle's values on `job.train` and write the run to `job.path`.

    With `resume` the run that is there goes on, to the same bits as if it had never stopped.
    Raises BadInput for a bad record, an example over the context, a step over the engine's bounds, a loss that is not
    finite, or a path that holds a run (or, to resume, none, or another); NotEnoughRoom if memory will not suffice;
    Interrupted after Ctrl-C, all saved.
    """
    if job.train.hash == job.validation.hash:
        bad_input(job.validation.path, "is the training file too, so it cannot choose the best step", "Hold some back")
    check_run_folder(job.path, resume, force)
    config = _resolved(job, config, resume)
    model = job.bundle.manifest.model
    examples, held_out = (encoded(job.task, data, model) for data in (job.train, job.validation))
    if config.head_examples:
        check_head(job.task, job.bundle.manifest.model.hidden_size)
    _check_bounds(job, examples, held_out, config)
    if not ignore_memory:
        check_memory(job.bundle.manifest, examples, config, job.engine.name)
    initial_values = job.bundle.initial_values()
    _check_eps(initial_values, config.eps)
    repeated = repeats(examples, held_out)
    eps_warning = warning(job.bundle.manifest.estimator_of(job.engine.name), config.eps)
    for text in filter(None, [eps_warning, *repeated.warnings()]):
        watcher.warned(text)
    with contextlib.closing(RunFolder(job.path)) as folder, deferred() as request:
        progress = _open(folder, _header(job, config, len(initial_values)), initial_values, resume)
        if resume:
            watcher.resumed(progress.state.step)
            if LR >= config.lr > (longer := TuneConfig(steps=config.steps).resolved(config.eps).lr):
                watcher.warned(f"--lr {config.lr:g} goes on; a run begun with --steps {config.steps} has {longer:.2g}.")
        checker = _Checker(job, examples, held_out, folder, watcher, request)
        batches = _collated(training_batches(examples, config.batch, config.seed, progress.state.step), job.task)
        with _saved_at_the_end(folder, progress, config):
            checker.check(progress, config)
            for step in run(job.engine, batches, progress.state, config, folder.writer.step):
                progress.evaluated_now = False
                watcher.stepped(step)
                checker.check(progress, config)
                request.check()
    before, best = progress.evaluations[0][1], progress.best
    assert best is not None
    waste = padding([len(e.tokens) for e in examples], config.batch, config.seed)
    return Result(before, best, progress.best_step, progress.state.step, job.path / BEST, waste, repeated.records)


def _resolved(job: Job, config: TuneConfig, resume: bool) -> TuneConfig:
    """With the engine's eps and the lr of the steps where 0 left them open; a run that goes on keeps its lr."""
    if resume and not config.lr:
        with open_regular(job.path / TRAJECTORY, "trajectory") as file:
            config = replace(config, lr=Reader(file, job.path / TRAJECTORY).header.settings().lr)
    return config.resolved(job.bundle.manifest.estimator_of(job.engine.name).eps)


def _check_bounds(job: Job, train: Sequence[Example], held_out: Sequence[Example], config: TuneConfig) -> None:
    """Raises BadInput if a step, a pass of the label head or an evaluation may be over the engine's bounds."""
    batch = min(config.batch, len(train))
    check_examples(job.engine.bounds, train, len(job.task.words), 2 * config.directions, batch)
    check_examples(job.engine.bounds, held_out, len(job.task.words))


def _header(job: Job, config: TuneConfig, values: int) -> Header:
    return Header(
        bundle=job.bundle.hash,
        values=values,
        hidden_size=job.bundle.manifest.model.hidden_size,
        train=job.train.hash,
        validation=job.validation.hash,
        task=job.definition,  # type: ignore[arg-type]
        engine=job.engine.name,
        engine_version=job.engine.version,
        config=config_members(config),
    )


def _open(folder: RunFolder, header: Header, initial_values: np.ndarray, resume: bool) -> Replayed:
    if not resume:
        return folder.begin(header, initial_values)
    reader = folder.reader()
    check_same(folder.path, reader.header, header)
    for replayed, _ in folder.resume(reader, initial_values):
        progress = replayed
    return progress


def check_same(path: Path, there: Header, here: Header) -> None:
    """Raises BadInput, naming both values, if going on with `here` would not continue the run that began as `there`."""
    # A task's labels are compared in their order too, which the label bias depends on.
    for name in (
        "bundle",
        "values",
        "hidden_size",
        "train",
        "validation",
        "task",
        "labels",
        "engine",
        "engine_version",
    ):
        _check_equal(path, name, getattr(there, name), getattr(here, name))
    for name, value in here.config.items():
        _check_equal(path, "--" + name.replace("_", "-"), there.config.get(name), value)


def _check_equal(path: Path, name: str, there: object, here: object) -> None:
    if there != here:
        bad_input(
            path, f"the run was made with {name} {there}, and now it is {here}", "Resume with what it was made with"
        )


def _check_eps(values: np.ndarray, eps: float) -> None:
    """Raises UsageError if most values are too large for fp32 to tell them from themselves plus eps."""
    lost = float(np.mean(values + np.float32(eps) == values))
    if lost > 0.5:
        raise UsageError(f"--eps {eps:g}: vanishes beside {100 * lost:.0f} % of the values. Use the bundle's own.")


def _collated(batches: Iterator[Sequence[Example]], task: Task) -> Iterator[Batch]:
    for examples in batches:
        yield collate(examples, task.words)


@contextlib.contextmanager
def _saved_at_the_end(folder: RunFolder, progress: Replayed, config: TuneConfig) -> Iterator[None]:
    """Save the run however the body ends, and say in the error what was saved."""
    try:
        yield
    except KeyboardInterrupt:
        folder.save(progress, config)
        raise Interrupted(
            f"stopped after step {progress.state.step} of {config.steps}; everything is saved in {folder.path}."
            " Go on with --resume."
        ) from None
    except DiskFull as e:
        with contextlib.suppress(PocketzoError):
            folder.save(progress, config)
        raise DiskFull(
            f"{folder.path}: the disk is full. The run stopped after step {progress.state.step}, and {TRAJECTORY} holds"
            " all of it. Free some space and go on with --resume."
        ) from e
    except BaseException:
        with contextlib.suppress(PocketzoError):
            folder.save(progress, config)
        raise
    else:
        folder.save(progress, config)


class _Checker:
    """Fits the label head and evaluates on the validation examples when it is time, and keeps the best of what was
    tuned, the untuned values included.
    """

    def __init__(
        self,
        job: Job,
        train: Sequence[Example],
        held_out: Sequence[Example],
        folder: RunFolder,
        watcher: Watcher,
        request: Request,
    ) -> None:
        self._job, self._train, self._held_out = job, train, held_out
        self._folder, self._watcher, self._request = folder, watcher, request

    def check(self, progress: Replayed, config: TuneConfig) -> None:
        step = progress.state.step
        if step % config.evaluate_every and step != config.steps:
            return
        if not progress.evaluations:
            self._evaluate(progress)
        if self._job.task.labels and config.head_examples and progress.head_step != step:
            self._fit_head(progress, config)
        if not progress.evaluated_now:
            self._evaluate(progress)

    def _fit_head(self, progress: Replayed, config: TuneConfig) -> None:
        job, step = self._job, progress.state.step
        chosen = [self._train[i] for i in head_indices(config, len(self._train))]
        self._watcher.passing("label head", len(chosen))
        head = fitted_head(job.engine, job.task, chosen, progress.state.tuned.values, self._batch_done)
        self._folder.writer.label_head(step, head)
        self._folder.flush()
        progress.with_head(head)
        self._watcher.fitted_head(step, len(chosen))

    def _evaluate(self, progress: Replayed) -> None:
        job, step = self._job, progress.state.step
        self._watcher.passing("evaluating", len(self._held_out))
        evaluation = evaluate(job.engine, job.task, self._held_out, progress.state.tuned, self._batch_done)
        self._folder.writer.evaluation(step, evaluation)
        self._folder.flush()
        if progress.evaluated(evaluation):
            self._folder.save_values(BEST, progress.state.tuned, step)
        self._watcher.evaluated(step, evaluation)

    def _batch_done(self, examples: int, tokens: int) -> None:
        self._watcher.passed_batch(examples, tokens)
        self._request.check()
