"""Whether an engine is as new as a graph needs."""

from __future__ import annotations

from ..bundle import Bundle
from ..errors import bad_input


def check_version(bundle: Bundle, package: str, here: str, needed: str) -> None:
    """Raises BadInput if version `here` of `package` is older than the one `needed`."""
    if _numbers(here) < _numbers(needed):
        bad_input(
            bundle.directory,
            f"needs {package} {needed}, here is {here}",
            f"Install it: pip install '{package}>={needed}'",
        )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("+")[0].split(".")[:3] if part.isdigit())
