"""What tune and evaluate open alike: the bundle, its tokenizer, the task, the data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pocketzo.runtime.bundle import Bundle, open_bundle
from pocketzo.runtime.bundle.tokenizer import NAME, Tokenizer
from pocketzo.runtime.errors import UsageError
from pocketzo.runtime.tasks import Task, make_task, read_task


def open_checked(bundle: Path, quiet: bool) -> Bundle:
    """The bundle with every hash checked, with a bar. Raises BadInput as `open_bundle` does."""
    from .progress import HashBar

    with HashBar(quiet) as bar:
        return open_bundle(bundle, progress=bar.hashed)


def open_with_task(bundle: Path, task: Path | None, quiet: bool) -> tuple[Bundle, Task, dict[str, Any]]:
    """The bundle, checked, and the task of the file `task`, or the bundle's own for None, with its definition.

    Raises BadInput for a bad bundle or task, UsageError if there is no task at all.
    """
    opened = open_checked(bundle, quiet)
    stored = opened.manifest.task
    definition = read_task(task) if task else stored.model_dump() if stored else None
    if definition is None:
        raise UsageError(f"{bundle} stores no default task. Give one with --task TASK.json.")
    model = opened.manifest.model
    tokenizer = Tokenizer.open(opened.directory / NAME)
    where = task or f"the task stored in {bundle}"
    return opened, make_task(definition, where, tokenizer, model.vocabulary, model.eos_token_id), definition
