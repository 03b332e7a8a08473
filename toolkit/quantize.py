"""4- and 8-bit weights: each group's scale and zero point searched for the least squared error of the output.

The error of a group is sum_j m_j (w_j - (q_j - zero_point) scale)^2, where m_j is the importance of input channel j.
"""

from __future__ import annotations

import numpy as np
import torch
from pocketzo.export.packing import Bits, Quantized

SMALLEST_SCALE = 2.0**-20
"""what fp16 still holds"""
SHRINKS = np.linspace(1.0, 0.6, 9)
REFINEMENTS = 2
FLOOR = 1e-4
"""share of a layer's mean importance that every channel counts at least, so that no weight is free to go anywhere"""
ROWS = 4096


def quantize(
    weight: torch.Tensor,
    importance: torch.Tensor,
    group_size: int,
    sensitive: torch.Tensor | None = None,
    bits: Bits = 4,
) -> Quantized:
    """Quantize `weight` (fp32 [R, C]) under the `importance` (fp32 [C]) of its input channels.

    Entries where `sensitive` (bool [R, C]) holds are kept elsewhere in fp32: they dequantize to exactly 0 and their
    error counts nothing. Rows are done `ROWS` at a time, so that memory does not grow with the matrix.
    """
    parts = []
    floor = importance.mean() * FLOOR + torch.finfo(torch.float32).tiny
    for start in range(0, len(weight), ROWS):
        rows = slice(start, start + ROWS)
        held = None if sensitive is None else sensitive[rows]
        m = (importance + floor).expand_as(weight[rows])
        parts.append(_quantize_rows(weight[rows], m, group_size, held, 2**bits - 1))
    codes, scales, zero_points = (torch.cat(p).numpy() for p in zip(*parts, strict=True))
    return Quantized(codes.reshape(len(weight), -1), scales, zero_points, weight.shape[1], bits)


def _quantize_rows(
    weight: torch.Tensor, m: torch.Tensor, group_size: int, held: torch.Tensor | None, levels: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    padding = -weight.shape[1] % group_size
    if held is not None:
        weight, m = weight.masked_fill(held, 0), m.masked_fill(held, 0)
    w, m = (torch.nn.functional.pad(t, (0, padding)).reshape(len(weight), -1, group_size) for t in (weight, m))
    scale, zero = _search(w, m, levels)
    for _ in range(REFINEMENTS):
        scale, zero = _refine(w, m, scale, zero, levels)
    codes = _codes(w, scale, zero, levels)
    if held is not None:
        held = torch.nn.functional.pad(held, (0, padding)).reshape(w.shape)
        codes = torch.where(held, zero[..., None], codes)
    return codes.to(torch.uint8), scale.half(), zero.to(torch.uint8)


def _codes(w: torch.Tensor, scale: torch.Tensor, zero: torch.Tensor, levels: int) -> torch.Tensor:
    return torch.round(w / scale[..., None] + zero[..., None]).clamp_(0, levels)


def _error(w: torch.Tensor, m: torch.Tensor, scale: torch.Tensor, zero: torch.Tensor, levels: int) -> torch.Tensor:
    off = (_codes(w, scale, zero, levels) - zero[..., None]) * scale[..., None] - w
    return (m * off * off).sum(-1)


def _search(w: torch.Tensor, m: torch.Tensor, levels: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The best of a grid: the range of the group (0 included) shrunk by each factor, three zero points each."""
    low, high = w.amin(-1).clamp(max=0), w.amax(-1).clamp(min=0)
    full = ((high - low) / levels).clamp(min=SMALLEST_SCALE)
    best = (torch.full_like(full, torch.inf), full, torch.zeros_like(full))
    for shrink in SHRINKS:
        scale = _stored(full * float(shrink))
        middle = torch.round(-low * float(shrink) / scale)
        for shift in (-1, 0, 1):
            best = _better(best, w, m, scale, (middle + shift).clamp(0, levels), levels)
    return best[1], best[2]


def _stored(scale: torch.Tensor) -> torch.Tensor:
    """The scale as it will be stored, so that codes are chosen for what the engine multiplies by."""
    return scale.clamp(min=SMALLEST_SCALE).half().float()


def _refine(
    w: torch.Tensor, m: torch.Tensor, scale: torch.Tensor, zero: torch.Tensor, levels: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """The scale that is best for the codes at hand (weighted least squares), if it is better."""
    steps = _codes(w, scale, zero, levels) - zero[..., None]
    fitted = (m * steps * w).sum(-1) / (m * steps * steps).sum(-1).clamp(min=1e-30)
    fitted = torch.where(fitted > 0, _stored(fitted), scale)
    best = (_error(w, m, scale, zero, levels), scale, zero)
    for shift in (-1, 0, 1):
        best = _better(best, w, m, fitted, (zero + shift).clamp(0, levels), levels)
    return best[1], best[2]


def _better(
    best: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
    w: torch.Tensor,
    m: torch.Tensor,
    scale: torch.Tensor,
    zero: torch.Tensor,
    levels: int,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    error = _error(w, m, scale, zero, levels)
    less = error < best[0]
    return tuple(torch.where(less, new, old) for new, old in zip((error, scale, zero), best, strict=True))  # type: ignore[return-value]
