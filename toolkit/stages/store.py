"""The weights in 4 and 8 bits, and the values that are tuned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pocketzo.export.model.layerwise import Layerwise
from pocketzo.export.weights.dequantized import Dequantized
from pocketzo.export.weights.weights_file import WeightsFile

from ..plan import Plan
from ..quantize.store import Storing
from ..work.work_folder import WorkFolder
from . import Stages
from .choose import Choice


@dataclass(frozen=True)
class Stored:
    """The file of the weights, the values as the checkpoint has them (fp32 [K]), and the model that both are together,
    dequantized a block at a time.
    """

    file: WeightsFile
    values: np.ndarray
    decoder: Layerwise


def store_weights(plan: Plan, choice: Choice, work: WorkFolder, stages: Stages) -> Stored:
    """Quantize every weight into the work folder."""
    opened, layout = plan.opened, choice.mask.layout
    storing = Storing(opened, layout, choice.importance, choice.outliers, plan.quantization, work, plan.config.engines)
    stages.start(f"{plan.config.weight_bits}-bit weights", opened.parameters)
    if storing.finished:
        last = list(storing.units)[storing.finished - 1]
        stages.resumed(f"goes on after {last.replace('-', ' of layer ')}")
    file, values = storing.run(stages.advance)
    tensor = Dequantized(file, opened.decoder, plan.quantization, layout, values, choice.outliers)
    return Stored(file, values, Layerwise(opened.config, tensor, frequencies=opened.decoder.inverse_frequencies))
