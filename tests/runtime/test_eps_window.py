"""The window of eps: where a curve says that a projected gradient is worth its passes."""

import pytest
from pocketzo.runtime.bundle.manifest import EpsPoint, Estimator
from pocketzo.runtime.limits.eps_window import TRUSTED, warning, window


def curve(*errors: float) -> list[EpsPoint]:
    """Errors at 1e-4, 1e-3, 1e-2, ..."""
    return [EpsPoint(eps=1e-4 * 10**i, error=e, correlation=1 - e / 10) for i, e in enumerate(errors)]


def estimator(points: list[EpsPoint], eps: float) -> Estimator:
    return Estimator(kind="two-point", directions="rademacher", rng="philox4x64-10", eps=eps, eps_curve=points)


def test_window_lies_where_the_error_crosses_the_limit():
    floor, end = window(curve(5, 0.05, 0.05, 5))
    assert floor == pytest.approx(10**-3.5)
    assert end == pytest.approx(10**-1.5)


def test_below_the_smallest_eps_rounding_grows_as_its_inverse():
    floor, end = window(curve(0.1, 0.01, 0.2))
    assert floor == pytest.approx(1e-4 * 0.1 / TRUSTED)
    assert end == pytest.approx(1e-2)


def test_each_side_is_warned_about_and_the_middle_is_not():
    e = estimator(curve(5, 0.05, 0.05, 5), 1e-3)
    assert "--eps 0.0002 is under the noise floor of this artifact, 0.00032" in warning(e, 2e-4)
    assert "The bundle's own is 0.001 (the best correlation that its artifact reaches is 0.995)" in warning(e, 2e-4)
    assert "--eps 0.05 is beyond the range in which this artifact's loss is straight, 0.032" in warning(e, 0.05)
    assert warning(e, 4e-4) is None
    assert warning(e, 0.03) is None


def test_an_artifact_that_no_eps_suits_says_so():
    for eps in (1e-4, 1e-3, 1e-2):
        e = estimator(curve(5, 0.9, 2), eps)
        assert "no eps gives this artifact a trustworthy projected gradient" in warning(e, eps)


def test_a_manifest_without_a_curve_warns_of_nothing():
    assert warning(estimator([], 1e-3), 1e-9) is None
