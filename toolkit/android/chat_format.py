"""A chat template as plain data, so that phones need no template engine.

What a template writes between two messages depends, in nearly every model, on nothing but who spoke before and who
speaks next. So a format is a table of joints: the text from the start to the first message, from one role to the next,
and from the last message to the end or to the model's answer. It is read off renderings of the template and believed
only after hundreds of random conversations came out the same both ways.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from jinja2 import TemplateError
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pocketzo.runtime.errors import bad_input

NAME = "chat_format.json"
FORMAT = "pocketzo-chat"
CHECKED = 300
"""random conversations that must agree"""
START, END, ANSWER = "start", "end", "answer"
ROLES = ("system", "user", "assistant")
TRIMS = {"none": lambda s: s, "both": str.strip, "left": str.lstrip, "right": str.rstrip}

_WHAT = "chat template"
_FIX = "Package without it; people then see the model's bare continuation"
_MARKS = ("\ue000", "\ue001")
_PADDED = "\u2003 \n\tx y\u00a0 \n "

Message = Mapping[str, str]


class _DateError(Exception):
    """The template asked what day it is."""


@dataclass(frozen=True)
class ChatFormat:
    """Joints by "<from> <to>", with " last" behind where the message that follows is the last one and it matters.

    `trim` says for each role where white space is taken off a message, and `unsafe` which texts a message may not hold
    because the template would treat it differently. The text that comes out has its special tokens written out, so that
    the tokenizer must add none.
    """

    joints: Mapping[str, str]
    trim: Mapping[str, str]
    unsafe: Mapping[str, Sequence[str]]

    def apply(self, messages: Sequence[Message], answer: bool) -> str:
        """The text of a conversation; with `answer` it ends where the model is to speak."""
        parts = []
        before = START
        for i, message in enumerate(messages):
            role = message["role"]
            final = i == len(messages) - 1 and not answer
            parts += [self._joint(before, role, final), TRIMS[self.trim[role]](message["content"])]
            before = role
        return "".join([*parts, self._joint(before, ANSWER if answer else END, False)])

    def _joint(self, before: str, after: str, final: bool) -> str:
        key = f"{before} {after}"
        return self.joints[f"{key} last"] if final and f"{key} last" in self.joints else self.joints[key]

    def allows(self, messages: Sequence[Message]) -> bool:
        """Whether no message is empty or holds what the template would treat differently."""
        return all(
            m["content"].strip() and not any(text in m["content"] for text in self.unsafe[m["role"]]) for m in messages
        )

    def text(self) -> str:
        """The file that phones read."""
        members = {"joints": dict(self.joints), "trim": dict(self.trim), "unsafe": dict(self.unsafe)}
        return json.dumps({"format": FORMAT, "version": 1, **members}, indent=2, ensure_ascii=False) + "\n"


class Template:
    """A template rendered as transformers does, with the special tokens that it may name."""

    def __init__(self, source: str, bos_token: str | None, eos_token: str | None) -> None:
        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
        environment.globals["raise_exception"] = _raise
        environment.globals["strftime_now"] = _no_date
        environment.filters["tojson"] = lambda value, **options: json.dumps(value, ensure_ascii=False, **options)
        self._tokens = {"bos_token": bos_token, "eos_token": eos_token}
        for name, token in self._tokens.items():
            if token is None and name in source:
                _refuse(f"it names the {name}, which is not known")
        try:
            self._template = environment.from_string(source)
        except TemplateError as e:
            _refuse(f"it is no template ({e})")
        self.literals = _literals(source)

    def render(self, messages: Sequence[Message], answer: bool) -> str:
        """The conversation as the template writes it. Raises TemplateError if it will not have it."""
        conversation = [dict(message) for message in messages]
        return self._template.render(
            messages=conversation, tools=None, documents=None, add_generation_prompt=answer, **self._tokens
        )


def derive(source: str, bos_token: str | None, eos_token: str | None) -> ChatFormat:
    """The format of a chat template. Raises BadInput, with the reason, if it is not one that phones reproduce.

    The tokens are those that the template may write at the beginning and the end, where they are known.
    """
    template = Template(source, bos_token, eos_token)
    try:
        found = _read_off(template, ROLES if _takes_system(template) else ROLES[1:])
        _check(template, found)
    except TemplateError as e:
        _refuse(f"it fails on an ordinary conversation ({e})")
    except _DateError:
        _refuse("it writes the date of the day")
    except (TypeError, ValueError, AttributeError, KeyError, OverflowError) as e:
        _refuse(f"it fails on an ordinary conversation ({type(e).__name__}: {e})")
    return found


def _raise(message: str) -> None:
    raise TemplateError(message)


def _no_date(form: str) -> None:
    raise _DateError(form)


def _refuse(why: str) -> NoReturn:
    bad_input(_WHAT, why, _FIX)


def _literals(source: str) -> list[str]:
    """Texts that the template's source quotes or writes, for it may look for them in messages."""
    quoted = re.findall(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"", source)
    written = re.findall(r"[^\s{}%'\"]+", source)
    texts = {a or b for a, b in quoted} | set(written)
    return sorted(
        {text.encode().decode("unicode_escape") if text.isascii() else text for text in texts if text.strip()}
    )


