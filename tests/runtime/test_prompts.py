"""White space between a prompt and what follows it: split as lm-evaluation-harness does, held against transformers."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from pocketzo.runtime.engines import open_engine
from pocketzo.runtime.errors import BadInput
from pocketzo.runtime.run.evaluate import evaluate
from pocketzo.runtime.tasks.data import Record
from pocketzo.runtime.tuned import Tuned
from transformers import AutoTokenizer

from .test_tasks import TEXTS, task_of

WORDS = {"a": "a", "b": "t"}
SPACED = {label: " " + word for label, word in WORDS.items()}


def classify(prompt, labels):
    return {"kind": "classify", "prompt": prompt, "labels": labels}


def joint(tokenizer, context, continuation):
    """The tokens of both together, and how many of them are those of the context without its trailing white space."""
    return tokenizer(context + continuation).input_ids, len(tokenizer(context.rstrip()).input_ids)


@pytest.mark.parametrize("prompt", ["Note: {text}\nFolder: ", "Note: {text} ", "{text}:\n "])
def test_a_space_that_ends_the_template_is_read_with_the_words(tiny_bundle, tiny_checkpoint, prompt):
    theirs = AutoTokenizer.from_pretrained(tiny_checkpoint)
    example = task_of(tiny_bundle, classify(prompt, WORDS)).example(Record({"text": "the sea", "label": "b"}, "line 1"))
    for word, target in zip(WORDS.values(), example.targets, strict=True):
        ids, _ = joint(theirs, prompt.replace("{text}", "the sea"), word)
        assert [*example.tokens, target] == ids
    without = task_of(tiny_bundle, classify(prompt[:-1], SPACED))
    assert without.example(Record({"text": "the sea", "label": "b"}, "line 1")) == example


def test_a_line_end_stays_with_the_prompt(tiny_bundle, tiny_checkpoint):
    theirs = AutoTokenizer.from_pretrained(tiny_checkpoint)
    example = task_of(tiny_bundle, classify("{text}:\n", WORDS)).example(Record({"text": "x", "label": "a"}, "line 1"))
    assert [*example.tokens, example.targets[0]] == theirs("x:\na").input_ids


def test_spaces_that_a_text_ends_in_are_not_read(tiny_bundle):
    task = task_of(tiny_bundle, classify("Which? {text}", SPACED))
    one, other = (task.example(Record({"text": text, "label": "a"}, "line 1")) for text in ("the sea", "the sea  "))
    assert one == other


@pytest.mark.parametrize(
    ("prompt", "word", "hint"),
    [
        ("{text}: ", " a", "Leave one space between prompt and word: what the prompt ends in is read as part of the"),
        ("{text}:  ", "a", "Leave one space between prompt and word"),
        ("{text}: ", "xylophone", r"\(the prompt ends in white space, which is read as part of the words\)"),
        ("{text}:", "xylophone", r'in most tokenizers " xylophone", with a space first, is shorter'),
        ("{text}: ", "", 'the word of label "b" is empty'),
    ],
)
def test_a_word_that_is_not_one_token_behind_the_space(tiny_bundle, prompt, word, hint):
    with pytest.raises(BadInput, match=hint):
        task_of(tiny_bundle, classify(prompt, {"a": " t" if prompt.endswith(":") else "t", "b": word}))


@pytest.mark.parametrize(
    ("prompt", "completion"),
    [("Q: who? A: ", "the sea"), ("Q: who? A:", " the sea"), ("two  ", "sea"), ("a:\n", "sea")],
)
def test_a_space_that_ends_a_prompt_begins_the_completion(tiny_bundle, tiny_checkpoint, prompt, completion):
    theirs = AutoTokenizer.from_pretrained(tiny_checkpoint)
    task = task_of(tiny_bundle, {"kind": "complete"})
    example = task.example(Record({"prompt": prompt, "completion": completion}, "line 1"))
    ids, begin = joint(theirs, prompt, completion)
    begin += prompt.endswith("\n")  # which is a token of the prompt
    assert example.tokens == ids
    assert example.targets == [*ids[begin:], theirs.eos_token_id]
    assert example.positions == list(range(begin - 1, len(ids)))


@pytest.mark.parametrize(("prompt", "completion", "part"), [("a ", "", "completion"), ("a", "", "completion")])
def test_a_space_is_no_completion(tiny_bundle, prompt, completion, part):
    with pytest.raises(BadInput, match=f"line 1: the {part} is empty"):
        task_of(tiny_bundle, {"kind": "complete"}).example(
            Record({"prompt": prompt, "completion": completion}, "line 1")
        )


def test_a_tokenizer_that_ends_texts_with_eos_costs_no_loss(tiny_bundle, tiny_checkpoint, export_once, tmp_path):
    """The same model whose tokenizer puts </s> after every text scores as it does without; see test_tasks for those."""
    folder = shutil.copytree(tiny_checkpoint, tmp_path / "tiny-eos")
    content = json.loads((folder / "tokenizer.json").read_text())
    content["post_processor"]["single"].append({"SpecialToken": {"id": "</s>", "type_id": 0}})
    content["post_processor"]["special_tokens"]["</s>"] = {"id": "</s>", "ids": [1], "tokens": ["</s>"]}
    (folder / "tokenizer.json").write_text(json.dumps(content))
    assert AutoTokenizer.from_pretrained(folder)("the sea").input_ids[-1] == 1
    lines = [Record({"text": t, "label": "ab"[i % 2]}, "line 1") for i, t in enumerate(TEXTS)]
    results = []
    for bundle in (tiny_bundle, export_once(folder)):
        task = task_of(bundle, classify("{text}:", SPACED))
        tuned = Tuned(bundle.initial_values(), np.zeros(2))
        results.append(evaluate(open_engine("onnx", bundle, 1), task, [task.example(line) for line in lines], tuned))
    assert results[0] == results[1]
