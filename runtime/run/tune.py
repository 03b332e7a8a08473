"""A whole run: data and task in, the loop with evaluation beside it, the best step kept, and resumed if need be."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from ..batches import padding, training_batches
from ..bundle.manifest import Model
from ..config import LR, TuneConfig
from ..errors import UsageError, bad_input
from ..examples import Batch, Example, check_fits, collate
from ..limits.bounds import check_examples
from ..limits.eps_window import warning
from ..limits.memory import check_memory
from ..loop import zo_step
from ..system.files import open_regular
from ..system.interrupts import deferred
from ..tasks import Task
from ..tasks.data import DataSet
from ..tasks.repeats import repeats
from ..trajectory.header import Header, config_members
from ..trajectory.reader import Reader
from ..trajectory.replay import Replayed
from .checker import Checker
from .ending import saved_at_the_end
from .fit_head import check_head
from .job import Job, Result
from .run_folder import BEST, TRAJECTORY, RunFolder, check_run_folder
from .same import check_same
from .watcher import Watcher


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
    finite, or a path that holds a run (or, to resume, none, or another); NotEnoughSpace if memory will not suffice;
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
        checker = Checker(job, examples, held_out, folder, watcher, request)
        batches = _collated(training_batches(examples, config.batch, config.seed, progress.state.step), job.task)
        with saved_at_the_end(folder, progress, config):
            checker.check(progress, config)
            while progress.state.step < config.steps:
                state, step = zo_step(job.engine, next(batches), progress.state, config, folder.writer.step)
                progress.stepped(state)
                watcher.stepped(step)
                checker.check(progress, config)
                request.check()
    before, best = progress.evaluations[0][1], progress.best
    assert best is not None
    waste = padding([len(e.tokens) for e in examples], config.batch, config.seed)
    return Result(before, best, progress.best_step, progress.state.step, job.path / BEST, waste, repeated.records)


def _resolved(job: Job, config: TuneConfig, resume: bool) -> TuneConfig:
    """With the engine's eps and an lr for so many steps where they are 0; a run that goes on keeps its lr."""
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
    return folder.resume(reader, initial_values)


def _check_eps(values: np.ndarray, eps: float) -> None:
    """Raises UsageError if most values are too large for fp32 to tell them from themselves plus eps."""
    lost = float(np.mean(values + np.float32(eps) == values))
    if lost > 0.5:
        raise UsageError(f"--eps {eps:g}: vanishes beside {100 * lost:.0f} % of the values. Use the bundle's own.")


def _collated(batches: Iterator[Sequence[Example]], task: Task) -> Iterator[Batch]:
    for examples in batches:
        yield collate(examples, task.words)
