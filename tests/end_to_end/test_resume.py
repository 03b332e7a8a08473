"""A run that was stopped, in whatever way, goes on to the same bytes as one that never was."""

from __future__ import annotations

import fcntl
import json
import shutil

import numpy as np
import pytest
from pocketzo.runtime.label_head import LabelHead
from pocketzo.runtime.trajectory.writer import Writer
from pocketzo.toolkit.cli.progress import TuneBars

from ..torture.kill import kill_and_resume, whole_steps
from .conftest import refused
from .test_flow import tune_arguments

EVERY = ["--evaluate-every", 5]
FILES = ["trajectory.jsonl", "values.safetensors", "best.safetensors", "metrics.json"]


def contents(run):
    return {name: (run / name).read_bytes() for name in FILES}


@pytest.fixture
def go(cli, tiny_bundle, files):
    """go(*options): a run of 24 steps with a label head and an evaluation each 5."""

    def call(*more):
        return cli(*tune_arguments(tiny_bundle, files, *EVERY, "--steps", 24, *more))

    return call


@pytest.fixture
def whole(go, files):
    """The bytes of the run that was never stopped; the folder is gone."""
    assert go().code == 0
    made = contents(files / "run")
    shutil.rmtree(files / "run")
    return made


@pytest.mark.parametrize("lines", [1, 2, 3, 4, 8, 9, 10, 15, 16, 17, 23])
def test_run_cut_after_any_line_goes_on_to_the_same_bytes(go, files, whole, lines):
    run = files / "run"
    run.mkdir()
    kept = whole["trajectory.jsonl"].splitlines(keepends=True)
    (run / "trajectory.jsonl").write_bytes(b"".join(kept[:lines]) + kept[lines][:20])
    done = go("--resume")
    assert done.code == 0, done.err
    assert contents(run) == whole


def test_several_stops_make_no_difference(cli, go, tiny_bundle, files, whole):
    for steps in (3, 5, 11):
        resume = ["--resume"] if (files / "run").exists() else []
        arguments = tune_arguments(tiny_bundle, files, *EVERY, "--steps", 24, *resume)
        stopped_after(cli, arguments, steps)
    assert go("--resume").code == 0
    assert contents(files / "run") == whole


def stopped_after(cli, arguments, steps):
    """Run until a Ctrl-C in the middle of a step (the handler only notes it, so the step is finished)."""
    import os
    import signal

    from pocketzo.runtime.engines.onnx.engine import OnnxEngine

    left, original = [steps], OnnxEngine.forward

    def forward(self, batch, values):
        if len(values) == 2:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGINT)
        return original(self, batch, values)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OnnxEngine, "forward", forward)
        done = cli(*arguments)
    refused(done, "everything is saved", "--resume", code=130)


def test_a_longer_run_is_the_shorter_one_resumed(cli, tiny_bundle, files):
    run, long = files / "run", [*EVERY, "--steps", 20]
    assert cli(*tune_arguments(tiny_bundle, files, *long)).code == 0
    whole = contents(run)
    assert cli(*tune_arguments(tiny_bundle, files, *EVERY, "--steps", 10, "--force")).code == 0
    assert cli(*tune_arguments(tiny_bundle, files, *long, "--resume")).code == 0
    assert contents(run) == whole


def test_resume_takes_the_settings_of_the_run(cli, tiny_bundle, files):
    assert cli(*tune_arguments(tiny_bundle, files, "--steps", 2, "--lr", 0.01, "--seed", 5)).code == 0
    assert cli(*tune_arguments(tiny_bundle, files, "--steps", 4, "--resume")).code == 0
    assert json.loads((files / "run/metrics.json").read_text())["config"]["lr"] == 0.01


def test_a_run_that_goes_on_far_longer_keeps_its_lr_and_says_so(cli, tiny_bundle, files):
    assert cli(*tune_arguments(tiny_bundle, files, "--steps", 2)).code == 0
    done = cli(*tune_arguments(tiny_bundle, files, "--steps", 250, "--resume"))
    assert done.code == 0
    assert "--lr 0.0015 goes on; a run begun with --steps 250 has 0.0013" in done.err


def test_labels_in_another_order_are_another_run(cli, tiny_bundle, files):
    assert cli(*tune_arguments(tiny_bundle, files, "--steps", 2)).code == 0
    task = json.loads((files / "task.json").read_text())
    task["labels"] = dict(reversed(task["labels"].items()))
    (files / "task.json").write_text(json.dumps(task))
    refused(cli(*tune_arguments(tiny_bundle, files, "--steps", 4, "--resume")), "labels", "['a', 'b']", "['b', 'a']")


