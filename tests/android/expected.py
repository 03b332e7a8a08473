"""Small tables of what Python says: numbers as text, JSON, settings, memory, records, examples."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import random
import struct
import zlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pocketzo.runtime.bundle import Bundle
from pocketzo.runtime.bundle.tokenizer import Tokenizer
from pocketzo.runtime.config import TuneConfig
from pocketzo.runtime.engines import ENGINES
from pocketzo.runtime.errors import PocketzoError
from pocketzo.runtime.limits.memory import estimate, head_bytes
from pocketzo.runtime.system.files import parse_json
from pocketzo.runtime.tasks import KINDS, make_task
from pocketzo.runtime.tasks.data import Record, read_data
from pocketzo.runtime.trajectory.replay import replay

NUMBERS = [
    0.0, -0.0, 0.001, 1e-05, 1e-04, 1e16, 1e15, 123456789012345680.0, 9007199254740993.0, 5e-324, 2e-323, 1.5e-323,
    2.2250738585072014e-308, 1.7976931348623157e308, 1e22, 1e23, 9.5e-07, 2e-3, 100.0, 1234567.0, 999999.5, 1e5, 1e6,
    0.1 + 0.2, 2.0**-1074 * 9, 2.0**-44, 2.0**53, 4.35, 0.00012345675, 1e300, 8.41e21, 2.0e-3, 9e-310, 0.5,
]  # fmt: skip
TEXTS = [
    "null", "[]", "{}", " [1 , 2.50, -0, -0.0, 1E5, 1e400]\n", '"\\u00e9\\ud83d\\ude00\\u0000\\u001f\\u007f\\/\\b\\f"',
    '{"b":1,"a":{"x":[true,false,null]},"":""}', "123456789012345678901234567890", "9223372036854775808", '"é山🌊"',
    '{"a":1,"a":2}', "NaN", "[Infinity]", "-Infinity", '"\\ud83d"', '{"\\ude00":1}', "01", "1.", ".5", "+1", "[1,]",
    "{'a':1}", "[1] 2", "", " ", '"\t"', "[" * 100_000, '{"a":' * 100_000, '"\\x41"', "nul", "[1", '{"a"}', "\ufeff{}",
    "1e5", "-", "// a\n1", "[" * 400 + "]" * 400, '"\\ud83d\\u0041"', "tRue", "1 2", "[1\x00]", "\xa01", "1\x0b",
]  # fmt: skip
SETTINGS: list[dict[str, Any]] = [
    {}, {"steps": 0}, {"steps": 10**9 + 1}, {"batch": 65537}, {"batch": -3}, {"lr": 1.5}, {"lr": -1e-9}, {"eps": -1.0},
    {"lr": float("inf")}, {"eps": float("nan")}, {"directions": 1025}, {"rms_decay": 1.0}, {"head_examples": 2**20 + 1},
    {"seed": -1}, {"seed": 2**63}, {"seed": 2**63 - 1}, {"evaluate_every": 0}, {"steps": 10**9}, {"steps": 777},
    {"steps": 100, "lr": 1e-05, "eps": 2e-3}, {"rms_decay": 1.25e-07}, {"lr": 12345678.0}, {"lr": 1.0},
]  # fmt: skip
MEMORY = [(1, 16, 1, 1), (16, 128, 1, 1), (16, 128, 1, 4), (64, 256, 32, 2), (1, 1, 1, 1), (3, 200, 7, 1024)]
LINES = [
    b'{"text":"a"}\n\n{"text":"b","n":1}\n', b"\xef\xbb\xbf{}\n", b'{"text":"a"}\n{"text":}\n', b"", b"\n \n", b"[1]\n",
    b'{"text":"\xff"}', b'"a"', b"1.5", b'{"a":1,"a":1}', b'{"text":"a"}\r\n{"text":"b"}\r\n', b"null", b"true", b"3",
    b"-1.50e0", b'"\xc3\xa9"', b"[]", b'{"text":"a","n":NaN}',
]  # fmt: skip
PACKED = gzip.compress(b'{"text":"a"}\n{"text":"b"}\n', mtime=0)
LINES += [
    PACKED, PACKED + PACKED, PACKED + b"\0" * 8, PACKED[:-9], PACKED[:-1], PACKED[:5], PACKED[:2], b"\x1f",
    PACKED[:12] + b"\xff\xff" + PACKED[14:], PACKED[:-8] + b"\0" * 8, gzip.compress(b"", mtime=0),
    gzip.compress(b"\xff", mtime=0), gzip.compress(b"[1]", mtime=0), gzip.compress(PACKED, mtime=0),
    bz2.compress(b"{}"), lzma.compress(b"{}"), zlib.compress(b"{}"), b"PK\x03\x04rest", b"\x28\xb5\x2f\xfdrest",
    b"7z\xbc\xaf\x27\x1crest", b"PK", b"BZ",
]  # fmt: skip
LABELS = {"a": " a", "1": " t", "0": " s", "True": " the", "null": " in"}
TASKS: list[dict[str, Any]] = [
    *(
        {"kind": "classify", "prompt": p, "labels": {"a": " a", "b": " t"}}
        for p in (
            "Note: {text}\nFolder:",
            "Note: {text}\nFolder: ",
            "{text}",
            "{text}:\n",
            "{text}:\t",
            "{text}: \u00a0",
        )
    ),
    *(
        {"kind": "classify", "prompt": p, "labels": {"a": "a", "b": "t"}}
        for p in ("Note: {text}\nFolder: ", "Note: {text}\nFolder:\n ", "{text} ", "{text}  ", "{text}")
    ),
    {"kind": "classify", "prompt": "{text} ", "labels": {"a": "a", "b": "xylophone"}},
    {"kind": "classify", "prompt": "{text} ", "labels": {"a": "a", "b": ""}},
    {"kind": "classify", "prompt": "{text}", "labels": LABELS},
    {"kind": "complete", "prompt": "{text}", "completion": "{label}"},
    {"kind": "complete", "prompt": "Q: {text}\nA: ", "completion": "{label}"},
    {"kind": "complete", "prompt": "Q: {text}\nA:", "completion": " {label}"},
]
RECORDS: list[dict[str, Any]] = [
    *({"text": text, "label": "a"} for text in
      ("the sea", "the sea ", "the sea  ", "the sea\n", " ", "", "a</s>", "é山 ")),
    *({"text": "x", "label": label} for label in
      ("c", "", 1, 7, 1.0, 0.0, 1.5, -0.0, 1e30, True, False, None, [], {}, [1])),
    *({"text": text, "label": "a"} for text in (1, 1.0, 1e-7, True, None, ["x"], {"x": 1}, 10**30)),
    {"label": "a"}, {"text": "x"}, {},
]  # fmt: skip


def write(bundle: Bundle, out: Path) -> None:
    """Write every table into `out`/expected."""
    folder = out / "expected"
    folder.mkdir()
    write_table(folder / "floats.json", floats())
    write_table(folder / "json.json", [parsed(text) for text in TEXTS] + nested() + mutated())
    write_table(folder / "config.json", [settings(changes, bundle) for changes in SETTINGS])
    write_table(folder / "memory.json", memory(bundle))
    write_table(folder / "data.json", [data(content, folder) for content in LINES])
    write_table(folder / "kinds.json", {name: list(kind.keys) for name, kind in KINDS.items()})
    write_table(folder / "engines.json", list(ENGINES))
    write_table(folder / "examples.json", [examples(bundle, definition) for definition in TASKS])
    write_table(
        folder / "states.json", {name: state(bundle, out / name) for name in ("run", "complete-run", "scalars")}
    )


def write_table(path: Path, content: Any) -> None:
    """As ASCII, so that what is tested is not needed to read it."""
    path.write_text(json.dumps(content), encoding="ascii")


def floats() -> list[list[str]]:
    """Bits, repr and format g of named, random and short numbers."""
    r = random.Random(5)
    drawn = [struct.unpack("<d", r.randbytes(8))[0] for _ in range(4000)]
    short = [float(f"{r.randint(1, 999)}e{r.randint(-330, 308)}") for _ in range(4000)]
    plain = [round(r.uniform(-1, 1) * 10 ** r.randint(-8, 18), r.randint(0, 9)) for _ in range(2000)]
    numbers = [x for x in [*NUMBERS, *drawn, *short, *plain] if x == x and abs(x) != float("inf")]
    return [[struct.pack(">d", x).hex(), repr(x), f"{x:g}"] for x in numbers]


def parsed(text: str) -> dict[str, Any]:
    """What the text is, written again in the three styles of files, or null where it is refused."""
    try:
        content = parse_json(text)
        written = [
            json.dumps(content, separators=(",", ":"), ensure_ascii=False, allow_nan=False),
            json.dumps(content, ensure_ascii=False),
            json.dumps(content, indent=2, ensure_ascii=False),
        ]
    except ValueError as e:
        return {"text": text, "written": None, "infinite": "JSON compliant" in str(e)}
    return {"text": text, "written": written, "infinite": False}


def nested() -> list[dict[str, Any]]:
    """Random JSON values."""
    r = random.Random(6)

    def value(depth: int) -> Any:
        kind = r.randrange(9 if depth else 6)
        if kind < 2:
            return r.choice([None, True, r.randint(-(10**6), 10**6), r.randint(-(10**30), 10**30)])
        if kind < 4:
            return r.uniform(-1, 1) * 10.0 ** r.randint(-30, 30)
        if kind < 6:
            return "".join(
                chr(r.choice([r.randrange(32), r.randrange(128), 0x20AC, 0x1F600, 127, 0x2028])) for _ in range(8)
            )
        if kind == 6:
            return [value(depth - 1) for _ in range(r.randrange(4))]
        return {f"k{i}é": value(depth - 1) for i in range(r.randrange(4))}

    return [parsed(json.dumps(value(4))) for _ in range(300)]


def mutated() -> list[dict[str, Any]]:
    """Short texts, most of them nearly JSON."""
    r = random.Random(7)
    seeds = ['{"a":[1,-2.5e3,true],"b":null}', '"x\\u00e9\\n"', "[0.1,1E-7,[]]", '{"k":{"k":""}}', "-12.0", "[false]"]
    letters = '[]{}",:0123456789eE+-. \\u\ntrfalsn/\t\r\u00a0\u2028\x00\x7f'
    texts = []
    for _ in range(4000):
        text = list(r.choice(seeds))
        for _ in range(r.randint(1, 3)):
            at = r.randrange(len(text) + 1)
            text[at : at + r.randint(0, 2)] = r.choices(letters, k=r.randint(0, 2))
        texts.append("".join(text))
    return [parsed(text) for text in texts]


def settings(changes: dict[str, Any], bundle: Bundle) -> dict[str, Any]:
    """What the settings resolve to with the bundle's eps, or what is said against them."""
    shown = {name: repr(value) for name, value in changes.items()}
    try:
        config = TuneConfig(**changes)
        return {"changes": shown, "resolved": asdict(config.resolved(bundle.manifest.estimator.eps)), "error": None}
    except PocketzoError as e:
        return {"changes": shown, "resolved": None, "error": str(e)}


