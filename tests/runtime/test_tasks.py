"""Tasks: tokens as transformers makes them, scores as transformers' logits give them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pocketzo.runtime.bundle.tokenizer import Tokenizer
from pocketzo.runtime.engines import open_engine
from pocketzo.runtime.errors import BadInput
from pocketzo.runtime.run.evaluate import evaluate
from pocketzo.runtime.run.tune import encoded
from pocketzo.runtime.tasks import KINDS, labels_of, make_task, read_task
from pocketzo.runtime.tasks.complete import Complete
from pocketzo.runtime.tasks.data import DataSet, Record
from pocketzo.runtime.trajectory.evaluation import Evaluation
from pocketzo.runtime.tuned import Tuned
from transformers import AutoTokenizer

from ..export.reference_model import bundle_layout, dequantized_model

CLASSIFY = {"kind": "classify", "prompt": "Note: {text}\nFolder:", "labels": {"a": " a", "b": " t", "c": " s"}}
COMPLETE = {"kind": "complete"}
TEXTS = ["the sea", "a long hill of stones, and more", "émigré 42", "x"]


def data(lines) -> DataSet:
    return DataSet(None, [Record(line, f"line {n}") for n, line in enumerate(lines, 1)], "")


def task_of(bundle, definition):
    model = bundle.manifest.model
    tokenizer = Tokenizer.open(bundle.directory / "tokenizer.json")
    return make_task(definition, "task", tokenizer, model.vocabulary, model.eos_token_id)


@pytest.fixture(scope="module")
def torch_model(tiny_checkpoint, tiny_bundle):
    model = dequantized_model(tiny_checkpoint, tiny_bundle)
    layout, values = bundle_layout(tiny_bundle), tiny_bundle.initial_values()
    with torch.no_grad():
        for block, layer in zip(layout.blocks(), layout.layers, strict=True):
            rows, columns = layer.index(layout.scope)
            part = torch.from_numpy(values[block.offset : block.offset + block.count])
            model.get_submodule(layer.layer).weight[torch.from_numpy(rows), torch.from_numpy(columns)] = part
    return model


def test_classify_equals_transformers_argmax_over_label_words(tiny_bundle, tiny_checkpoint, torch_model):
    lines = [{"text": t, "label": "abc"[i % 3]} for i, t in enumerate(TEXTS * 5)]
    task = task_of(tiny_bundle, CLASSIFY)
    examples = encoded(task, data(lines), tiny_bundle.manifest.model)
    result = evaluate(
        open_engine("onnx", tiny_bundle), task, examples, Tuned(tiny_bundle.initial_values(), np.zeros(3))
    )

    tokenizer = AutoTokenizer.from_pretrained(tiny_checkpoint)
    words = [tokenizer.encode(w, add_special_tokens=False)[0] for w in CLASSIFY["labels"].values()]
    losses, right = [], []
    for line in lines:
        ids = tokenizer(f"Note: {line['text']}\nFolder:", return_tensors="pt").input_ids
        with torch.no_grad():
            log_p = torch.log_softmax(torch_model(ids).logits[0, -1, words], -1)
        answer = "abc".index(line["label"])
        losses.append(-float(log_p[answer]))
        right.append(int(log_p.argmax()) == answer)
    assert result.loss == pytest.approx(np.mean(losses), abs=1e-4)
    assert result.accuracy == np.mean(right)


def test_label_bias_shifts_the_scores_of_its_labels(tiny_bundle):
    from pocketzo.runtime.examples import collate

    task, engine = task_of(tiny_bundle, CLASSIFY), open_engine("onnx", tiny_bundle)
    examples = encoded(task, data([{"text": t, "label": "b"} for t in TEXTS]), tiny_bundle.manifest.model)
    batch, values, bias = collate(examples, task.words), tiny_bundle.initial_values()[None], np.array([0, 2.5, -1])
    forward = engine.forward(batch, values)
    loss, right = task.judge(Tuned(values[0], bias).scored(forward)[0], examples)
    assert task.words.tolist() == examples[0].targets
    shifted = np.exp(bias - forward.nll[0])
    np.testing.assert_allclose(-np.log(shifted[:, 1] / shifted.sum(axis=1)), loss, atol=1e-5)
    np.testing.assert_array_equal(shifted.argmax(axis=1) == 1, right)


def test_complete_equals_transformers_loss_on_the_completion_alone(tiny_bundle, tiny_checkpoint, torch_model):
    lines = [{"prompt": t, "completion": " and " + u} for t, u in zip(TEXTS, reversed(TEXTS), strict=True)]
    task = task_of(tiny_bundle, COMPLETE)
    examples = encoded(task, data(lines), tiny_bundle.manifest.model)
    result = evaluate(open_engine("onnx", tiny_bundle), task, examples, Tuned(tiny_bundle.initial_values()))

    tokenizer, losses = AutoTokenizer.from_pretrained(tiny_checkpoint), []
    for line in lines:
        prompt = tokenizer(line["prompt"]).input_ids
        completion = [*tokenizer(line["completion"], add_special_tokens=False).input_ids, tokenizer.eos_token_id]
        ids = torch.tensor([prompt + completion])
        labels = torch.tensor([[-100] * len(prompt) + completion])
        with torch.no_grad():
            losses.append(float(torch_model(ids, labels=labels).loss))
    assert result.accuracy is None
    assert result.loss == pytest.approx(np.mean(losses), abs=1e-4)


@pytest.mark.parametrize("model", ["stories260k", "mini-llama-8m"])
def test_real_tokenizers_give_transformers_tokens(model, shared, export_once):
    bundle = export_once(shared / "models" / model)
    ours, theirs = (
        Tokenizer.open(bundle.directory / "tokenizer.json"),
        AutoTokenizer.from_pretrained(shared / "models" / model),
    )
    for line in (shared / "data/sst2/validation.jsonl").read_text().splitlines()[:100] + TEXTS:
        assert ours.prompt(line) == theirs(line).input_ids
        joint = theirs("Sentiment: " + line, add_special_tokens=False).input_ids
        assert ours.continuation("Sentiment: " + line)[-3:] == joint[-3:]
        assert ours.prompt("Sentiment:") + ours.continuation(" " + line) == theirs("Sentiment: " + line).input_ids


def test_empty_prompt_or_completion_is_named(tiny_bundle):
    task = task_of(tiny_bundle, COMPLETE)
    with pytest.raises(BadInput, match="line 1: the completion is empty"):
        encoded(task, data([{"prompt": "a", "completion": ""}]), tiny_bundle.manifest.model)


class Rank(Complete):
    """A kind that no other file knows of."""

    kind = "rank"
    keys = ("prompt", "choices")

    @staticmethod
    def labels_of(definition):
        return [str(n) for n in range(definition["choices"])]


def test_a_kind_is_known_by_its_entry_in_the_table_alone(monkeypatch, tiny_bundle):
    definition = {"kind": "rank", "prompt": "{prompt}", "choices": 3}
    with pytest.raises(BadInput, match=r'unknown key "choices"\. Keys: kind, prompt, labels, completion$'):
        task_of(tiny_bundle, definition)
    assert labels_of(definition) == []
    monkeypatch.setitem(KINDS, "rank", Rank)
    assert isinstance(task_of(tiny_bundle, definition), Rank)
    assert labels_of(definition) == ["0", "1", "2"]
    with pytest.raises(BadInput, match=r'unknown key "x"\. Keys: kind, prompt, labels, completion, choices$'):
        task_of(tiny_bundle, {**definition, "x": 1})
    with pytest.raises(BadInput, match=rf'kind "dance" is not known\. Use one of: {", ".join(KINDS)}$'):
        task_of(tiny_bundle, {"kind": "dance"})


@pytest.mark.parametrize(
    ("definition", "labels"),
    [(CLASSIFY, ["a", "b", "c"]), ({**CLASSIFY, "labels": ["a"]}, []), ({"kind": "classify"}, []),
     ({**CLASSIFY, "kind": "complete"}, []), ({**CLASSIFY, "kind": "dance"}, [])],
)  # fmt: skip
def test_labels_of_a_definition_that_may_be_any(definition, labels):
    assert labels_of(definition) == labels


def test_a_task_file_that_is_no_object_is_told_how_to_begin(tmp_path):
    (tmp_path / "task.json").write_text("[]")
    with pytest.raises(BadInput, match=r'is not a JSON object. Write {"kind": "classify", \.\.\.}$'):
        read_task(tmp_path / "task.json")


def test_better_is_more_right_then_less_loss():
    def scored(loss, accuracy):
        return Evaluation(loss, accuracy, 1)

    assert scored(2.0, 0.6).better_than(scored(1.0, 0.5))
    assert scored(1.0, 0.5).better_than(scored(2.0, 0.5))
    assert not scored(1.0, 0.5).better_than(scored(1.0, 0.5))
    assert scored(1.0, None).better_than(scored(2.0, None))
