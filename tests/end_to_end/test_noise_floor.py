"""A user whose eps drowns in the rounding of the artifact is told so."""

import json
import shutil
from dataclasses import replace

from ..bundle.forge import edit, own_eps
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


def test_an_engine_with_an_eps_of_its_own_is_tuned_with_it(cli, tiny_bundle, files, tmp_path):
    bundle = replace(tiny_bundle, directory=shutil.copytree(tiny_bundle.directory, tmp_path / "bundle"))
    edit(bundle.directory, own_eps)
    done = cli(*tune_arguments(bundle, files, "--steps", 1))
    assert done.code == 0, done.err
    header = json.loads((files / "run" / "trajectory.jsonl").read_text().splitlines()[0])
    assert header["config"]["eps"] == 2e-3
    far = cli(*tune_arguments(bundle, files, "--steps", 1, "--eps", 0.05, "--force"))
    assert "this artifact's loss is straight, 0.002: a projected gradient" in far.err
