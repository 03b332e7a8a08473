"""Values files: the tensor `values` (fp32 [K]) and, for tuned ones, the bundle that they belong to and their step.

Those of a classification hold the label bias too, by label, and the label head: the tensor `label_head`, fp32 [W, H+1].
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open

from ..errors import bad_input
from ..label_bias import is_bias
from ..label_head import LabelHead
from ..system.files import parse_json, write_tensors
from ..tuned import Tuned

METADATA = "pocketzo"
"""key of the file's metadata: JSON with the hash of the bundle, the step, and the label bias by label, if any"""


@dataclass(frozen=True)
class ValuesFile:
    """What a values file holds; `bundle` and `step` are None in a bundle's own, `label_bias` is empty without labels.

    The rows of `label_head` are in the order of `label_bias`.
    """

    values: np.ndarray
    bundle: str | None
    step: int | None
    label_bias: dict[str, float] = field(default_factory=dict)
    label_head: LabelHead | None = None

    def tuned(self, labels: Sequence[str], where: object) -> Tuned:
        """What is tuned, in the order of a task's `labels`. Raises BadInput if it is of other labels."""
        if not labels or not self.label_bias:
            return Tuned(self.values, np.zeros(len(labels)))
        if set(self.label_bias) != set(labels):
            bad_input(
                where,
                f"was tuned for the labels {', '.join(self.label_bias)}, and the task has {', '.join(labels)}",
                "Use the task that it was tuned with",
            )
        bias = np.array([self.label_bias[label] for label in labels])
        if self.label_head is None:
            return Tuned(self.values, bias)
        order = [list(self.label_bias).index(label) for label in labels]
        return Tuned(self.values, bias, LabelHead(self.label_head.weights[order]))


def write_values(path: Path, tuned: Tuned, bundle: str, step: int, labels: Sequence[str]) -> None:
    """Write what was tuned, bound to the bundle of that hash. Raises DiskFull or BadInput if it cannot be written."""
    # One entry only: the library writes several in an order that changes from run to run.
    bias = dict(zip(labels, map(float, tuned.label_bias), strict=True))
    owner = {"bundle": bundle, "step": step} | ({"label_bias": bias} if bias else {})
    tensors = {"values": tuned.values}
    if tuned.label_head is not None:
        tensors["label_head"] = tuned.label_head.weights
    write_tensors(path, tensors, {METADATA: json.dumps(owner, ensure_ascii=False)})


def read_values(path: Path, count: int) -> ValuesFile:
    """Read a values file of K = `count`. Raises BadInput if it is damaged, of another size, or holds a NaN."""
    if path.exists() and not path.is_file():
        bad_input(path, "is not a values file but something else than a file", "Check the path")
    try:
        with safe_open(path, framework="numpy") as f:
            bundle, step, bias = _owner((f.metadata() or {}).get(METADATA))
            held: dict[str, Any] = {name: f.get_tensor(name) for name in ("values", "label_head") if name in f.keys()}  # noqa: SIM118
    except FileNotFoundError:
        bad_input(path, "there is no such values file", "Check the path")
    except (SafetensorError, OSError, ValueError, TypeError) as e:
        bad_input(path, f"is not a readable safetensors file ({e})", "Use a values file that `pocketzo tune` wrote")
    values, weights = held.get("values"), held.get("label_head")
    if values is None or values.dtype != np.float32 or values.shape != (count,):
        found = "none" if values is None else f"{values.dtype} {list(values.shape)}"
        bad_input(path, f"expected `values` as float32 [{count}], found {found}", "Use values tuned on this bundle")
    if weights is not None and (weights.dtype != np.float32 or weights.ndim != 2 or len(weights) != len(bias)):
        bad_input(path, f"`label_head` is {weights.dtype} {list(weights.shape)}", "Use values tuned on this bundle")
    if not all(np.isfinite(tensor).all() for tensor in held.values()):
        bad_input(path, "holds NaN or infinite values", "Use an earlier values file, such as best.safetensors")
    return ValuesFile(values, bundle, step, bias, None if weights is None else LabelHead(weights))


def _owner(metadata: str | None) -> tuple[str | None, int | None, dict[str, float]]:
    try:
        content = parse_json(metadata or "null")
    except ValueError:
        return None, None, {}
    if not isinstance(content, dict):
        return None, None, {}
    bundle, step, bias = content.get("bundle"), content.get("step"), content.get("label_bias", {})
    if not isinstance(bias, dict) or not all(is_bias(x) for x in bias.values()):
        raise ValueError("its label bias is not a number for each label")
    return bundle if isinstance(bundle, str) else None, step if type(step) is int else None, bias
