"""Errors that reach a user: each names the thing, the limit and the fix, and carries the process's exit code."""

from __future__ import annotations

from typing import NoReturn


class PocketzoError(Exception):
    """Base of every error that is a user's to mend; the message is complete without a traceback."""

    exit_code = 3


class UsageError(PocketzoError):
    """An option's value, or a combination of options, that cannot work."""

    exit_code = 2


class BadInput(PocketzoError):
    """A bundle, data file, task, checkpoint or values file that cannot be used as it is."""

    exit_code = 3


class DiskFailed(BadInput):
    """The operating system refused to read or write where we work; what is finished there is as good as before."""


class DiskFull(DiskFailed):
    """The disk filled up while something was written; nothing half-written is left."""


class NotEnoughSpace(PocketzoError):
    """Memory or disk that will not suffice, found before the work starts."""

    exit_code = 4


class Interrupted(PocketzoError):
    """The user stopped the work; the state was saved where the message says."""

    exit_code = 130


def bad_input(what: object, why: str, fix: str) -> NoReturn:
    """Raise BadInput in the one form that all messages share: what: why; fix."""
    raise BadInput(f"{what}: {why}. {fix}")
