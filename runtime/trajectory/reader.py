"""Reading a trajectory, line by line, and checking its chain."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from pydantic import ValidationError

from ..errors import BadInput, PocketzoError, bad_input
from ..system.files import parse_json
from .chain import CHAIN, link
from .header import Header
from .line import Line, parse_line

LINE_LIMIT = 1 << 24
"""bytes of a line, at most"""


class Reader:
    """Reads a trajectory line by line, checking the chain; memory does not grow with its length."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        """Read the header. Raises BadInput if it is missing, altered or of another version."""
        self._file, self._path = file, path
        self._chain, self._number = "", 0
        self.whole_bytes = 0
        """bytes up to the last whole line read; what follows is a torn line"""
        content = self._next()
        if content is None:
            bad_input(path, "holds no whole line", "Start the run over with --force")
        try:
            self.header = Header.model_validate(content)
            settings = self.header.settings()
        except (ValidationError, PocketzoError, TypeError) as e:
            reason = e.errors()[0]["msg"] if isinstance(e, ValidationError) else e
            bad_input(path, f"line 1 is no header that this pocketzo reads ({reason})", "Start the run over")
        self.directions = settings.directions

    @property
    def chain(self) -> str:
        """The chain of the last line read."""
        return self._chain

    def _next(self) -> dict[str, Any] | None:
        line = self._file.readline(LINE_LIMIT)
        if not line.endswith(b"\n"):
            if len(line) == LINE_LIMIT:
                self._refuse("is longer than any line can be")
            return None
        self._number += 1
        sealed = CHAIN.search(line[:-1])
        if not sealed:
            self._refuse("has no chain")
        body = line[: sealed.start()] + b"}"
        after = link(self._chain, body)
        if after.encode() != sealed[1]:
            self._refuse("was changed, or a line before it was (the chain is broken)")
        try:
            content = parse_json(body.decode("utf-8"))
        except ValueError as e:
            self._refuse(f"is not JSON ({e})")
        if not isinstance(content, dict):
            self._refuse("is not an object")
        self._chain = after
        self.whole_bytes += len(line)
        return content

    def _refuse(self, why: str) -> NoReturn:
        raise BadInput(f"{self._path}, line {self._number}: {why}. Use a copy that is whole, or start the run over.")

    def lines(self) -> Iterator[Line]:
        """Every whole line after the header. Raises BadInput naming the first that is altered or out of order."""
        done = 0
        while (content := self._next()) is not None:
            line = parse_line(content, self.header, self.directions)
            if line is None or line.step != done + line.is_step:
                self._refuse("is not the step, evaluation or label head that belongs there")
            done = line.step
            yield line
