"""The first line of a trajectory: what the run depends on."""

from __future__ import annotations

from dataclasses import asdict
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from .. import __version__
from ..bundle.manifest import Positive, Sha256, Task
from ..config import TuneConfig
from ..tasks import labels_of


class Header(BaseModel):
    """The first line: everything that the rest depends on. `config` holds TuneConfig's fields but `steps`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    format: Literal["pocketzo-trajectory"] = "pocketzo-trajectory"
    version: Literal[1] = 1
    pocketzo: str = Field(default=__version__, max_length=64)
    bundle: Sha256
    values: Positive
    hidden_size: Positive
    train: Sha256
    validation: Sha256
    task: Task
    engine: str = Field(max_length=64)
    engine_version: str = Field(max_length=64)
    config: dict[str, int | float]

    @property
    def labels(self) -> list[str]:
        """The labels of the task in its order; none for a kind without."""
        return labels_of(self.task.model_dump())

    def settings(self) -> TuneConfig:
        """The run's settings. Raises PocketzoError or TypeError if they are not TuneConfig's or out of range."""
        expected = config_members(TuneConfig())
        if {k: type(v) for k, v in self.config.items()} != {k: type(v) for k, v in expected.items()}:
            raise TypeError(f"config must hold {', '.join(expected)}")
        return TuneConfig(**self.config)  # type: ignore[arg-type]


def config_members(config: TuneConfig) -> dict[str, int | float]:
    """What of the settings decides the result of each step: all but how many there will be."""
    return {name: value for name, value in asdict(config).items() if name != "steps"}
