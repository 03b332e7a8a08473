"""The trajectory: what was written is read, what was changed is found, what was torn is dropped."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pocketzo.runtime.config import TuneConfig
from pocketzo.runtime.errors import BadInput
from pocketzo.runtime.loop import Step
from pocketzo.runtime.trajectory.evaluation import Evaluation
from pocketzo.runtime.trajectory.header import Header, config_members
from pocketzo.runtime.trajectory.reader import Reader
from pocketzo.runtime.trajectory.writer import Writer

PATH = Path("trajectory.jsonl")
FLOAT = st.floats(allow_nan=False, allow_infinity=False)


def header(**changes) -> Header:
    fields = {
        "bundle": "a" * 64, "values": 10, "hidden_size": 4, "train": "b" * 64,
        "validation": "c" * 64, "task": {"kind": "complete"},
        "engine": "onnx", "engine_version": "1", "config": config_members(TuneConfig(directions=2)), **changes,
    }  # fmt: skip
    return Header(**fields)


def written(steps: list[tuple[float, float, float]], evaluate_after: int = 2) -> bytes:
    file = io.BytesIO()
    writer = Writer(file, PATH)
    writer.header(header())
    for n, (a, b, loss) in enumerate(steps, 1):
        writer.step(Step(n, [a, b], loss, 64))
        if n % evaluate_after == 0:
            writer.evaluation(n, Evaluation(loss, 0.5, 8))
    return file.getvalue()


def read(content: bytes):
    return list(Reader(io.BytesIO(content), PATH).lines())


STEPS = st.lists(st.tuples(FLOAT, FLOAT, FLOAT), max_size=8)


@given(STEPS)
def test_what_was_written_is_read(steps):
    lines = [line for line in read(written(steps)) if line.evaluation is None]
    assert [(*line.projected_gradients, line.loss) for line in lines] == steps
    assert [line.step for line in lines] == list(range(1, len(steps) + 1))


@settings(max_examples=300)
@given(st.data())
def test_any_changed_byte_is_found_or_tears_the_last_line(data):
    content = written([(0.5, -0.25, 1.0), (1e-9, 3.0, 0.5), (2.0, 2.0, 2.0)])
    at = data.draw(st.integers(0, len(content) - 1))
    changed = bytearray(content)
    changed[at] ^= data.draw(st.integers(1, 255))
    try:
        lines = read(bytes(changed))
    except BadInput:
        return
    assert lines == read(content)[: len(lines)]
    assert at == len(content) - 1  # only the last line feed may go unnoticed: the line is torn


@given(st.integers(0, 10**6))
def test_cut_anywhere_leaves_the_whole_lines(cut):
    content = written([(0.5, -0.25, 1.0), (1e-9, 3.0, 0.5)])
    cut %= len(content)
    whole = content[:cut].count(b"\n")
    if whole == 0:
        with pytest.raises(BadInput, match="holds no whole line"):
            read(content[:cut])
        return
    reader = Reader(io.BytesIO(content[:cut]), PATH)
    assert len(list(reader.lines())) == whole - 1
    assert reader.whole_bytes == content.rindex(b"\n", 0, cut) + 1


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("a line taken out", lambda lines: lines[:2] + lines[3:]),
        ("two lines swapped", lambda lines: [lines[0], lines[2], lines[1], *lines[3:]]),
        ("a line twice", lambda lines: [*lines[:2], lines[1], *lines[2:]]),
        ("the header of another run", lambda lines: [other_header(), *lines[1:]]),
    ],
)
def test_lines_that_were_moved_are_found(name, change):
    lines = written([(0.5, -0.25, 1.0)] * 4).splitlines(keepends=True)
    with pytest.raises(BadInput, match=r"line \d+: was changed"):
        read(b"".join(change(lines)))


def other_header() -> bytes:
    file = io.BytesIO()
    Writer(file, PATH).header(header(bundle="d" * 64))
    return file.getvalue()


def resealed(*contents: dict) -> bytes:
    """Lines whose chain is right and whose content is not."""
    file = io.BytesIO()
    writer = Writer(file, PATH)
    for content in contents:
        writer._append(content)
    return file.getvalue()


GOOD = json.loads(header().model_dump_json())
STEP = {"step": 1, "g": [1.0, 2.0], "loss": 1.0}


@pytest.mark.parametrize(
    "line",
    [
        {**STEP, "step": 2},
        {**STEP, "step": True},
        {**STEP, "g": [1.0]},
        {**STEP, "g": [1.0, "2"]},
        {**STEP, "g": [1.0, 10**400]},
        {**STEP, "loss": None},
        {**STEP, "more": 1},
        {"step": 1, "evaluation": {"loss": 1.0, "accuracy": 0.5, "examples": 8}},
        {"step": 0, "evaluation": {"loss": 1.0, "accuracy": "all", "examples": 8}},
        {},
    ],
)
def test_lines_that_mean_nothing_are_refused(line):
    with pytest.raises(BadInput, match="line 2: is not the step, evaluation or label head that belongs there"):
        read(resealed(GOOD, line))


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 2},
        {"format": "other"},
        {"bundle": "x"},
        {"values": 0},
        {"config": {}},
        {"config": {**GOOD["config"], "lr": -1.0}},
        {"config": {**GOOD["config"], "directions": 10**9}},
        {"config": {**GOOD["config"], "batch": 1.5}},
        {"config": {**GOOD["config"], "steps": 5}},
        {"surprise": 1},
    ],
)
def test_headers_that_are_none_are_refused(changes):
    with pytest.raises(BadInput, match="line 1 is no header"):
        read(resealed({**GOOD, **changes}))


def test_a_step_takes_at_most_300_bytes_at_the_defaults():
    file = io.BytesIO()
    writer = Writer(file, PATH)
    writer.step(Step(10**9, [-1.2345678901234567e-300], 1.2345678901234567e-300, 64))
    assert len(file.getvalue()) <= 300


LABELLED = {"kind": "classify", "prompt": "{text}", "labels": {"x": " x", "y": " y"}}


@pytest.mark.parametrize(
    ("task", "bias", "good"),
    [
        (LABELLED, [0.5, -0.5], True),
        (LABELLED, [], False),
        (LABELLED, [0.5], False),
        (LABELLED, [0, 0], False),
        (LABELLED, [1e308, 0.0], False),
        ({"kind": "complete"}, [0.5, -0.5], False),
    ],
)
def test_a_step_has_a_bias_for_each_label_of_its_task(task, bias, good):
    file = io.BytesIO()
    writer = Writer(file, PATH)
    writer.header(header(task=task))
    writer.step(Step(1, [1.0, 2.0], 0.5, 64, bias))
    if good:
        assert read(file.getvalue())[0].label_bias == bias
    else:
        with pytest.raises(BadInput, match="line 2: is not the step, evaluation or label head that belongs there"):
            read(file.getvalue())
