"""Texts on which tokenizers like to differ, the same ones every time."""

# ruff: noqa: RUF001, E501, SIM905
from __future__ import annotations

import json
import random
from pathlib import Path

LETTERS = {
    "latin": "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "accents": "àáâãäåæçèéêëìíîïñòóôõöøùúûüýÿßœšžğışőűĳŉǆſȸɓ",
    "greek": "αβγδεζηθικλμνξοπρσςτυφχψωΆΈΉΊΌΎΏΐΰ",
    "cyrillic": "абвгдеёжзийклмнопрстуфхцчшщъыьэюяЁЇЄҐ",
    "hebrew": "אבגדהוזחטיכלמנסעפצקרשתםןףץך" + "\u05b0\u05b8\u05bc\u05c1",
    "arabic": "ابتثجحخدذرزسشصضطظعغفقكلمنهويءآأؤإئىة" + "\u064b\u064e\u0651\u0670٠١٢٣٤٥",
    "devanagari": "अआइईउऊएऐओऔकखगघचछजझटठडढणतथदधनपफबभमयरलवशषसह" + "ािीुूेैोौ्ंः़०१२३",
    "thai": "กขคงจฉชซญฎฐณดตถทธนบปผฝพฟภมยรลวศษสหอฮะาิีึืุูเแโใไ่้๊๋",
    "han": "的一是不了人我在有他这中大来上国个到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可她里后小么心多天而能好都然没日于起还发成事只作当想看文無開歷體龍",
    "kana": "あいうえおかがきぎくぐけげこごさざしじすずせぜアイウエオカガキギクグパピプペポーッャュョ々〆ｱｲｳﾞﾟ",
    "hangul": "가각간갇갈감갑값강개객거걱건것게겨고곡과관광괜구국군그글금기김까한글말씀" + "\u1100\u1161\u11a8\u1112\u1175",
    "emoji": "😀😂🤣😍🙏👍👩🏽🚀🔥💯❤⭐✨🎉🌍🐕🏳🌈🇩🇪🇯🇵🏴👨👧👦",
    "symbols": "©®™°±²³µ¶·¼½¾×÷€£¥₹₿→⇒∀∂∈∑√∞≈≠≤≥⊂⊕⌘①②Ⅷⅷ㊙㎏ﬁﬂﬆªº",
    "punctuation": "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~«»„“”‘’‚…–—‐‑•·¡¿。、，．！？：；「」『』【】〈〉《》۔،؟।॥",
    "digits": "0123456789٠١٢٣४५६७０１２３४๑๒๓੧੨𝟎𝟏𝟗Ⅳ½²",
    "marks": "\u0300\u0301\u0302\u0303\u0304\u0308\u030a\u0323\u0327\u0328\u0334\u0338\u0345\u0360\u20d7\u20e3\ufe0f\ufe20",
    "spaces": " \t\n\r\u000b\u000c\u0085\u00a0\u1680\u2000\u2003\u2009\u200a\u2028\u2029\u202f\u205f\u3000",
    "invisible": "\u00ad\u034f\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202e\u2060\u2066\u2069\ufeff\ufff9\ufffb",
    "control": "\u0000\u0001\u0002\u0007\u0008\u000e\u001a\u001b\u001f\u007f\u0080\u008f\u009f",
    "private": "\ue000\uf8ff\U000f0000\U0010fffd",
    "strange": "\ufffd\ufffe\uffff\U0001ffff\U0010ffff\u0378\u0380\ufdd0\U000e0001\U000e0041\U000e01ef\U00050000",
    "new": "\u1c8a\ua7cb\ua7da\U00011380\U00016d40\U0001fae9\U00010d4a\U0001e5d0\U00031350\U0002ebf0\U0001f8b2\u0897\u2ffc",
    "edge": "\ud7ff\ue000\uffff\U00010000\U00010001\U0001f600\U0001fbf9\U0002f800\U0002fa1d\U0010fffe",
    "math": "𝐀𝐛𝒜𝓐𝔄𝕒𝖆𝗔𝘢𝙖𝚊𝟘ℝℕℂℵÅKΩ",
    "casing": "İıſKÅßẞŉǰΐΰևẖẗẘẙẚﬀﬃﬄﬅﬆﬓﬗᾀᾳᾼῼǅǈǋǲΣςͅ",
    "hangul_edge": "\uac00\ud7a3\u1100\u1112\u1161\u1175\u11a7\u11a8\u11c2\u115f\u1160\ua960\ud7b0\ud7fb",
    "canonical": "\u0958\u0344\u0374\u037e\u0387\u1f71\u2000\u2126\u212a\u212b\u2329\uf900\ufa0e\ufb1d\ufb4e\u0f43\u0f73"
    "\U0001d160\U0001d15e\U0001109a\U0002f868\u2adc\u1026\u0dda\u09cb\u0b94",
}  # fmt: skip
CONTRACTIONS = "I'm we're you'll they've he'd it's can't I'M WE'RE YOU'LL 'S 'T IT'S 'ſ it'ſ 'ſs ''s 's's 'K 'tis ’s I’m n't".split(
    " "
)
CODE = [
    "def f(x):\n    return x ** 2  # squared\n",
    "if (a<b) {\r\n\tfoo();\r\n}\r\n\r\n",
    "https://example.org/a?b=c&d=%20#e",
    "user@example.org, +49 (0)30 123-4567",
    '{"a": [1, 2.5e-3, null], "b\\n": "\\u00e9"}',
    "<div class='x'>&nbsp;</div>",
    "SELECT * FROM t WHERE a != 'b' -- c",
    "1234567890 12,345.67 3.14159265 0x1F 1e10 007 00001111222233334444",
    "do not . ? ! , ' n't 'm 's 've 're",
    "<0x41><0x0A> <0xZZ> <0xé> <0x+A> ▁▁ ▁a▁ Ġ Ċ ĠĠa ##ing [UNK] ##",
]
ZWJ = ["👨‍👩‍👧‍👦", "👩🏽‍🚀", "🏳️‍🌈", "❤️‍🔥", "🧑🏿‍🤝‍🧑🏻", "🇩🇪🇫🇷🇯", "1️⃣", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "👍🏼👍🏾", "🤷‍♀️"]


