"""llama.cpp's reading of a GGUF file, where llama-cpp-python is installed: llama.cpp is what GGUF means."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from pocketzo.runtime.errors import bad_input

from ..checkpoint import Checkpoint
from .other import Other

PROBE = "In 2023 we paid 12345 for 67,890.12;  don't\tsay I'LL\n\n\nCafé naïve: x = [1, 2];  // ok\n 3 a  1"
"""a text whose tokens depend on the pre-tokenizer"""
FLOAT = 4
SHOWN = 200
"""characters of what llama.cpp says that a message shows"""
REFUSED = 3
"""the child's exit code for a file that llama.cpp does not take"""


def llama_nll(opened: Checkpoint, ids: np.ndarray, folder: Path) -> Other:
    """The nll that llama.cpp gives each of `ids` (int64 [T]) but the first, on the file's weights widened to fp32.

    llama.cpp widens them itself, into a file in `folder`: with quantized weights it would round the activations too.
    Its own process dies alone. Raises BadInput if llama.cpp does not take the file, or makes other tokens of a text.
    """
    try:
        by = f"llama.cpp (llama-cpp-python {version('llama-cpp-python')})"
    except PackageNotFoundError:
        return Other("llama-cpp-python is not installed", None)
    needed, free = FLOAT * opened.parameters, shutil.disk_usage(folder).free
    if free < needed:
        return Other(f"{needed / 1e6:,.0f} MB of disk for it are not free", None)
    wide, given, found = (folder / f"llama.{name}" for name in ("gguf", "npy", "npz"))
    np.save(given, ids)
    paths = [str(path) for path in (opened.source.where, wide, given, found)]
    # -P: no module of the folder that the command is called in, which may be the checkpoint's.
    child = [sys.executable, "-P", "-m", f"{__package__}.llama_child", *paths, PROBE]
    try:
        done = subprocess.run(child, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
        if done.returncode:
            return _without_result(opened, by, done.returncode, done.stderr)
        with np.load(found, allow_pickle=False) as result:
            _check_tokens(opened, by, result["tokens"].tolist())
            return Other(by, result["nll"])
    finally:
        for path in (wide, given, found):
            path.unlink(missing_ok=True)


def _without_result(opened: Checkpoint, by: str, code: int, stderr: str) -> Other:
    """Why a child that ended with `code` gave none. Raises BadInput if llama.cpp does not take the file."""
    said = [line.strip()[:SHOWN] for line in stderr.splitlines() if line.strip()] or ["without a word"]
    if code == REFUSED:
        reason = next((line for line in reversed(said) if "error" in line), said[-1])
        fix = "Convert the model again, or upgrade llama-cpp-python"
        bad_input(opened.source.where, f"{by} refuses the file ({reason})", fix)
    return Other(f"{by} ended before it gave a result ({f'signal {-code}' if code < 0 else said[-1]})", None)


def _check_tokens(opened: Checkpoint, by: str, theirs: list[int]) -> None:
    ours = opened.tokenizer.backend.encode(PROBE, add_special_tokens=False).ids
    if ours == theirs:
        return
    at = next((i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), min(len(ours), len(theirs)))
    bad_input(
        opened.source.where,
        f"pocketzo and {by} make other tokens of {PROBE!r}: from number {at} on {ours[at : at + 4]} here and"
        f" {theirs[at : at + 4]} there",
        "The bundle was not written: report it with the checkpoint's name",
    )
