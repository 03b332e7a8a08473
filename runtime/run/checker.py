"""What happens beside the loop every so many steps: a new label head, and an evaluation."""

from __future__ import annotations

from collections.abc import Sequence

from ..config import TuneConfig
from ..examples import Example
from ..system.interrupts import Request
from ..trajectory.replay import Replayed
from .evaluate import evaluate
from .fit_head import fitted_head, head_indices
from .job import Job
from .run_folder import BEST, RunFolder
from .watcher import Watcher


class Checker:
    """Fits the label head to `train` and evaluates on `held_out` when it is time, and keeps the best values.

    The values before the first step are evaluated too, so a run that makes nothing better keeps these.
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
        """Do what is due after the steps that are done; each result is on the disk before `progress` has it.

        Raises BadInput if a score is not finite, DiskFull, and KeyboardInterrupt on request.
        """
        step = progress.state.step
        if step % config.evaluate_every and step != config.steps:
            return
        if not progress.evaluations:
            self._evaluate(progress)
        if self._job.task.labels and config.head_examples and progress.head_step != step:
            self._fit_head(progress, config)
        if not progress.state_evaluated:
            self._evaluate(progress)

    def _fit_head(self, progress: Replayed, config: TuneConfig) -> None:
        job, step = self._job, progress.state.step
        chosen = [self._train[i] for i in head_indices(config, len(self._train))]
        self._watcher.pass_started("label head", len(chosen))
        head = fitted_head(job.engine, job.task, chosen, progress.state.tuned.values, self._batch_done)
        self._folder.writer.label_head(step, head)
        self._folder.flush()
        progress.fitted_head(head)
        self._watcher.fitted_head(step, len(chosen))

    def _evaluate(self, progress: Replayed) -> None:
        job, state = self._job, progress.state
        self._watcher.pass_started("evaluating", len(self._held_out))
        evaluation = evaluate(job.engine, job.task, self._held_out, state.tuned, self._batch_done)
        self._folder.writer.evaluation(state.step, evaluation)
        self._folder.flush()
        if progress.evaluated(evaluation):
            self._folder.save_values(BEST, state.tuned, state.step)
        self._watcher.evaluated(state.step, evaluation)

    def _batch_done(self, examples: int, tokens: int) -> None:
        self._watcher.batch_done(examples, tokens)
        self._request.check()
