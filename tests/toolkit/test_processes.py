"""An export by two processes, as accelerate starts them, against that of one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from safetensors.numpy import load_file

OPTIONS = ["--windows", "5", "--window-tokens", "32", "--density", "0.02"]
BIN = Path(sys.executable).parent


def export(checkpoint: Path, out: Path, *launcher: str | Path) -> subprocess.CompletedProcess[str]:
    command = [*launcher, "export", checkpoint, "--out", out, *OPTIONS]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def launch(count: int) -> list[str | Path]:
    options = ["--cpu", "--num_processes", str(count), "--num_machines", "1", "--mixed_precision", "no"]
    more = ["--dynamo_backend", "no", "--main_process_port", "0"]
    return [BIN / "accelerate", "launch", *options, *more, "-m", "pocketzo.toolkit.cli"]


def values(bundle: Path) -> dict:
    return json.loads((bundle / "manifest.json").read_text())["values"]


def test_two_processes_choose_what_one_does_and_speak_once(tiny_checkpoint, tmp_path):
    assert export(tiny_checkpoint, tmp_path / "one", BIN / "pocketzo").returncode == 0
    done = export(tiny_checkpoint, tmp_path / "two", *launch(2))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("golden vectors agree") == 1
    one, two = (load_file(tmp_path / name / "values.safetensors") for name in ("one", "two"))
    assert one["entries"].tolist() == two["entries"].tolist()
    assert values(tmp_path / "one")["blocks"] == values(tmp_path / "two")["blocks"]
    assert abs(one["sensitivity"] / two["sensitivity"] - 1).max() < 1e-4
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one", "two"]
    again = export(tiny_checkpoint, tmp_path / "two", *launch(2))
    assert again.returncode != 0
    assert again.stderr.count("exists already") == 1
