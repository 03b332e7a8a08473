"""The command line as a user meets it: arguments in, exit code and two streams out."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest


class Done(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


TASK = {"kind": "classify", "prompt": "Note: {text}\nFolder:", "labels": {"a": " a", "b": " t"}}
LINES = [{"text": f"word{i} the {'sea' if i % 2 else 'hill'}", "label": "ab"[i % 2]} for i in range(24)]
HELD_OUT = [{**line, "text": f"held {line['text']}"} for line in LINES[:8]]


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """cli("tune", bundle, ...): run a command in this process."""
    from pocketzo.toolkit import cli as module
    from pocketzo.toolkit.cli import common

    def call(*arguments: Any) -> Done:
        monkeypatch.setattr("sys.argv", ["pocketzo", *map(str, arguments)])
        monkeypatch.setattr(common, "_debug", False)
        capfd.readouterr()
        with pytest.raises(SystemExit) as stopped:
            module.main()
        out, err = capfd.readouterr()
        return Done(int(stopped.value.code or 0), out, err)

    return call


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with task.json, train.jsonl and validation.jsonl for the tiny bundle."""
    (tmp_path / "task.json").write_text(json.dumps(TASK))
    for name, lines in (("train", LINES), ("validation", HELD_OUT)):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return tmp_path


@pytest.fixture
def tune(cli: Callable[..., Done], tiny_bundle: Any, files: Path) -> Callable[..., Done]:
    """tune(task=..., train=[lines], ...): a run of one step with changed files."""

    def call(*more: Any, task: Any = TASK, train: Any = LINES, validation: Any = HELD_OUT) -> Done:
        (files / "task.json").write_text(json.dumps(task))
        for name, lines in (("train", train), ("validation", validation)):
            text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
            (files / f"{name}.jsonl").write_text(text)
        done = cli("tune", tiny_bundle.directory, "--task", files / "task.json", "--train", files / "train.jsonl",
                   "--validation", files / "validation.jsonl", "--run", files / "run", "--steps", 1, *more)  # fmt: skip
        assert done.code == 0 or not (files / "run").exists()
        return done

    return call


@pytest.fixture
def checkpoint(tiny_checkpoint: Path, tmp_path: Path) -> Path:
    """A copy of the tiny checkpoint to damage."""
    return shutil.copytree(tiny_checkpoint, tmp_path / "checkpoint")


@pytest.fixture
def export(cli: Callable[..., Done], tmp_path: Path) -> Callable[..., Done]:
    """export(checkpoint, ...): refused exports must leave no bundle and no temporary folder."""

    def call(checkpoint: Any, *more: Any) -> Done:
        done = cli("export", checkpoint, "--out", tmp_path / "out", "--windows", 2, "--window-tokens", 32, *more)
        left = [p.name for p in tmp_path.iterdir() if "out" in p.name]
        assert done.code == 0 or not left, left
        return done

    return call


def refused(done: Done, *words: str, code: int = 3) -> None:
    """One message, with all of `words` in it, and no traceback."""
    assert done.code == code, done
    message = [line for line in done.err.splitlines() if line.startswith("pocketzo: ")]
    assert len(message) == 1, done.err
    assert "Traceback" not in done.err + done.out
    for word in words:
        assert word in done.err, done.err


def edit_config(checkpoint: Path, **changes: Any) -> None:
    """Change keys of config.json."""
    config = json.loads((checkpoint / "config.json").read_text())
    (checkpoint / "config.json").write_text(json.dumps({**config, **changes}))
