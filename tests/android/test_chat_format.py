"""Chat formats say what chat templates say: jinja2, transformers and Java agree on every conversation."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest
from pocketzo.runtime.errors import BadInput
from pocketzo.toolkit.android import chat_format
from transformers.utils.chat_template_utils import render_jinja_template

from tests.conftest import ROOT

from . import templates

TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}


def rendered(source: str, messages: list[dict[str, str]], answer: bool) -> str:
    """What transformers makes of a conversation."""
    texts, _ = render_jinja_template([messages], chat_template=source, add_generation_prompt=answer, **TOKENS)
    return texts[0]


def cases(source: str, count: int = 200):
    """A format, and conversations with what transformers makes of them."""
    found = chat_format.derive(source, **TOKENS)
    literals = chat_format.Template(source, **TOKENS).literals
    chosen = []
    for messages, answer in chat_format.conversations(list(found.trim), literals, 20 * count):
        if len(chosen) < count and found.allows(messages):
            chosen.append({"messages": messages, "answer": answer, "text": rendered(source, messages, answer)})
    assert len(chosen) == count
    return found, chosen


def test_formats_in_python_and_java(smollm2_tokenizer, tmp_path):
    sources = {**templates.GOOD, "smollm2": smollm2_tokenizer.chat_template}
    for name, source in sources.items():
        found, chosen = cases(source)
        for case in chosen:
            assert found.apply(case["messages"], case["answer"]) == case["text"], name
        (tmp_path / name).mkdir()
        (tmp_path / name / "chat_format.json").write_text(found.text(), encoding="utf-8")
        lines = "".join(json.dumps(case) + "\n" for case in chosen)
        (tmp_path / name / "cases.jsonl").write_text(lines, encoding="ascii")
    if not shutil.which("mvn") or not shutil.which("javac"):
        pytest.skip("needs a JDK and Maven, which are not here")
    command = ["mvn", "-q", "-B", "-pl", "core", "test", "-Dtest=ChatFormatTest", f"-Dpocketzo.chats={tmp_path}"]
    ran = subprocess.run(command, cwd=ROOT / "android_demo", capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout[-4000:]


def test_what_a_system_message_becomes():
    joints = {name: chat_format.derive(source, **TOKENS).joints for name, source in templates.GOOD.items()}
    assert joints["llama2"]["system user"] == "\n<</SYS>>\n\n"
    assert "helper" in joints["qwen"]["start user"]
    assert "helper" not in joints["qwen"]["start system"]
    assert "start system" not in joints["mistral"]
    assert joints["thinking"]["user assistant last"].endswith("</think>\n\n")


def test_a_text_that_the_template_looks_for_is_not_let_in():
    found = chat_format.derive(templates.THINKING, **TOKENS)
    assert "</think>" in found.unsafe["assistant"]
    assert not found.allows([{"role": "user", "content": "a"}, {"role": "assistant", "content": "x</think>y"}])


@pytest.mark.parametrize("name", templates.BAD)
def test_a_template_that_is_more_than_joints(name):
    source, reason = templates.BAD[name]
    with pytest.raises(BadInput, match=f"chat template: .*(?:{reason})"):
        chat_format.derive(source, **TOKENS)


def test_a_token_that_is_not_known():
    with pytest.raises(BadInput, match="bos_token, which is not known"):
        chat_format.derive(templates.LLAMA2, None, "</s>")
