"""The step as torch.export sees it, against transformers on the dequantized weights; and lowered, against itself.

What differs from the reference but for rounding activations to 8 bits would be an error: without that rounding the two
agree closely, and with it as well as int8 can.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import sympy
import torch
from hypothesis import given
from hypothesis import strategies as st
from pocketzo.export.contents import Contents
from pocketzo.export.model.reference import reference_nll, values_in_place
from pocketzo.export.weights.dequantized import Dequantized
from pocketzo.runtime.bundle import Bundle
from pocketzo.runtime.errors import BadInput
from pocketzo.runtime.examples import Batch
from pocketzo.toolkit.pipeline import ExportConfig, export_bundle

from ..conftest import Silent, make_checkpoint
from .reference_model import model_with
from .test_artifact import real_batch
from .test_graph import FAMILIES

REASON = "needs ExecuTorch: pip install 'pocketzo[executorch]'"
pytest.importorskip("executorch", reason=REASON)
pytest.importorskip("torchao", reason=REASON)
from pocketzo.export.executorch import planned_memory, xnn_product  # noqa: E402
from pocketzo.export.executorch.planned_memory import WORDS, corners, graph_bounds  # noqa: E402
from pocketzo.export.executorch.step_module import Step  # noqa: E402
from pocketzo.export.executorch.writer import write_step  # noqa: E402
from pocketzo.runtime.engines.executorch.engine import ExecuTorchEngine  # noqa: E402

SCOPES = ("channels", "weights")
CASES = {
    **{f"{name}-{SCOPES[i % 2]}": (name, SCOPES[i % 2], 4, 8) for i, name in enumerate(FAMILIES)},
    **{
        f"{weights}-bit weights, {embedding}-bit embedding-{scope}": (name, scope, weights, embedding)
        for weights, embedding, name in (
            (4, 4, "llama with an untied head"),
            (8, 8, "qwen3"),
            (8, 4, "llama with biases"),
        )
        for scope in SCOPES
    },
}
"""family, scope, bits of weights and of the embedding"""
YARN = {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 64}
"""changes the size of cos and sin, too"""
TOKENS, LONGEST = 512, 64
"""bounds of the graph that is lowered"""


class Stop(Exception):
    """The export is as far as a test needs it."""


@dataclass
class Stored:
    """What a step is made from; stands for the store, too."""

    checkpoint: Path
    contents: Contents
    arrays: dict[str, np.ndarray]

    def read(self, name: str) -> np.ndarray:
        """The array of that name."""
        return self.arrays[name]

    def __contains__(self, name: str) -> bool:
        return name in self.arrays

    def step(self) -> Step:
        """The step, not lowered."""
        c = self.contents
        return Step(c.decoder, c.layout, self.read, c.quantization, c.unrounded, 256, lambda stage: stage).eval()

    @cached_property
    def model(self) -> Any:
        """transformers' model with the weights that are stored."""
        return model_with(self.checkpoint, self.arrays, self.contents.outliers)

    def around(self, perturbations: int = 2, size: float = 0.05) -> np.ndarray:
        """Values fp32 [P, K]: those that are stored, and others beside them."""
        random = np.random.default_rng(3)
        start = self.contents.values
        moved = random.standard_normal((perturbations - 1, len(start))) * size
        return np.concatenate([start[None], start + moved]).astype(np.float32)


def stored(folder: Path, model_type: str, changes: dict[str, Any], **options: Any) -> Stored:
    """What an export of a tiny model for ExecuTorch stores."""
    checkpoint, found = folder / "tiny", []
    make_checkpoint(checkpoint, model_type, **changes)

    def recorded(_, store, contents, progress):
        found.append(Stored(checkpoint, contents, {name: store.read(name) for name in store.regions}))
        raise Stop

    config = ExportConfig(
        density=0.02, windows=4, window_tokens=128, accuracy_level=4, engines=("executorch",), **options
    )
    with pytest.MonkeyPatch.context() as patch, contextlib.suppress(Stop):
        patch.setattr("pocketzo.export.executorch.writer.write_step", recorded)
        export_bundle(str(checkpoint), folder / "bundle", config, None, False, Silent())
    return found[0]


