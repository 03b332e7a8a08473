"""Block by block against the whole model, and the weights read back against an independent reading of the bundle."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from pocketzo.export.model.layerwise import Layerwise
from pocketzo.export.model.reference import layerwise_nll, reference_nll
from pocketzo.export.weights.dequantized import Dequantized
from pocketzo.export.weights.layout import Layout, SensitiveLayer
from pocketzo.export.weights.weights_file import WeightsFile
from pocketzo.toolkit.checkpoint import find_source, load_whole, open_checkpoint

from ..conftest import make_checkpoint
from .reference_model import bundle_layout, dequantized_model
from .test_artifact import real_batch
from .test_graph import FAMILIES


@pytest.mark.parametrize("name", FAMILIES)
def test_block_by_block_computes_what_the_whole_model_does(name, tmp_path):
    model_type, changes = FAMILIES[name]
    make_checkpoint(tmp_path / "model", model_type, **changes)
    source = find_source(str(tmp_path / "model"))
    opened, whole, batch = open_checkpoint(source), load_whole(source), real_batch(512)
    layers = [SensitiveLayer(x.name, x.rows, x.columns, np.array([2, 5])) for x in opened.decoder.linears()]
    layout = Layout("channels", layers[3:])
    values = np.random.default_rng(0).standard_normal((2, layout.count)).astype(np.float32)
    found = layerwise_nll(Layerwise(opened.config, opened.tensor), layout, batch, values)
    np.testing.assert_allclose(found, reference_nll(whole, layout, batch, values), rtol=1e-4, atol=1e-4)
    for tensor, parameter in whole.named_parameters():
        torch.testing.assert_close(opened.tensor(tensor), parameter.detach(), rtol=0, atol=0)


@pytest.mark.parametrize("scope", ["channels", "weights"])
def test_weights_read_back_are_those_of_the_bundle(scope, export_once, tiny_checkpoint, tmp_path):
    bundle = export_once(tiny_checkpoint, scope=scope)
    opened, layout = open_checkpoint(find_source(str(tiny_checkpoint))), bundle_layout(bundle)
    model = dequantized_model(tiny_checkpoint, bundle)
    quantization, values = bundle.manifest.quantization, np.zeros(layout.count, np.float32)
    tensor = Dequantized(store_of(bundle, tmp_path), opened.decoder, quantization, layout, values, {})
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(tensor(name), parameter.detach(), rtol=1e-6, atol=0)


def store_of(bundle, folder):
    """A store over a copy of the bundle's weights.bin, with the regions that its graph names."""
    import onnx

    graph = onnx.load(bundle.directory / "step.onnx", load_external_data=False).graph
    regions = {}
    for t in graph.initializer:
        where = {entry.key: entry.value for entry in t.external_data}
        if where:
            dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(t.data_type)).name
            name = t.name.removesuffix(".rows") + ".codes" if t.name.endswith(".rows") else t.name
            regions.setdefault(name, (int(where["offset"]), int(where["length"]), dtype, list(t.dims)))
    path = Path(shutil.copy(bundle.directory / "weights.bin", folder))
    return WeightsFile(path, regions, path.stat().st_size)


def test_a_store_goes_on_where_it_was_cut(tmp_path):
    first, second = np.arange(70_000, dtype=np.uint8), np.ones((3, 5), np.float16)
    with WeightsFile(tmp_path / "whole") as whole:
        whole.add("first", first)
        end = whole.flush()
        whole.add("second", second)
    path = tmp_path / "cut"
    path.write_bytes((tmp_path / "whole").read_bytes()[:end] + b"half of what comes next")
    with WeightsFile(path, {"first": whole.regions["first"]}, end) as cut:
        cut.add("second", second)
    assert path.read_bytes() == (tmp_path / "whole").read_bytes()
    assert cut.regions == whole.regions
    np.testing.assert_array_equal(cut.read("first"), first)
    np.testing.assert_array_equal(cut.read("second"), second)
