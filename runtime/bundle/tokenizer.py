"""Text to token ids, from the bundle's tokenizer.json alone."""

from __future__ import annotations

from pathlib import Path

from tokenizers import Tokenizer as Backend
from tokenizers.models import WordLevel

from ..errors import bad_input

NAME = "tokenizer.json"
BEFORE = ":"


class Tokenizer:
    """`tokenizers` as tasks need it: prompts begin as the model expects (BOS if it has one), words stand alone."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._backend.no_padding()
        self._backend.no_truncation()
        self._tail = _tail(backend)

    @classmethod
    def open(cls, path: Path) -> Tokenizer:
        """Read a tokenizer.json. Raises BadInput if `tokenizers` cannot read it."""
        try:
            return cls(Backend.from_buffer(path.read_bytes()))
        except BaseException as e:  # the library raises bare Exception, and its panics are not even that
            if isinstance(e, (KeyboardInterrupt, SystemExit)):
                raise
            bad_input(path, f"is not a readable tokenizer ({e})", "Export the bundle again")

    def largest_id(self) -> int:
        """The largest token id, added tokens included."""
        return max(self._backend.get_vocab(with_added_tokens=True).values())

    def prompt(self, text: str) -> list[int]:
        """Token ids of a text that opens a sequence: behind what the tokenizer puts before a text (BOS, [CLS]), and
        without what it puts after one (EOS, [SEP]), since more is to follow.
        """
        ids = self._backend.encode(text, add_special_tokens=True).ids
        return ids[: len(ids) - self._tail]

    def continuation(self, text: str) -> list[int]:
        """Token ids of a text that follows others, without special tokens.

        Some tokenizers put a mark before the first word of whatever they are given, so the text is encoded behind
        another one, whose tokens are then taken away.
        """
        before = self._backend.encode(BEFORE, add_special_tokens=False).ids
        joint = self._backend.encode(BEFORE + text, add_special_tokens=False).ids
        if joint[: len(before)] == before:
            return joint[len(before) :]
        return self._backend.encode(text, add_special_tokens=False).ids

    def token(self, token_id: int) -> str:
        """The text of one token, for messages."""
        return self._backend.decode([token_id], skip_special_tokens=False) or str(self._backend.id_to_token(token_id))


def _tail(backend: Backend) -> int:
    """How many tokens the template of `backend` puts after every text: those behind the last place at which two texts
    of one token each differ. What a text itself ends with, be it written like EOS, is no part of it.
    """
    if backend.post_processor is None:
        return 0
    letters = Backend(WordLevel({"a": 0, "b": 1}, unk_token="a"))
    one, other = (backend.post_processor.process(letters.encode(text), None, True).ids for text in "ab")
    different = [i for i, pair in enumerate(zip(one, other, strict=True)) if pair[0] != pair[1]]
    return len(one) - 1 - different[-1] if different else 0