@pytest.fixture(scope="module", params=CASES)
def case(request, tmp_path_factory):
    """What is stored of a model of each kind."""
    name, scope, weight_bits, embedding_bits = CASES[request.param]
    folder = tmp_path_factory.mktemp("case")
    model_type, changes = FAMILIES[name]
    if (weight_bits, embedding_bits) != (4, 8):
        changes = {**changes, "num_hidden_layers": 3}  # two with values
    if name == "mistral":
        changes = {**changes, "rope_parameters": YARN}
    return stored(folder, model_type, changes, scope=scope, weight_bits=weight_bits, embedding_bits=embedding_bits)


def computed(step: Step, batch: Batch, values: np.ndarray) -> list[np.ndarray]:
    """nll and hidden by `step` without an engine."""
    one = [torch.from_numpy(x)[None] for x in (batch.input_ids, batch.label_positions, batch.label_ids)]
    with torch.no_grad():
        return [x.numpy() for x in step(*one, torch.from_numpy(batch.words), torch.from_numpy(values))]


def hidden_states(case: Stored, batch: Batch, values: np.ndarray) -> np.ndarray:
    """Those of transformers at the label positions, [P, B, S, H]."""
    model, rows = case.model, []
    for row in values:
        with values_in_place(model, case.contents.layout, row), torch.no_grad():
            hidden = model.model(torch.from_numpy(batch.input_ids)).last_hidden_state.numpy()
        rows.append(np.take_along_axis(hidden, batch.label_positions[:, :, None], axis=1))
    return np.stack(rows)


def test_without_rounding_it_is_what_transformers_computes(case, monkeypatch):
    monkeypatch.setattr(xnn_product, "_rounded", lambda x: x)
    batch, values = real_batch(512, seed=1), case.around()
    nll, hidden = computed(case.step(), batch, values)
    expected = reference_nll(case.model, case.contents.layout, batch, values)
    assert np.abs(expected[0] - expected[1]).max() > 1e-2
    assert (nll[:, batch.label_ids < 0] == 0).all()
    states = hidden_states(case, batch, values)
    assert np.abs(nll - expected).max() <= 1e-4
    assert np.abs(hidden - states).max() <= 1e-4 * np.abs(states).max()


def test_with_rounding_it_is_close(case):
    """Off by a twelfth of how much nll varies from one label to another, or less; measured are 0.02 to 0.06."""
    batch, values = real_batch(512, seed=1), case.around()
    scored = batch.label_ids >= 0
    expected = reference_nll(case.model, case.contents.layout, batch, values)[:, scored]
    difference = computed(case.step(), batch, values)[0][:, scored] - expected
    assert 0.002 <= np.sqrt(np.mean(difference**2)) / np.std(expected) <= 0.08


def test_layers_multiply_by_what_is_stored(case, monkeypatch):
    """Each product of an identity is its weight: to the bit but where a value is tuned, and close there. XNNPACK keeps
    the scales of 4 bits in bfloat16, which has to hold them.
    """
    monkeypatch.setattr(xnn_product, "_rounded", lambda x: x)
    c, values = case.contents, case.around()[1]
    dequantized = Dequantized(case, c.decoder, c.quantization, c.layout, values, c.outliers)
    blocks = {block.layer: block for block in c.layout.blocks()}
    for linear in c.decoder.linears():
        scales = torch.from_numpy(case.read(f"{linear.name}.scales")).float()
        assert c.quantization.weight_bits == 8 or torch.equal(scales.bfloat16().float(), scales), linear.name
        channels = xnn_product.side_channels([linear], c.layout, c.unrounded)
        split = xnn_product.SplitInput(linear.columns, channels, c.quantization, None)
        product = xnn_product.Product(linear, c.layout, case.read, c.quantization, channels)
        product.bias, block, tuned = None, None, np.zeros((linear.rows, linear.columns), dtype=bool)
        sensitive = c.layout.of(linear.name)
        if sensitive is not None:
            tuned[sensitive.index(c.layout.scope)] = True
            scatter = xnn_product.ScatterValues(sensitive, blocks[linear.name], c.layout.scope)
            block = scatter(torch.from_numpy(values)[None])
        zero, identity = torch.zeros(1, 1, 1), torch.eye(linear.columns)[None]
        made = product(*split(identity, zero, split.pick.float()), zero, product.side_weights.float(), block)
        weight = made[0].numpy().T
        expected = dequantized(f"{linear.name}.weight").numpy()
        assert (weight == expected)[~tuned].all(), linear.name
        assert np.abs(weight - expected)[tuned].max(initial=0) <= 1e-6, linear.name