def memory(bundle: Bundle) -> list[dict[str, Any]]:
    """Estimates of several shapes."""
    return [
        {
            "shape": shape,
            "estimate": asdict(estimate(bundle.manifest, *shape)),
            "head": head_bytes(bundle.manifest, 4096, shape[3]),
        }
        for shape in MEMORY
    ]


def data(content: bytes, folder: Path) -> dict[str, Any]:
    """The records of a data file of these bytes, or what is said against it."""
    path = folder / "data.jsonl"
    path.write_bytes(content)
    try:
        read = read_data(path)
        records = [[record.where.replace(str(path), "PATH"), record.fields] for record in read.records]
        return {"content": content.hex(), "records": records, "hash": read.hash, "error": None}
    except PocketzoError as e:
        return {"content": content.hex(), "records": None, "hash": None, "error": str(e).replace(str(path), "PATH")}
    finally:
        path.unlink()


def examples(bundle: Bundle, definition: dict[str, Any]) -> dict[str, Any]:
    """What a task makes of each record, or what is said against the task or the record."""
    model, tokenizer = bundle.manifest.model, Tokenizer.open(bundle.directory / "tokenizer.json")
    try:
        task = make_task(definition, "task", tokenizer, model.vocabulary, model.eos_token_id)
    except PocketzoError as e:
        return {"task": definition, "error": str(e), "examples": []}
    made: list[dict[str, Any]] = []
    for fields in RECORDS:
        try:
            e = task.example(Record(fields, "line 1"))
            answer = -1 if e.answer is None else e.answer
            made.append({"tokens": e.tokens, "positions": e.positions, "targets": e.targets, "answer": answer})
        except PocketzoError as error:
            made.append({"error": str(error)})
        made[-1]["record"] = fields
    return {"task": definition, "error": None, "examples": made}


def state(bundle: Bundle, run: Path) -> dict[str, Any]:
    """What replaying the run gives."""
    replayed = replay(run / "trajectory.jsonl", bundle.initial_values())
    return {
        "step": replayed.state.step,
        "mean_square": replayed.state.mean_square,
        "start_weight": replayed.state.start_weight,
        "values": replayed.state.tuned.values.astype("<f4").tobytes().hex(),
        "label_bias": replayed.state.tuned.label_bias.tolist(),
        "label_head": replayed.state.tuned.label_head.encode() if replayed.state.tuned.label_head else None,
        "best_step": replayed.best_step,
        "evaluations": len(replayed.evaluations),
    }
