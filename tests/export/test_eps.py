"""Fitting eps: the derivative is exact, and the curve shows what int8 activations do to small perturbations."""

import numpy as np
import pytest
from pocketzo.export.check.eps import GRID, best_eps
from pocketzo.export.model.reference import value_gradient, values_in_place
from pocketzo.runtime.bundle.manifest import EpsPoint
from pocketzo.runtime.loop import mean_loss

from .reference_model import bundle_layout, dequantized_model, layerwise_of
from .test_artifact import real_batch
from .test_artifact import value_gradient as whole_gradient


def point(eps, error):
    return EpsPoint(eps=eps, error=error, correlation=0.5)


def test_the_largest_eps_that_is_as_good_as_the_best_is_chosen():
    assert best_eps([point(1e-4, 3.0), point(1e-3, 0.21), point(1e-2, 0.2), point(1e-1, 0.9)]) == 1e-2
    assert best_eps([point(1e-4, 0.45), point(1e-3, 0.52)]) == 1e-4  # beyond what can be trusted, nothing is as good
    assert best_eps([point(1e-4, 0.2), point(1e-3, 0.21), point(1e-2, 0.5)]) == 1e-3
    assert best_eps([point(1e-4, 0.001), point(1e-3, 0.002), point(1e-2, 0.019), point(1e-1, 0.1)]) == 1e-2


@pytest.mark.parametrize("scope", ["channels", "weights"])
def test_value_gradient_is_autograds(scope, export_once, tiny_checkpoint):
    bundle = export_once(tiny_checkpoint, scope=scope)
    model, layout = dequantized_model(tiny_checkpoint, bundle), bundle_layout(bundle)
    batch = real_batch(bundle.manifest.model.vocabulary)
    expected = whole_gradient(model, layout, batch, bundle.initial_values())
    with values_in_place(model, layout, bundle.initial_values()):
        gradient = value_gradient(layerwise_of(model), layout, batch)
    np.testing.assert_allclose(gradient, expected, atol=1e-3 * np.abs(expected).max())


def test_curve_and_choice_are_in_the_manifest(export_once, tiny_checkpoint):
    levels = {level: export_once(tiny_checkpoint, accuracy_level=level).manifest.estimator for level in (1, 4)}
    for estimator in levels.values():
        assert [p.eps for p in estimator.eps_curve] == list(GRID)
        assert estimator.eps == best_eps(estimator.eps_curve)
    assert levels[1].eps_curve[0].error < 0.01
    assert levels[1].eps_curve[0].correlation > 0.999
    assert levels[4].eps_curve[0].error > 1
    assert levels[4].eps > levels[1].eps_curve[0].eps


def test_measured_noise_is_what_the_curve_says(export_once, tiny_checkpoint):
    """An independent batch and other directions: projected gradients under the floor are mostly error."""
    from pocketzo.runtime.directions import directions
    from pocketzo.runtime.engines import open_engine

    bundle = export_once(tiny_checkpoint, accuracy_level=4)
    model, layout = dequantized_model(tiny_checkpoint, bundle), bundle_layout(bundle)
    batch, start = real_batch(bundle.manifest.model.vocabulary), bundle.initial_values()
    z = directions(11, 0, 16, len(start))
    exact, engine = z @ whole_gradient(model, layout, batch, start), open_engine("onnx", bundle)
    eps = np.float32(1e-4)
    plus, minus = (mean_loss(engine.forward(batch, start + s * eps * z).nll, batch.label_ids) for s in (1, -1))
    assert np.sqrt(np.mean(((plus - minus) / (2 * eps) - exact) ** 2) / np.mean(exact**2)) > 0.5
