"""Whether an engine is as new as a graph needs."""

from __future__ import annotations

from packaging.version import InvalidVersion, Version

from ..bundle import Bundle
from ..errors import bad_input


def check_version(bundle: Bundle, package: str, here: str, needed: str) -> None:
    """Raises BadInput if version `here` of `package` is older than the one `needed`, or if one of them is none."""
    try:
        refused = older(here, needed)
    except InvalidVersion as e:
        bad_input(bundle.directory, f"needs {package} {needed}, here is {here} ({e})", "Export it again")
    if refused:
        bad_input(
            bundle.directory,
            f"needs {package} {needed}, here is {here}",
            f"Install it: pip install '{package}>={needed}'",
        )


def older(here: str, needed: str) -> bool:
    """Whether release `here` comes before release `needed`; a nightly build counts as the release that it leads to.

    Raises InvalidVersion if one of them is no version number (PEP 440).
    """
    return _release(here) < _release(needed)


def _release(version: str) -> tuple[int, int, int]:
    read = Version(version)
    return read.major, read.minor, read.micro
