"""The settings of an export: one definition for Python, the command line and optimum-cli."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

from pocketzo.runtime.engines import DEFAULT, ENGINES, Description, check_engine
from pocketzo.runtime.errors import UsageError, bad_input

Scope = Literal["channels", "weights"]
FP32, INT8 = 1, 4
ACTIVATIONS = {FP32: "fp32", INT8: "int8"}
"""by accuracy level"""
MAX_TOKENS, MAX_LENGTH = 4096, 512
"""defaults of what a graph of planned memory takes: P * B * T of a pass, and T (or the context, if that is shorter)"""


def _engines_that(hold: Callable[[Description], bool]) -> str:
    return " or ".join(engine.name for engine in ENGINES.values() if hold(engine))


_PLANNED = _engines_that(lambda engine: engine.planned_memory)


@dataclass(frozen=True, kw_only=True)
class ExportConfig:
    """Settings of an export; each field's help, least value and choices are the command line's.

    Raises UsageError when a value lies outside its limits or does not go with another, BadInput for such a density.
    What depends on the checkpoint is checked when that is open (`toolkit/plan.py`).
    """

    calibration: Path | None = field(
        default=None,
        metadata={"help": "UTF-8 text like the model's pre-training text; a short one is built in."},
    )
    windows: int = field(default=32, metadata={"help": "Windows of the text to measure sensitivity on.", "least": 1})
    window_tokens: int = field(default=256, metadata={"help": "Tokens a window.", "least": 32})
    scope: Scope = field(
        default="channels",
        metadata={"help": "Tune whole input channels, or single weights.", "choices": get_args(Scope)},
    )
    density: float = field(default=0.001, metadata={"help": "Share of the weights to tune, over 0 and at most 1."})
    per_layer: bool = field(default=False, metadata={"help": "With --scope weights: the same share of every layer."})
    first_layer: int | None = field(
        default=None,
        metadata={"help": "First layer to tune values of (default: after three tenths of them)."},
    )
    accuracy_level: int | None = field(
        default=None,
        metadata={
            "help": "1: fp32 activations (default with 4-bit weights). 4: int8, often faster on phones, noisier.",
            "choices": tuple(ACTIVATIONS),
        },
    )
    weight_bits: Literal[4, 8] = field(
        default=4,
        metadata={
            "help": "Bits of a frozen weight: 4, or 8 for faster steps (integer products) and larger weights.",
            "choices": (4, 8),
        },
    )
    embedding_bits: Literal[4, 8] = field(
        default=8,
        metadata={
            "help": "Bits of the embedding table and the LM head: 8, or 4 for a smaller, coarser bundle.",
            "choices": (4, 8),
        },
    )
    engines: tuple[str, ...] = field(
        default=(DEFAULT,),
        metadata={
            "help": f"Engine to export for: {', '.join(ENGINES)} (repeatable; default: {DEFAULT}). The first gives eps."
        },
    )
    max_tokens: int | None = field(
        default=None,
        metadata={
            "help": f"With {_PLANNED}: tokens of a pass, all sequences and perturbations together"
            f" (default: {MAX_TOKENS}).",
            "least": 256,  # what the passes of an export's own checks take, here and below
        },
    )
    max_length: int | None = field(
        default=None,
        metadata={
            "help": f"With {_PLANNED}: tokens of a sequence (default: {MAX_LENGTH}, or the context).",
            "least": 32,
        },
    )

    def __post_init__(self) -> None:
        for f in fields(self):
            _check_value("--" + f.name.replace("_", "-"), getattr(self, f.name), f.metadata)
        self._check_engines()
        if self.weight_bits == 8 and self.accuracy_level == FP32:
            raise UsageError(
                f"--accuracy-level {FP32} goes with --weight-bits 4: 8-bit weights meet int8 activations ({INT8})."
            )
        if self.per_layer and self.scope == "channels":
            raise UsageError("--per-layer goes with --scope weights: channels are ranked over the whole model.")
        check_density(self.density)

    def _check_engines(self) -> None:
        """Raises UsageError for an engine that is not known, and for settings that none of the engines has."""
        if not self.engines:
            raise UsageError(f"--engine: none is given. Use one of: {', '.join(ENGINES)}.")
        engines, level = [check_engine(name) for name in dict.fromkeys(self.engines)], self.accuracy_level
        bounded = self.max_tokens is not None or self.max_length is not None
        if bounded and not any(engine.planned_memory for engine in engines):
            raise UsageError(f"--max-tokens and --max-length go with --engine {_PLANNED}: other graphs take any size.")
        if level is not None and not any(level in engine.accuracy_levels for engine in engines):
            theirs = sorted({level for engine in engines for level in engine.accuracy_levels})
            raise UsageError(
                f"--accuracy-level {level} goes with --engine {_engines_that(lambda e: level in e.accuracy_levels)}:"
                f" activations are {' or '.join(f'{ACTIVATIONS[level]} ({level})' for level in theirs)}"
                f" in {' and '.join(engine.name for engine in engines)}."
            )

    def resolved(self) -> ExportConfig:
        """With each engine once, and the accuracy level that None leaves open: the most exact one that an engine has,
        or int8 activations where weights have 8 bits.
        """
        engines = tuple(dict.fromkeys(self.engines))
        most_exact = min(level for name in engines for level in ENGINES[name].accuracy_levels)
        level = self.accuracy_level or (most_exact if self.weight_bits == 4 else INT8)
        return replace(self, engines=engines, accuracy_level=level)


def check_density(density: float) -> None:
    """Raises BadInput unless 0 < density <= 1."""
    if not 0 < density <= 1:
        bad_input(f"--density {density:g}", "must be over 0 and at most 1", "The paper's, and the default, is 0.001")


def _check_value(option: str, value: Any, metadata: Mapping[str, Any]) -> None:
    """Raises UsageError for a value below the least, or none of the choices, that `metadata` of its field names."""
    if value is None:
        return
    least, choices = metadata.get("least"), metadata.get("choices")
    if least is not None and value < least:
        raise UsageError(f"{option} {value}: must be at least {least}.")
    if choices is not None and value not in choices:
        raise UsageError(f"{option} {value}: must be {' or '.join(map(str, choices))}.")
