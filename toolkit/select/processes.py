"""The processes of one export: alone, or several that `accelerate launch` started, with what they must agree on."""

from __future__ import annotations

import os

import torch

LAUNCHER = "ACCELERATE_"
"""what the environment variables of `accelerate launch` begin with"""


class Processes:
    """This process among `count`, its rank and device; alone and on the CPU unless accelerate started it."""

    def __init__(self) -> None:
        self.rank, self.count, self.device = 0, 1, torch.device("cpu")
        if any(name.startswith(LAUNCHER) for name in os.environ):
            from accelerate import PartialState

            state = PartialState(cpu=not torch.cuda.is_available())
            self.rank, self.count, self.device = state.process_index, state.num_processes, state.device

    @property
    def main(self) -> bool:
        """Whether this is the process that writes the bundle."""
        return self.rank == 0

    def sum(self, x: torch.Tensor) -> torch.Tensor:
        """The sum of every process's `x`, which all get: in float64 if there are several, `x` as it is if not."""
        if self.count == 1:
            return x
        total = x.to(torch.float64, copy=True)
        torch.distributed.all_reduce(total)
        return total

    def least(self, number: int) -> int:
        """The smallest `number` that any process gives."""
        if self.count == 1:
            return number
        shared = torch.tensor(number, device=self.device)
        torch.distributed.all_reduce(shared, torch.distributed.ReduceOp.MIN)
        return int(shared)

    def all(self, flag: bool) -> bool:
        """Whether every process says so."""
        return bool(self.least(int(flag)))

    def any(self, flag: bool) -> bool:
        """Whether one of them does."""
        return not self.all(not flag)
