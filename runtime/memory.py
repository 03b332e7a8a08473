"""What a run will need: an estimate from the manifest, for `inspect` and for people who choose a device."""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Sequence
from pathlib import Path

from .config import TuneConfig
from .errors import NotEnoughRoom
from .examples import Example
from .manifest import Manifest

INTERPRETER = 110_000_000
"""bytes of a Python process with numpy, tokenizers and ONNX Runtime loaded, before any model"""
WORDS = 4096
"""words whose logits the step graph has in memory at once"""


def estimate_bytes(manifest: Manifest, batch: int, tokens: int, scored: int = 1, directions: int = 1) -> int:
    """Peak resident bytes of the loop under ONNX Runtime, for B = `batch` examples of T = `tokens`
    tokens with S = `scored` label positions.

    The engine keeps a rearranged copy of the quantized weights beside the file that it maps.
    """
    model = manifest.model
    perturbations = 2 * directions
    rows = perturbations * batch * tokens
    weights = 2 * max(entry.bytes for entry in manifest.files.values())
    activations = 4 * rows * (8 * model.hidden_size + 3 * model.intermediate_size)
    words = min(model.vocabulary, WORDS)
    head = 2 * 4 * words * (model.hidden_size + perturbations * batch * scored)
    values = 4 * manifest.values.count * (4 + 3 * perturbations)
    return INTERPRETER + weights + activations + head + values


def head_bytes(manifest: Manifest, examples: int, labels: int) -> int:
    """What the fit of a label head for W = `labels` to N = `examples` takes, in bytes beside the loop's."""
    inputs = manifest.model.hidden_size + 1
    return examples * (28 * inputs + 40 * labels) + 32 * inputs**2 if examples else 0


def available_bytes() -> int | None:
    """Memory that a new process could still take here, or None where the system does not say."""
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    found = [limit] if limit != resource.RLIM_INFINITY else []
    with contextlib.suppress(OSError, ValueError, IndexError):
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        found.append(next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")))
    return min(found, default=None)


def check_memory(manifest: Manifest, examples: Sequence[Example], config: TuneConfig) -> None:
    """Raises NotEnoughRoom if a run on `examples` would need more memory than there is."""
    tokens, scored = max(len(e.tokens) for e in examples), max(len(e.positions) for e in examples)
    batch = min(config.batch, len(examples))
    needed, free = estimate_bytes(manifest, batch, tokens, scored, config.directions), available_bytes()
    if examples[0].answer is not None:
        needed += head_bytes(manifest, min(config.head_examples, len(examples)), len(examples[0].targets))
    if free is not None and needed > free:
        raise NotEnoughRoom(
            f"a step with {batch} examples of up to {tokens} tokens needs about {needed / 1e6:,.0f} MB, and"
            f" {free / 1e6:,.0f} MB are free. Use a smaller --batch or shorter examples; --ignore-memory tries anyway."
        )
