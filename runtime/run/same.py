"""Whether a run can go on with what is given now."""

from __future__ import annotations

from pathlib import Path

from ..errors import bad_input
from ..trajectory.header import Header

MEMBERS = (
    "bundle", "values", "hidden_size", "train", "validation", "task", "labels", "engine", "engine_version",
)  # fmt: skip
"""what must be equal beside the settings; labels in their order too, which the label bias depends on"""


def check_same(path: Path, there: Header, here: Header) -> None:
    """Raises BadInput, naming both values, if going on with `here` would not continue the run that began as `there`."""
    for name in MEMBERS:
        _check_equal(path, name, getattr(there, name), getattr(here, name))
    for name, value in here.config.items():
        _check_equal(path, "--" + name.replace("_", "-"), there.config.get(name), value)


def _check_equal(path: Path, name: str, there: object, here: object) -> None:
    if there != here:
        bad_input(
            path, f"the run was made with {name} {there}, and now it is {here}", "Resume with what it was made with"
        )
