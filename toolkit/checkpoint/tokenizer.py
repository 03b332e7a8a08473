"""A checkpoint's tokenizer: what becomes the bundle's tokenizer.json, and the facts that stand beside it."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pocketzo.runtime.errors import bad_input
from pocketzo.runtime.system.files import decode_text, read_file, read_json
from tokenizers import Tokenizer

from .whole import first_line

if TYPE_CHECKING:
    from .source import Source

FILE, SETTINGS, TEMPLATE = "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"
TRIED = "A text, 1 é 日\n"
LARGEST_ID = 1 << 31
FIX = "Use the tokenizer that belongs to the model"


@dataclass(frozen=True)
class ModelTokenizer:
    """The tokenizer of a model, the token that ends a text (or None), and the chat template (or None)."""

    backend: Tokenizer
    eos_token_id: int | None
    chat_template: str | None


def open_tokenizer(source: Source) -> ModelTokenizer:
    """The tokenizer of a folder: its tokenizer.json as it is, or what transformers makes of other files without one.

    transformers' class is not asked where the file is there: it replaces the file's normalizer and pre-tokenizer by
    its own. Raises BadInput if the files do not make a tokenizer.
    """
    folder = source.folder
    if not (folder / FILE).is_file():
        return _converted(source)
    backend = _read(folder / FILE)
    settings = _settings(folder / SETTINGS)
    return ModelTokenizer(backend, _eos(folder, backend, settings), _chat_template(folder, settings))


def _read(path: Path) -> Tokenizer:
    text = decode_text(read_file(path, "tokenizer"), path, "tokenizer")
    try:
        backend = Tokenizer.from_str(text)
        backend.encode(TRIED)  # some files are read whose vocabulary then fails
    except BaseException as e:  # the library raises bare Exception, and its panics are not even that
        if isinstance(e, (KeyboardInterrupt, SystemExit, MemoryError)):
            raise
        bad_input(path, f"its tokenizer cannot be loaded ({first_line(e)})", FIX)
    backend.no_truncation()
    backend.no_padding()
    return backend


def _settings(path: Path) -> Mapping[str, Any]:
    settings = read_json(path, "tokenizer's settings") if path.is_file() else {}
    if not isinstance(settings, dict):
        bad_input(path, "the tokenizer's settings are not a JSON object", FIX)
    return settings


def _eos(folder: Path, backend: Tokenizer, settings: Mapping[str, Any]) -> int | None:
    """The token that ends a text: by the tokenizer's settings, or else by the model's."""
    for content in _named(folder, settings, "eos_token"):
        if (id_ := backend.token_to_id(content)) is not None:
            return id_
    for name in ("generation_config.json", "config.json"):
        known = read_json(folder / name, "configuration") if (folder / name).is_file() else {}
        ids = known.get("eos_token_id") if isinstance(known, dict) else None
        first = ids[0] if isinstance(ids, list) and ids else ids
        if type(first) is int and 0 <= first < LARGEST_ID and backend.id_to_token(first) is not None:
            return first
    return None


def _named(folder: Path, settings: Mapping[str, Any], key: str) -> Iterator[str]:
    """What the special token `key` is called, in each file that says it."""
    for known in (settings, _settings(folder / "special_tokens_map.json")):
        if (content := _content(known.get(key))) is not None:
            yield content


def _content(token: Any) -> str | None:
    """The text of a token as settings hold it: a text, or an object with one."""
    content = token.get("content") if isinstance(token, dict) else token
    return content if isinstance(content, str) else None


def _chat_template(folder: Path, settings: Mapping[str, Any]) -> str | None:
    if (folder / TEMPLATE).is_file():
        return decode_text(read_file(folder / TEMPLATE, "chat template"), folder / TEMPLATE, "chat template")
    template = settings.get("chat_template")
    if isinstance(template, list):  # several by name, as older checkpoints have them
        named = [each for each in template if isinstance(each, dict) and each.get("name") == "default"]
        template = named[0].get("template") if named else None
    return template if isinstance(template, str) else None


def _converted(source: Source) -> ModelTokenizer:
    """What transformers makes of vocab.json and merges.txt, or of a sentencepiece model."""
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
    backend, template = tokenizer.backend_tokenizer, tokenizer.chat_template
    backend.no_truncation()
    backend.no_padding()
    return ModelTokenizer(backend, tokenizer.eos_token_id, template if isinstance(template, str) else None)
