"""Ways to learn a classification, alike to the benchmark: each takes batches and can be evaluated.

Zeroth-order ones in the sparse values run the product's own loop, on the artifact or on torch in fp32; full
zeroth-order tuning is Algorithm 1 of MeZO; the others use gradients, which a phone's engine does not have.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from common import bundle_of
from pocketzo.export.model.layerwise import block_of, each_gradient
from pocketzo.export.model.reference import reference_nll, torch_nll
from pocketzo.export.weights.layout import Layout, Scope
from pocketzo.runtime.config import TuneConfig
from pocketzo.runtime.engines import DEFAULT, Engine, open_engine
from pocketzo.runtime.examples import Batch, Example, Forward
from pocketzo.runtime.loop import State, zo_step
from pocketzo.runtime.run.evaluate import evaluate
from pocketzo.runtime.run.fit_head import fitted_head, head_indices
from pocketzo.runtime.tasks import Task
from pocketzo.runtime.trajectory.evaluation import Evaluation
from pocketzo.runtime.tuned import Tuned
from pocketzo.toolkit.config import ExportConfig
from pocketzo.toolkit.plan import first_layer
from pocketzo.toolkit.select.calibration import read_text, windows
from pocketzo.toolkit.select.mask import Rule, add_layers, choose_mask
from safetensors.torch import load_file, save_file
from whole import Whole, open_whole

DENSITY = 1e-3
TORCH_EPS = 1e-3
MEZO_EPS = 1e-3
LORA_RANK = 8


@dataclass(frozen=True)
class Setting:
    """What a learner is made for: checkpoint, task, learning rate, steps, seed, threads, and a folder for caches."""

    checkpoint: Path
    task: Task
    lr: float
    steps: int
    seed: int
    threads: int
    cache: Path


class Learner(Protocol):
    """Something that learns from batches."""

    passes: int
    """forward passes of one example that a step takes for each example of its batch; a backward pass counts as two"""

    concludes: bool
    """whether `conclude` does anything"""

    def conclude(self, train: Sequence[Example]) -> int:
        """What is done once, after the last step: the forward passes that it took."""

    def step(self, batch: Batch) -> None:
        """Learn from one batch."""

    def evaluate(self, examples: Sequence[Example]) -> Evaluation:
        """Loss and accuracy on `examples`."""


class StepsAlone:
    """A learner that has nothing to conclude."""

    concludes = False

    def conclude(self, train: Sequence[Example]) -> int:
        return 0


class TorchValues:
    """An engine for the loop: torch in fp32 with the values [P, K] in place."""

    name, version, bounds = "torch", torch.__version__, {}

    def __init__(self, model: Any, layout: Layout) -> None:
        self._model, self._layout = model, layout

    def forward(self, batch: Batch, values: np.ndarray) -> Forward:
        """By transformers, without hidden states."""
        return Forward(reference_nll(self._model, self._layout, batch, values), np.zeros(0))


class TorchModel:
    """An engine that has no values: torch with the weights as they are."""

    name, version, bounds = "torch", torch.__version__, {}

    def __init__(self, model: Any) -> None:
        self._model = model

    def forward(self, batch: Batch, values: np.ndarray) -> Forward:
        """By transformers, without hidden states."""
        with torch.no_grad():
            return Forward(torch_nll(self._model, batch)[None].float().numpy(), np.zeros(0))


class ZeroOrder:
    """The product's loop on any engine; `label_bias` off makes it blind to which label is which."""

    passes = 2

    def __init__(
        self,
        setting: Setting,
        engine: Engine,
        values: np.ndarray,
        eps: float,
        label_bias: bool = True,
        head_examples: int = 0,
    ) -> None:
        self._engine, self._task, self._with_bias = engine, setting.task, label_bias
        config = TuneConfig(steps=setting.steps, lr=setting.lr, seed=setting.seed, head_examples=head_examples)
        self._config = config.resolved(eps)
        self._state = State(Tuned(values, np.zeros(len(setting.task.labels))))
        self.concludes = head_examples > 0

    def conclude(self, train: Sequence[Example]) -> int:
        chosen = [train[i] for i in head_indices(self._config, len(train))]
        if chosen:
            head = fitted_head(self._engine, self._task, chosen, self._state.tuned.values)
            self._state = replace(self._state, tuned=replace(self._state.tuned, label_head=head))
        return len(chosen)

    def step(self, batch: Batch) -> None:
        seen = batch if self._with_bias else only_answers(batch)
        self._state, _ = zo_step(self._engine, seen, self._state, self._config)

    def evaluate(self, examples: Sequence[Example]) -> Evaluation:
        return evaluate(self._engine, self._task, examples, self._state.tuned)


