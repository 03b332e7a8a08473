"""The stages of an export, one file each: each takes the plan and what earlier stages made, and returns what it made.

What takes long is kept in the work folder under a name, so that an export that was stopped does not do it again.
"""

from __future__ import annotations

from typing import Protocol


class Stages(Protocol):
    """Who is told how far an export is."""

    def start(self, stage: str, total: int) -> None:
        """A stage begins; `total` is in the units that `advance` counts (0 if unknown)."""

    def advance(self, units: int) -> None:
        """So much more of the stage is done."""

    def resumed(self, text: str) -> None:
        """The stage was begun by an export that was stopped; `text` says where it goes on."""
