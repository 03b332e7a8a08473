"""The tokenizer that a GGUF file's metadata describe, as llama.cpp reads them."""

from __future__ import annotations

from enum import IntEnum
from typing import NoReturn

from pocketzo.runtime.errors import bad_input
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, processors

from ..tokenizer import ModelTokenizer
from .metadata import Metadata
from .pre_tokenizers import KINDS

SPACE = "\u2581"
"""what stands for a space in sentencepiece's vocabularies"""
ENDS = {
    "<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<|flush|>", "<|calls|>", "<end_of_turn>",
    "<|endoftext|>", "</s>", "<|eom_id|>", "<EOT>", "_<EOT>", "[EOT]", "[EOS]", "<|end_of_text|>",
    "<end_of_utterance>", "<eos>", "<turn|>", "<|tool_response>", "<\uff5cend\u2581of\u2581sentence\uff5c>", "[e~[",
}  # fmt: skip
"""tokens that llama.cpp takes for special ones even where the file calls them normal"""


class Type(IntEnum):
    """The values of tokenizer.ggml.token_type that matter."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4


def read_tokenizer(metadata: Metadata) -> tuple[ModelTokenizer, int]:
    """The tokenizer, and how many tokens it has. Raises BadInput if it is of a kind that is not supported."""
    tokens = _tokens(metadata)
    kind = metadata.get("tokenizer.ggml.model", "")
    if kind not in ("gpt2", "llama"):
        _refuse(metadata, f'its tokenizer is of the kind "{kind}", which is not supported', "Supported: gpt2, llama")
    backend, add_bos = (_byte_level if kind == "gpt2" else _sentencepiece)(metadata, tokens)
    _add_special(backend, tokens, _types(metadata, tokens))
    bos, eos = _token_ids(metadata, tokens, kind)
    if metadata.get("tokenizer.ggml.add_bos_token", add_bos):
        if bos is None:
            _refuse(metadata, "begins a text with BOS and names no tokenizer.ggml.bos_token_id", "Convert it again")
        backend.post_processor = processors.TemplateProcessing(
            single=[tokens[bos], "$A"], special_tokens=[(tokens[bos], bos)]
        )
    # It ends a text that is whole; a prompt goes on.
    metadata.get("tokenizer.ggml.add_eos_token", False)
    template = metadata.get("tokenizer.chat_template", "")
    return ModelTokenizer(backend, eos, template or None), len(tokens)


def _tokens(metadata: Metadata) -> list[str]:
    """The tokens by id."""
    given = metadata.get("tokenizer.ggml.tokens", [])
    tokens = [token or f"[EMPTY_{i}]" for i, token in enumerate(given)]  # as llama.cpp names them
    if not tokens or not all(isinstance(token, str) for token in tokens):
        _refuse(metadata, "has no list of tokens (tokenizer.ggml.tokens)", "Convert the model again")
    if len(set(tokens)) < len(tokens):
        _refuse(metadata, "its tokenizer has a token twice", "Convert the model again")
    return tokens


def _types(metadata: Metadata, tokens: list[str]) -> list[int]:
    """The types of the tokens by id."""
    types = metadata.get("tokenizer.ggml.token_type", []) or [Type.NORMAL] * len(tokens)
    if not all(type(kind) is int for kind in types):
        _refuse(
            metadata, "the types of its tokens (tokenizer.ggml.token_type) are no numbers", "Convert the model again"
        )
    if len(types) < len(tokens):
        why = f"names the types of {len(types)} of {len(tokens)} tokens (tokenizer.ggml.token_type)"
        _refuse(metadata, why, "Convert the model again")
    return [Type.CONTROL if token in ENDS else kind for token, kind in zip(tokens, types, strict=False)]


def _add_special(backend: Tokenizer, tokens: list[str], types: list[int]) -> None:
    """Have the tokens found in a text before anything else is done with it."""
    special = [t for t, kind in zip(tokens, types, strict=True) if kind in (Type.CONTROL, Type.UNKNOWN)]
    others = [t for t, kind in zip(tokens, types, strict=True) if kind == Type.USER_DEFINED]
    backend.add_special_tokens([AddedToken(token, normalized=False) for token in special])
    backend.add_tokens([AddedToken(token, normalized=False) for token in others])


def _token_ids(metadata: Metadata, tokens: list[str], kind: str) -> tuple[int | None, int | None]:
    """The ids of BOS and EOS; a missing one is llama.cpp's, and one beyond the vocabulary is none."""
    found = []
    for name, default in (("bos", 1), ("eos", 2)):
        number = metadata.get(f"tokenizer.ggml.{name}_token_id", default if kind == "llama" else -1)
        found.append(number if 0 <= number < len(tokens) else None)
    return found[0], found[1]