def fixed() -> list[str]:
    """Every character alone and between letters, and texts that are known to be hard."""
    texts = [
        "",
        " ",
        "  ",
        "   ",
        "\n",
        "\n\n",
        "\n\n\n",
        "\t",
        "\r",
        "\r\n",
        " \n",
        "\n ",
        " \n ",
        "a ",
        " a",
        "  a",
        "a  ",
    ]
    texts += ["a\n", "\na", "a \n b", "a  \n\n  b", "a\r\n\r\nb", " \t \n\t x", "x\u00a0y", "x \u00a0 y", "\u3000x"]
    for letters in LETTERS.values():
        texts += list(letters)
        texts += [f"a{c}b {c} {c}{c}" for c in letters if letters is not LETTERS["latin"]]
        texts.append(letters)
    texts += [*CONTRACTIONS, " ".join(CONTRACTIONS), *CODE, *ZWJ, " ".join(ZWJ), "".join(ZWJ)]
    for piece in [
        "a",
        "ab",
        " ",
        "\n",
        "\t ",
        "é",
        "e\u0301",
        "語",
        "😀",
        "👩🏽‍🚀",
        "1",
        "12 ",
        "-",
        "=-",
        "'",
        "▁",
        "\u0301",
        "가",
    ]:
        texts += [piece * n for n in (7, 31, 99, 101, 400, 3000)]
    return texts


def word(rng: random.Random) -> str:
    """A word of one script, or two."""
    letters = rng.choice(list(LETTERS.values()))
    text = "".join(rng.choices(letters, k=min(rng.randint(1, 12), rng.randint(1, 60))))
    return text if rng.random() < 0.8 else text + word(rng)


def mixed(rng: random.Random, special: list[str]) -> str:
    """Words, contractions, special tokens and what is between."""
    parts = []
    for _ in range(rng.randint(1, 12)):
        kind = rng.random()
        if kind < 0.6:
            parts.append(word(rng))
        elif kind < 0.7:
            parts.append(rng.choice(CONTRACTIONS))
        elif kind < 0.8 and special:
            parts.append(rng.choice(special))
        elif kind < 0.87:
            parts.append(rng.choice(ZWJ))
        else:
            parts.append("".join(rng.choices("0123456789.,", k=rng.randint(1, 9))))
        parts.append(
            rng.choice([" ", " ", " ", "", "", "  ", "\n", "\n\n", " \n", "\t", "\r\n", rng.choice(LETTERS["spaces"])])
        )
    return "".join(parts)


def anything(rng: random.Random) -> str:
    """Code points from everywhere, assigned or not."""
    bound = rng.choice([0x100, 0x800, 0x3000, 0x10000, 0x20000, 0x110000])
    points = [c for c in (rng.randrange(bound) for _ in range(rng.randint(1, 30))) if not 0xD800 <= c < 0xE000]
    return "".join(map(chr, points))


def around(rng: random.Random, special: list[str]) -> str:
    """Special tokens, whole and damaged, with and without room around them."""
    parts = []
    for _ in range(rng.randint(1, 4)):
        token = rng.choice(special)
        cut = rng.randint(0, len(token))
        parts += [rng.choice(["", " ", "x", "  ", "\n", "é", "_", "7", "²", "\u200d", "\u0301", word(rng)])]
        parts += [rng.choice([token, token, token, token[:cut], token[cut:], token.upper(), token + token])]
    return "".join(parts) + rng.choice(["", " ", "  y", "\n", "x", "\u200d", "½"])


def real(shared: Path, count: int, rng: random.Random) -> list[str]:
    """Lines of the data sets, and some longer stretches."""
    texts: list[str] = []
    if not shared.is_dir():
        return texts
    for path in sorted(shared.glob("data/*/*")):
        lines = path.read_text(encoding="utf-8").split("\n")
        if path.suffix == ".jsonl":
            lines = [str(json.loads(line).get("text", line)) for line in lines if line]
        texts += rng.sample(lines, min(count, len(lines)))
        start = rng.randrange(len(lines))
        texts.append("\n".join(lines[start : start + 40]))
    return texts


def texts(special: list[str], shared: Path, count: int = 5000) -> list[str]:
    """At least `count` texts, those around the tokens in `special` among them."""
    rng = random.Random(f"texts {special}")
    found = dict.fromkeys([*fixed(), *real(shared, 120, rng)])
    while len(found) < count:
        found |= dict.fromkeys([mixed(rng, special), mixed(rng, special), anything(rng)])
        if special:
            found[around(rng, special)] = None
    return list(found)
