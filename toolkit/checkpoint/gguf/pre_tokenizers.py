"""How texts are split before byte-pair merges, by the names that GGUF files give it; the patterns are llama.cpp's."""

from __future__ import annotations

from dataclasses import dataclass

from tokenizers import Regex, pre_tokenizers

_SHORT = "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
"""I'll, don't and the like"""
_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)"
_END = r"\s*[\r\n]+|\s+(?!\S)|\s+"
_WORDS = _SHORT + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s| ?[^\s\p{L}\p{N}]+[\r\n]*|" + _END
_LLAMA3, _QWEN2 = _WORDS % "{1,3}", _WORDS % ""
_SEED = _SHORT + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|" + _END
_UPPER, _LOWER = r"[^\P{L}a-z]", r"[^\P{L}A-Z]"
"""letters but the small or the large ones of ASCII; llama.cpp looks ahead instead, which phones do not do"""
_CASED = (
    r"[^\r\n\p{L}\p{N}]?" + _UPPER + "*" + _LOWER + "+%s|"
    r"[^\r\n\p{L}\p{N}]?" + _UPPER + "+" + _LOWER + r"*%s|\p{N}%s| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + _END
)
# DeepSeek's own ranges hold kinds of white space that llama.cpp takes for nothing but white space.
_CJK = (
    "[\u4e00-\u9fa5\u0800-\u167f\u1681-\u1fff\u200b-\u2027\u202a-\u202e\u2030-\u205e\u2060-\u2fff\u3001-\u4e00"
    "\uac00-\ud7ff]+"
)
_DEEPSEEK_LETTERS = (
    "A-Za-z\xb5\xc0-\xd6\xd8-\xf6\xf8-\u01ba\u01bc-\u01bf\u01c4-\u0293\u0295-\u02af\u0370-\u0373\u0376\u0377\u037b-"
    "\u037d\u037f\u0386\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03f5\u03f7-\u0481\u048a-\u052f\u0531-\u0556\u10a0-"
    "\u10c5\u13a0-\u13f5\u13f8-\u13fd\u1c90-\u1cba\u1cbd-\u1cbf\u1d00-\u1d2b\u1d6b-\u1d77\u1d79-\u1d9a\u1e00-\u1f15"
    "\u1f18-\u1f1d\u1f20-\u1f45\u1f48-\u1f4d\u1f50-\u1f57\u1f59\u1f5b\u1f5d\u1f5f-\u1f7d\u1f80-\u1fb4\u1fb6-\u1fbc"
    "\u1fbe\u1fc2-\u1fc4\u1fc6-\u1fcc\u1fd0-\u1fd3\u1fd6-\u1fdb\u1fe0-\u1fec\u1ff2-\u1ff4\u1ff6-\u1ffc\u2102\u2107"
    "\u210a-\u2113\u2115\u2119-\u211d\u2124\u2126\u2128\u212a-\u212d\u212f-\u2134\u2139\u213c-\u213f\u2145-\u2149"
    "\u214e\u2183\u2184\u2c00-\u2c7b\u2c7e-\u2ce4\u2ceb-\u2cee\u2cf2\u2cf3\ua640-\ua66d\ua680-\ua69b\ua722-\ua76f"
    "\ua771-\ua787\ua78b-\ua78e\uab70-\uabbf\ufb00-\ufb06\ufb13-\ufb17\uff21-\uff3a\uff41-\uff5a"
    "\U00010400-\U0001044f\U000104b0-\U000104d3\U000104d8-\U000104fb\U00010c80-\U00010cb2\U00010cc0-\U00010cf2"
    "\U000118a0-\U000118df\U0001e900-\U0001e943"
)
_DEEPSEEK = (
    r"[\r\n]",
    rf"\s?[{_DEEPSEEK_LETTERS}]+",
    "\\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3001-\u3002]+",
    r"\s+(?![\s\S])",
    _CJK,
    r"\p{N}+",
)
_DEEPSEEK3 = (
    r"\p{N}{1,3}",
    "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|"
    + _END,
)


@dataclass(frozen=True)
class Kind:
    """Patterns that split a text one after another, each within the pieces that those before it leave; whether a text
    begins with BOS where the file does not say it; and whether a piece that is a token needs no merges.
    """

    patterns: tuple[str, ...]
    add_bos: bool = False
    ignore_merges: bool = False

    def pre_tokenizer(self) -> pre_tokenizers.PreTokenizer:
        """The same as a component of `tokenizers`."""
        steps = [pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in self.patterns]
        return pre_tokenizers.Sequence([*steps, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def _kinds(kind: Kind, *names: str) -> dict[str, Kind]:
    return dict.fromkeys(names, kind)


KINDS: dict[str, Kind] = {
    **_kinds(Kind((r"[\p{P}\$\+<=>\^~\|]+", _GPT2, r"\p{N}+", "[0-9][0-9][0-9]")), "", "default"),
    **_kinds(Kind((_LLAMA3,), True, True), "llama3", "llama-v3", "llama-bpe", "falcon3", "pixtral", "midm-2.0"),
    **_kinds(Kind((_LLAMA3,)), "dbrx", "smaug-bpe"),
    **_kinds(Kind((_QWEN2,)), "qwen2", "deepseek-r1-qwen", "kormo", "megrez", "stablelm2", "hunyuan"),
    **_kinds(
        Kind((r"\p{N}", _GPT2)), "smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"
    ),
    **_kinds(Kind((_GPT2,)), "gpt-2", "phi-2", "mpt", "olmo", "jais", "trillion", "gigachat", "mellum", "exaone4"),
    **_kinds(Kind((_CASED % ("", "", ""),), True, True), "tekken"),
    **_kinds(Kind((_CASED % (_SHORT + "?", _SHORT + "?", "{1,3}"),)), "gpt-4o", "llama4", "kanana2"),
    **_kinds(Kind(_DEEPSEEK), "deepseek-llm"),
    **_kinds(Kind((r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", _CJK, r"\p{N}")), "deepseek-coder"),
    **_kinds(Kind(_DEEPSEEK3), "deepseek-v3"),
    **_kinds(Kind((_SEED,)), "seed-coder"),
}
"""by the value of tokenizer.ggml.pre, "" where it is missing"""
