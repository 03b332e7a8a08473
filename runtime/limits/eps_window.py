"""The window of eps in which an artifact's projected gradient can be trusted, from the curve in its manifest."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..bundle.manifest import EpsPoint, Estimator

TRUSTED = 0.5
"""largest error, as a share of the derivatives' root mean square, of a projected gradient that is worth its passes"""


def window(curve: Sequence[EpsPoint]) -> tuple[float, float]:
    """The noise floor, below which rounding makes the error larger than TRUSTED, and the end of the straight range.

    Between points the error is interpolated (both logarithms); below the smallest it grows as 1 / eps, as rounding
    does, and beyond the largest nothing is known. Both are the best point's eps if no point can be trusted.
    """
    best = min(range(len(curve)), key=lambda i: curve[i].error)
    if curve[best].error > TRUSTED:
        return curve[best].eps, curve[best].eps
    low = high = best
    while low > 0 and curve[low - 1].error <= TRUSTED:
        low -= 1
    while high < len(curve) - 1 and curve[high + 1].error <= TRUSTED:
        high += 1
    floor = _crossing(curve[low], curve[low - 1]) if low else curve[0].eps * min(1.0, curve[0].error / TRUSTED)
    end = _crossing(curve[high], curve[high + 1]) if high < len(curve) - 1 else curve[-1].eps
    return floor, end


def _crossing(inside: EpsPoint, outside: EpsPoint) -> float:
    """The eps between two points at which the error is TRUSTED."""
    start = math.log(max(inside.error, 1e-12))
    share = (math.log(TRUSTED) - start) / (math.log(outside.error) - start)
    return math.exp(math.log(inside.eps) + share * (math.log(outside.eps) - math.log(inside.eps)))


def warning(estimator: Estimator, eps: float) -> str | None:
    """What to tell someone who tunes with `eps`, or None if the artifact's curve has nothing against it."""
    if not estimator.eps_curve:
        return None
    floor, end = window(estimator.eps_curve)
    best = max(point.correlation for point in estimator.eps_curve)
    better = f"The bundle's own is {estimator.eps:g} (the best correlation that its artifact reaches is {best:.3f})."
    if min(point.error for point in estimator.eps_curve) > TRUSTED:
        return f"no eps gives this artifact a trustworthy projected gradient: the best correlation is {best:.3f}."
    if eps < floor:
        return (
            f"--eps {eps:g} is under the noise floor of this artifact, {floor:.2g}: more than half of a projected"
            f" gradient is rounding. {better}"
        )
    if eps > end:
        return (
            f"--eps {eps:g} is beyond the range in which this artifact's loss is straight, {end:.2g}: a projected"
            f" gradient is more than half error. {better}"
        )
    return None
