"""Coverage-guided fuzzing of what reads untrusted bytes: the only way out of a reader may be BadInput.

    python -m tests.torture.fuzz manifest -max_total_time=60
    python -m tests.torture.fuzz trajectory -max_total_time=60
    python -m tests.torture.fuzz onnx -max_total_time=60

Further arguments are libFuzzer's. Inputs get the seal or chain that they need, since a fuzzer cannot guess a hash.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["pocketzo"]):
    from pocketzo.runtime.bundle.manifest import read_manifest, seal
    from pocketzo.runtime.engines.onnx.references import read_references
    from pocketzo.runtime.errors import PocketzoError
    from pocketzo.runtime.trajectory.reader import Reader

FOLDER = Path(tempfile.mkdtemp(prefix="pocketzo-fuzz-"))
BEGIN = b'{"format": "pocketzo-bundle", "schema_version": 1, '


def manifest(data: bytes) -> None:
    """Half of the inputs as they are, half sealed behind the beginning of a manifest."""
    text = data[1:] if data[:1] < b"\x80" else seal(BEGIN + data[1:] + b"}")
    (FOLDER / "manifest.json").write_bytes(text)
    read_manifest(FOLDER)


def trajectory(data: bytes) -> None:
    """Each line gets the chain that belongs to it."""
    lines, chain = [], ""
    for body in data.split(b"\n"):
        chain = hashlib.sha256(chain.encode() + body + b"}").hexdigest()[:32]
        lines.append(body + f',"chain":"{chain}"}}\n'.encode())
    for _ in Reader(io.BytesIO(b"".join(lines)), Path("trajectory.jsonl")).lines():
        pass


def onnx(data: bytes) -> None:
    path = FOLDER / "step.onnx"
    path.write_bytes(data)
    read_references(path)


TARGETS = {"manifest": manifest, "trajectory": trajectory, "onnx": onnx}


def main() -> None:
    target = TARGETS[sys.argv.pop(1)]

    def one(data: bytes) -> None:
        with contextlib.suppress(PocketzoError):
            target(data)

    atheris.Setup([*sys.argv, "-rss_limit_mb=1024", "-timeout=10"], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
