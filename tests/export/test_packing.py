"""The 4- and 8-bit format against ONNX Runtime's own operators."""

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from pocketzo.export.weights.packing import Quantized, Rounded


def random_weight(rows: int, columns: int, group: int, seed: int = 0, bits: int = 4) -> Quantized:
    rng = np.random.default_rng(seed)
    groups = -(-columns // group)
    zero_points = rng.integers(0, 2**bits, (rows, groups), dtype=np.uint8)
    codes = rng.integers(0, 2**bits, (rows, groups, group), dtype=np.uint8)
    codes.reshape(rows, -1)[:, columns:] = zero_points[:, -1:]
    scales = (rng.random((rows, groups)) + 0.1).astype(np.float16)
    return Quantized(codes.reshape(rows, -1), scales, zero_points, columns, bits)


@given(st.integers(1, 5), st.integers(1, 100), st.sampled_from([16, 32]), st.integers(0, 99), st.sampled_from([4, 8]))
def test_unpacking_is_the_reverse(rows, columns, group, seed, bits):
    weight = random_weight(rows, columns, group, seed, bits)
    back = Quantized.unpack(weight.packed_codes(), weight.scales, weight.packed_zero_points(), columns, bits)
    np.testing.assert_array_equal(back.codes, weight.codes)
    np.testing.assert_array_equal(back.zero_points, weight.zero_points)
    assert (back.columns, back.bits) == (columns, bits)


@given(st.integers(1, 5), st.integers(1, 100), st.sampled_from([16, 32]), st.integers(0, 99))
def test_packing_loses_nothing(rows, columns, group, seed):
    weight = random_weight(rows, columns, group, seed)
    packed = weight.packed_codes()
    assert packed.shape == (rows, weight.scales.shape[1], group // 2)
    low_first = np.stack([packed & 15, packed >> 4], axis=-1).reshape(rows, -1)
    np.testing.assert_array_equal(low_first, weight.codes)
    points = weight.packed_zero_points()
    unpacked = np.stack([points & 15, points >> 4], axis=-1).reshape(rows, -1)
    np.testing.assert_array_equal(unpacked[:, : weight.scales.shape[1]], weight.zero_points)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 40), st.integers(1, 130), st.integers(0, 99), st.sampled_from([(4, 32), (8, 32), (8, 64)]))
def test_matmulnbits_multiplies_by_the_dequantized_weight(rows, columns, seed, form):
    bits, group = form
    weight = random_weight(rows, columns, group, seed, bits)
    x = np.random.default_rng(seed).standard_normal((3, columns)).astype(np.float32)
    node = helper.make_node(
        "MatMulNBits", ["x", "b", "s", "z"], ["y"], domain="com.microsoft",
        K=columns, N=rows, bits=bits, block_size=group, accuracy_level=1,
    )  # fmt: skip
    y = run(
        node,
        {"x": x},
        {"b": weight.packed_codes(), "s": weight.scales.astype(np.float32), "z": weight.packed_zero_points()},
        "y",
    )
    np.testing.assert_allclose(y, x @ weight.dequantize().T, rtol=1e-4, atol=1e-3 * 2 ** (bits - 4))


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 40), st.integers(1, 130), st.integers(0, 99))
def test_an_integer_matmul_multiplies_by_the_rounded_weight(rows, columns, seed):
    rng = np.random.default_rng(seed)
    channels = np.sort(rng.choice(columns, min(3, columns), replace=False))
    codes = rng.integers(-127, 128, (columns, rows), dtype=np.int8)
    codes[channels] = 0
    apart = rng.standard_normal((len(channels), rows)).astype(np.float16)
    weight = Rounded(codes, rng.random(rows).astype(np.float32), apart)
    x = rng.integers(0, 256, (3, columns), dtype=np.uint8)
    node = helper.make_node("MatMulIntegerToFloat", ["x", "codes", "a", "scales", "z"], ["y"], domain="com.microsoft")
    constants = {**weight.tensors(), "a": np.float32(1), "z": np.uint8(128)}
    del constants["outliers"]
    y = run(node, {"x": x}, {k: np.asarray(v) for k, v in constants.items()}, "y")
    exact = x.astype(np.float32) - 128
    y += exact[:, channels] @ apart.astype(np.float32)
    np.testing.assert_allclose(y, exact @ weight.dequantize(channels).T, rtol=1e-4, atol=1e-1)


@pytest.mark.parametrize("hidden", [64, 192, 576])
@pytest.mark.parametrize(("bits", "group"), [(4, 32), (8, 32), (8, 64)])
def test_gatherblockquantized_reads_the_same_bytes(hidden, bits, group):
    table = random_weight(50, hidden, group, bits=bits)
    ids = np.array([[0, 49, 7]])
    node = helper.make_node(
        "GatherBlockQuantized", ["b", "x", "s", "z"], ["y"], domain="com.microsoft",
        bits=bits, block_size=group, gather_axis=0, quantize_axis=1,
    )  # fmt: skip
    constants = {
        "b": table.packed_codes().reshape(50, hidden * bits // 8),
        "s": table.scales.astype(np.float32),
        "z": table.packed_zero_points(),
    }
    np.testing.assert_array_equal(run(node, {"x": ids}, constants, "y"), table.dequantize()[ids])


def run(node, feeds, constants, output):
    """One node on ONNX Runtime."""
    inputs = [
        helper.make_tensor_value_info(k, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape) for k, v in feeds.items()
    ]
    graph = helper.make_graph(
        [node],
        "one",
        inputs,
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)],
        [onnx.numpy_helper.from_array(v, k) for k, v in constants.items()],
    )
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run([output], feeds)[0]
