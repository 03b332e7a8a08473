"""What a run will need: an estimate from the manifest, for `inspect` and for people who choose a device."""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Sequence
from pathlib import Path

from ..bundle.manifest import Manifest
from ..config import TuneConfig
from ..engines import DEFAULT, ENGINES
from ..engines.description import Estimate
from ..errors import NotEnoughSpace
from ..examples import Example
from .cgroups import left_bytes

PROCESS = 88_000_000
"""bytes of the command's process with its libraries loaded, before any model"""
SESSION = 12_000_000
"""bytes that a session takes beside weights and activations"""
WORDS = 4096
"""words whose logits the step graph has in memory at once"""
EVALUATION = 1024
"""tokens of an evaluation batch at most"""
FLOAT = 4


def estimate(
    manifest: Manifest, batch: int, tokens: int, scored: int = 1, directions: int = 1, engine: str = DEFAULT
) -> Estimate:
    """The memory of a run on `engine`, child process included, for B = `batch` examples of T = `tokens` tokens with S =
    `scored` label positions: the larger of a step's and an evaluation's.
    """
    perturbations = 2 * directions
    steps = _activations(manifest, perturbations * batch, tokens, scored)
    evaluation = _activations(manifest, max(1, EVALUATION // tokens), tokens, scored)
    activations, values = max(steps, evaluation), FLOAT * manifest.values.count * (4 + 4 * perturbations)
    mapped = Estimate(PROCESS, _weights(manifest), activations, values)
    graph = next((graph for graph in manifest.graphs if graph.engine == engine), None)
    return ENGINES[engine].memory(manifest, graph, mapped) if graph is not None and engine in ENGINES else mapped


def _weights(manifest: Manifest) -> int:
    """Linear layers as the engine arranges them, in place of the mapped ones, and the mapped embedding table.

    Scales are widened to fp32.
    """
    quantization, model, linear = manifest.quantization, manifest.model, manifest.values.eligible_weights
    if quantization.weight_bits == 8:
        layers = linear + (FLOAT + 2) * quantization.outliers * linear // model.hidden_size
    else:
        layers = int(linear * (4 / 8 + (FLOAT + 1 / 2) / quantization.group_size))
    tables = model.vocabulary * model.hidden_size * (1 if model.tied_embedding else 2)
    per_group = (FLOAT + 1) / quantization.embedding_group_size
    return SESSION + layers + int(tables * (quantization.embedding_bits / 8 + per_group))


def _activations(manifest: Manifest, sequences: int, tokens: int, scored: int) -> int:
    """The widest of a block's MLP, its attention with all scores, and the logits of one piece of the vocabulary."""
    model = manifest.model
    rows = sequences * tokens
    mlp = rows * (4 * model.hidden_size + 5 * model.intermediate_size)
    attention = rows * 4 * model.hidden_size + 2 * sequences * model.heads * tokens**2
    words = 2 * min(model.vocabulary, WORDS) * (model.hidden_size + sequences * scored)
    return FLOAT * max(mlp, attention, words)


def head_bytes(manifest: Manifest, examples: int, labels: int) -> int:
    """What the fit of a label head for W = `labels` to A = `examples` takes, in bytes beside the loop's."""
    inputs = manifest.model.hidden_size + 1
    return examples * (28 * inputs + 40 * labels) + 32 * inputs**2 if examples else 0


def available_bytes(root: Path = Path("/")) -> int | None:
    """Memory that a new process could still take here, its container's limit included, or None where the system does
    not say. `root` is where proc and sys are.
    """
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    found = [limit] if limit != resource.RLIM_INFINITY else []
    found += left_bytes(root)
    with contextlib.suppress(OSError, ValueError, IndexError):
        lines = (root / "proc/meminfo").read_text(encoding="ascii").splitlines()
        found.append(next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")))
    return min(found, default=None)


def check_memory(manifest: Manifest, examples: Sequence[Example], config: TuneConfig, engine: str) -> None:
    """Raises NotEnoughSpace if a run on `examples` with `engine` would need more memory than there is."""
    tokens, scored = max(len(e.tokens) for e in examples), max(len(e.positions) for e in examples)
    batch = min(config.batch, len(examples))
    needed = estimate(manifest, batch, tokens, scored, config.directions, engine).total
    free = available_bytes()
    if examples[0].answer is not None:
        needed += head_bytes(manifest, min(config.head_examples, len(examples)), len(examples[0].targets))
    if free is not None and needed > free:
        planned = engine in ENGINES and ENGINES[engine].planned_memory
        smaller = ", or export with a smaller --max-tokens" if planned else ""
        raise NotEnoughSpace(
            f"a step with {batch} examples of up to {tokens} tokens needs about {needed / 1e6:,.0f} MB, and"
            f" {free / 1e6:,.0f} MB are free. Use a smaller --batch or shorter examples{smaller}; --ignore-memory tries"
            " anyway."
        )
