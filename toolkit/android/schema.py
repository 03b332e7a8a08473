"""The parts of a tokenizer.json that the Java code of the app does exactly, with every member that they may have.

A member without a default must be there, and one that is not named here is refused. Java's tokenizers are tested
against these classes: tests/android/verdicts.py varies every field, and both sides accept and refuse the same files.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter

from .patterns import is_pattern
from .refusals import named

Behavior = Literal["Removed", "Isolated", "Contiguous", "MergedWithPrevious", "MergedWithNext"]
Count = Annotated[int, Field(ge=0)]
Character = Annotated[str, Field(min_length=1, max_length=1)]
Nothing = Literal[""] | None


def _read(pattern: dict[str, str]) -> dict[str, str]:
    if list(pattern) == ["String"] and pattern["String"]:
        return pattern
    if list(pattern) == ["Regex"] and is_pattern(pattern["Regex"]):
        return pattern
    raise ValueError("neither a text that is not empty nor a regular expression of the app's grammar")


Pattern = Annotated[dict[str, str], AfterValidator(_read)]


class _Component(BaseModel):
    """An object whose member "type" says which members it has; built once, with the whole file."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)


class _Record(_Component):
    """An object of one kind; a type that it has all the same changes nothing."""

    type: Any = None


class ByteLevel(_Component):
    """Bytes as characters of their own."""

    type: Literal["ByteLevel"]
    add_prefix_space: bool
    trim_offsets: bool
    use_regex: bool = True


class Metaspace(_Component):
    """A mark in place of every space."""

    type: Literal["Metaspace"]
    replacement: Character
    prepend_scheme: Literal["always", "never", "first"] = "always"
    split: bool = True
    add_prefix_space: bool | None = None
    str_rep: Any = None


class Replace(_Component):
    """Another text wherever the pattern matches."""

    type: Literal["Replace"]
    pattern: Pattern
    content: str


class UnicodeNormalizer(_Component):
    """What the Unicode standard says alone."""

    type: Literal["NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents"]


class Strip(_Component):
    """A text without white space at its ends."""

    type: Literal["Strip"]
    strip_left: bool
    strip_right: bool


class Prepend(_Component):
    """A text before every other that is not empty."""

    type: Literal["Prepend"]
    prepend: str


class BertNormalizer(_Component):
    """What BERT does to a text."""

    type: Literal["BertNormalizer"]
    clean_text: bool
    handle_chinese_chars: bool
    strip_accents: bool | None = None
    lowercase: bool


class NormalizerSequence(_Component):
    """Normalizers one after another."""

    type: Literal["Sequence"]
    normalizers: list[Normalizer]


Normalizer = Annotated[
    NormalizerSequence | UnicodeNormalizer | Strip | Prepend | Replace | BertNormalizer,
    Field(discriminator="type"),
    named("normalizer", among=True),
]


class Split(_Component):
    """Pieces between the matches of a pattern."""

    type: Literal["Split"]
    pattern: Pattern
    behavior: Behavior
    invert: bool


class Digits(_Component):
    """Pieces of digits alone."""

    type: Literal["Digits"]
    individual_digits: bool


class Punctuation(_Component):
    """Pieces between punctuation marks."""

    type: Literal["Punctuation"]
    behavior: Behavior = "Isolated"


class Words(_Component):
    """Words by a rule that is fixed."""

    type: Literal["BertPreTokenizer", "Whitespace", "WhitespaceSplit"]


class PreTokenizerSequence(_Component):
    """Pre-tokenizers one after another."""

    type: Literal["Sequence"]
    pretokenizers: list[PreTokenizer]


PreTokenizer = Annotated[
    PreTokenizerSequence | ByteLevel | Split | Digits | Metaspace | Words | Punctuation,
    Field(discriminator="type"),
    named("pre-tokenizer", among=True),
]


