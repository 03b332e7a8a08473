"""Storing a checkpoint's weights in a bundle's weights.bin, in 4 and 8 bits, one block after another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from pocketzo.export.assemble import WEIGHTS
from pocketzo.export.model.families import place_in_blocks
from pocketzo.export.weights.dequantized import quantized_form
from pocketzo.export.weights.layout import Layout, SensitiveLayer
from pocketzo.export.weights.weights_file import WeightsFile
from pocketzo.runtime.bundle.manifest import Quantization
from pocketzo.runtime.engines import ENGINES

from ..checkpoint import Checkpoint
from ..work.work_folder import WorkFolder
from .quantize import quantize
from .rounding import rounded

BUNDLE = "bundle"
"""the folder of the bundle to be, within the work folder"""


class Storing:
    """Quantizes every weight of `opened` into weights.bin in `work`, where a stopped export goes on after its last
    finished block. `importance` (fp32 [columns]) is that of each linear layer's input channels; where `outliers` names
    channels of a layer, its weight is rounded to 8 bits without them. weights.bin is in the bundle if one of `engines`
    reads it there, and beside the bundle if not.
    """

    def __init__(
        self,
        opened: Checkpoint,
        layout: Layout,
        importance: Mapping[str, torch.Tensor],
        outliers: Mapping[str, np.ndarray],
        quantization: Quantization,
        work: WorkFolder,
        engines: Sequence[str],
    ) -> None:
        self._opened, self._layout, self._importance, self._outliers = opened, layout, importance, outliers
        self._quantization, self._work = quantization, work
        described = [ENGINES[name] for name in engines]
        self._file = Path(BUNDLE, WEIGHTS) if any(engine.external_weights for engine in described) else Path(WEIGHTS)
        self._bfloat16_scales = any(engine.bfloat16_scales for engine in described)
        self._linears, self._names = {linear.name for linear in opened.decoder.linears()}, opened.decoder.names
        self.units: dict[str, list[str]] = {}
        """tensors that are stored together, by the name of what is finished with them"""
        for name in opened.shapes:
            place = place_in_blocks(name)
            self.units.setdefault(f"weights-{place[0] if place else name}", []).append(name)

    @property
    def finished(self) -> int:
        """Units that are stored already."""
        return next((n for n, unit in enumerate(self.units) if unit not in self._work), len(self.units))

    def run(self, progress: Callable[[int], None]) -> tuple[WeightsFile, np.ndarray]:
        """Store what is not stored yet; returns the file, and the values (fp32 [K]) as the checkpoint has them."""
        (self._work.path / BUNDLE).mkdir(exist_ok=True)
        done = list(self.units)[: self.finished]
        for unit in done:
            progress(self._weights(unit))
        last = self._work.said(done[-1]) if done else {}
        with WeightsFile(self._work.path / self._file, last.get("regions"), last.get("end", 0)) as store:
            for unit in list(self.units)[len(done) :]:
                self._store(unit, store)
                progress(self._weights(unit))
        values = {}
        for unit in self.units:
            values.update(self._work.tensors(f"values-{unit}"))
        return store, np.concatenate([values[layer.layer] for layer in self._layout.layers])

    def _weights(self, unit: str) -> int:
        return sum(int(np.prod(self._opened.shapes[name])) for name in self.units[unit])

    def _store(self, unit: str, store: WeightsFile) -> None:
        begin, values = store.flush(), {}
        for name in self.units[unit]:
            tensor, layer = self._opened.tensor(name), name.removesuffix(".weight")
            if layer in self._linears or layer in self._names.tables:
                sensitive = self._layout.of(layer)
                if sensitive:
                    index = tuple(torch.from_numpy(i) for i in sensitive.index(self._layout.scope))
                    values[layer] = tensor[index].numpy()
                self._quantize(layer, tensor, sensitive, store)
            else:
                store.add(name, tensor.numpy())
        self._work.keep(f"values-{unit}", values)
        self._work.record(unit, str(self._file), begin, store.flush(), regions=store.regions)

    def _quantize(self, layer: str, weight: torch.Tensor, sensitive: SensitiveLayer | None, store: WeightsFile) -> None:
        left_out = None
        if sensitive:
            left_out = torch.zeros(weight.shape, dtype=torch.bool)
            left_out[tuple(torch.from_numpy(i) for i in sensitive.index(self._layout.scope))] = True
        known = self._importance.get(layer, torch.ones(weight.shape[1]))
        if layer in self._outliers:
            tensors = rounded(weight, known, self._outliers[layer], left_out).tensors()
        else:
            bits, group_size = quantized_form(layer, self._names, self._quantization)
            bfloat16 = self._bfloat16_scales and layer in self._linears
            tensors = quantize(weight, known, group_size, left_out, bits, bfloat16).tensors()
        for part, array in tensors.items():
            store.add(f"{layer}.{part}", array)
