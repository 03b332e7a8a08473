"""Which files are GGUF files, and which belong together."""

from __future__ import annotations

import re
from pathlib import Path

from pocketzo.runtime.errors import bad_input

MAGIC = b"GGUF"
PART = re.compile(r"(?P<name>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})(?P<suffix>\.gguf)")


def is_gguf(path: Path) -> bool:
    """Whether a file begins as GGUF files do, whatever its name."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def all_parts(path: Path) -> tuple[str, list[Path]]:
    """The name of the model that a GGUF file belongs to, and its files, the first of which describes it.

    Raises BadInput if one of the parts that the file's name speaks of is missing, or is no GGUF file.
    """
    if not (found := PART.fullmatch(path.name)):
        return path.stem, [path]
    names = [f"{found['name']}-{i:05}-of-{found['count']}{found['suffix']}" for i in range(1, int(found["count"]) + 1)]
    parts = [path.with_name(name) for name in names]
    for part in parts:
        if not part.is_file():
            bad_input(part, f"is missing: {path.name} is one of {len(parts)} parts", "Put all of them into one folder")
        check_magic(part)
    return found["name"], parts


def only_model(folder: Path) -> Path | None:
    """The GGUF file of a folder, its first part if it is split; None if there is none.

    Raises BadInput if there are several.
    """
    files = sorted(path for path in folder.glob("*.gguf") if path.is_file())
    models = [p for p in files if not (found := PART.fullmatch(p.name)) or int(found["number"]) == 1]
    if len(models) > 1:
        names = ", ".join(path.name for path in models[:3])
        bad_input(folder, f"holds {len(models)} GGUF files ({names})", "Name one of them")
    return next(iter(models or files), None)


def check_magic(path: Path) -> None:
    """Raises BadInput if a file does not begin as GGUF files do."""
    try:
        fine = is_gguf(path)
    except OSError as e:
        bad_input(path, f"cannot be read ({e.strerror})", "Check the file and its permissions")
    if not fine and path.suffix.lower() != ".gguf":
        bad_input(
            path, "is a file, and not a GGUF file", "Give a Hugging Face folder, not a file in it, or a GGUF file"
        )
    if not fine:
        why = 'is not a GGUF file: it does not begin with "GGUF". It is of another kind, or what Git LFS or a failed'
        bad_input(path, f"{why} download left in its place", "Copy the file again")
