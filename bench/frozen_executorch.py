"""`pocketzo export` that leaves a second step.pte beside the bundle: the same step without its tuned channels.

    python bench/frozen_executorch.py FOLDER export CHECKPOINT --out BUNDLE --engine onnx --engine executorch

The step in FOLDER takes and gives the same tensors. Of `values` only the number of rows matters: its products have the
channels whose activations are not rounded beside them, and none of the tuned ones.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from pocketzo.export.contents import Contents, Progress
from pocketzo.export.executorch import writer
from pocketzo.export.weights.layout import Layout, SensitiveLayer
from pocketzo.export.weights.weights_file import WeightsFile
from pocketzo.runtime.bundle.manifest import Graph
from pocketzo.toolkit.cli import main

REAL = writer.write_step


class Frozen(Layout):
    """The layers of a layout, in the same blocks, but no product finds its values in it."""

    def of(self, layer: str) -> SensitiveLayer | None:
        """None."""
        return None


def write_both(folder: Path, store: WeightsFile, contents: Contents, progress: Progress, beside: Path) -> Graph:
    """Write step.pte into `folder`, and without its tuned channels into `beside`."""
    beside.mkdir(parents=True, exist_ok=True)
    layout = Frozen(contents.layout.scope, contents.layout.layers)
    REAL(beside, store, replace(contents, layout=layout))
    return REAL(folder, store, contents, progress)


if __name__ == "__main__":
    beside = Path(sys.argv.pop(1))
    writer.write_step = lambda *given: write_both(*given, beside)
    main()
