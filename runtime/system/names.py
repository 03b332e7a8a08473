"""Names of files, which need not be UTF-8 as text must be."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator


def valid_text(text: str) -> str:
    """`text` as it can stand in a file: names of files need not be UTF-8, and bytes that are not become U+FFFD."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


@contextlib.contextmanager
def valid_name(path: str) -> Iterator[str]:
    """A name of what is at `path` for libraries that take only UTF-8: its own, or while inside that of a link to it,
    which has the same letters as far as they are ASCII.
    """
    if valid_text(path) == path:
        yield path
        return
    whole = os.path.abspath(path)
    with tempfile.TemporaryDirectory(prefix="pocketzo-") as temporary:
        name = valid_text(os.path.basename(whole)).encode("ascii", "replace").decode()  # in any locale
        link = os.path.join(temporary, name.replace("?", "_"))
        os.symlink(whole, link)
        yield link
