"""The loss of a task on a bundle against transformers' own reading of the checkpoint, family by family.

Weights lie on the grids of 4 and 8 bits, so that quantization moves the loss by next to nothing, and whatever is read
wrongly shows. Nothing of the product takes part in what is expected: transformers loads the folder, the `tokenizers`
file makes the tokens, and the loss is written out here.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer

from ..conftest import make_checkpoint

TASK = {"kind": "classify", "prompt": "Note: {text}\nKind:", "labels": {"low": " a", "high": " t"}}
WORDS = ["the", "water", "in", "of", "light", "and", "stone", "time", "is", "a", "year", "to"]
RECORDS = [
    {"text": " ".join(WORDS[(i * k + k) % 12] for k in range(3, 12 + 2 * i)), "label": ("low", "high")[i % 2]}
    for i in range(8)
]
SCALING = {"rope_theta": 10000.0, "factor": 4.0}
ORIGINAL = {"original_max_position_embeddings": 32}
FAMILIES = {
    "llama": ("llama", {}),
    "llama, untied, with biases": ("llama", {"tie_word_embeddings": False, "attention_bias": True, "mlp_bias": True}),
    "llama, linear scaling": ("llama", {"rope_parameters": {**SCALING, "rope_type": "linear"}}),
    "llama, yarn": ("llama", {"rope_parameters": {**SCALING, **ORIGINAL, "rope_type": "yarn"}}),
    "llama 3": (
        "llama",
        {
            "rope_parameters": {
                **SCALING, **ORIGINAL, "rope_type": "llama3", "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            }
        },
    ),
    "mistral": ("mistral", {"tie_word_embeddings": False, "sliding_window": None}),
    "qwen2": ("qwen2", {}),
    "qwen3": ("qwen3", {"head_dim": 32}),
}  # fmt: skip


def grid(shape: torch.Size, low: int, high: int, group: int, step: float) -> torch.Tensor:
    """Random integers from `low` to `high` times `step`.

    Each group of a row has both ends in it, thrice, so that it still has them when its sensitive entries are apart.
    """
    codes = torch.randint(low, high + 1, shape).float()
    for start in range(0, shape[1], group):
        end = min(start + group, shape[1])
        codes[:, start : start + 3], codes[:, end - 3 : end] = low, high
        codes[:, start:end] = codes[:, start + torch.randperm(end - start)]
    return codes * step


def make_grid_checkpoint(folder: Path, family: str, changes: dict) -> None:
    """A tiny checkpoint that 4-bit layers and an 8-bit table hold exactly."""
    from transformers import AutoModelForCausalLM

    make_checkpoint(folder, family, **changes)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    torch.manual_seed(1)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "embed_tokens" in name or "lm_head" in name:
                weight.copy_(grid(weight.shape, -127, 128, 64, 2**-7))
            elif weight.dim() == 2:
                # Queries and keys are larger, so that attention, and with it positions, matter.
                weight.copy_(grid(weight.shape, -7, 8, 32, 2**-4 if ".q_proj" in name or ".k_proj" in name else 2**-6))
    model.save_pretrained(folder)


def expected_loss(checkpoint: Path) -> float:
    """The loss that transformers' model gives the task, the nll of the right word among both words."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).eval()
    tokenizer = Tokenizer.from_file(str(checkpoint / "tokenizer.json"))
    words = [tokenizer.encode(word, add_special_tokens=False).ids for word in TASK["labels"].values()]
    assert [len(ids) for ids in words] == [1, 1]
    losses = []
    for record in RECORDS:
        ids = tokenizer.encode(TASK["prompt"].replace("{text}", record["text"])).ids
        with torch.no_grad():
            scores = model(input_ids=torch.tensor([ids])).logits[0, -1, [w[0] for w in words]]
        losses.append(-torch.log_softmax(scores, -1)[list(TASK["labels"]).index(record["label"])].item())
    return sum(losses) / len(losses)


@pytest.mark.parametrize("name", FAMILIES)
def test_loss_on_the_bundle_is_that_of_transformers(name, cli, tmp_path):
    family, changes = FAMILIES[name]
    make_grid_checkpoint(tmp_path / "checkpoint", family, changes)
    (tmp_path / "task.json").write_text(json.dumps(TASK))
    (tmp_path / "data.jsonl").write_text("".join(json.dumps(record) + "\n" for record in RECORDS))
    options = ("--windows", 2, "--window-tokens", 64, "--density", 0.02)
    done = cli("export", tmp_path / "checkpoint", "--out", tmp_path / "bundle", *options)
    assert done.code == 0, done.err
    evaluated = cli(
        "evaluate", tmp_path / "bundle", "--task", tmp_path / "task.json", "--data", tmp_path / "data.jsonl", "--json"
    )
    wanted = expected_loss(tmp_path / "checkpoint")
    assert json.loads(evaluated.out)["loss"] == pytest.approx(wanted, rel=0.001)