class Mezo(StepsAlone):
    """MeZO, Algorithm 1: all weights, Gaussian directions, in place, plain stochastic descent."""

    passes = 2

    def __init__(self, setting: Setting, model: Any) -> None:
        self._model, self._setting, self._done = model, setting, 0
        self._weights = [p.data for p in model.parameters()]

    def step(self, batch: Batch) -> None:
        generator = torch.Generator().manual_seed(self._setting.seed * 1_000_003 + self._done)
        z = [torch.randn(w.shape, generator=generator) for w in self._weights]
        losses = []
        for scale in (1, -2):
            self._move(z, scale * MEZO_EPS)
            with torch.no_grad():
                losses.append(float(answer_loss(self._model, batch)))
        g = (losses[0] - losses[1]) / (2 * MEZO_EPS)
        self._move(z, MEZO_EPS - self._setting.lr * g)
        self._done += 1

    def _move(self, z: list[torch.Tensor], scale: float) -> None:
        for weight, direction in zip(self._weights, z, strict=True):
            weight.add_(direction, alpha=scale)

    def evaluate(self, examples: Sequence[Example]) -> Evaluation:
        return evaluate_model(self._model, self._setting.task, examples)


class Adam(StepsAlone):
    """Adam on some parameters of a torch model; entries where a `keep` mask is False stay as they are."""

    passes = 3

    def __init__(self, setting: Setting, model: Any, parameters: dict[Any, torch.Tensor | None]) -> None:
        self._model, self._task, self._keep = model, setting.task, parameters
        for parameter in parameters:
            parameter.requires_grad_(True)
        self._optimizer = torch.optim.Adam(list(parameters), lr=setting.lr)

    def step(self, batch: Batch) -> None:
        self._optimizer.zero_grad()
        answer_loss(self._model, batch).backward()
        for parameter, keep in self._keep.items():
            if keep is not None:
                parameter.grad.mul_(keep)
        self._optimizer.step()

    def evaluate(self, examples: Sequence[Example]) -> Evaluation:
        return evaluate_model(self._model, self._task, examples)


class Probe(StepsAlone):
    """Multinomial logistic regression on the final hidden state, fitted anew at each evaluation on all it has seen.

    `lr` is the L2 penalty.
    """

    passes = 1

    def __init__(self, setting: Setting, model: Any) -> None:
        self._model, self._penalty, self._classes = model, setting.lr, len(setting.task.labels)
        self._features: list[torch.Tensor] = []
        self._answers: list[torch.Tensor] = []

    def _hidden(self, batch: Batch) -> torch.Tensor:
        with torch.no_grad():
            hidden = self._model.model(input_ids=torch.from_numpy(batch.input_ids), use_cache=False).last_hidden_state
        return hidden[torch.arange(len(hidden)), torch.from_numpy(batch.label_positions[:, 0])].float()

    def step(self, batch: Batch) -> None:
        assert batch.answers is not None
        self._features.append(self._hidden(batch))
        self._answers.append(torch.from_numpy(batch.answers))

    def evaluate(self, examples: Sequence[Example]) -> Evaluation:
        from pocketzo.runtime.examples import collate

        order = sorted(range(len(examples)), key=lambda i: len(examples[i].tokens))
        batches = [collate([examples[i] for i in order[at : at + 32]], np.zeros(1)) for at in range(0, len(order), 32)]
        x, y = torch.cat([self._hidden(b) for b in batches]), torch.cat([torch.from_numpy(b.answers) for b in batches])
        if not self._features:
            return Evaluation(float(np.log(self._classes)), 1 / self._classes, len(examples))
        seen, answers = torch.cat(self._features), torch.cat(self._answers)
        mean, scale = seen.mean(0), seen.std(0) + 1e-6
        weight = torch.zeros(seen.shape[1], self._classes, requires_grad=True)
        bias = torch.zeros(self._classes, requires_grad=True)
        optimizer = torch.optim.LBFGS([weight, bias], max_iter=200, line_search_fn="strong_wolfe")

        def closure() -> torch.Tensor:
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy((seen - mean) / scale @ weight + bias, answers)
            loss = loss + self._penalty * weight.square().sum()
            loss.backward()
            return loss

        optimizer.step(closure)
        with torch.no_grad():
            logits = (x - mean) / scale @ weight + bias
            loss = float(torch.nn.functional.cross_entropy(logits, y))
            return Evaluation(loss, float((logits.argmax(1) == y).float().mean()), len(examples))


