"""What an ONNX file refers to, read without an ONNX library: external data files, operator domains, functions.

An engine follows these references when it opens the file, so they are checked before any engine sees it. Only the wire
format of protocol buffers is needed: a message is a list of fields, and the few that hold references are walked.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...errors import bad_input
from ..description import References

DEPTH = 16
"""messages within messages that are followed; a step graph needs 5"""

# For each message, the fields that lead to references: number -> message (names and numbers of onnx.proto).
FIELDS = {
    "Model": {7: "Graph", 8: "Opset", 20: "Training", 25: "Function"},
    "Graph": {1: "Node", 5: "Tensor", 15: "SparseTensor"},
    "Node": {5: "Attribute", 7: "domain"},
    "Attribute": {5: "Tensor", 6: "Graph", 10: "Tensor", 11: "Graph", 22: "SparseTensor", 23: "SparseTensor"},
    "SparseTensor": {1: "Tensor", 2: "Tensor"},
    "Tensor": {13: "ExternalData"},
    "Opset": {1: "domain"},
}


def read_references(path: Path) -> References:
    """Walk the ONNX file `path`. Raises BadInput if it is not one."""
    found = References()
    try:
        _walk(memoryview(path.read_bytes()), "Model", found, 0)
    except (ValueError, IndexError, UnicodeDecodeError) as e:
        bad_input(path, f"is not a readable ONNX file ({e})", "Export the bundle again")
    return found


def _walk(message: memoryview, kind: str, found: References, depth: int) -> None:
    if depth > DEPTH:
        raise ValueError(f"messages are nested more than {DEPTH} deep")
    for number, content in _fields(message):
        inner = FIELDS[kind].get(number)
        if inner is None:
            continue
        if content is None:
            raise ValueError(f"field {number} of a {kind} is not a message")
        if inner == "domain":
            found.domains.add(str(content, "utf-8"))
        elif inner == "ExternalData":
            entry = {n: str(c, "utf-8") for n, c in _fields(content) if c is not None}
            if entry.get(1) == "location":
                found.files.add(entry.get(2, ""))
        elif inner in ("Training", "Function"):
            found.other.add(inner.lower())
        else:
            _walk(content, inner, found, depth + 1)


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview | None]]:
    """The fields of a message: number and content, which is None for plain numbers."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, wire = tag >> 3, tag & 7
        if not 0 < number < 1 << 29:  # engines cut a longer tag to 32 bits, and would see another field than we do
            raise ValueError(f"no field has the number {number}")
        if wire == 0:
            _, at = _varint(message, at)
            yield number, None
        elif wire == 2:
            size, at = _varint(message, at)
            if size > len(message) - at:
                raise ValueError("a field is longer than the message that holds it")
            yield number, message[at : at + size]
            at += size
        elif wire in (1, 5):
            at += 8 if wire == 1 else 4
            if at > len(message):
                raise ValueError("the file ends within a number")
            yield number, None
        else:
            raise ValueError(f"wire type {wire} does not exist")


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = message[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise ValueError("a number is longer than 10 bytes")
