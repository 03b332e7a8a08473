"""Export and a step at the shapes of known models, on random weights: seconds by stage, and peak memory.

    python bench/scale.py --shapes smollm2-135m qwen2.5-0.5b llama-3.2-1b --windows 32

Checkpoints (bf16, a shard a block; with --gguf a file in Q8_0) are made under build/scale. Each measurement is a
process of its own, whose peak is the largest resident set that the operating system saw.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import memory
import numpy as np
import torch
from common import ROOT, machine, random_batch, table
from pocketzo.export.model.layerwise import skeleton
from pocketzo.runtime.bundle import open_bundle
from pocketzo.runtime.engines import DEFAULT, open_engine
from random_bundle import make_bundle
from random_gguf import make_gguf
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import AutoConfig, PreTrainedTokenizerFast

FOLDER = ROOT / "build/scale"
LLAMA3 = {
    "rope_type": "llama3", "rope_theta": 500000.0, "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}  # fmt: skip


def shape(
    model_type: str, vocabulary: int, hidden: int, intermediate: int, layers: int, heads: int, kv: int, **more: Any
) -> Any:
    """The configuration of a model."""
    return AutoConfig.for_model(
        model_type, vocab_size=vocabulary, hidden_size=hidden, intermediate_size=intermediate,
        num_hidden_layers=layers, num_attention_heads=heads, num_key_value_heads=kv, **more,
    )  # fmt: skip


SHAPES = {
    "smollm2-135m": lambda: shape("llama", 49152, 576, 1536, 30, 9, 3, tie_word_embeddings=True,
                                  max_position_embeddings=8192),
    "qwen2.5-0.5b": lambda: shape("qwen2", 151936, 896, 4864, 24, 14, 2, tie_word_embeddings=True,
                                  max_position_embeddings=32768, use_sliding_window=False),
    "llama-3.2-1b": lambda: shape("llama", 128256, 2048, 8192, 16, 32, 8, tie_word_embeddings=True, head_dim=64,
                                  max_position_embeddings=131072, rope_parameters=LLAMA3),
    "llama-2-7b": lambda: shape("llama", 32000, 4096, 11008, 32, 32, 32, tie_word_embeddings=False,
                                max_position_embeddings=4096),
}  # fmt: skip


def parameters(config: Any) -> dict[str, torch.Size]:
    """Shapes of all weights of a model."""
    return {name: p.shape for name, p in skeleton(config).named_parameters()}


def tokenizer() -> Tokenizer:
    """A small one, for any vocabulary of at least 4,000 words."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=4000, special_tokens=["<s>", "</s>"], initial_alphabet=alphabet,
                                  show_progress=False)  # fmt: skip
    backend.train_from_iterator([(ROOT / "toolkit/select/calibration.txt").read_text(encoding="utf-8")], trainer)
    return backend


def make(folder: Path, config: Any) -> None:
    """Save a random checkpoint, one block in memory at a time."""
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    config.save_pretrained(part)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer(), bos_token="<s>", eos_token="</s>").save_pretrained(part)
    shards: dict[str, dict[str, torch.Size]] = {}
    for name, size in parameters(config).items():
        words = name.split(".")
        shards.setdefault(words[2] if len(words) > 3 else words[-2], {})[name] = size
    torch.manual_seed(0)
    for shard, sizes in shards.items():
        made = {n: torch.empty(s, dtype=torch.bfloat16) for n, s in sizes.items()}
        for name, tensor in made.items():
            tensor.fill_(1) if name.endswith("norm.weight") else tensor.normal_(0, 0.02)
        save_file(made, part / f"model-{shard}.safetensors", metadata={"format": "pt"})
    index = {name: f"model-{shard}.safetensors" for shard, sizes in shards.items() for name in sizes}
    (part / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))
    part.rename(folder)


