"""Prompts: what the template of a tokenizer puts before a text stays, what it puts after one goes."""

from __future__ import annotations

import pytest
from pocketzo.runtime.bundle.tokenizer import Tokenizer
from tokenizers import Tokenizer as Backend
from tokenizers import models
from tokenizers.processors import BertProcessing, ByteLevel, PostProcessor, RobertaProcessing, Sequence
from tokenizers.processors import TemplateProcessing as Template

VOCABULARY = {"<s>": 0, "</s>": 1, "a": 2, "b": 3, "c": 4, " ": 5, "ab": 6, ":": 7}
IDS = [("<s>", 0), ("</s>", 1), ("ab", 6)]
TEXTS = ["", "a", "ab c", "abc</s>", "</s>", "<s>", "<s></s>", "</s></s>", "a</s> b", " ", "ab"]
TEMPLATES: dict[str, tuple[PostProcessor | None, list[int], int]] = {
    "none": (None, [], 0),
    "bytes": (ByteLevel(trim_offsets=False), [], 0),
    "bos": (Template("<s> $A", special_tokens=IDS), [0], 0),
    "bos-eos": (Template("<s> $A </s>", special_tokens=IDS), [0], 1),
    "eos": (Template("$A </s>", special_tokens=IDS), [], 1),
    "bos-twice": (Template("<s> <s> $A </s> </s>", special_tokens=IDS), [0, 0], 2),
    "one-for-both": (Template("</s> $A </s>", special_tokens=IDS), [1], 1),
    "a-word": (Template("ab $A ab", special_tokens=IDS), [6], 1),
    "bert": (BertProcessing(("</s>", 1), ("<s>", 0)), [0], 1),
    "roberta": (RobertaProcessing(("</s>", 1), ("<s>", 0)), [0], 1),
    "steps": (Sequence([BertProcessing(("</s>", 1), ("<s>", 0)), Template("$A ab", special_tokens=IDS)]), [0], 2),
    "bert-twice": (Sequence([BertProcessing(("</s>", 1), ("<s>", 0))] * 2), [0, 0], 2),
}


def tokenizer(template: PostProcessor | None) -> Backend:
    """A few letters, with special tokens that a text may write out."""
    backend = Backend(models.BPE(vocab=VOCABULARY, merges=[("a", "b")]))
    backend.add_special_tokens(["<s>", "</s>"])
    if template is not None:
        backend.post_processor = template
    return backend


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_prompt_is_what_comes_before_it_and_the_text(name):
    template, head, tail = TEMPLATES[name]
    backend = tokenizer(template)
    ours = Tokenizer(backend)
    for text in TEXTS:
        plain = backend.encode(text, add_special_tokens=False).ids
        whole = backend.encode(text, add_special_tokens=True).ids
        assert len(whole) == len(head) + len(plain) + tail
        assert ours.prompt(text) == head + plain == whole[: len(whole) - tail], text
        assert ours.continuation(text) == plain, text


def test_transformers_agrees_with_what_is_the_end():
    """A prompt and a word behind it are what transformers makes of both together, its end left out."""
    from transformers import PreTrainedTokenizerFast

    backend = tokenizer(Template("<s> $A </s>", special_tokens=IDS))
    theirs = PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", eos_token="</s>")
    ours = Tokenizer(tokenizer(Template("<s> $A </s>", special_tokens=IDS)))
    joint = theirs("ab c").input_ids
    assert joint[-1] == theirs.eos_token_id
    assert ours.prompt("ab") + ours.continuation(" c") == joint[:-1]
