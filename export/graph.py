"""The step graph: label tokens scored under P perturbations of the sensitive values, and nothing but forward ops.

Rows of all perturbations and examples go through each 4-bit weight together ([P, R, C], R = B * T), so it is read once
a step. Only the hidden states at label positions reach the LM head. docs/bundle.md states inputs and outputs.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
import onnxscript
from pocketzo.runtime.manifest import Quantization

from .branches import BRANCHES
from .decoder import Decoder, Linear
from .layout import Layout
from .weights_file import WeightsFile

OPSET = 23
CONTRIB = "com.microsoft"
INPUTS = {
    "input_ids": (ir.DataType.INT64, ["P", "B", "T"]),
    "label_positions": (ir.DataType.INT64, ["P", "B", "S"]),
    "label_ids": (ir.DataType.INT64, ["P", "B", "L"]),
    "logit_bias": (ir.DataType.FLOAT, ["N"]),
    "values": (ir.DataType.FLOAT, ["P", "K"]),
}


def build_step(decoder: Decoder, layout: Layout, store: WeightsFile, quantization: Quantization) -> ir.Model:
    """The step graph of `decoder` with its weights in `store`; accuracy_level 1 keeps activations fp32, 4 int8."""
    return _StepGraph(decoder, layout, store, quantization).build()


class _StepGraph:
    def __init__(self, decoder: Decoder, layout: Layout, store: WeightsFile, quantization: Quantization) -> None:
        self.d, self.layout, self.store, self.quantization = decoder, layout, store, quantization
        self.scales: dict[str, ir.Value] = {}
        fixed = {"N": decoder.vocabulary, "K": layout.count}
        self.inputs = {
            name: ir.val(name, dtype, [fixed.get(dim, dim) for dim in shape]) for name, (dtype, shape) in INPUTS.items()
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

    def build(self) -> ir.Model:
        op = self.op
        ids = self.inputs["input_ids"]
        shape = op.Shape(ids)
        self.p, self.t = op.Slice(shape, [0], [1]), op.Slice(shape, [2], [3])
        self._values_by_layer()
        self._rotary_angles()
        x = self.embedding(ids)
        for i in range(self.d.layers):
            x = self.block(x, i)
        hidden = self.at_labels(x)
        self.output("nll", self.nll(hidden), ["P", "B", "L"])
        self.output("hidden", hidden, ["P", "B", "S", self.d.hidden])
        return ir.Model(self.graph, ir_version=10, producer_name="pocketzo")

    def output(self, name: str, value: ir.Value, shape: list[str | int]) -> None:
        value.name, value.dtype, value.shape = name, ir.DataType.FLOAT, ir.Shape(shape)
        self.graph.outputs.append(value)

    def constant(self, name: str) -> ir.Value:
        known = self.graph.initializers.get(name)
        return known if known is not None else self.builder.initializer(self.store.tensor(name), name=name)

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
        position = op.Range(op.Constant(value_int=0), op.Squeeze(self.t, [0]), op.Constant(value_int=1))
        self.position = op.Unsqueeze(position, [0])
        frequencies = self.builder.initializer(ir.tensor(self.d.inverse_frequencies), name="inverse_frequencies")
        angles = op.Mul(op.Unsqueeze(op.Cast(position, to=ir.DataType.FLOAT), [1]), frequencies)
        scale = op.Constant(value_float=self.d.rotary_scale)
        self.cos, self.sin = op.Mul(op.Cos(angles), scale), op.Mul(op.Sin(angles), scale)

    def rows(self, x: ir.Value, width: int) -> ir.Value:
        """Reshape to [P, B * T, width], the form in which weights are applied."""
        return self.op.Reshape(x, self.op.Concat(self.p, [-1, width], axis=0))

    def sequences(self, x: ir.Value, width: int) -> ir.Value:
        """Reshape to [P * B, T, width], the form in which tokens attend to each other."""
        return self.op.Reshape(x, self.op.Concat([-1], self.t, [width], axis=0))

    def embedding(self, ids: ir.Value) -> ir.Value:
        """Rows of the quantized embedding table, which a tied LM head reads too, from the same bytes."""
        name, d, bits = "model.embed_tokens", self.d, self.quantization.embedding_bits
        table = self.builder.initializer(
            self.store.tensor(f"{name}.codes", (d.vocabulary, d.hidden * bits // 8), f"{name}.rows"),
            name=f"{name}.rows",
        )
        x = self.op.GatherBlockQuantized(
            table,
            self.op.Reshape(ids, self.op.Concat(self.p, [-1], axis=0)),
            self.scale(name),
            self.constant(f"{name}.zero_points"),
            bits=bits,
            block_size=self.quantization.embedding_group_size,
            gather_axis=0,
            quantize_axis=1,
            _domain=CONTRIB,
        )
        return x

    def matmul(self, x: ir.Value, name: str, rows: int, columns: int, bits: int, group_size: int) -> ir.Value:
        """x @ weight.T with the quantized weight `name` [rows, columns]."""
        return self.op.MatMulNBits(
            x,
            self.constant(f"{name}.codes"),
            self.scale(name),
            self.constant(f"{name}.zero_points"),
            K=columns,
            N=rows,
            bits=bits,
            block_size=group_size,
            accuracy_level=self.quantization.accuracy_level,
            _domain=CONTRIB,
        )

    def linear(self, x: ir.Value, linear: Linear) -> ir.Value:
        """The frozen 4-bit product, plus what the layer's sensitive values add, plus the bias."""
        q = self.quantization
        y = self.matmul(x, linear.name, linear.rows, linear.columns, q.weight_bits, q.group_size)
        if sensitive := self.layout.of(linear.name):
            branch = BRANCHES[self.layout.scope]
            y = self.op.Add(y, branch(self.op, x, self.values[linear.name], sensitive))
        return self.op.Add(y, self.constant(f"{linear.name}.bias")) if linear.bias else y

    def norm(self, x: ir.Value, name: str) -> ir.Value:
        return self.op.RMSNormalization(x, self.constant(f"{name}.weight"), axis=-1, epsilon=self.d.norm_eps)

    def block(self, x: ir.Value, i: int) -> ir.Value:
        op, at, linears = self.op, f"model.layers.{i}.", self.d.block(i)
        h = self.norm(x, at + "input_layernorm")
        q, k, v = (self.linear(h, linears[name]) for name in "qkv")
        x = op.Add(x, self.linear(self.attention(q, k, v, at), linears["o"]))
        h = self.norm(x, at + "post_attention_layernorm")
        gate, up = self.linear(h, linears["gate"]), self.linear(h, linears["up"])
        return op.Add(x, self.linear(op.Mul(op.Mul(gate, op.Sigmoid(gate)), up), linears["down"]))

    def attention(self, q: ir.Value, k: ir.Value, v: ir.Value, at: str) -> ir.Value:
        """Causal attention within each sequence; right padding needs no mask, since nothing real looks to its right."""
        op, d = self.op, self.d
        q = self.rotate(self.sequences(q, d.heads * d.head_dim), d.heads, at + "self_attn.q_norm")
        k = self.rotate(self.sequences(k, d.kv_heads * d.head_dim), d.kv_heads, at + "self_attn.k_norm")
        v = self.sequences(v, d.kv_heads * d.head_dim)
        attended = op.Attention(q, k, v, is_causal=1, q_num_heads=d.heads, kv_num_heads=d.kv_heads)
        return self.rows(attended, d.heads * d.head_dim)

    def rotate(self, x: ir.Value, heads: int, norm: str) -> ir.Value:
        """Rotary position embedding, after the norm of each head where the family has one."""
        op = self.op
        if self.d.qk_norm:
            by_head = op.Reshape(x, [0, 0, heads, self.d.head_dim])
            x = op.Reshape(self.norm(by_head, norm), [0, 0, heads * self.d.head_dim])
        positions = op.Expand(self.position, op.Slice(op.Shape(x), [0], [2]))
        return op.RotaryEmbedding(x, self.cos, self.sin, positions, num_heads=heads)

    def at_labels(self, x: ir.Value) -> ir.Value:
        """The normalised hidden states at the label positions, [P, B, S, H]."""
        op, d = self.op, self.d
        by_example = op.Reshape(x, op.Concat(op.Shape(self.inputs["input_ids"]), [d.hidden], axis=0))
        positions = op.Unsqueeze(self.inputs["label_positions"], [3])
        return self.norm(op.GatherND(by_example, positions, batch_dims=2), "model.norm")

    def nll(self, x: ir.Value) -> ir.Value:
        """-log softmax(logits + logit_bias)[label_ids], 0 where a label is padding; a position scores L / S of them."""
        op, d, q = self.op, self.d, self.quantization
        head = "model.embed_tokens" if d.tied_embedding else "lm_head"
        logits = self.matmul(x, head, d.vocabulary, d.hidden, q.embedding_bits, q.embedding_group_size)
        logits = op.Add(logits, self.inputs["logit_bias"])
        ids = self.inputs["label_ids"]
        zero = op.Constant(value_int=0)
        by_position = op.Concat(op.Shape(self.inputs["label_positions"]), [-1], axis=0)
        index = op.Reshape(op.Max(ids, zero), by_position)
        picked = op.GatherElements(op.LogSoftmax(logits, axis=-1), index, axis=3)
        nll = op.Neg(op.Reshape(picked, op.Shape(ids)))
        return op.Where(op.Less(ids, zero), op.Constant(value=ir.tensor(np.float32(0))), nll)
