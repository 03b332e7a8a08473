"""ExecuTorch's child without ExecuTorch: the first value of a pass says what befalls it."""

from __future__ import annotations

import os
import signal
import sys
import time

import numpy as np
from pocketzo.runtime.engines.executorch import program as executorch_child

from . import tiny

FINE, SLOW, STUCK, CRASH, KILLED, NO_MEMORY, ABORT, LEAVE, OTHER_SHAPES, NO_MESSAGE, LOUD, TORN = map(float, range(12))


def load(path: str, threads: int) -> dict[str, np.ndarray]:
    """The description of the tiny graph."""
    sizes = {**tiny.BOUNDS, "K": tiny.VALUES}
    inputs = {
        f"inputs.{i}": np.array([6 if name == "values" else 4, *(sizes.get(str(x), x) for x in shape)])
        for i, (name, shape) in enumerate(tiny.INPUTS.items())
    }
    outputs = {"outputs.0": np.array([6, 8, 16, 16]), "outputs.1": np.array([6, 8, 16, 8, tiny.HIDDEN])}
    return {"threads": np.array([threads]), **inputs, **outputs}


def forward(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What was asked for, or the first value in every place."""
    what = float(inputs["4"][0, 0])
    (_, b, s), labels = inputs["1"].shape, inputs["2"].shape[2]
    print("a line on standard output")  # noqa: T201
    if what in (SLOW, STUCK):
        time.sleep(1 if what == SLOW else 600)
    if what in (CRASH, KILLED, ABORT):
        os.write(2, b"[method.cpp:1] the last words\n")
        os.kill(os.getpid(), {CRASH: signal.SIGSEGV, KILLED: signal.SIGKILL, ABORT: signal.SIGABRT}[what])
    if what == NO_MEMORY:
        raise MemoryError
    if what == LEAVE:
        os._exit(7)
    if what == NO_MESSAGE:
        os.write(int(os.environ["REPLIES"]), b"\xff" * 16)
    if what == TORN:
        os.write(int(os.environ["REPLIES"]), b"\0\0\0\xff and then")
        os.write(2, b"the last words " * 100_000)
        os.kill(os.getpid(), signal.SIGSEGV)
    if what == LOUD:
        os.write(2, b"cannot allocate " * 100_000)
    p = len(inputs["4"]) - (what == OTHER_SHAPES)
    return {
        "0": np.full((p, b, labels), what, np.float32),
        "1": np.full((p, b, s, tiny.HIDDEN), what, np.float32),
    }


if __name__ == "__main__":
    executorch_child._load, executorch_child._forward = load, forward
    os.environ["REPLIES"] = "4"
    sys.exit(executorch_child.main())
