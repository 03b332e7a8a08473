"""What a run will need: an estimate from the manifest, for `inspect` and for people who choose a device."""

from __future__ import annotations

from .manifest import Manifest

INTERPRETER = 110_000_000
"""bytes of a Python process with numpy, tokenizers and ONNX Runtime loaded, before any model"""


def estimate_bytes(manifest: Manifest, batch: int, tokens: int, labels: int = 1, directions: int = 1) -> int:
    """Peak resident bytes of the loop under ONNX Runtime, for B = `batch` examples of T = `tokens`
    tokens with L = `labels` label positions.

    The engine keeps a rearranged copy of the 4-bit weights beside the file that it maps.
    """
    model = manifest.model
    perturbations = 2 * directions
    rows = perturbations * batch * tokens
    weights = 2 * max(entry.bytes for entry in manifest.files.values())
    activations = 4 * rows * (8 * model.hidden_size + 3 * model.intermediate_size)
    logits = 3 * 4 * perturbations * batch * labels * model.vocabulary
    values = 4 * manifest.values.count * (4 + 3 * perturbations)
    return INTERPRETER + weights + activations + logits + values