def _takes_system(template: Template) -> bool:
    try:
        return _MARKS[0] in template.render(_conversation(["system", "user"], [_MARKS[0], "m"]), True)
    except TemplateError:
        return False


def _conversation(roles: Sequence[str], contents: Sequence[str]) -> list[Message]:
    return [{"role": role, "content": content} for role, content in zip(roles, contents, strict=True)]


def _orders(roles: Sequence[str], turns: int) -> Iterator[tuple[list[str], bool]]:
    """Who speaks, and whether the model is to answer: all conversations of up to so many turns."""
    for system in [[], ["system"]] if "system" in roles else [[]]:
        for count in range(1, turns + 1):
            order = system + [("user", "assistant")[i % 2] for i in range(count)]
            yield order, False
            if count % 2:
                yield order, True


def _read_off(template: Template, roles: Sequence[str]) -> ChatFormat:
    joints: dict[str, str] = {}
    last: dict[str, str] = {}
    for order, answer in _orders(roles, 6):
        marks = [f"{_MARKS[0]}{i}{_MARKS[1]}" for i in range(len(order))]
        text = template.render(_conversation(order, marks), answer)
        texts = _cut(text, marks)
        stops = [START, *order, ANSWER if answer else END]
        for i, between in enumerate(texts):
            final = i == len(order) - 1 and not answer
            key = f"{stops[i]} {stops[i + 1]}"
            if (last if final else joints).setdefault(key, between) != between:
                _refuse(f"what it writes between {stops[i]} and {stops[i + 1]} depends on more than these two")
    for key, between in last.items():
        joints.setdefault(key, between)
        if joints[key] != between:
            joints[f"{key} last"] = between
    trim = {role: _trim(template, role) for role in roles}
    candidate = ChatFormat(dict(sorted(joints.items())), trim, dict.fromkeys(roles, ()))
    unsafe = {
        role: [t for t in template.literals if not _same(template, candidate, role, f"a{t}b {t} c")] for role in roles
    }
    return ChatFormat(candidate.joints, trim, unsafe)


def _cut(text: str, marks: Sequence[str]) -> list[str]:
    """What stands before, between and behind the messages."""
    parts = []
    for mark in marks:
        if text.count(mark) != 1:
            _refuse("it leaves a message out, or writes it more than once")
        before, _, text = text.partition(mark)
        parts.append(before)
        if any(m in before for m in marks):
            _refuse("it changes the order of messages")
    return [*parts, text]


def _ways(role: str) -> Iterator[tuple[list[str], int]]:
    """Short conversations in which a role speaks, and where."""
    orders = {"system": [["system", "user"]], "user": [["user"], ["user", "assistant", "user"]]}
    orders["assistant"] = [["user", "assistant"], ["user", "assistant", "user"]]
    for order in orders[role]:
        yield order, max(i for i, name in enumerate(order) if name == role)


def _trim(template: Template, role: str) -> str:
    order, at = next(_ways(role))
    contents = ["m"] * len(order)
    contents[at] = _PADDED
    text = template.render(_conversation(order, contents), False)
    mark = template.render(_conversation(order, [c if i != at else "\ue000" for i, c in enumerate(contents)]), False)
    for name, change in TRIMS.items():
        if mark.replace("\ue000", change(_PADDED)) == text:
            return name
    _refuse(f"it changes the text of the {role}'s messages")


def _same(template: Template, found: ChatFormat, role: str, content: str) -> bool:
    for order, at in _ways(role):
        messages = _conversation(order, [content if i == at else "m" for i in range(len(order))])
        try:
            if template.render(messages, False) != found.apply(messages, False):
                return False
        except (TemplateError, IndexError):
            return False
    return True


def conversations(roles: Sequence[str], literals: Sequence[str], count: int) -> Iterator[tuple[list[Message], bool]]:
    """Random conversations, the same ones every time."""
    rng = random.Random("conversations")
    words = [
        "a",
        "Hello",
        "é",
        "語",
        "👩🏽‍🚀",
        "x_1",
        "it's",
        "<b>",
        "{{",
        "%}",
        "[1, 2]",
        "'",
        '"',
        "\\n",
        "🙂",
        "\u02bc",
        "0",
    ]
    gaps = [" ", " ", "\n", "\n\n", "\t", "  ", "\r\n", "\u00a0", "\u2003", "\x1c", "\u200b", ""]
    orders = list(_orders(roles, 9))
    while count > 0:
        order, answer = rng.choice(orders)
        contents = []
        for _ in order:
            parts = [rng.choice(gaps)]
            for _ in range(rng.randint(1, 8)):
                parts += [rng.choice(words if rng.random() < 0.8 or not literals else literals), rng.choice(gaps)]
            contents.append("".join(parts))
        yield _conversation(order, contents), answer
        count -= 1


def _check(template: Template, found: ChatFormat) -> None:
    checked = 0
    for messages, answer in conversations(list(found.trim), template.literals, 20 * CHECKED):
        if checked == CHECKED:
            break
        if not found.allows(messages):
            continue
        checked += 1
        text = template.render(messages, answer)
        if text != found.apply(messages, answer):
            _refuse(f"it treats a conversation in a way of its own: {json.dumps(messages, ensure_ascii=False)[:300]}")
    if checked < CHECKED:
        _refuse("nearly every message holds a text that it treats in a way of its own")
