"""Tokenizers of every family that phones read: real ones where they are, and small ones trained on the spot."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from . import texts

ROOT = Path(__file__).parents[2]
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2 = LLAMA3.replace("{1,3}", "")
CASED = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SIGNS = r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*"
PATTERNS = [LLAMA3, QWEN2, CASED, SIGNS]
BYTES = [f"<0x{b:02X}>" for b in range(256)]


def corpus() -> list[str]:
    """What they are trained on."""
    calibration = (ROOT / "toolkit/select/calibration.txt").read_text(encoding="utf-8").split("\n")
    return calibration + [text for text in texts.fixed() if len(text) < 500]


def _trained(tokenizer: Tokenizer, size: int, special: list[str], alphabet: list[str], unk: str | None = None) -> None:
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=special, initial_alphabet=alphabet, limit_alphabet=900, show_progress=False
    )
    tokenizer.train_from_iterator(corpus(), trainer)


def _byte_level(before: list[pre_tokenizers.PreTokenizer], special: list[str], use_regex: bool = False) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    last = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=use_regex)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([*before, last]) if before else last
    tokenizer.decoder = decoders.ByteLevel()
    _trained(tokenizer, 2500, special, pre_tokenizers.ByteLevel.alphabet())
    return tokenizer


def gpt2() -> Tokenizer:
    """Byte-level BPE with its own pattern, and RoBERTa's prefix and ends."""
    tokenizer = _byte_level([], ["<s>", "</s>", "<mask>"], use_regex=True)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 1), ("<s>", 0))
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, normalized=False)])
    return tokenizer


def llama3() -> Tokenizer:
    """A pattern of its own, whole words before merges, many special tokens."""
    special = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
    tokenizer = _byte_level([pre_tokenizers.Split(Regex(LLAMA3), "isolated")], special)
    description = json.loads(tokenizer.to_str())
    description["model"]["ignore_merges"] = True
    tokenizer = Tokenizer.from_str(json.dumps(description))
    template = processors.TemplateProcessing("<|begin_of_text|> $A", special_tokens=[("<|begin_of_text|>", 0)])
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), template])
    return tokenizer


def qwen2() -> Tokenizer:
    """NFC, digits one by one, tokens that are added and not special."""
    tokenizer = _byte_level([pre_tokenizers.Split(Regex(QWEN2), "isolated")], ["<|endoftext|>", "<|im_start|>"])
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.add_tokens([AddedToken("<tool_call>", normalized=False), AddedToken("e\u0301clair"), AddedToken("naïve")])
    return tokenizer


def cased() -> Tokenizer:
    """Patterns that look at capitals, several after one another, merges written the old way."""
    steps = [
        pre_tokenizers.Split(Regex(r"\p{N}{1,3}"), "isolated"),
        pre_tokenizers.Split(Regex("[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"), "isolated"),
        pre_tokenizers.Split(Regex(CASED), "removed", invert=True),
        pre_tokenizers.Split(Regex(SIGNS), "merged_with_previous"),
        pre_tokenizers.Digits(individual_digits=True),
    ]
    description = json.loads(_byte_level(steps, ["<end>"]).to_str())
    description["model"]["merges"] = [" ".join(merge) for merge in description["model"]["merges"]]
    return Tokenizer.from_str(json.dumps(description))


def _byte_fallback(tokenizer: Tokenizer, size: int = 1800) -> Tokenizer:
    _trained(tokenizer, size, ["<unk>", "<s>", "</s>", *BYTES], [])
    description = json.loads(tokenizer.to_str())
    kept = [token for token in description["added_tokens"] if not token["content"].startswith("<0x")]
    description["added_tokens"] = kept
    description["model"] |= {"byte_fallback": True, "fuse_unk": True, "unk_token": "<unk>"}
    return Tokenizer.from_str(json.dumps(description))


def _fallback_decoder(strip: bool) -> decoders.Decoder:
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    return decoders.Sequence([*steps, decoders.Strip(" ", 1, 0)] if strip else steps)


