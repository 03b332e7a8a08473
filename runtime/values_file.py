"""Values files: the tensor `values` (fp32 [K]) and, for tuned ones, the bundle that they belong to and their step."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from .errors import bad_input
from .files import parse_json, write_tensors
from .label_bias import is_bias

METADATA = "pocketzo"
"""key of the file's metadata: JSON with the hash of the bundle, the step, and the label bias by label, if any"""


@dataclass(frozen=True)
class ValuesFile:
    """What a values file holds; `bundle` and `step` are None in a bundle's own, `label_bias` empty without labels."""

    values: np.ndarray
    bundle: str | None
    step: int | None
    label_bias: dict[str, float] = field(default_factory=dict)


def write_values(path: Path, values: np.ndarray, bundle: str, step: int, label_bias: dict[str, float]) -> None:
    """Write tuned values, bound to the bundle of that hash. Raises DiskFull or BadInput if it cannot be written."""
    # One entry only: the library writes several in an order that changes from run to run.
    owner = {"bundle": bundle, "step": step} | ({"label_bias": label_bias} if label_bias else {})
    write_tensors(path, {"values": values}, {METADATA: json.dumps(owner, ensure_ascii=False)})


def read_values(path: Path, count: int) -> ValuesFile:
    """Read a values file of K = `count`. Raises BadInput if it is damaged, of another size, or holds a NaN."""
    if path.exists() and not path.is_file():
        bad_input(path, "is not a values file but something else than a file", "Check the path")
    try:
        with safe_open(path, framework="numpy") as f:
            owner = _owner((f.metadata() or {}).get(METADATA))
            values = f.get_tensor("values") if "values" in f.keys() else None  # noqa: SIM118
    except FileNotFoundError:
        bad_input(path, "there is no such values file", "Check the path")
    except (SafetensorError, OSError, ValueError, TypeError) as e:
        bad_input(path, f"is not a readable safetensors file ({e})", "Use a values file that `pocketzo tune` wrote")
    if values is None or values.dtype != np.float32 or values.shape != (count,):
        found = "none" if values is None else f"{values.dtype} {list(values.shape)}"
        bad_input(path, f"expected `values` as float32 [{count}], found {found}", "Use values tuned on this bundle")
    if not np.isfinite(values).all():
        bad_input(path, "holds NaN or infinite values", "Use an earlier values file, such as best.safetensors")
    return ValuesFile(values, *owner)


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
