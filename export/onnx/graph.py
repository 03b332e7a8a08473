"""The step graph: label tokens scored under P perturbations of the sensitive values, and nothing but forward ops.

Rows of all perturbations and examples go through each weight together ([P, B * T, C]), so each is read once.
What is not needed is left out: blocks before the first tuned one are computed once for all perturbations of a batch
([E, B * T, C], E = 1), the last one computes keys and values for every token and the rest at the label positions alone,
and the LM head scores the words of `words`. docs/bundle.md states inputs and outputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir
import onnxscript
from onnxscript import OpBuilder
from pocketzo.runtime.bundle.manifest import Quantization
from pocketzo.runtime.limits.memory import WORDS

from ..model.decoder import Decoder, Linear
from ..weights.layout import Layout
from ..weights.weights_file import WeightsFile
from .operators import ACTIVATIONS, NORMS
from .products import CONTRIB, EightBits, FourBits
from .sensitive import SENSITIVE

OPSET = 23
INPUTS = {
    "input_ids": (ir.DataType.INT64, ["E", "B", "T"]),
    "label_positions": (ir.DataType.INT64, ["E", "B", "S"]),
    "label_ids": (ir.DataType.INT64, ["E", "B", "L"]),
    "words": (ir.DataType.INT64, ["W"]),
    "values": (ir.DataType.FLOAT, ["P", "K"]),
}


def build_step(
    decoder: Decoder,
    layout: Layout,
    store: WeightsFile,
    quantization: Quantization,
    outliers: Mapping[str, np.ndarray] | None = None,
) -> ir.Model:
    """The step graph of `decoder` with its weights in `store`.

    With 8-bit weights `outliers` names the outlier channels of each linear layer, which are not rounded.
    """
    return _StepGraph(decoder, layout, store, quantization, outliers or {}).build()


@dataclass(frozen=True)
class Positions:
    """Where in each sequence queries are computed: `ids` int64 [P * B, count], and `count` as a shape [1]."""

    ids: ir.Value
    count: ir.Value


class _StepGraph:
    def __init__(
        self,
        decoder: Decoder,
        layout: Layout,
        store: WeightsFile,
        quantization: Quantization,
        outliers: Mapping[str, np.ndarray],
    ) -> None:
        self.d, self.layout, self.store, self.quantization = decoder, layout, store, quantization
        self.scales: dict[str, ir.Value] = {}
        self.inputs = {
            name: ir.val(name, dtype, [layout.count if dim == "K" else dim for dim in shape])
            for name, (dtype, shape) in INPUTS.items()
        }
        self.graph = ir.Graph(
            inputs=list(self.inputs.values()),
            outputs=[],
            nodes=[],
            opset_imports={"": OPSET, CONTRIB: 1},
            name="pocketzo_step",
        )
        self.builder = onnxscript.GraphBuilder(self.graph)
        self.op = self.builder.op
        self.frozen: FourBits | EightBits = (
            EightBits(self.op, self.constant, outliers.__getitem__)
            if quantization.weight_bits == 8
            else FourBits(self.op, self.constant, quantization)
        )

    def build(self) -> ir.Model:
        op = self.op
        ids = self.inputs["input_ids"]
        shape = op.Shape(ids)
        self.lead, self.b, self.t = (op.Slice(shape, [i], [i + 1]) for i in range(3))
        self.p = op.Slice(op.Shape(self.inputs["values"]), [0], [1])
        perturbations = op.Concat(self.p, [1, 1], axis=0)
        self.labels, self.label_ids = (
            op.Expand(self.inputs[n], perturbations) for n in ("label_positions", "label_ids")
        )
        self._values_by_layer()
        self._rotary_angles()
        x = self.embedding(ids)
        for i in range(self.d.layers):
            if i == self.first_tuned():
                x = op.Expand(x, perturbations)
                self.lead = self.p
                self._positions()
            x = self.block(x, i)
        x = self.norm(x, self.d.names.final_norm)
        hidden = op.Reshape(x, op.Concat(op.Shape(self.labels), [self.d.hidden], axis=0))
        self.output("nll", self.nll(hidden), ["P", "B", "L"])
        self.output("hidden", hidden, ["P", "B", "S", self.d.hidden])
        return ir.Model(self.graph, ir_version=10, producer_name="pocketzo")

    def first_tuned(self) -> int:
        """The first block with values: from there on perturbations differ."""
        tuned = {layer.layer for layer in self.layout.layers}
        return next(i for i in range(self.d.layers) if any(x.name in tuned for x in self.d.block(i).values()))

    def output(self, name: str, value: ir.Value, shape: list[str | int]) -> None:
        value.name, value.dtype, value.shape = name, ir.DataType.FLOAT, ir.Shape(shape)
        self.graph.outputs.append(value)

    def constant(self, name: str, shape: tuple[int, ...] | None = None) -> ir.Value:
        known = self.graph.initializers.get(name)
        return known if known is not None else self.builder.initializer(self.store.tensor(name, shape), name=name)

    def scale(self, name: str) -> ir.Value:
        """The fp32 scales of a weight, which the engine widens once, when it loads the graph."""
        if name not in self.scales:
            self.scales[name] = self.op.Cast(self.constant(f"{name}.scales"), to=ir.DataType.FLOAT)
        return self.scales[name]

    def _values_by_layer(self) -> None:
        values, blocks = self.inputs["values"], list(self.layout.blocks())
        parts = self.op.Split(values, [b.count for b in blocks], axis=1, _outputs=len(blocks))
        self.values = dict(zip([b.layer for b in blocks], [parts] if len(blocks) == 1 else parts, strict=True))

    def _rotary_angles(self) -> None:
        op = self.op
        self.position = op.Range(op.Constant(value_int=0), op.Squeeze(self.t, [0]), op.Constant(value_int=1))
        frequencies = self.builder.initializer(ir.tensor(self.d.inverse_frequencies), name="inverse_frequencies")
        angles = op.Mul(op.Cast(op.Unsqueeze(self.position, [1]), to=ir.DataType.FLOAT), frequencies)
        scale = op.Constant(value_float=self.d.rotary_scale)
        self.cos, self.sin = op.Mul(op.Cos(angles), scale), op.Mul(op.Sin(angles), scale)
        self._positions()

    def _positions(self) -> None:
        """The two sets of positions that queries are computed for, and which keys a label's query may see."""
        op, sequences = self.op, self.op.Mul(self.lead, self.b)
        every = op.Expand(op.Unsqueeze(self.position, [0]), op.Concat(sequences, self.t, axis=0))
        self.every_position = Positions(every, self.t)
        s = op.Slice(op.Shape(self.labels), [2], [3])
        at_labels = op.Reshape(self.labels, op.Concat([-1], s, axis=0))
        self.label_positions = Positions(at_labels, s)
        self.before_labels = op.LessOrEqual(self.position, op.Unsqueeze(at_labels, [1, 3]))

    def rows(self, x: ir.Value, width: int) -> ir.Value:
        """Reshape to [P, B * T, width] (or [E, ...]), the form in which weights are applied."""
        return self.op.Reshape(x, self.op.Concat(self.lead, [-1, width], axis=0))

    def sequences(self, x: ir.Value, count: ir.Value, width: int) -> ir.Value:
        """Reshape to [P * B, count, width], the form in which tokens attend to each other."""
        return self.op.Reshape(x, self.op.Concat([-1], count, [width], axis=0))

    def embedding(self, ids: ir.Value) -> ir.Value:
        """The embeddings of `ids` [E, B, T], fp32 [E, B * T, H]."""
        return self.table_rows(
            self.op, self.d.names.embedding, self.op.Reshape(ids, self.op.Concat(self.lead, [-1], axis=0))
        )

    def table_rows(self, op: OpBuilder, name: str, ids: ir.Value) -> ir.Value:
        """Rows of a quantized table, fp32; the embedding and a tied LM head read the same bytes."""
        d, bits = self.d, self.quantization.embedding_bits
        return op.GatherBlockQuantized(
            self.constant(f"{name}.codes", (d.vocabulary, d.hidden * bits // 8)),
            ids,
            self.scale(name),
            self.constant(f"{name}.zero_points"),
            bits=bits,
            block_size=self.quantization.embedding_group_size,
            gather_axis=0,
            quantize_axis=1,
            _domain=CONTRIB,
        )

    def linear(self, x: ir.Value, linear: Linear) -> ir.Value:
        """The frozen product, plus that of the side channels, plus the bias: fp32 [P, rows, C] to [P, rows, R].

        Side channels are the few input channels that are multiplied in fp32: those with sensitive weights, and the
        outlier channels of 8-bit activations.
        """
        op, y = self.op, self.frozen.product(x, linear)
        if side := self.side_channels(linear):
            channels, block = side
            y = op.Add(y, op.MatMul(op.Gather(x, op.Constant(value=ir.tensor(channels)), axis=2), block))
        return op.Add(y, self.constant(f"{linear.name}.bias")) if linear.bias else y

    def side_channels(self, linear: Linear) -> tuple[np.ndarray, ir.Value] | None:
        """The side channels of a layer and their weights, [channels, R] or [P, channels, R]."""
        op, of_outliers = self.op, self.frozen.outlier_channels(linear)
        sensitive = self.layout.of(linear.name)
        if sensitive is None:
            return of_outliers
        channels, block = SENSITIVE[self.layout.scope](op, self.values[linear.name], sensitive)
        if of_outliers is None:
            return channels, block
        outliers, weights = of_outliers
        same_for_all = op.Expand(weights, op.Concat(self.p, [1, 1], axis=0))
        return np.concatenate([channels, outliers]), op.Concat(block, same_for_all, axis=1)

    def norm(self, x: ir.Value, name: str) -> ir.Value:
        """The family's norm over the last axis, with the weight of the module `name`."""
        return NORMS[self.d.family.norm](self.op, x, self.constant(f"{name}.weight"), self.d.norm_eps)

    def block(self, x: ir.Value, i: int) -> ir.Value:
        """One block: [P, B * T, H] to the same, or from the last one the label positions alone, [P, B * S, H]."""
        op, names, linears = self.op, self.d.names, self.d.block(i)
        h = self.norm(x, names.in_block(i, names.attention_norm))
        k, v = self.linear(h, linears["k"]), self.linear(h, linears["v"])
        where = self.every_position
        if i == self.d.layers - 1:
            x, h, where = self.at_labels(x), self.at_labels(h), self.label_positions
        q = self.linear(h, linears["q"])
        x = op.Add(x, self.linear(self.attention(q, k, v, where, i), linears["o"]))
        h = self.norm(x, names.in_block(i, names.mlp_norm))
        gate, up = self.linear(h, linears["gate"]), self.linear(h, linears["up"])
        activated = ACTIVATIONS[self.d.family.activation](op, gate)
        return op.Add(x, self.linear(op.Mul(activated, up), linears["down"]))

    def attention(self, q: ir.Value, k: ir.Value, v: ir.Value, where: Positions, i: int) -> ir.Value:
        """Causal attention of block `i` within each sequence.

        Padding stands on the right and needs no mask, since nothing real looks to its right.
        """
        op, d, every, names = self.op, self.d, self.every_position, self.d.names
        q_norm, k_norm = names.in_block(i, names.q_norm), names.in_block(i, names.k_norm)
        q = self.rotate(self.sequences(q, where.count, d.heads * d.head_dim), d.heads, where, q_norm)
        k = self.rotate(self.sequences(k, every.count, d.kv_heads * d.head_dim), d.kv_heads, every, k_norm)
        v = self.sequences(v, every.count, d.kv_heads * d.head_dim)
        heads = {"q_num_heads": d.heads, "kv_num_heads": d.kv_heads}
        if where is every:
            attended = op.Attention(q, k, v, is_causal=1, **heads)
        else:
            attended = op.Attention(q, k, v, self.before_labels, **heads)
        return self.rows(attended, d.heads * d.head_dim)

    def rotate(self, x: ir.Value, heads: int, where: Positions, norm: str) -> ir.Value:
        """Rotary position embedding, after the norm of each head where the family has one."""
        op = self.op
        if self.d.family.qk_norm:
            by_head = op.Reshape(x, [0, 0, heads, self.d.head_dim])
            x = op.Reshape(self.norm(by_head, norm), [0, 0, heads * self.d.head_dim])
        return op.RotaryEmbedding(x, self.cos, self.sin, where.ids, num_heads=heads)

    def at_labels(self, x: ir.Value) -> ir.Value:
        """The rows of the label positions: [P, B * T, H] to [P, B * S, H]."""
        op, width = self.op, self.d.hidden
        by_example = op.Reshape(x, op.Concat(self.p, self.b, self.t, [width], axis=0))
        positions = op.Unsqueeze(self.labels, [3])
        return self.rows(op.GatherND(by_example, positions, batch_dims=2), width)

    def nll(self, hidden: ir.Value) -> ir.Value:
        """log sum exp of the competing words' logits minus the label's, 0 where a label is padding.

        `hidden` is [P, B, S, H]; a position scores L / S labels.
        """
        op, ids, head = self.op, self.label_ids, self.d.head_table
        zero = op.Constant(value_int=0)
        by_position = op.Concat(op.Shape(self.labels), [-1], axis=0)
        labels = op.Reshape(op.Max(ids, zero), by_position)
        own = op.MatMul(self.table_rows(op, head, labels), op.Unsqueeze(hidden, [4]))
        nll = op.Reshape(op.Sub(op.Unsqueeze(self.log_sum(hidden, head), [3, 4]), own), op.Shape(ids))
        return op.Where(op.Less(ids, zero), op.Constant(value=ir.tensor(np.float32(0))), nll)

    def log_sum(self, hidden: ir.Value, head: str) -> ir.Value:
        """log sum exp of the logits of `words`, [P, B, S], WORDS of them at a time: a whole vocabulary is large."""
        op, words = self.op, self.inputs["words"]
        count = op.Squeeze(op.Shape(words), [0])
        chunks = op.Div(op.Add(count, op.Constant(value_int=WORDS - 1)), op.Constant(value_int=WORDS))

        def chunk(op: OpBuilder, i: ir.Value, go_on: ir.Value) -> tuple[ir.Value, ir.Value]:
            begin = op.Reshape(op.Mul(i, op.Constant(value_int=WORDS)), [1])
            ids = op.Slice(words, begin, op.Add(begin, [WORDS]))
            logits = op.MatMul(hidden, op.Transpose(self.table_rows(op, head, ids), perm=[1, 0]))
            return op.Identity(go_on), op.ReduceLogSumExp(logits, [-1], keepdims=0)

        body = self.builder.subgraph(
            chunk,
            inputs=[ir.val("chunk", ir.DataType.INT64, []), ir.val("go_on", ir.DataType.BOOL, [])],
            outputs=[ir.val("goes_on", ir.DataType.BOOL, []), ir.val("log_sums", ir.DataType.FLOAT, ["P", "B", "S"])],
            name="words",
        )
        return op.ReduceLogSumExp(op.Loop(chunks, None, body=body), [0], keepdims=0)
