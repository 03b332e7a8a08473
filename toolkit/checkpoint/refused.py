"""What people have in a checkpoint's place and cannot be exported: adapters, quantized weights, pointers, web pages."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pocketzo.runtime.errors import BadInput, bad_input
from pocketzo.runtime.system.files import open_regular, read_json

ADAPTER_CONFIG = "adapter_config.json"
ADAPTERS = (ADAPTER_CONFIG, "adapter_model.safetensors", "adapter_model.bin", "adapters.safetensors", "adapters.npz")
"""files of PEFT and of mlx-lm, each of which means that the folder's weights are not all there is to the model"""
LFS_POINTER = b"version https://git-lfs.github.com/spec/"
PAGES = (b"<!doctype html", b"<html", b"<?xml")
QUANTIZATION_KEYS = ("quantization_config", "compression_config", "quantization")
METHODS = {"gptq": "GPTQ", "awq": "AWQ", "fbgemm_fp8": "fp8", "auto-round": "AutoRound", "modelopt": "ModelOpt"}
"""names of methods that a configuration writes otherwise"""
QUANTIZED_TENSORS = {
    ".qweight": "GPTQ or AWQ",
    ".weight_packed": "compressed-tensors",
    ".SCB": "bitsandbytes",
    ".absmax": "bitsandbytes",
    ".weight_scale_inv": "fp8",
    ".weight_scale": "fp8 or compressed-tensors",
    ".scales": "MLX",
}
"""how the name of a tensor ends that stands beside quantized weights, and by what these then are quantized"""


def check_real_file(path: Path) -> None:
    """Raises BadInput if a Git LFS pointer or a web page stands at `path` instead of the file itself."""
    with open_regular(path, "file of a checkpoint") as file:
        start = file.read(512).removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith(LFS_POINTER):
        why = "is a Git LFS pointer, not the file itself"
        bad_input(path, why, "Run `git lfs pull` where the repository was cloned, or fetch it with `hf download`")
    if start.startswith(PAGES):
        why = "is a web page, not the file itself"
        bad_input(path, why, "Download the file again, with `hf download` or by its download link")


def check_no_adapter(folder: Path) -> None:
    """Raises BadInput, naming the base, if an adapter is in `folder`, be it alone or beside a model."""
    found = next((name for name in ADAPTERS if (folder / name).is_file()), None)
    if found is None:
        return
    base = _base(folder / ADAPTER_CONFIG)
    adapter = f"an adapter of {base}" if base else "an adapter"
    if (folder / "config.json").is_file():
        fix = "Merge it into its base first, or take it out of the folder to export the model without it"
        bad_input(folder, f"holds {adapter} ({found}) beside a model", fix)
    bad_input(folder, f"is {adapter} ({found}), not a model", "Merge it into its base first, and give what that makes")


def _base(path: Path) -> str | None:
    """The name of the model that an adapter belongs to, if its configuration says it: PEFT's key, or mlx-lm's."""
    try:
        config = read_json(path, "configuration of an adapter")
    except BadInput:
        return None
    said = [config.get(key) for key in ("base_model_name_or_path", "model")] if isinstance(config, dict) else []
    return next((name for name in said if isinstance(name, str) and name), None)


def check_not_quantized(config: dict[str, Any], path: Path) -> None:
    """Raises BadInput if `config`, read from `path`, says that the weights are quantized; null says they are not."""
    for key in QUANTIZATION_KEYS:
        if (said := config.get(key)) is not None:
            _refuse_quantized(path, f'"{key}" names {_method(said)}')


def check_no_quantized_tensor(names: Iterable[str], where: Path) -> None:
    """Raises BadInput if one of the tensors `names` belongs to quantized weights."""
    for name in names:
        for end, method in QUANTIZED_TENSORS.items():
            if name.endswith(end):
                _refuse_quantized(where, f"{name} is of {method}")


def _method(said: Any) -> str:
    if not isinstance(said, dict):
        return repr(said)
    if isinstance(method := said.get("quant_method"), str):
        return METHODS.get(method, method)
    if "load_in_4bit" in said or "load_in_8bit" in said:
        return "bitsandbytes"
    return "MLX" if {"bits", "group_size"} <= said.keys() else "no method that is known"


def _refuse_quantized(where: Path, why: str) -> None:
    bad_input(where, f"the checkpoint is quantized already ({why})", "Give the one that is not: pocketzo does it")
