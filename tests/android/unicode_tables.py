"""The character tables of the Java tokenizers, measured on the `tokenizers` library itself, one code point at a time.

`tokenizers` is built from several Rust libraries, each with its own version of Unicode, and none of them is the one
that a phone or a JVM has. So the tables hold what the library does. `python -m tests.android.unicode_tables` writes
them into the sources of android_demo; test_tokenizers.py finds out when the installed library no longer agrees.

characters.txt has one line for each run of code points with the same properties: how many, then what they have, both
hexadecimal. Bits 0 to 4 are the general category (the order of CATEGORIES, 0 for none), the others those of FLAGS.
normalization.txt has lines `code: text` under a headline for each mapping, and ranges of combining classes.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path

from tokenizers import Regex, normalizers, pre_tokenizers

FOLDER = Path(__file__).parents[2] / "android_demo/core/src/main/resources/org/pocketzo/runtime/tokenizers/text"
CATEGORIES = (  # surrogates are no characters, and Cs has none
    "Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Co Cn".split()  # noqa: SIM905
)
FLAGS = ["space", "pattern_word", "word", "numeric", "punctuation", "control", "bert_accent", "accent"]
FLAGS += ["bracket_word"]  # within brackets a word has no superscripts and fractions
POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
EVERY = "".join(map(chr, POINTS))


def removed(function: Callable[[str], str]) -> set[int]:
    """The code points that a function takes out of a text."""
    return set(POINTS) - set(map(ord, function(EVERY)))


def joined(pre_tokenizer: pre_tokenizers.PreTokenizer, text: str) -> str:
    """What a pre-tokenizer leaves of a text."""
    return "".join(piece for piece, _ in pre_tokenizer.pre_tokenize_str(text))


def by_pattern(pattern: str) -> set[int]:
    """The code points that match a pattern of one character."""
    return removed(normalizers.Replace(Regex(pattern), "").normalize_str)


def each(function: Callable[[str], str], separator: str = "\n") -> dict[int, str]:
    """What a function makes of every code point, if it treats the separator as a border."""
    points = [c for c in POINTS if chr(c) != separator]
    parts = function("".join(separator + chr(c) for c in points)).split(separator)[1:]
    assert len(parts) == len(points)
    return dict(zip(points, parts, strict=True))


def numeric() -> set[int]:
    """Digits as the pre-tokenizer has them: it cuts the text into stretches of others and of digits in turn."""
    pieces = [piece for piece, _ in pre_tokenizers.Digits(individual_digits=False).pre_tokenize_str(EVERY)]
    return {ord(c) for piece in pieces[1::2] for c in piece}


def words() -> set[int]:
    """Characters that stick to a letter in the pre-tokenizer Whitespace."""
    pieces = pre_tokenizers.Whitespace().pre_tokenize_str("".join("a" + c for c in EVERY))
    others = {ord(c) for piece, _ in pieces if "a" not in piece for c in piece}
    return set(POINTS) - others - by_pattern(r"\s")


def properties() -> list[int]:
    """The line of every code point."""
    flags = {
        "space": by_pattern(r"\s"),
        "pattern_word": by_pattern(r"\w"),
        "bracket_word": by_pattern(r"[\w]"),
        "word": words(),
        "numeric": numeric(),
        "punctuation": removed(lambda s: joined(pre_tokenizers.Punctuation("removed"), s)),
        "accent": removed(normalizers.StripAccents().normalize_str),
    }  # fmt: skip
    clean = normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=False, strip_accents=False, lowercase=False
    )
    cleaned = each(clean.normalize_str, "|")
    flags["control"] = {c for c, text in cleaned.items() if not text} - {0, 0xFFFD}
    bare = normalizers.BertNormalizer(clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=False)
    flags["bert_accent"] = {c for c, text in each(bare.normalize_str).items() if not text}
    table = [0] * 0x110000
    for number, category in enumerate(CATEGORIES, 1):
        for c in by_pattern(rf"\p{{{category}}}"):
            assert table[c] == 0
            table[c] = number
    for bit, name in enumerate(FLAGS, 5):
        for c in flags[name]:
            table[c] |= 1 << bit
    return table


def check_agreement() -> None:
    """White space is the same in all libraries, digits in patterns are the category Nd, and brackets change nothing."""
    space = by_pattern(r"\s")
    assert space == removed(lambda s: joined(pre_tokenizers.WhitespaceSplit(), s))
    assert space == removed(normalizers.Replace(Regex(r"\S+"), "").normalize_str) ^ set(POINTS)
    assert by_pattern(r"\d") == by_pattern(r"\p{Nd}")
    for small in [r"\s", r"\d", *(rf"\p{{{category}}}" for category in CATEGORIES)]:
        large = small[0] + small[1].upper() + small[2:]
        assert by_pattern(small) == by_pattern(f"[{small}]+") == set(POINTS) - by_pattern(f"[^{small}]+")
        assert by_pattern(large) == by_pattern(f"[{large}]+") == set(POINTS) - by_pattern(small)
    assert set(POINTS) - by_pattern(r"\W") == by_pattern(r"\w+") == by_pattern(r"\w")
    assert set(POINTS) - by_pattern(r"[\W]") == set(POINTS) - by_pattern(r"[^\w]+") == by_pattern(r"[\w]")
    for letter in "LMNPSZ":
        parts = [by_pattern(rf"\p{{{category}}}") for category in CATEGORIES if category[0] == letter]
        assert by_pattern(rf"\p{{{letter}}}") == set().union(*parts)


def characters() -> str:
    """characters.txt."""
    table = properties()
    lines = []
    start = 0
    for c in range(1, len(table) + 1):
        if c == len(table) or table[c] != table[start]:
            lines.append(f"{c - start:x} {table[start]:x}")
            start = c
    return "\n".join(lines) + "\n"


def combining_classes() -> dict[int, int]:
    """Canonical combining classes, read off the order in which two marks come out."""
    nfd = normalizers.NFD().normalize_str
    known = {c: unicodedata.combining(chr(c)) for c in POINTS if unicodedata.combining(chr(c))}
    own = each(nfd)
    some = {}  # one mark of each class, which the library knows: U+0334 has 1 and U+0345 has 240
    for c, number in sorted(known.items()):
        moves = nfd("\u0345" + chr(c)) != "\u0345" + chr(c) or nfd(chr(c) + "\u0334") != chr(c) + "\u0334"
        if own[c] == chr(c) and moves:
            some.setdefault(number, c)
    found = {}
    for c in POINTS:
        text = chr(c)
        if own.get(c, text) != text or c < 0x300:
            continue
        if nfd("\u0345" + text)[0] != "\u0345" or nfd(text + "\u0334")[0] != text:
            number = known[c]
            for other, mark in some.items():
                assert (nfd(text + chr(mark))[0] == chr(mark) != text) == (number > other), hex(c)
            found[c] = number
    return found


def mapping(results: dict[int, str]) -> dict[int, str]:
    """What is not itself, without Hangul syllables, which are computed."""
    return {c: text for c, text in results.items() if text != chr(c) and not 0xAC00 <= c < 0xD7A4}


def compositions(canonical: dict[int, str]) -> dict[int, str]:
    """Which two characters become which one."""
    nfc = normalizers.NFC().normalize_str
    found = {}
    for c, text in canonical.items():
        first = nfc(text[:-1])
        if len(text) > 1 and len(first) == 1 and nfc(text) == chr(c):
            assert nfc(first + text[-1]) == chr(c)
            found[c] = first + text[-1]
    return found


def codes(text: str) -> str:
    """A text as code points."""
    return " ".join(f"{ord(c):x}" for c in text)


def section(name: str, lines: Iterable[str]) -> str:
    """A headline and its lines."""
    return "".join([f"[{name}]\n", *(line + "\n" for line in lines)])


def normalization() -> str:
    """normalization.txt."""
    canonical = mapping(each(normalizers.NFD().normalize_str))
    compatible = mapping(each(normalizers.NFKD().normalize_str))
    lower = mapping(each(normalizers.Lowercase().normalize_str))
    compatible = {c: text for c, text in compatible.items() if canonical.get(c) != text}
    parts = {"canonical": canonical, "compatible": compatible, "composition": compositions(canonical), "lower": lower}
    text = "".join(
        section(name, (f"{c:x} {codes(t)}" for c, t in sorted(part.items()))) for name, part in parts.items()
    )
    classes = sorted(combining_classes().items())
    return text + section("class", (f"{c:x} {number:x}" for c, number in classes))


def main() -> None:
    """Write both files."""
    check_agreement()
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "characters.txt").write_text(characters(), encoding="ascii")
    (FOLDER / "normalization.txt").write_text(normalization(), encoding="ascii")


if __name__ == "__main__":
    main()