def llama2() -> Tokenizer:
    """Prepend and Replace, no pre-tokenizer: the whole text is one word."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer = _byte_fallback(tokenizer)
    tokenizer.pre_tokenizer = None
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = _fallback_decoder(strip=True)
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A", special_tokens=[("<s>", 1)])
    tokenizer.add_tokens([AddedToken("mid sentence"), AddedToken("<|user|>", rstrip=True, lstrip=True)])
    return tokenizer


def mistral() -> Tokenizer:
    """Metaspace that marks the first word alone, without cutting."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer = _byte_fallback(tokenizer)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    tokenizer.decoder = _fallback_decoder(strip=True)
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A", special_tokens=[("<s>", 1)])
    tokenizer.add_special_tokens(["[INST]", "[/INST]"])
    return tokenizer


def mistral_split() -> Tokenizer:
    """Metaspace that cuts, with its own decoder."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="first")
    tokenizer = _byte_fallback(tokenizer)
    return tokenizer


def gemma() -> Tokenizer:
    """Replace and a cut at spaces, runs of line ends and of marks as added tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    tokenizer = _byte_fallback(tokenizer)
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.decoder = _fallback_decoder(strip=False)
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)])
    tokenizer.add_special_tokens(["<start_of_turn>", "<end_of_turn>", *(f"<unused{i}>" for i in range(20))])
    runs = ["\n" * n for n in range(1, 6)] + ["▁" * n for n in range(2, 6)] + ["<b>", "</b>", "<table>"]
    tokenizer.add_tokens([AddedToken(run, normalized=False) for run in runs])
    return tokenizer


def unknowns() -> Tokenizer:
    """Bytes for some characters and unknown tokens, each alone, for the rest."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.BpeTrainer(
        vocab_size=600, special_tokens=["<unk>", *BYTES[:0xC4]], limit_alphabet=60, show_progress=False
    )
    tokenizer.train_from_iterator(corpus(), trainer)
    description = json.loads(tokenizer.to_str())
    description["model"] |= {"byte_fallback": True, "fuse_unk": False}
    description["added_tokens"] = description["added_tokens"][:1]
    tokenizer = Tokenizer.from_str(json.dumps(description))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase(), normalizers.Strip()]
    )
    tokenizer.add_tokens(
        [AddedToken("Straße"), AddedToken("und", single_word=True), AddedToken(" x", rstrip=True, normalized=False)]
    )
    return tokenizer


def bert(cased: bool = False) -> Tokenizer:
    """WordPiece with Bert's own parts; cased keeps accents and has punctuation and digits apart instead."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=not cased, clean_text=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(
        vocab_size=2500, special_tokens=special, limit_alphabet=700, show_progress=False
    )
    tokenizer.train_from_iterator(corpus(), trainer)
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.decoder = decoders.WordPiece(cleanup=not cased)
    if cased:
        tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(r"\s+"), " ")])
        steps = [
            pre_tokenizers.WhitespaceSplit(),
            pre_tokenizers.Punctuation("contiguous"),
            pre_tokenizers.Digits(False),
        ]
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps)
        tokenizer.decoder = None
    return tokenizer


def decomposed() -> Tokenizer:
    """NFD, and marks that prefer company."""
    tokenizer = _byte_level([pre_tokenizers.Split(Regex(r"\w+|[^\w\s]+"), "merged_with_next")], ["<end>"])
    tokenizer.normalizer = normalizers.NFD()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\w+|[^\w\s]+"), "merged_with_next"),
            pre_tokenizers.Punctuation("merged_with_previous"),
            pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=False),
        ]
    )
    return tokenizer


TRAINED: dict[str, Callable[[], Tokenizer]] = {
    "gpt2": gpt2,
    "llama3": llama3,
    "qwen2": qwen2,
    "cased": cased,
    "llama2": llama2,
    "mistral": mistral,
    "mistral-split": mistral_split,
    "gemma": gemma,
    "unknowns": unknowns,
    "bert": bert,
    "bert-cased": lambda: bert(cased=True),
    "decomposed": decomposed,
}