class Clock:
    """Takes the time of each stage of an export."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._stage, self._begin = "", 0.0

    def start(self, stage: str, total: int) -> None:
        """The stage before ends."""
        now = time.perf_counter()
        if self._stage:
            self.seconds[self._stage] = now - self._begin
        self._stage, self._begin = stage, now
        print(stage, file=sys.stderr, flush=True)

    def advance(self, units: int) -> None:
        """Nothing to do."""

    def resumed(self, text: str) -> None:
        """The figures are then those of a part."""
        print(text, file=sys.stderr, flush=True)


def export(checkpoint: str, out: str, windows: str) -> dict[str, Any]:
    """Seconds of each stage."""
    from pocketzo.toolkit.pipeline import ExportConfig, export_bundle

    clock = Clock()
    made = export_bundle(checkpoint, Path(out), ExportConfig(windows=int(windows)), None, True, clock)
    assert made is not None
    clock.start("", 0)
    return {"seconds": clock.seconds, "difference": made[1][0].difference, "bytes": size(Path(out))}


def step(bundle: str, batch: str) -> dict[str, Any]:
    """Seconds of two perturbations on one batch, the median of three."""
    opened = open_bundle(Path(bundle), hashes=False)
    engine = open_engine(DEFAULT, opened)
    values = np.stack([opened.initial_values()] * 2)
    rows, tokens = (int(n) for n in batch.split("x"))
    given = random_batch(opened, rows, tokens)
    found = []
    for _ in range(4):
        begin = time.perf_counter()
        engine.forward(given, values)
        found.append(time.perf_counter() - begin)
    return {"seconds": statistics.median(found[1:])}


def measured(*arguments: str) -> dict[str, Any]:
    """What `export` or `step` finds in a process of its own, and its peak memory in GB."""
    command = [sys.executable, __file__, "--child", *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def child(what: str, *arguments: str) -> None:
    """Print the measurement as JSON."""
    found = {"export": export, "step": step}[what](*arguments)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(json.dumps({**found, "peak": peak / 1e9}))


def size(folder: Path) -> int:
    """Bytes of a folder's files."""
    return sum(path.stat().st_size for path in folder.iterdir())


def lacks(config: Any) -> str | None:
    """What this machine has too little of for a shape, if anything."""
    weights = sum(s.numel() for s in parameters(config).values())
    free = shutil.disk_usage(ROOT).free / 1e9
    memory = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
    disk_need, memory_need = 4 * weights / 1e9, 1.5 + 1.3 * weights / 1e9
    if free < disk_need:
        return f"skipped: needs {disk_need:.0f} GB of disk, and {free:.0f} GB are free"
    if memory < memory_need:
        return f"skipped: needs {memory_need:.0f} GB of memory, and {memory:.0f} GB are free"
    return None


def row(name: str, options: argparse.Namespace) -> list[str]:
    """Measure one shape."""
    config = SHAPES[name]()
    if why := lacks(config):
        return [name, why, *[""] * 9]
    checkpoint, out = FOLDER / (f"{name}.gguf" if options.gguf else name), FOLDER / f"{name}.pocketzo"
    if not checkpoint.exists():
        print(f"making {checkpoint}", file=sys.stderr, flush=True)
        make_gguf(checkpoint, config, tokenizer()) if options.gguf else make(checkpoint, config)
    made = measured("export", str(checkpoint), str(out), str(options.windows))
    taken = measured("step", str(out), options.batch)
    if not options.keep:
        checkpoint.unlink() if options.gguf else shutil.rmtree(checkpoint)
        shutil.rmtree(out)
    seconds = list(made["seconds"].values())
    return [
        name, f"{made['bytes'] / 1e9:.2f}", *(f"{s:.0f}" for s in seconds), f"{sum(seconds):.0f}",
        f"{made['peak']:.2f}", f"{1000 * taken['seconds']:.0f}", f"{taken['peak']:.2f}",
    ]  # fmt: skip


def steps_alone(options: argparse.Namespace) -> None:
    """Memory and time of steps on bundles of random weights."""
    print(machine(), f"\n\n{' '.join(['python bench/scale.py', *sys.argv[1:]])}\n\nMB measured (predicted)\n")
    rows = []
    for name in options.shapes:
        folder = FOLDER / f"{name}-steps"
        if not folder.exists():
            make_bundle(folder, SHAPES[name](), tokenizer().to_str())
        rows.append(memory.row(folder, options.batch, "2"))
        if not options.keep:
            shutil.rmtree(folder)
    table(memory.HEADER, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES))
    parser.add_argument("--windows", type=int, default=32)
    parser.add_argument("--batch", default="1x32", help="B x T of the step, with two perturbations")
    parser.add_argument("--keep", action="store_true", help="keep checkpoints and bundles for the next run")
    parser.add_argument("--gguf", action="store_true", help="GGUF files instead of folders")
    parser.add_argument("--steps-alone", action="store_true", help="random 4-bit weights, no checkpoint and no export")
    options = parser.parse_args()
    if options.steps_alone:
        steps_alone(options)
        return
    rows = []
    for name in options.shapes:
        rows.append(row(name, options))
        print(*rows[-1], file=sys.stderr, flush=True)
    print(machine(), f"\n\n{' '.join(['python bench/scale.py', *sys.argv[1:]])}\n")
    stages = ["opening (s)", "sensitivity (s)", "4-bit weights (s)", "graph and golden vectors (s)", "eps (s)"]
    peaks = ["export (s)", "export, peak GB", f"step {options.batch} (ms)", "step, peak GB"]
    table(["shape", "bundle GB", *stages, *peaks], rows)


if __name__ == "__main__":
    child(*sys.argv[2:]) if sys.argv[1:2] == ["--child"] else main()
