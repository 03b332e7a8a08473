"""Kill a run with SIGKILL at random moments, resume it each time, and compare it with one that was never stopped.

python -m tests.torture.kill --bundle BUNDLE --kills 500
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

FILES = ["trajectory.jsonl", "values.safetensors", "best.safetensors", "metrics.json"]
POCKETZO = Path(sys.executable).with_name("pocketzo")
FINISH = 20
ENDLESS = 10**8


@dataclass(frozen=True)
class Torture:
    """How it went: kills that hit a live process, steps in all, steps lost, and whether all files are the same."""

    kills: int
    steps: int
    lost_steps: int
    same: bool


def kill_and_resume(bundle: Path, files: Path, kills: int, seed: int, show: bool = False) -> Torture:
    """Torture a run on `bundle` with the task and data in the folder `files`."""
    moments = random.Random(seed)
    run, lost, done = files / "tortured", 0, 0
    while done < kills:
        before = whole_lines(run)
        process = subprocess.Popen(command(bundle, files, run, ENDLESS, resume=before > 0), stderr=subprocess.DEVNULL)
        # Three in four come while steps run, the others anywhere, the start and the replay included.
        if moments.random() < 0.75:
            wait_for_line(run, before + 1, process)
            time.sleep(moments.random() ** 2 * 0.5)
        else:
            time.sleep(moments.random() * 1.0)
        process.kill()
        done += process.wait() == -9
        lost += max(0, before - whole_lines(run))
        if show:
            print(f"\r{done} kills, {whole_lines(run)} lines, {lost} lost", end="", file=sys.stderr, flush=True)  # noqa: T201
    steps = whole_steps(run) + FINISH
    subprocess.run(command(bundle, files, run, steps, resume=whole_lines(run) > 0), check=True, capture_output=True)
    whole = files / "untouched"
    subprocess.run(command(bundle, files, whole, steps, resume=False), check=True, capture_output=True)
    same = all((run / name).read_bytes() == (whole / name).read_bytes() for name in FILES)
    return Torture(done, steps, lost, same)


def command(bundle: Path, files: Path, run: Path, steps: int, resume: bool) -> list[str]:
    """The command line of a run."""
    words = [POCKETZO, "tune", bundle, "--task", files / "task.json", "--train", files / "train.jsonl", "--validation",
             files / "validation.jsonl", "--run", run, "--batch", 4, "--lr", 1e-3, "--evaluate-every", 25,
             "--steps", steps, "--threads", 1, "--resume" if resume else "--force"]  # fmt: skip
    return [str(word) for word in words]


def whole_lines(run: Path) -> int:
    """Lines of the trajectory that ended."""
    path = run / "trajectory.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def whole_steps(run: Path) -> int:
    """Steps that the trajectory holds."""
    lines = (run / "trajectory.jsonl").read_bytes().splitlines(keepends=True)
    return max((json.loads(line).get("step", 0) for line in lines if line.endswith(b"\n")), default=0)


def wait_for_line(run: Path, count: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until the trajectory has `count` lines (at most a minute)."""
    deadline = time.monotonic() + 60
    while whole_lines(run) < count and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)


def main() -> None:
    from tests.end_to_end.conftest import LINES, TASK

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder)
        (files / "task.json").write_text(json.dumps(TASK))
        for name, lines in (("train", LINES), ("validation", LINES[:8])):
            (files / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        result = kill_and_resume(options.bundle, files, options.kills, options.seed, show=True)
    print(f"\n{result}")  # noqa: T201
    sys.exit(0 if result.same and not result.lost_steps else 1)


if __name__ == "__main__":
    main()
