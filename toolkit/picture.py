"""The picture of a run: loss by step as training and validation saw it, and accuracy on the validation file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pocketzo.runtime.run.run_folder import METRICS, TRAJECTORY
from pocketzo.runtime.system.files import open_regular, read_json
from pocketzo.runtime.trajectory.line import Line
from pocketzo.runtime.trajectory.reader import Reader

WINDOW = 10


def draw(run: Path, out: Path, title: str, test: tuple[float, float] | None = None) -> None:
    """Draw the run in folder `run` to the image `out`; `test` is accuracy before and after on a test file.

    Raises BadInput if metrics.json cannot be read.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    evaluations = read_json(run / METRICS, "metrics file")["evaluations"]
    with open_regular(run / TRAJECTORY, "trajectory") as f:
        steps = [line for line in Reader(f, run / TRAJECTORY).lines() if line.loss is not None]
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
    _losses(left, steps, evaluations)
    _accuracies(right, evaluations, test)
    for axes in (left, right):
        axes.set_xlabel("step (two forward passes each)")
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
    figure.suptitle(title)
    figure.savefig(out, dpi=130)
    plt.close(figure)


def _losses(axes: Any, steps: list[Line], evaluations: list[dict[str, Any]]) -> None:
    loss = np.array([s.loss for s in steps])
    at = np.array([s.step for s in steps])
    axes.plot(at, loss, color="#9db8d9", linewidth=0.8, label="training batch, without the label head")
    if len(loss) >= WINDOW:
        smooth = np.convolve(loss, np.ones(WINDOW) / WINDOW, mode="valid")
        axes.plot(at[WINDOW - 1 :], smooth, color="#1f5fa8", label=f"mean of {WINDOW} batches")
    axes.plot(
        [e["step"] for e in evaluations], [e["loss"] for e in evaluations], "o-", color="#d1495b", label="validation"
    )
    axes.set_ylabel("loss (nats)")


def _accuracies(axes: Any, evaluations: list[dict[str, Any]], test: tuple[float, float] | None) -> None:
    judged = [e for e in evaluations if e["accuracy"] is not None]
    axes.plot(
        [e["step"] for e in judged], [100 * e["accuracy"] for e in judged], "o-", color="#d1495b", label="validation"
    )
    if test is not None:
        for share, name, style in zip(test, ("before", "after"), (":", "--"), strict=True):
            label = f"test {name}: {100 * share:.1f} %"
            axes.axhline(100 * share, color="#2a7f62", linestyle=style, label=label)
    axes.set_ylabel("accuracy (%)")
