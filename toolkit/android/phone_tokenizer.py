"""Whether phones reproduce a tokenizer: what the Java code of the app does exactly, and nothing else.

`schema` says which components and members there are; here is what no schema says: ids, templates, depth. Both sides
must accept and refuse the same files. docs/tokenizers.md says why the app has tokenizers of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from pocketzo.runtime.bundle.tokenizer import Tokenizer
from pocketzo.runtime.errors import BadInput, bad_input
from pydantic import ValidationError
from tokenizers import Tokenizer as Backend

from . import schema
from .refusals import why

FIX = "Use a model with another tokenizer, or the app cannot read text"
LARGEST_ID = 1 << 24
DEEPEST = 32


def check(path: Path) -> None:
    """Raises BadInput, naming the component, if the app does not reproduce the tokenizer.json exactly."""
    Tokenizer.open(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_object)
        _check_depth({**content, "model": None})
        file = schema.FILE.validate_python(content)
        _check_file(file, Backend.from_file(str(path)))
    except _RefusedError as e:
        bad_input(path, f"phones do not reproduce this tokenizer: {e}", FIX)
    except ValidationError as e:
        bad_input(path, f"phones do not reproduce this tokenizer: {why(e)}", FIX)
    except (ValueError, RecursionError) as e:
        bad_input(path, f"is not strict JSON ({e})", FIX)


class _RefusedError(BadInput):
    """Why, before it is known of which file."""


def _refuse(why: str) -> NoReturn:
    raise _RefusedError(why)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        _refuse("an object has the same member twice")
    return members


def _check_depth(value: Any, depth: int = -1) -> None:
    if depth > DEEPEST:
        _refuse(f"it is nested more than {DEEPEST} times")
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else []:
        _check_depth(item, depth + 1)


def _check_file(file: schema.TokenizerFile, backend: Backend) -> None:
    for processor in _steps(file.post_processor):
        if isinstance(processor, schema.TemplateProcessing):
            _check_template(processor)
        elif isinstance(processor, schema.BertProcessing | schema.RobertaProcessing):
            _check_ends(processor)
    _check_model(file.model)
    first = (isinstance(p, schema.Metaspace) and p.prepend_scheme == "first" for p in _steps(file.pre_tokenizer))
    if file.normalizer is not None and any(first):
        _refuse("the prepend_scheme first together with a normalizer is not one that the app reproduces")
    _check_added(file.added_tokens, file.model.vocab, backend)


def _steps(component: schema.PreTokenizer | schema.PostProcessor | None) -> Iterator[Any]:
    """A component, or those of a sequence in turn, sequences in it too."""
    if isinstance(component, schema.PreTokenizerSequence):
        inner: list[Any] = component.pretokenizers
    elif isinstance(component, schema.PostProcessorSequence):
        inner = component.processors
    else:
        yield component
        return
    for step in inner:
        yield from _steps(step)


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 31


def _check_ends(processor: schema.BertProcessing | schema.RobertaProcessing) -> None:
    for end in (processor.sep, processor.cls):
        if len(end) != 2 or not isinstance(end[0], str) or not _is_id(end[1]):
            _refuse(f"the post-processor {processor.type} has {end}, which is no token and its id")


def _check_template(template: schema.TemplateProcessing) -> None:
    for name, token in template.special_tokens.items():
        if token.id != name or not all(map(_is_id, token.ids)):
            _refuse(f"the special token {name} of the TemplateProcessing has another name or ids that are none")
    for part in template.single:
        place = part.SpecialToken or part.Sequence
        if place is None or {"SpecialToken", "Sequence"} <= part.model_fields_set:
            _refuse("a part of the TemplateProcessing is no SpecialToken and no Sequence")
        if place.id not in (template.special_tokens if part.SpecialToken else ["A"]):
            _refuse(f"a part of the TemplateProcessing names {place.id}")


def _check_model(model: schema.BPE | schema.WordPiece) -> None:
    ids = list(model.vocab.values())
    if min(ids, default=0) < 0 or max(ids, default=0) > LARGEST_ID or len(set(ids)) != len(ids):
        _refuse(f"its vocabulary has an id twice or beyond {LARGEST_ID}")
    if model.unk_token is not None and model.unk_token not in model.vocab:
        _refuse("its unk_token is not in its vocabulary")
    for merge in model.merges if isinstance(model, schema.BPE) else []:
        if isinstance(merge, str) and merge.startswith("#version"):
            _refuse(f'the merge "{merge}" is none')


def _check_added(added: list[schema.AddedToken], vocabulary: dict[str, int], backend: Backend) -> None:
    sought: set[tuple[bool, str]] = set()
    contents = set()
    following = len(vocabulary)
    for token in added:
        content = token.content
        expected = vocabulary.get(content, following)
        following += content not in vocabulary
        if token.id != expected:
            _refuse(f'the added token "{content}" has the id {token.id} where {expected} is expected')
        if token.normalized and backend.normalizer is not None:
            content = backend.normalizer.normalize_str(content)
        if not content or token.content in contents or (token.normalized, content) in sought:
            _refuse(f'the added token "{token.content}" is empty or there twice, when it is normalized')
        contents.add(token.content)
        sought.add((token.normalized, content))
