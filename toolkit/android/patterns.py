"""Which regular expressions the Java code of the app matches as the `tokenizers` library does."""

from __future__ import annotations

import re

_CATEGORIES = "L|Lu|Ll|Lt|Lm|Lo|M|Mn|Mc|Me|N|Nd|Nl|No|P|Pc|Pd|Ps|Pe|Pi|Pf|Po|S|Sm|Sc|Sk|So|Z|Zs|Zl|Zp"
_ESCAPE = r"\\[rntfv!-/:-@\[-`{-~]"
_MANY = rf"\\[sSdDwW]|\\[pP]\{{(?:{_CATEGORIES})\}}"
_INSIDE = rf"(?:{_ESCAPE}|[^\[\]\\])"
_BRACKETS = rf"\[\^?(?:(?:{_MANY})(?!-[^\]])|(?!\\?-){_INSIDE}-(?!\\?-){_INSIDE}|{_INSIDE}(?!-[^\]]))+\]"
_ITEM = rf"(?:[^.^$|()\[\]{{}}*+?\\]|{_ESCAPE}|{_MANY}|{_BRACKETS})"
_TIMES = r"(?:[+*?]|\{[0-9]{1,3}(?:,[0-9]{0,3})?\})"
_FOLDED = r"\(\?i:(?:[a-z'|]|\[[a-z'|]+\])*\)"
_PATTERN = re.compile(
    rf"(?:{_ITEM}{_TIMES}?(?![+*?{{])|\(\?[!=]{_ITEM}\)|{_FOLDED}\??(?![+*?{{])|\(\?:|\)\??(?![+*?{{])|\|)*"
)


def is_pattern(source: str) -> bool:
    """Whether Java's PatternParser reads a regular expression that `tokenizers` accepts."""
    limits = re.findall(r"(?<!\\)\{([0-9]+),([0-9]+)\}", source)
    folded = re.findall(r"\(\?i:([^)]*)\)", source)
    return (
        all(int(low) <= int(high) for low, high in limits)
        and not any(re.search("ss|st|ff|fi|fl", group) for group in folded)
        and not re.search(r"\[[^\]]*&&", source)
        and _PATTERN.fullmatch(source) is not None
    )