class NamedSpecialToken(_Record):
    """A special token of a template, and its ids."""

    id: str
    ids: list[Any]
    tokens: Any = None


class Place(_Record):
    """What stands at one place of a template."""

    id: str
    type_id: Any = None


class Part(_Record):
    """One place of a template: a special token or the text."""

    SpecialToken: Annotated[Place, named("part of the TemplateProcessing")] | None = None
    Sequence: Annotated[Place, named("part of the TemplateProcessing")] | None = None


class TemplateProcessing(_Component):
    """Special tokens around a text; templates for two texts do not matter."""

    type: Literal["TemplateProcessing"]
    single: list[Annotated[Part, named("part of the TemplateProcessing")]]
    pair: list[Any]
    special_tokens: dict[str, Annotated[NamedSpecialToken, named("special token")]]


class BertProcessing(_Component):
    """A token before a text and one behind it."""

    type: Literal["BertProcessing"]
    sep: list[Any]
    cls: list[Any]


class RobertaProcessing(_Component):
    """As BERT's, in a byte-level tokenizer."""

    type: Literal["RobertaProcessing"]
    sep: list[Any]
    cls: list[Any]
    trim_offsets: bool
    add_prefix_space: bool


class PostProcessorSequence(_Component):
    """Post-processors one after another."""

    type: Literal["Sequence"]
    processors: list[PostProcessor]


PostProcessor = Annotated[
    PostProcessorSequence | ByteLevel | TemplateProcessing | BertProcessing | RobertaProcessing,
    Field(discriminator="type"),
    named("post-processor", among=True),
]


class PlainDecoder(_Component):
    """Decoders that have no choice."""

    type: Literal["ByteFallback", "Fuse"]


class StripDecoder(_Component):
    """Tokens without a character that they begin with."""

    type: Literal["Strip"]
    content: Character
    start: Count
    stop: Literal[0]


class WordPieceDecoder(_Component):
    """Words of pieces that a prefix marks."""

    type: Literal["WordPiece"]
    prefix: str
    cleanup: bool


class DecoderSequence(_Component):
    """Decoders one after another."""

    type: Literal["Sequence"]
    decoders: list[Decoder]


Decoder = Annotated[
    DecoderSequence | ByteLevel | PlainDecoder | Replace | StripDecoder | Metaspace | WordPieceDecoder,
    Field(discriminator="type"),
    named("decoder", among=True),
]


class BPE(_Component):
    """Merges of two tokens, the same ones for the same text always."""

    type: Literal["BPE"]
    dropout: None = None
    unk_token: str | None = None
    continuing_subword_prefix: Nothing = None
    end_of_word_suffix: Nothing = None
    fuse_unk: bool | None = None
    byte_fallback: bool | None = None
    ignore_merges: bool | None = None
    vocab: dict[str, int]
    merges: list[Any]


class WordPiece(_Component):
    """The longest tokens that a word begins with."""

    type: Literal["WordPiece"]
    unk_token: str
    continuing_subword_prefix: str
    max_input_chars_per_word: Count
    vocab: dict[str, int]


Model = Annotated[BPE | WordPiece, Field(discriminator="type"), named("model", among=True)]


class AddedToken(_Record):
    """A token that is found in a text before all else."""

    id: Count
    content: str
    single_word: bool
    lstrip: bool
    rstrip: bool
    normalized: bool
    special: bool


class TokenizerFile(_Record):
    """A whole tokenizer.json, its components in the order in which they are looked at."""

    version: Literal["1.0"]
    truncation: Any = None
    padding: Any = None
    normalizer: Normalizer | None = None
    pre_tokenizer: PreTokenizer | None = None
    post_processor: PostProcessor | None = None
    decoder: Decoder | None = None
    model: Model
    added_tokens: list[Annotated[AddedToken, named("added token")]] = []


FILE: TypeAdapter[TokenizerFile] = TypeAdapter(Annotated[TokenizerFile, named("file")])
