"""Packages that an option needs: missing ones, and those that are installed but cannot be loaded."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from importlib.util import find_spec

from ..errors import UsageError


@contextlib.contextmanager
def needed(what: str, install: str) -> Iterator[None]:
    """Import inside what `what` needs. Raises UsageError, with the command `install`, if that fails in any way."""
    try:
        yield
    except Exception as e:  # what a broken package raises is of any kind
        raise UsageError(f"{what}: {unusable(e)}: {install}") from e


def unusable(error: BaseException) -> str:
    """Which package is missing, or what the one that cannot be loaded says itself, after `error` at an import."""
    while error.__cause__ is not None:  # some say only in there what it is
        error = error.__cause__
    package = (getattr(error, "name", None) or "").split(".")[0]
    if isinstance(error, ModuleNotFoundError) and package and find_spec(package) is None:
        return f"the package {package} is missing"
    lines = str(error).strip().splitlines() or [""]
    return f"{package or 'a package'} is installed but cannot be loaded ({type(error).__name__}: {lines[0]})"