def test_values_tuned_for_other_labels_are_refused(cli, tiny_bundle, files):
    assert cli(*tune_arguments(tiny_bundle, files, "--steps", 2)).code == 0
    task = json.loads((files / "task.json").read_text())
    task["labels"]["c"] = task["labels"].pop("a")
    (files / "task.json").write_text(json.dumps(task))
    lines = (files / "validation.jsonl").read_text().replace('"label": "a"', '"label": "c"')
    (files / "validation.jsonl").write_text(lines)
    best = files / "run/best.safetensors"
    done = cli("evaluate", tiny_bundle.directory, "--task", files / "task.json", "--data", files / "validation.jsonl",
               "--values", best)  # fmt: skip
    refused(done, str(best), "was tuned for the labels a, b, and the task has b, c", "Use the task")


@pytest.mark.parametrize(("option", "there", "here"), [("--lr", 0.01, 0.02), ("--seed", 5, 6), ("--batch", 4, 8)])
def test_other_settings_are_refused_with_both_values(cli, tiny_bundle, files, option, there, here):
    assert cli(*tune_arguments(tiny_bundle, files, "--steps", 2, option, there)).code == 0
    refused(cli(*tune_arguments(tiny_bundle, files, "--resume", option, here)), option, str(there), str(here))


def test_other_data_task_or_bundle_is_refused(cli, tiny_bundle, tiny_checkpoint, export_once, files):
    assert cli(*tune_arguments(tiny_bundle, files, "--steps", 2)).code == 0
    other = export_once(tiny_checkpoint, density=0.03)
    refused(cli(*tune_arguments(other, files, "--resume")), tiny_bundle.hash, other.hash)
    for name, line in (("train.jsonl", '{"text": "x", "label": "a"}\n'), ("validation.jsonl", "\n")):
        before = (files / name).read_text()
        (files / name).write_text(before + line)
        refused(cli(*tune_arguments(tiny_bundle, files, "--resume")), f"made with {name.split('.')[0]}")
        (files / name).write_text(before)
    task = json.loads((files / "task.json").read_text())
    (files / "task.json").write_text(json.dumps({**task, "prompt": "{text} is"}))
    refused(cli(*tune_arguments(tiny_bundle, files, "--resume")), "made with task")


@pytest.mark.parametrize(("place", "name", "counted"), [(Writer, "step", 6), (TuneBars, "stepped", 7)])
def test_stopped_at_once_beside_a_steps_line(cli, go, tiny_bundle, files, whole, place, name, counted):
    """A second Ctrl-C does not wait: a step whose line was being written is in the trajectory and not yet counted."""
    original, left = getattr(place, name), [7]

    def interrupted(self, step):
        original(self, step)
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(place, name, interrupted)
        refused(go(), f"stopped after step {counted} of 24", "--resume", code=130)
    assert json.loads((files / "run/metrics.json").read_text())["steps"] == counted
    assert whole_steps(files / "run") == 7
    assert cli("replay", files / "run", "--bundle", tiny_bundle.directory).code == 0
    assert go("--resume").code == 0
    assert contents(files / "run") == whole


def test_stopped_while_the_label_head_is_fitted(cli, go, tiny_bundle, files, whole):
    import os
    import signal

    from pocketzo.runtime.run import fit_head

    original = fit_head.passes

    def passes(*arguments):
        for n, made in enumerate(original(*arguments)):
            if n == 0:
                os.kill(os.getpid(), signal.SIGINT)
            yield made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fit_head, "passes", passes)
        refused(go(), "stopped after step 0 of 24", "--resume", code=130)
    assert "label_head" not in (files / "run/trajectory.jsonl").read_text()
    assert go("--resume").code == 0
    assert contents(files / "run") == whole


def test_a_label_head_of_another_width_is_refused(cli, go, files):
    assert go().code == 0
    path = files / "run/trajectory.jsonl"
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    lines[2]["label_head"] = LabelHead(np.zeros((2, 4), np.float32)).encode()
    with open(path, "wb", buffering=0) as file:
        writer = Writer(file, path)
        for line in lines:
            del line["chain"]
            writer._append(line)
    refused(go("--resume"), "trajectory.jsonl, line 3", "label head that belongs there")


def test_nothing_to_resume(go):
    refused(go("--resume"), "holds no trajectory.jsonl to resume")


def test_resume_and_force_contradict(go):
    refused(go("--resume", "--force"), "give one of them", code=2)


@pytest.mark.parametrize("option", ["--resume", "--force"])
def test_a_second_process_is_refused_while_the_first_lives(go, files, option):
    assert go().code == 0
    with open(files / "run/trajectory.jsonl", "rb+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        before = contents(files / "run")
        refused(go(option), "another process is tuning in this folder")
        assert contents(files / "run") == before
    assert go(option).code == 0


def test_changed_trajectory_is_not_resumed(go, files):
    assert go().code == 0
    path = files / "run/trajectory.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"step":3', b'"step":4'))
    refused(go("--resume"), "trajectory.jsonl, line 7", "was changed")


def test_killed_at_random_moments(tiny_bundle, files):
    """The short form of `make torture`."""
    result = kill_and_resume(tiny_bundle.directory, files, kills=8, seed=1)
    assert result.kills == 8
    assert result.lost_steps == 0
    assert result.same
