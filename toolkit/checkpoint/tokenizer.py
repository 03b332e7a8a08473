"""A checkpoint's tokenizer: what becomes the bundle's tokenizer.json, and the facts that stand beside it."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pocketzo.runtime.errors import bad_input
from tokenizers import Tokenizer

from .whole import first_line

if TYPE_CHECKING:
    from .source import Source


@dataclass(frozen=True)
class ModelTokenizer:
    """The tokenizer of a model, the token that ends a text (or None), and the chat template (or None)."""

    backend: Tokenizer
    eos_token_id: int | None
    chat_template: str | None


def open_tokenizer(source: Source) -> ModelTokenizer:
    """The tokenizer that transformers makes of a checkpoint. Raises BadInput if its files do not make one."""
    import transformers

    where = source.where
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            tokenizer = transformers.AutoTokenizer.from_pretrained(
                source.folder, local_files_only=True, trust_remote_code=False
            )
    except Exception as e:  # any error of the loader means that the files do not make a tokenizer
        bad_input(where, f"its tokenizer cannot be loaded ({first_line(e)})", "Add the model's tokenizer.json")
    if not getattr(tokenizer, "is_fast", False):
        bad_input(where, "its tokenizer has no tokenizer.json form", "Convert it with transformers first")
    template = tokenizer.chat_template
    return ModelTokenizer(
        tokenizer.backend_tokenizer, tokenizer.eos_token_id, template if isinstance(template, str) else None
    )
