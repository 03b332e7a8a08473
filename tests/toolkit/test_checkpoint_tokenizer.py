"""A checkpoint's tokenizer is its tokenizer.json, whatever class its settings name; held against `tokenizers`."""

from __future__ import annotations

import json

import pytest
from pocketzo.runtime.errors import BadInput
from pocketzo.toolkit.checkpoint import find_source
from pocketzo.toolkit.checkpoint.tokenizer import open_tokenizer
from tokenizers import Tokenizer
from transformers import AutoTokenizer

from ..conftest import make_checkpoint

TEXTS = [
    "Hello world", "  two spaces", "tabs\tand\nnewlines\r\n\n", "In 2023 we paid 12345 for 67,890.12", "a", "", " ",
    "a  1",
    "Café déjà vu — naïve", "日本語 テスト 😀", "don't can't I'LL", "<s>special</s>", "مرحبا", "e\u0301 vs \u00e9",
]  # fmt: skip
DIGITS = {
    "type": "Sequence",
    "pretokenizers": [
        {"type": "Digits", "individual_digits": True},
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
    ],
}


@pytest.fixture
def checkpoint(tmp_path):
    """A tiny checkpoint to change."""
    make_checkpoint(tmp_path / "checkpoint")
    return tmp_path / "checkpoint"


def change(path, edit):
    """Change a JSON file in place."""
    content = json.loads(path.read_text()) if path.exists() else {}
    edit(content)
    path.write_text(json.dumps(content))


def opened(checkpoint):
    """The checkpoint's tokenizer as an export takes it."""
    return open_tokenizer(find_source(str(checkpoint)))


def test_class_in_the_settings_replaces_nothing_of_the_file(checkpoint):
    change(checkpoint / "tokenizer.json", lambda t: t.update(pre_tokenizer=DIGITS))
    change(checkpoint / "tokenizer_config.json", lambda t: t.update(tokenizer_class="GPT2Tokenizer", backend=None))
    file = Tokenizer.from_file(str(checkpoint / "tokenizer.json"))
    wanted = [file.encode(text).ids for text in TEXTS]
    assert [opened(checkpoint).backend.encode(text).ids for text in TEXTS] == wanted
    # What the test is about: transformers' own class reads the file otherwise.
    theirs = AutoTokenizer.from_pretrained(checkpoint)
    assert [theirs(text)["input_ids"] for text in TEXTS] != wanted


def test_truncation_and_padding_of_the_file_are_off(checkpoint):
    file = Tokenizer.from_file(str(checkpoint / "tokenizer.json"))
    long = file.encode("word " * 50).ids
    file.enable_truncation(8)
    file.enable_padding(length=20)
    file.save(str(checkpoint / "tokenizer.json"))
    backend = opened(checkpoint).backend
    assert backend.encode("word " * 50).ids == long
    assert len(backend.encode("a").ids) == 2


def test_without_the_file_it_is_what_transformers_makes_of_the_others(checkpoint):
    content = json.loads((checkpoint / "tokenizer.json").read_text())
    (checkpoint / "tokenizer.json").unlink()
    (checkpoint / "vocab.json").write_text(json.dumps(content["model"]["vocab"]))
    merges = [" ".join(merge) for merge in content["model"]["merges"]]
    (checkpoint / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
    change(checkpoint / "tokenizer_config.json", lambda t: t.update(tokenizer_class="GPT2Tokenizer", backend=None))
    theirs, ours = AutoTokenizer.from_pretrained(checkpoint), opened(checkpoint)
    assert [ours.backend.encode(text).ids for text in TEXTS] == [theirs(text)["input_ids"] for text in TEXTS]
    assert len(set(ours.backend.encode("In 2023").ids)) > 2
    assert ours.eos_token_id == theirs.eos_token_id == 1


def test_settings_add_no_bos_to_what_the_file_says(checkpoint):
    """Nor does transformers add one where there is a tokenizer.json."""
    change(checkpoint / "tokenizer.json", lambda t: t.update(post_processor=None))
    change(checkpoint / "tokenizer_config.json", lambda t: t.update(add_bos_token=True))
    wanted = Tokenizer.from_file(str(checkpoint / "tokenizer.json")).encode("Hello").ids
    assert opened(checkpoint).backend.encode("Hello").ids == wanted
    assert AutoTokenizer.from_pretrained(checkpoint)("Hello")["input_ids"] == wanted


@pytest.mark.parametrize(
    ("settings", "config", "expected"),
    [
        ({"eos_token": "</s>"}, {"eos_token_id": 7}, 1),
        ({"eos_token": {"content": "</s>", "special": True}}, {}, 1),
        ({"eos_token": None}, {"eos_token_id": 7}, 7),
        ({"eos_token": None}, {"eos_token_id": [9, 7]}, 9),
        ({"eos_token": None}, {"eos_token_id": None}, None),
        ({"eos_token": None}, {"eos_token_id": -1}, None),
        ({"eos_token": None}, {"eos_token_id": 2**40}, None),
        ({"eos_token": None}, {"eos_token_id": True}, None),
    ],
)
def test_token_that_ends_a_text(checkpoint, settings, config, expected):
    for name in ("generation_config.json", "special_tokens_map.json"):
        (checkpoint / name).unlink(missing_ok=True)
    change(checkpoint / "tokenizer_config.json", lambda t: t.update(settings))
    change(checkpoint / "config.json", lambda t: t.update(config))
    assert opened(checkpoint).eos_token_id == expected


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ("{{ a }}", "{{ a }}"),
        ([{"name": ["x"], "template": "a"}], None),
        ([{"name": "default", "template": "d"}, {"name": "tool", "template": "t"}], "d"),
    ],
)
def test_chat_template_of_the_settings_or_of_its_file(checkpoint, stored, expected):
    change(checkpoint / "tokenizer_config.json", lambda t: t.update(chat_template=stored))
    assert opened(checkpoint).chat_template == expected
    (checkpoint / "chat_template.jinja").write_text("{{ file }}")
    assert opened(checkpoint).chat_template == "{{ file }}"


WITHOUT_UNKNOWN = '{"model": {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "[UNK]"}}'


@pytest.mark.parametrize("content", ["{}", "not JSON", WITHOUT_UNKNOWN, '{"model": {"type": "Unheard"}}'])
def test_damaged_file_is_refused(checkpoint, content):
    (checkpoint / "tokenizer.json").write_text(content)
    with pytest.raises(BadInput, match="tokenizer"):
        opened(checkpoint)
