"""A user whose eps drowns in the rounding of the artifact is told so."""

import json

from .test_flow import tune_arguments


def test_tuning_in_the_noise_floor_is_warned_about(cli, export_once, tiny_checkpoint, files):
    bundle = export_once(tiny_checkpoint, accuracy_level=4)
    noisy = tune_arguments(bundle, files, "--steps", 1, "--eps", 1e-4, "--json")
    done = cli(*noisy)
    assert done.code == 0
    assert "Warning: --eps 0.0001 is under the noise floor of this artifact" in done.err
    assert json.loads(done.out)["steps"] == 1
    own = cli(*tune_arguments(bundle, files, "--steps", 1, "--json", "--force"))
    assert own.code == 0
    assert "Warning" not in own.err
