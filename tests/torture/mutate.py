"""Mutate a good bundle in many ways, from a seed, and see that no change is accepted and nothing breaks.

    python -m tests.torture.mutate --bundle BUNDLE --count 10000

Mutations are of three kinds. *Damage* changes bytes; opening must refuse it. *Forgery* changes content and makes sizes,
hashes and seal fit again: that is another bundle by its hash, and must be refused or behave as one, never crash.
*Hostility* puts something else where a file should be.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pocketzo.runtime.bundle import open_bundle
from pocketzo.runtime.bundle.verify import verify
from pocketzo.runtime.engines import open_engine
from pocketzo.runtime.errors import PocketzoError

from ..bundle import forge

Random = random.Random
STRANGE: list[Any] = [
    *(None, True, -1, 0, 1, 2**31, 2**63, 2**64, 10**400, 1e308, -0.5, [], {}, [[]], {"a": 1}),
    *("", "a" * 2000, "../../etc/passwd", "/", "\0", "step.onnx", "manifest.json", "NaN", "channels", "weights"),
]
SECONDS = 20


def flip(folder: Path, r: Random) -> None:
    path = pick(folder, r)
    content = bytearray(path.read_bytes())
    content[r.randrange(len(content))] ^= 1 << r.randrange(8)
    path.write_bytes(content)


def cut(folder: Path, r: Random) -> None:
    path = pick(folder, r)
    os.truncate(path, r.randrange(path.stat().st_size))


def extend(folder: Path, r: Random) -> None:
    with open(pick(folder, r), "ab") as f:
        f.write(r.randbytes(r.randint(1, 5000)))


def overwrite(folder: Path, r: Random) -> None:
    path = pick(folder, r)
    content = bytearray(path.read_bytes())
    start = r.randrange(len(content))
    piece = content[start : start + r.randint(1, 512)]
    content[start : start + len(piece)] = bytes(b ^ 0x5A for b in piece)
    path.write_bytes(content)


def swap(folder: Path, r: Random) -> None:
    a, b = r.sample(sorted(folder.iterdir()), 2)
    a.rename(folder / "tmp")
    b.rename(a)
    (folder / "tmp").rename(b)


def remove(folder: Path, r: Random) -> None:
    pick(folder, r).unlink()


def add(folder: Path, r: Random) -> None:
    (folder / r.choice(["extra.bin", "weights.bin.part", "Manifest.json", "évil"])).write_bytes(r.randbytes(10))


def instead(folder: Path, r: Random) -> None:
    path = pick(folder, r)
    path.unlink()
    kind = r.randrange(3)
    if kind == 0:
        path.mkdir()
    elif kind == 1:
        os.mkfifo(path)
    else:
        path.symlink_to(r.choice(["/etc/passwd", "/dev/zero", "weights.bin", path.name]))


def edit_unsealed(folder: Path, r: Random) -> None:
    path = folder / "manifest.json"
    content = json.loads(path.read_text())
    change_leaf(content, r)
    path.write_text(json.dumps(content, indent=2))


def hostile_json(folder: Path, r: Random) -> None:
    depth = r.randint(1, 200_000)
    text = r.choice(
        ["[" * depth, '{"a":' * depth, "9" * depth, '"' + "\\ud800" * 100 + '"', '{"format":"pocketzo-bundle"}', "NaN",
         '{"format":"pocketzo-bundle","schema_version":1e400}', "\ufeff{}", "{}", '{"files":{}' + ',"a":1' * 1000 + "}"]
    )  # fmt: skip
    (folder / "manifest.json").write_text(text)


def forged_manifest(folder: Path, r: Random) -> None:
    content = forge.read(folder)
    for _ in range(r.randint(1, 3)):
        change_leaf(content, r)
    forge.write(folder, content)


def forged_file(folder: Path, r: Random) -> None:
    names = [name for name in sorted(forge.read(folder)["files"]) if name != "step.onnx"]
    damaged(folder, r.choice(names), r)


def forged_graph(folder: Path, r: Random) -> None:
    damaged(folder, "step.onnx", r)


def damaged(folder: Path, name: str, r: Random) -> None:
    content = bytearray((folder / name).read_bytes())
    for _ in range(r.randint(1, 8)):
        content[r.randrange(len(content))] = r.randrange(256)
    forge.replace(folder, name, bytes(content[: r.randint(1, len(content))] if r.random() < 0.2 else content))


DAMAGE = [flip, cut, extend, overwrite, swap, remove, add, instead, edit_unsealed, hostile_json]
FORGERY = [forged_manifest, forged_file, forged_graph]


def pick(folder: Path, r: Random) -> Path:
    return r.choice(sorted(folder.iterdir()))


def change_leaf(content: Any, r: Random) -> None:
    """Replace, remove or double one member somewhere in a JSON value."""
    while True:
        keys = list(content) if isinstance(content, dict) else list(range(len(content)))
        if not keys:
            return
        key = r.choice(keys)
        if isinstance(content[key], (dict, list)) and content[key] and r.random() < 0.8:
            content = content[key]
            continue
        if r.random() < 0.15:
            del content[key]
        else:
            content[key] = r.choice(STRANGE)
        return


def attempt(folder: Path) -> tuple[str, str]:
    """What becomes of a mutated bundle: "refused", "opened" or "failed its test", and its hash or the message."""
    try:
        bundle = open_bundle(folder)
        verdict = verify(bundle, open_engine("onnx", bundle, threads=1))
    except PocketzoError as e:
        return "refused", str(e)
    return ("opened" if verdict.passed else "failed its test"), bundle.hash


def mutate(good: Path, count: int, seed: int, show: bool = False) -> Counter[str]:
    """Try `count` mutations of the bundle `good`; counts of outcomes. Raises AssertionError at the first bad one."""
    hash_before, outcomes = open_bundle(good).hash, Counter[str]()
    signal.signal(signal.SIGALRM, lambda number, frame: (_ for _ in ()).throw(TimeoutError("hangs")))
    with tempfile.TemporaryDirectory() as scratch:
        for n in range(count):
            r = Random(f"{seed}-{n}")
            change: Callable[[Path, Random], None] = r.choice(DAMAGE * 2 + FORGERY * 3)
            folder = Path(scratch) / "bundle"
            shutil.copytree(good, folder)
            before = contents(folder)
            change(folder, r)
            if contents(folder) == before:
                outcome = "no change"
            else:
                signal.alarm(SECONDS)
                outcome, said = attempt(folder)
                signal.alarm(0)
                where = f"mutation {seed}-{n} ({change.__name__}): {outcome}: {said}"
                assert change in FORGERY or outcome == "refused", where
                assert outcome == "refused" or said != hash_before, where
            outcomes[f"{change.__name__}: {outcome}"] += 1
            shutil.rmtree(folder)
            if show and n % 50 == 0:
                print(f"\r{n} of {count}, peak {peak_megabytes()} MB", end="", file=sys.stderr, flush=True)  # noqa: T201
    return outcomes


def contents(folder: Path) -> dict[str, Any]:
    """Every file's kind and bytes."""
    files = sorted(folder.iterdir())
    return {p.name: p.read_bytes() if p.is_file() and not p.is_symlink() else p.lstat().st_mode for p in files}


def peak_megabytes() -> int:
    """Peak resident memory of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    begin = time.monotonic()
    outcomes = mutate(options.bundle, options.count, options.seed, show=True)
    print()  # noqa: T201
    for name, number in sorted(outcomes.items()):
        print(f"{number:>6}  {name}")  # noqa: T201
    print(f"{options.count} mutations in {time.monotonic() - begin:.0f} s, peak {peak_megabytes()} MB")  # noqa: T201


if __name__ == "__main__":
    main()
