"""Where the time of a step goes: share of each operator, by ONNX Runtime's profiler, for one bundle or several in turn.

    python bench/operators.py --bundle BUNDLE OTHER --batch 16x32

Bundles of earlier versions can be compared: inputs are made from what the graph asks for.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import onnxruntime
from common import machine, table

PERTURBATIONS = 2
WORDS = np.array([4022, 4915])
LEAST_SHARE = 0.003


def feeds(session: onnxruntime.InferenceSession, examples: int, tokens: int) -> dict[str, np.ndarray]:
    """Random inputs for B examples of T tokens, two label words at the last position."""
    inputs = {value.name: value.shape for value in session.get_inputs()}
    rows = 1 if inputs["input_ids"][0] == "E" else PERTURBATIONS
    random = np.random.default_rng(0)
    found = {
        "input_ids": np.repeat(random.integers(0, 1000, (1, examples, tokens)), rows, axis=0),
        "label_positions": np.full((rows, examples, 1 if "words" in inputs else len(WORDS)), tokens - 1),
        "label_ids": np.broadcast_to(WORDS, (rows, examples, len(WORDS))).copy(),
        "words": WORDS,
        "values": np.zeros((PERTURBATIONS, inputs["values"][1]), np.float32),
    }
    if "logit_bias" in inputs:
        found["logit_bias"] = np.zeros(inputs["logit_bias"], np.float32)
    return {name: found[name] for name in inputs}


def profiled(graph: Path, folder: Path) -> onnxruntime.InferenceSession:
    """A session that writes its profile into `folder`."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.enable_mem_pattern = False
    options.enable_profiling = True
    options.profile_file_prefix = str(folder / "profile")
    return onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])


def milliseconds(profile: Path, steps: int) -> Counter[str]:
    """Time of one step by operator; bodies of loops are counted in their loops."""
    total: Counter[str] = Counter()
    for event in json.loads(profile.read_text()):
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            total[event["args"]["op_name"]] += event["dur"] / 1000 / steps
    if "Loop" in total:
        total["Loop (logits)"] = total.pop("Loop")
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, nargs="+", required=True)
    parser.add_argument("--batch", default="16x32", help="B x T, with two perturbations")
    parser.add_argument("--steps", type=int, default=10)
    options = parser.parse_args()
    examples, tokens = (int(n) for n in options.batch.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        sessions = [profiled(bundle / "step.onnx", Path(folder)) for bundle in options.bundle]
        for _ in range(options.steps):
            for session in sessions:
                session.run(None, feeds(session, examples, tokens))
        times = [milliseconds(Path(session.end_profiling()), options.steps) for session in sessions]
    sums = [sum(t.values()) for t in times]
    names = sorted({n for t in times for n in t}, key=lambda n: -times[0][n] / sums[0])
    kept = [n for n in names if any(t[n] / s >= LEAST_SHARE for t, s in zip(times, sums, strict=True))]
    rows = [[n, *(f"{100 * t[n] / s:.1f} %" for t, s in zip(times, sums, strict=True))] for n in kept]
    rows.append(["all, against the first", *(f"{s / sums[0]:.2f}" for s in sums)])
    print(machine(), f"\n\n{options.batch} tokens, P = {PERTURBATIONS}, {options.steps} steps\n")
    table(["operator", *(bundle.name for bundle in options.bundle)], rows)


if __name__ == "__main__":
    main()
