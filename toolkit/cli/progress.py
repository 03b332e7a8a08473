"""Progress on standard error: bars with time left on a terminal, a line a milestone elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from pocketzo.runtime.loop import Step
from pocketzo.runtime.trajectory.evaluation import Evaluation
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from .common import percent


class _Bars:
    """A rich progress display that shows nothing when `quiet`."""

    def __init__(self, *columns: object, quiet: bool, transient: bool = False) -> None:
        self.console = Console(stderr=True, quiet=quiet)
        self.bars = Progress(*columns, console=self.console, disable=quiet, transient=transient)  # type: ignore[arg-type]

    def __enter__(self) -> Self:
        self.bars.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.bars.stop()


class StageBars(_Bars):
    """One bar a stage of an export."""

    def __init__(self, quiet: bool) -> None:
        super().__init__(
            TextColumn("{task.description:<32}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(),
            TextColumn("left"), TimeRemainingColumn(), quiet=quiet,
        )  # fmt: skip
        self._current: TaskID | None = None

    def _finish(self) -> None:
        if self._current is not None:
            total = self.bars.tasks[self._current].total or 1
            self.bars.update(self._current, total=total, completed=total)

    def start(self, stage: str, total: int) -> None:
        """Finish the bar before, and begin one for `stage`."""
        self._finish()
        self._current = self.bars.add_task(stage, total=total or None)

    def advance(self, units: int) -> None:
        """Move the current bar."""
        if self._current is not None:
            self.bars.advance(self._current, units)

    def resumed(self, text: str) -> None:
        """Say where the current stage goes on."""
        self.console.print(text, highlight=False)

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None:
            self._finish()
        super().__exit__(kind, error, trace)


class TuneBars(_Bars):
    """The bar of a run, with loss, accuracy and speed beside it, and one of the pass over examples under way."""

    def __init__(self, steps: int, quiet: bool) -> None:
        super().__init__(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[note]}"),
            TextColumn("left"), TimeRemainingColumn(), quiet=quiet,
        )  # fmt: skip
        self._steps = self.bars.add_task("step", total=steps, note="")
        self._pass: TaskID | None = None
        self._loss, self._accuracy, self._speed = 0.0, "", 0.0
        self._last = time.monotonic()

    def warned(self, text: str) -> None:
        """Before the first step; shown even with --json, since standard error is not part of it."""
        Console(stderr=True).print(f"Warning: {text}", highlight=False, markup=False, soft_wrap=True)

    def resumed(self, step: int) -> None:
        """When a run goes on."""
        self.console.print(f"resumed after step {step}", highlight=False)
        self.bars.update(self._steps, completed=step)

    def stepped(self, step: Step) -> None:
        """After each step; loss and speed are smoothed over about ten."""
        now = time.monotonic()
        speed, self._last = step.tokens / max(now - self._last, 1e-9), now
        keep = 0.0 if step.step == 1 else 0.9
        self._loss = keep * self._loss + (1 - keep) * step.loss
        self._speed = keep * self._speed + (1 - keep) * speed
        note = f"loss {self._loss:.3f}  {self._accuracy}{self._speed:,.0f} tokens/s"
        self.bars.update(self._steps, completed=step.step, note=note)

    def pass_started(self, what: str, examples: int) -> None:
        """Before an evaluation or the fit of a label head."""
        self._pass = self.bars.add_task(what, total=examples, note="")

    def batch_done(self, examples: int, tokens: int) -> None:
        """After each batch of it."""
        if self._pass is not None:
            self.bars.advance(self._pass, examples)

    def _passed(self) -> None:
        if self._pass is not None:
            self.bars.remove_task(self._pass)
        self._last = time.monotonic()

    def fitted_head(self, step: int, examples: int) -> None:
        """After a fit: one line that stays."""
        self._passed()
        self.console.print(f"step {step:>5}  label head fitted to {examples:,} examples", highlight=False)

    def evaluated(self, step: int, evaluation: Evaluation) -> None:
        """After an evaluation: one line that stays."""
        self._passed()
        right = "" if evaluation.accuracy is None else f"  accuracy {percent(evaluation.accuracy)}"
        self.console.print(f"step {step:>5}  validation loss {evaluation.loss:.4f}{right}", highlight=False)
        self._accuracy = "" if evaluation.accuracy is None else f"accuracy {percent(evaluation.accuracy)}  "


class HashBar(_Bars):
    """The bar of a bundle's hashes; it goes when they are done, and is not seen for small bundles."""

    def __init__(self, quiet: bool) -> None:
        super().__init__(
            TextColumn("checking the bundle"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TextColumn("left"),
            TimeRemainingColumn(), quiet=quiet, transient=True,
        )  # fmt: skip
        self._task = self.bars.add_task("hashes", total=None)

    def hashed(self, done: int, total: int) -> None:
        """After each piece."""
        self.bars.update(self._task, completed=done, total=total)


class PackageBar(_Bars):
    """The bar of a package that is written."""

    def __init__(self, total: int, quiet: bool) -> None:
        super().__init__(
            TextColumn("writing the package"), BarColumn(), DownloadColumn(), TimeRemainingColumn(), quiet=quiet,
            transient=True,
        )  # fmt: skip
        self._task = self.bars.add_task("bytes", total=total)

    def advance(self, count: int) -> None:
        """After each piece."""
        self.bars.advance(self._task, count)


class EvaluateBar(_Bars):
    """The bar of one evaluation."""

    def __init__(self, examples: int, quiet: bool) -> None:
        super().__init__(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[speed]}"),
            TextColumn("left"), TimeRemainingColumn(), quiet=quiet,
        )  # fmt: skip
        self._task = self.bars.add_task("evaluating", total=examples, speed="")
        self._tokens, self._begin = 0, time.monotonic()

    def batch_done(self, examples: int, tokens: int) -> None:
        """After each batch."""
        self._tokens += tokens
        speed = self._tokens / max(time.monotonic() - self._begin, 1e-9)
        self.bars.update(self._task, advance=examples, speed=f"{speed:,.0f} tokens/s")