def test_rows_of_the_tables_are_what_is_stored(case):
    c, step = case.contents, case.step()
    dequantized = Dequantized(case, c.decoder, c.quantization, c.layout, c.values, c.outliers)
    for table, name in ((step.embedding, "model.embed_tokens"), (step.head, "lm_head")):
        if f"{name}.codes" in case:
            assert torch.equal(table(torch.arange(512)), dequantized(f"{name}.weight")), name
    assert (step.head is step.embedding) == c.decoder.tied_embedding


PLANNED = [
    *("P", "B", "T", "S", "L", "W"),
    *("BT", "BS", "BL", "PB", "PBT", "PBS", "PBL", "PBSW"),
]
"""what the sizes of tensors between the stages are products of, beside constants"""


def check_planned(bounds: dict[str, int], sizes: dict[str, int]) -> None:
    """Nothing in a pass of `sizes` is larger than at each of the corners."""
    for expression in PLANNED:
        size, largest = (
            max(math.prod(c[n] for n in expression) for c in passes) for passes in ([sizes], corners(bounds))
        )
        assert size <= largest, (expression, bounds, sizes)


@given(st.data())
def test_no_pass_within_the_bounds_has_a_larger_tensor_than_planned(data):
    bounds = graph_bounds(data.draw(st.integers(1, 10**5), "tokens"), data.draw(st.integers(1, 2000), "length"))
    sizes, left = {"W": WORDS}, bounds["tokens"]
    for name in data.draw(st.permutations(["P", "B", "T"])):
        most = min(bounds[name], left)
        sizes[name] = data.draw(st.just(most) | st.integers(1, most), name)
        left //= sizes[name]
    most = min(bounds["L"], bounds["tokens"] // (sizes["P"] * sizes["B"]))
    sizes["S"] = data.draw(st.integers(1, min(most, sizes["T"])), "S")
    sizes["L"] = sizes["S"] * data.draw(st.integers(1, most // sizes["S"]), "labels a position")
    check_planned(bounds, sizes)


@pytest.mark.parametrize(
    ("tokens", "length", "sizes"),
    [(4096, 300, "P1 B1024 T4 S4 L4"), (5000, 512, "P1 B10 T500 S500 L500"), (5000, 512, "P10 B1 T20 S1 L500")],
)
def test_passes_between_the_corners(tokens, length, sizes):
    """Of sizes by which the bounds can be divided where they cannot by their own."""
    check_planned(graph_bounds(tokens, length), {"W": WORDS, **{x[0]: int(x[1:]) for x in sizes.split()}})


@dataclass
class Lowered:
    """A graph in its engine, and the step that it is."""

    engine: ExecuTorchEngine
    step: Step
    stored: Stored
    sizes: set[str]


@pytest.fixture(scope="module")
def lowered(tmp_path_factory):
    """A model of more words than a graph sums over at once, lowered."""
    folder = tmp_path_factory.mktemp("lowered")
    found = stored(
        folder,
        "qwen3",
        {"vocab_size": 2304, "num_hidden_layers": 3},
        scope="weights",
        max_tokens=TOKENS,
        max_length=LONGEST,
    )
    with recorded_sizes() as sizes:
        graph = write_step(folder, found, found.contents)
    decoder = found.contents.decoder
    manifest = SimpleNamespace(
        model=SimpleNamespace(vocabulary=decoder.vocabulary, hidden_size=decoder.hidden),
        values=SimpleNamespace(count=found.contents.layout.count),
        graphs=[graph],
    )
    engine = ExecuTorchEngine(Bundle(folder, manifest, "0" * 64), 2)  # type: ignore[arg-type]
    yield Lowered(engine, found.step(), found, sizes)
    engine.close()


@contextlib.contextmanager
def recorded_sizes() -> Iterator[set[str]]:
    """What the sizes of tensors that are planned meanwhile are products of, as in PLANNED."""
    names: dict[Any, sympy.Symbol] = {}
    found: set[str] = set()
    symbols, largest = planned_memory.Bounded._symbols, planned_memory._largest

    def named(self, graph):
        given = symbols(self, graph)
        names.update({symbol: sympy.Symbol(name) for name, symbol in given.items()})
        return given

    def record(shape, passes):
        size = sympy.sympify(sympy.prod([d if isinstance(d, int) else d.node.expr for d in shape])).xreplace(names)
        _, product = sympy.factor(size).as_coeff_Mul()
        found.add("".join(sorted(str(x) * n for x, n in product.as_powers_dict().items() if x != 1)))
        return largest(shape, passes)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(planned_memory.Bounded, "_symbols", named)
        patch.setattr(planned_memory, "_largest", record)
        yield found


def a_pass(lowered: Lowered, p: int, b: int, t: int, s: int = 1, labels: int = 1, words: int = 40) -> Any:
    """A batch of random tokens with `labels` a position, and values fp32 [P, K]."""
    random = np.random.default_rng(p + b + t)
    vocabulary = lowered.stored.contents.decoder.vocabulary
    batch = Batch(
        random.integers(0, vocabulary, (b, t)),
        random.integers(0, t, (b, s)),
        random.integers(-1, vocabulary, (b, s * labels)),
        random.permutation(vocabulary)[:words],
    )
    return batch, lowered.stored.around(p)


SIZES = {
    "one of everything": (1, 1, 1, 1, 1, 1),
    "a few": (2, 3, 12, 4, 2, 600),
    "other than it was traced with": (3, 5, 7, 2, 3, 1024),
    "longest": (1, TOKENS // LONGEST, LONGEST, LONGEST),
    "longest, perturbed": (TOKENS // LONGEST, 1, LONGEST, LONGEST),
    "shortest": (1, TOKENS, 1),
    "shortest, perturbed": (64, TOKENS // 64, 1),
    "more labels than tokens": (2, 4, 2, 1, LONGEST),
    "one token more than words at once": (2, 3, 9, 2, 2, 1025),
    "all words": (2, 3, 9, 2, 2, 2304),
}
"""P, B, T, S, labels a position, words"""


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_engine_computes_the_step(lowered, sizes):
    """Equal up to fp32, but where two of its sums fall to either side of a half and round apart."""
    batch, values = a_pass(lowered, *sizes)
    there, here = lowered.engine.forward(batch, values), computed(lowered.step, batch, values)
    assert (there.nll[:, batch.label_ids < 0] == 0).all()
    for engine, eager in zip(there, here, strict=True):
        difference = np.abs(engine - eager)
        assert np.median(difference) <= 1e-4
        assert difference.max() <= 0.3


def test_sizes_of_tensors_are_those_that_are_tested_against_the_bounds(lowered):
    assert lowered.sizes <= {"", *("".join(sorted(x)) for x in PLANNED)}


@pytest.mark.parametrize(
    "sizes", [(65, 1, 1), (1, TOKENS + 1, 1), (1, 1, LONGEST + 1), (9, 1, LONGEST), (3, 3, 1, 1, LONGEST)]
)
def test_pass_over_the_bounds_is_refused(lowered, sizes):
    with pytest.raises(BadInput, match="the graph takes at most"):
        lowered.engine.forward(*a_pass(lowered, *sizes))