def _byte_level(metadata: Metadata, tokens: list[str]) -> tuple[Tokenizer, bool]:
    """GPT-2's kind: merges of bytes within the pieces of a pre-tokenizer. Also, whether it begins a text with BOS."""
    name = metadata.get("tokenizer.ggml.pre", "")
    if name not in KINDS:
        known = ", ".join(sorted(KINDS)[1:])
        _refuse(metadata, f'its pre-tokenizer "{name}" (tokenizer.ggml.pre) is not supported', f"Supported: {known}")
    metadata.get("tokenizer.ggml.add_space_prefix", False)  # llama.cpp has it for the other kind alone
    given = metadata.get("tokenizer.ggml.merges", [])
    merges = [_halves(merge) for merge in given if isinstance(merge, str)]
    if not merges or len(merges) < len(given):
        _refuse(metadata, "has no merges (tokenizer.ggml.merges)", "Convert the model again")
    kind = KINDS[name]
    backend = _bpe(metadata, tokens, list(dict.fromkeys(merges)), ignore_merges=kind.ignore_merges)
    backend.pre_tokenizer, backend.decoder = kind.pre_tokenizer(), decoders.ByteLevel()
    return backend, kind.add_bos


def _halves(merge: str) -> tuple[str, str]:
    at = merge.find(" ", 1)
    return (merge[:at], merge[at + 1 :]) if at > 0 else ("", "")


def _sentencepiece(metadata: Metadata, tokens: list[str]) -> tuple[Tokenizer, bool]:
    """Sentencepiece's kind: merges of characters to the token of the best score, then bytes for what is left."""
    scores = metadata.get("tokenizer.ggml.scores", [])
    if len(scores) < len(tokens) or len(set(scores)) == 1:
        _refuse(metadata, "its tokenizer has no scores (tokenizer.ggml.scores)", "Convert the model again")
    ids = {token: i for i, token in enumerate(tokens)}
    unknown = metadata.get("tokenizer.ggml.unknown_token_id", 0)
    backend = _bpe(
        metadata,
        tokens,
        _merges(tokens, ids, scores),
        unk_token=tokens[unknown] if 0 <= unknown < len(tokens) else None,
        fuse_unk=True,
        byte_fallback=True,
    )
    spaces = normalizers.Replace(" ", SPACE)
    steps = [decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()]
    if metadata.get("tokenizer.ggml.add_space_prefix", True):
        backend.normalizer = normalizers.Sequence([normalizers.Prepend(SPACE), spaces])
        steps.append(decoders.Strip(" ", 1, 0))
    else:
        backend.normalizer = spaces
    backend.decoder = decoders.Sequence(steps)
    return backend, True


def _merges(tokens: list[str], ids: dict[str, int], scores: list[float]) -> list[tuple[str, str]]:
    """The merges that scores amount to: the best token first, whatever it is merged from."""
    order = sorted(range(len(tokens)), key=lambda i: -scores[i])
    halves = ((tokens[i][:at], tokens[i][at:]) for i in order for at in range(1, len(tokens[i])))
    return [(left, right) for left, right in halves if left in ids and right in ids]


def _bpe(metadata: Metadata, tokens: list[str], merges: list[tuple[str, str]], **options: object) -> Tokenizer:
    vocabulary = {token: i for i, token in enumerate(tokens)}
    try:
        return Tokenizer(models.BPE(vocabulary, merges, **options))
    except Exception as e:  # the library raises bare Exception
        _refuse(metadata, f"its tokenizer cannot be read ({e})", "Convert the model again")


def _refuse(metadata: Metadata, why: str, fix: str) -> NoReturn:
    bad_input(metadata.where, why, fix)
