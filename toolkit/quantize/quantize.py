"""4- and 8-bit weights: each group's scale and zero point searched for the least squared error of the output.

The error of a group is sum_j m_j (w_j - (q_j - zero_point) scale)^2, where m_j is the importance of input channel j.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from pocketzo.export.weights.packing import Bits, Quantized

SMALLEST_SCALE = 2.0**-20
"""what fp16 still holds"""
SHRINKS = np.linspace(1.0, 0.6, 9)
REFINEMENTS = 2
FLOOR = 1e-4
"""share of a layer's mean importance that every channel counts at least, so that no weight is free to go anywhere"""
CHUNK = 1 << 18
"""weights done at a time: few enough to stay near the cache, enough to make each operation worth its start"""


def quantize(
    weight: torch.Tensor,
    importance: torch.Tensor,
    group_size: int,
    sensitive: torch.Tensor | None = None,
    bits: Bits = 4,
    bfloat16: bool = False,
) -> Quantized:
    """Quantize `weight` (fp32 [R, C]) under the `importance` (fp32 [C]) of its input channels.

    Entries where `sensitive` (bool [R, C]) holds are kept elsewhere in fp32: they dequantize to exactly 0 and their
    error counts nothing. With `bfloat16` every scale, fp16, is a number that bfloat16 has too, as XNNPACK stores
    scales, so that engines of either type compute with the same weights. Rows are done about `CHUNK` weights at a
    time, on as many threads as torch has.
    """
    floor = importance.mean() * FLOOR + torch.finfo(torch.float32).tiny
    rows = max(1, CHUNK // weight.shape[1])

    def chunk(start: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        part = weight[start : start + rows]
        left_out = None if sensitive is None else sensitive[start : start + rows]
        return _quantize_rows(part, (importance + floor).expand_as(part), group_size, left_out, 2**bits - 1, bfloat16)

    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        parts = list(pool.map(chunk, range(0, len(weight), rows)))
    codes, scales, zero_points = (torch.cat(p).numpy() for p in zip(*parts, strict=True))
    return Quantized(codes.reshape(len(weight), -1), scales, zero_points, weight.shape[1], bits)


def _quantize_rows(
    weight: torch.Tensor, m: torch.Tensor, group_size: int, left_out: torch.Tensor | None, levels: int, bfloat16: bool
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    padding = -weight.shape[1] % group_size
    if left_out is not None:
        weight, m = weight.masked_fill(left_out, 0), m.masked_fill(left_out, 0)

    def by_group(x: torch.Tensor) -> torch.Tensor:
        # [group_size, groups]: what a group shares is then broadcast and summed along vectors, several times as fast.
        return torch.nn.functional.pad(x, (0, padding)).reshape(-1, group_size).T.contiguous()

    w, m = by_group(weight), by_group(m)
    scale, zero = _search(w, m, levels, bfloat16)
    for _ in range(REFINEMENTS):
        scale, zero = _refine(w, m, scale, zero, levels, bfloat16)
    codes = _codes(w, scale, zero, levels)
    if left_out is not None:
        codes = torch.where(by_group(left_out), zero, codes)
    of_rows = (len(weight), -1)
    codes = codes.to(torch.uint8).T.reshape(of_rows)
    return codes, scale.half().reshape(of_rows), zero.to(torch.uint8).reshape(of_rows)


def _codes(w: torch.Tensor, scale: torch.Tensor, zero: torch.Tensor, levels: int) -> torch.Tensor:
    return torch.round(w / scale + zero).clamp_(0, levels)


def _error(
    w: torch.Tensor, m: torch.Tensor, steps: torch.Tensor, scale: torch.Tensor, zero: torch.Tensor, levels: int
) -> torch.Tensor:
    """The error of each group; `steps` is w / scale, which several zero points share."""
    off = (steps + zero).round_().clamp_(0, levels)
    off.sub_(zero).mul_(scale).sub_(w)
    return (m * off).mul_(off).sum(0)


def _search(w: torch.Tensor, m: torch.Tensor, levels: int, bfloat16: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """The best of a grid: the range of the group (0 included) shrunk by each factor, three zero points each."""
    low, high = w.amin(0).clamp(max=0), w.amax(0).clamp(min=0)
    full = ((high - low) / levels).clamp(min=SMALLEST_SCALE)
    best = (torch.full_like(full, torch.inf), full, torch.zeros_like(full))
    for shrink in SHRINKS:
        scale = _stored(full * float(shrink), bfloat16)
        best = _better(best, w, m, scale, torch.round(-low * float(shrink) / scale), levels)
    return best[1], best[2]


def _stored(scale: torch.Tensor, bfloat16: bool) -> torch.Tensor:
    """The scale as it will be stored, so that codes are chosen for what the engine multiplies by."""
    stored = scale.clamp(min=SMALLEST_SCALE).half().float()
    # bfloat16 has fewer digits than fp16, so what it makes of an fp16 number is one again.
    return stored.bfloat16().float() if bfloat16 else stored


def _refine(
    w: torch.Tensor, m: torch.Tensor, scale: torch.Tensor, zero: torch.Tensor, levels: int, bfloat16: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """The scale that is best for the codes at hand (weighted least squares), if it is better."""
    codes = _codes(w, scale, zero, levels).sub_(zero)
    weighed = m * codes
    fitted = (weighed * w).sum(0) / weighed.mul_(codes).sum(0).clamp(min=1e-30)
    fitted = torch.where(fitted > 0, _stored(fitted, bfloat16), scale)
    best = (_error(w, m, w / scale, scale, zero, levels), scale, zero)
    best = _better(best, w, m, fitted, zero, levels)
    return best[1], best[2]


def _better(
    best: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
    w: torch.Tensor,
    m: torch.Tensor,
    scale: torch.Tensor,
    middle: torch.Tensor,
    levels: int,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """`best` (error, scale, zero point), or `scale` with `middle` or a neighbour of it as zero point where better."""
    steps = w / scale
    for shift in (-1, 0, 1):
        zero = (middle + shift).clamp_(0, levels)
        error = _error(w, m, steps, scale, zero, levels)
        less = error < best[0]
        best = tuple(torch.where(less, new, old) for new, old in zip((error, scale, zero), best, strict=True))  # type: ignore[assignment]
    return best