def only_answers(batch: Batch) -> Batch:
    """The batch with the right word alone to score."""
    assert batch.answers is not None
    ids = batch.label_ids[np.arange(len(batch.answers)), batch.answers][:, None]
    return Batch(batch.input_ids, batch.label_positions, ids, batch.words)


def answer_loss(model: Any, batch: Batch) -> torch.Tensor:
    """Mean nll (nats) of the right words, differentiable."""
    return torch_nll(model, only_answers(batch)).mean()


def evaluate_model(model: Any, task: Task, examples: Sequence[Example]) -> Evaluation:
    """Evaluation of a torch model as it is."""
    return evaluate(TorchModel(model), task, examples, Tuned(np.zeros(1, np.float32), np.zeros(len(task.labels))))


def squared_gradients(opened: Whole) -> dict[str, torch.Tensor]:
    """The sensitivity of every linear layer on the built-in text, as a whole."""
    text, source = read_text(None)
    decoder = opened.decoder
    tokens, _ = windows(text, source, opened.tokenizer, 32, min(256, decoder.context_tokens), decoder.vocabulary)
    weights = {x.name: opened.model.get_submodule(x.name).weight for x in opened.decoder.linears()}
    f = {name: torch.zeros_like(weight) for name, weight in weights.items()}

    def square(name: str, gradient: torch.Tensor) -> None:
        f[name].addcmul_(gradient, gradient)

    opened.model.requires_grad_(False)
    with each_gradient(weights, square):
        for ids in torch.from_numpy(tokens)[:, None]:
            logits = opened.model(input_ids=ids, use_cache=False).logits
            torch.nn.functional.cross_entropy(logits[0, :-1], ids[0, 1:]).backward()
    return f


def statistics(opened: Whole, setting: Setting) -> dict[str, torch.Tensor]:
    """The sensitivity of every linear layer on the built-in text, kept for the next run."""
    path = setting.cache / f"{setting.checkpoint.stem}-sensitivity.safetensors"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(squared_gradients(opened), path)
    return load_file(path)


def layout_of(opened: Whole, setting: Setting, kind: str, everywhere: bool = False) -> Layout:
    """The 0.1 % that a method tunes, by `kind`: channels or weights by sensitivity, or weights at random or by size.

    The sensitive ones are the product's own, so not from the first layers, unless `everywhere`.
    """
    if kind in ("channels", "weights"):
        first = 0 if everywhere else first_layer(ExportConfig(), opened.decoder)
        found = statistics(opened, setting)
        return chosen(found, kind, lambda name: block_of(name) >= first)
    generator = torch.Generator().manual_seed(0)
    weights = {x.name: opened.model.get_submodule(x.name).weight.detach() for x in opened.decoder.linears()}
    score = {n: torch.rand(w.shape, generator=generator) if kind == "random" else w.abs() for n, w in weights.items()}
    return chosen(score, "weights", lambda name: True)


def chosen(score: dict[str, torch.Tensor], scope: Scope, tunable: Callable[[str], bool]) -> Layout:
    """The 0.1 % of the highest score (fp32 [rows, columns] each)."""
    rule = Rule({name: (x.shape[0], x.shape[1]) for name, x in score.items()}, scope, DENSITY, tunable=tunable)
    return choose_mask(add_layers({}, score, rule), rule).layout


def gather(layout: Layout, tensor_of: Callable[[str], torch.Tensor]) -> np.ndarray:
    """The entries of `layout` from the tensors that `tensor_of(layer)` gives, fp32 [K]."""
    parts = []
    for layer in layout.layers:
        rows, columns = layer.index(layout.scope)
        parts.append(tensor_of(layer.layer).detach()[torch.from_numpy(rows), torch.from_numpy(columns)])
    return torch.cat(parts).float().numpy()


