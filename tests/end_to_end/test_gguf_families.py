"""The loss of a task on the bundle of a GGUF file against llama.cpp, on weights that quantization keeps."""

from __future__ import annotations

import json

import pytest
import torch
from tokenizers import Tokenizer

from ..toolkit.gguf.files import from_folder
from .test_families import RECORDS, TASK, make_grid_checkpoint

pytest.importorskip("llama_cpp", reason="needs llama.cpp: make llama")
from ..toolkit.gguf.llama import log_probabilities, tokenizer

FAMILIES = {"llama": "llama", "mistral": "llama", "qwen2": "qwen2", "qwen3": "qwen3"}
"""the architecture that a GGUF file of the family names"""


@pytest.mark.parametrize("family", FAMILIES)
def test_loss_on_the_bundle_is_that_of_llama_cpp(family, cli, tmp_path):
    make_grid_checkpoint(tmp_path / "hf", family, {"head_dim": 32} if family == "qwen3" else {})
    path = from_folder(tmp_path / "hf", tmp_path / "m.gguf", FAMILIES[family])
    (tmp_path / "task.json").write_text(json.dumps(TASK))
    (tmp_path / "data.jsonl").write_text("".join(json.dumps(record) + "\n" for record in RECORDS))
    options = ("--windows", 2, "--window-tokens", 64, "--density", 0.02)
    done = cli("export", path, "--out", tmp_path / "bundle", *options)
    assert done.code == 0, done.err
    evaluated = cli(
        "evaluate", tmp_path / "bundle", "--task", tmp_path / "task.json", "--data", tmp_path / "data.jsonl", "--json"
    )
    assert json.loads(evaluated.out)["loss"] == pytest.approx(expected_loss(path), rel=0.001)


def expected_loss(path):
    """The loss of the task by llama.cpp's tokens and log-probabilities."""
    encode, labels, losses = tokenizer(path), list(TASK["labels"]), []
    file = Tokenizer.from_file(str(path.parent / "hf/tokenizer.json"))
    words = [file.encode(word, add_special_tokens=False).ids for word in TASK["labels"].values()]
    for record in RECORDS:
        tokens = encode(TASK["prompt"].replace("{text}", record["text"]))
        scores = torch.from_numpy(log_probabilities(path, tokens)[-1, [word[0] for word in words]])
        losses.append(-torch.log_softmax(scores, -1)[labels.index(record["label"])].item())
    return sum(losses) / len(losses)
