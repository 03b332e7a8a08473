"""Data that is not what it seems: values that are no text, compressed files, records that are on both sides."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma

import pytest

from .conftest import LINES, TASK, refused

NUMBERED = {**TASK, "labels": {"0": " a", "1": " t"}}


@pytest.mark.parametrize(
    ("label", "said"),
    [
        (1.0, 'the label is the number 1.0, and must be a text (labels: 0, 1). Write "label": "1".'),
        (1.5, "the label is the number 1.5, and must be a text (labels: 0, 1). Write one of the labels, in quotes."),
        (True, "the label is true, a boolean, and must be a text"),
        (None, "the label is null, and must be a text"),
        (["1"], "the label is an array, and must be a text"),
        ({"is": "1"}, "the label is an object, and must be a text"),
        (7, 'label "7" is not one of the task\'s'),
    ],
)
def test_label_that_is_no_text(tune, label, said):
    done = tune(task=NUMBERED, train=[{"text": "x", "label": 1}, {"text": "x", "label": label}])
    refused(done, f"train.jsonl, line 2: {said}")
    assert "lacks" not in done.err


@pytest.mark.parametrize("labels", [["false", "true"], ["False", "True"]])
def test_booleans_are_told_which_label_they_mean(tune, labels):
    task = {**TASK, "labels": dict(zip(labels, (" a", " t"), strict=True))}
    done = tune(task=task, train=[{"text": "x", "label": True}])
    refused(done, f'the label is true, a boolean, and must be a text (labels: {", ".join(labels)}). Write "label": '
                  f'"{labels[1]}".')  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (1.0, '"text" is the number 1.0, and must be a text. Write it in quotes: "1.0".'),
        (False, '"text" is false, a boolean, and must be a text. Write it in quotes: "false".'),
        (None, '"text" is null, and must be a text. Write a text, in quotes.'),
        (["x"], '"text" is an array, and must be a text'),
        ({}, '"text" is an object, and must be a text'),
    ],
)
def test_text_that_is_none(tune, text, said):
    done = tune(train=[{"text": text, "label": "a"}])
    refused(done, f"train.jsonl, line 1: {said}")
    assert "lacks" not in done.err


@pytest.mark.parametrize(
    ("line", "said"),
    [("null", "null"), ("3", "the number 3"), ("true", "true, a boolean"), ('"x"', "a text"), ("[1]", "an array")],
)
def test_line_that_is_no_object(tune, line, said):
    refused(tune(train=[line]), f"train.jsonl, line 1: is {said}, and must be an object")


@pytest.fixture
def evaluate(cli, tiny_bundle, files):
    """evaluate(content): on a data file of these bytes."""

    def call(content):
        (files / "data.jsonl.gz").write_bytes(content)
        return cli("evaluate", tiny_bundle.directory, "--task", files / "task.json", "--data", files / "data.jsonl.gz",
                   "--json")  # fmt: skip

    return call


def lines(records=LINES):
    return "".join(json.dumps(record) + "\n" for record in records).encode()


def test_gzip_is_read_as_what_it_holds(evaluate):
    plain = evaluate(lines())
    assert plain.code == 0, plain.err
    assert json.loads(plain.out)["examples"] == len(LINES)
    in_parts = gzip.compress(lines(LINES[:5])) + gzip.compress(lines(LINES[5:]))
    for content in (gzip.compress(lines()), in_parts):
        assert evaluate(content).out == plain.out


def test_a_line_within_gzip_is_named(evaluate):
    refused(evaluate(gzip.compress(lines() + b'{"text": "x", "label": NaN}')), "line 25: is not JSON (NaN")


@pytest.mark.parametrize("size", [2, 12, 40, -9, -1])
def test_gzip_that_is_truncated(evaluate, size):
    refused(evaluate(gzip.compress(lines())[:size]), "gzip that is truncated or damaged", "Copy it again")


def test_gzip_that_is_damaged(evaluate):
    content = bytearray(gzip.compress(lines()))
    content[-6] ^= 1  # of the checksum
    refused(evaluate(bytes(content)), "gzip that is truncated or damaged")


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (bz2.compress(b"{}"), "bzip2"),
        (lzma.compress(b"{}"), "xz"),
        (b"PK\x03\x04and more", "zip"),
        (b"\x28\xb5\x2f\xfdand more", "zstd"),
        (b"7z\xbc\xaf\x27\x1cand more", "7-Zip"),
    ],
)
def test_other_compressed_files_are_named(evaluate, content, name):
    refused(evaluate(content), f"the data file is compressed by {name}, which is not read", "compress it by gzip")


def test_little_that_unpacks_to_very_much_fills_no_memory(tmp_path):
    import tracemalloc

    from pocketzo.runtime.errors import BadInput
    from pocketzo.runtime.system.files import CHUNK
    from pocketzo.runtime.tasks.compressed import unpacked

    bomb = gzip.compress(bytes(1 << 20)) * 64
    assert len(unpacked(bomb, tmp_path, "data file", 64 << 20)) == 64 << 20
    tracemalloc.start()
    with pytest.raises(BadInput, match="unpacks to more than 67,108,863 bytes, the limit"):
        unpacked(bomb, tmp_path, "data file", (64 << 20) - 1)
    assert tracemalloc.get_traced_memory()[1] < 3 * CHUNK
    tracemalloc.stop()


def test_records_on_both_sides_are_said_before_the_run(tune):
    new = [{"text": f"new {i}", "label": "a"} for i in range(4)]
    contradicted = {**LINES[0], "label": "b" if LINES[0]["label"] == "a" else "a"}
    done = tune("--json", validation=[*LINES[:3], contradicted, *new])
    assert done.code == 0
    warnings = [line for line in done.err.splitlines() if line.startswith("Warning")]
    assert warnings == [
        "Warning: 3 of 8 validation records are in the training file too: how the model does on them says nothing of"
        " new ones.",
        "Warning: 1 of 8 validation records has the text of a training record, but another label: one of the two is"
        " probably wrong.",
    ]
    assert json.loads(done.out)["repeated"] == 3


def test_records_of_their_own_are_said_nothing_of(tune):
    done = tune("--json", validation=[{"text": f"new {i}", "label": "a"} for i in range(4)])
    assert done.code == 0
    assert "Warning" not in done.err
    assert json.loads(done.out)["repeated"] == 0