def torch_zero_order(kind: str) -> Callable[[Setting], Learner]:
    """The product's loop in fp32 torch on the 0.1 % of `kind`."""

    def make(setting: Setting) -> Learner:
        opened = opened_model(setting)
        layout = layout_of(opened, setting, kind)
        values = gather(layout, lambda name: opened.model.get_submodule(name).weight)
        return ZeroOrder(setting, TorchValues(opened.model, layout), values, TORCH_EPS)

    return make


def artifact(level: int, *export: str, label_bias: bool = True, head: bool = False) -> Callable[[Setting], Learner]:
    """The product: its loop on the exported artifact."""

    def make(setting: Setting) -> Learner:
        bundle = bundle_of(setting.checkpoint, "channels", level, *export)
        engine = open_engine(DEFAULT, bundle, setting.threads)
        examples = TuneConfig.head_examples if head else 0
        eps = bundle.manifest.estimator.eps
        return ZeroOrder(setting, engine, bundle.initial_values(), eps, label_bias, examples)

    return make


def adam_values(setting: Setting) -> Learner:
    """Adam on exactly the values that the product tunes, in fp32."""
    opened = opened_model(setting)
    parameters: dict[Any, torch.Tensor | None] = {}
    layout = layout_of(opened, setting, "channels")
    for layer in layout.layers:
        weight = opened.model.get_submodule(layer.layer).weight
        keep = torch.zeros_like(weight)
        rows, columns = layer.index(layout.scope)
        keep[torch.from_numpy(rows), torch.from_numpy(columns)] = 1
        parameters[weight] = keep
    return Adam(setting, opened.model, parameters)


def adam_all(setting: Setting) -> Learner:
    """Adam on every weight."""
    model = opened_model(setting).model
    return Adam(setting, model, dict.fromkeys(model.parameters()))


def lora(setting: Setting) -> Learner:
    """LoRA on every linear layer, by peft, with Adam."""
    from peft import LoraConfig, get_peft_model

    model = opened_model(setting).model
    torch.manual_seed(setting.seed)
    wrapped = get_peft_model(model, LoraConfig(r=LORA_RANK, lora_alpha=2 * LORA_RANK, target_modules="all-linear"))
    return Adam(setting, model, dict.fromkeys(p for p in wrapped.parameters() if p.requires_grad))


def opened_model(setting: Setting) -> Whole:
    """The checkpoint in fp32 with nothing to differentiate yet."""
    torch.set_num_threads(setting.threads or torch.get_num_threads())
    opened = open_whole(setting.checkpoint)
    opened.model.requires_grad_(False)
    return opened


@dataclass(frozen=True)
class Method:
    """A row of the table: how to make the learner, and the learning rates to search."""

    title: str
    make: Callable[[Setting], Learner]
    rates: tuple[float, ...]


ZO_RATES = (5e-4, 1.5e-3, 5e-3)
METHODS = {
    "ours": Method("ours: label head and channels 0.1 %, int4", artifact(1, head=True), ZO_RATES),
    "ours-no-head": Method("ours, channels alone", artifact(1), ZO_RATES),
    "ours-int8": Method("ours, int8 activations", artifact(4, head=True), ZO_RATES),
    "ours-everywhere": Method("channels alone, in every layer", artifact(1, "--first-layer", "0"), ZO_RATES),
    "ours-plain": Method("channels alone, no label bias", artifact(1, label_bias=False), ZO_RATES),
    "channels": Method("channels 0.1 %, fp32", torch_zero_order("channels"), ZO_RATES),
    "weights": Method("single weights 0.1 %, fp32", torch_zero_order("weights"), ZO_RATES),
    "random": Method("random 0.1 %, fp32", torch_zero_order("random"), ZO_RATES),
    "magnitude": Method("largest 0.1 %, fp32", torch_zero_order("magnitude"), ZO_RATES),
    "mezo": Method("all weights (MeZO), fp32", lambda s: Mezo(s, opened_model(s).model), (1e-6, 1e-5, 3e-5)),
    "probe": Method("linear probe", lambda s: Probe(s, opened_model(s).model), (1e-3, 1e-2, 1e-1)),
    "adam-values": Method("Adam on our values, fp32", adam_values, (1e-3, 3e-3)),
    "lora": Method("LoRA with Adam", lora, (3e-4, 1e-3)),
    "adam": Method("Adam on all weights", adam_all, (1e-5, 3e-5)),
}
