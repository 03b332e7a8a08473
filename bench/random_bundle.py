"""A bundle of random 4-bit weights at the shape of a model, made without a checkpoint: what a step costs does not
depend on what the weights are.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from pocketzo.export.assemble import WEIGHTS, Contents, assemble
from pocketzo.export.model.decoder import Decoder, read_decoder
from pocketzo.export.model.layerwise import rotary_embedding
from pocketzo.export.weights.layout import Layout, SensitiveLayer
from pocketzo.export.weights.weights_file import WeightsFile
from pocketzo.runtime.bundle.manifest import Calibration, Model, Quantization
from pocketzo.runtime.engines import DEFAULT
from pocketzo.toolkit.config import MAX_LENGTH, MAX_TOKENS
from pocketzo.toolkit.plan import SKIPPED

DENSITY = 1e-3
QUANTIZATION = Quantization(
    weight_bits=4, group_size=32, outliers=0, embedding_bits=8, embedding_group_size=64, accuracy_level=1
)


def make_bundle(folder: Path, config: Any, tokenizer_json: str) -> None:
    """Write a bundle of the shape of `config` to `folder`; its golden vectors and eps mean nothing."""
    rotary = rotary_embedding(config)
    decoder = read_decoder(config, rotary.inv_freq.float().numpy(), float(rotary.attention_scaling), folder)
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    linears = decoder.linears()
    with WeightsFile(folder / WEIGHTS) as store:
        tables = ["model.embed_tokens"] if decoder.tied_embedding else ["model.embed_tokens", "lm_head"]
        for name in tables:
            _store(store, rng, name, decoder.vocabulary, decoder.hidden, 8, 64)
        for linear in linears:
            _store(store, rng, linear.name, linear.rows, linear.columns, 4, 32)
            if linear.bias:
                store.add(f"{linear.name}.bias", np.zeros(linear.rows, np.float32))
        for name in _norms(decoder):
            store.add(f"{name}.weight", np.ones(decoder.hidden, np.float32))
    layout = _layout(decoder)
    values = np.zeros(layout.count, np.float32)
    assemble(folder, store, _contents(config, decoder, layout, values, tokenizer_json))


def _store(
    store: WeightsFile, rng: np.random.Generator, name: str, rows: int, columns: int, bits: int, group_size: int
) -> None:
    groups = -(-columns // group_size)
    store.add(f"{name}.codes", rng.integers(0, 256, (rows, groups, group_size * bits // 8), dtype=np.uint8))
    store.add(f"{name}.scales", np.full((rows, groups), 0.02 / 2**bits, np.float16))
    middle = np.uint8(0x88 if bits == 4 else 0x80)
    store.add(f"{name}.zero_points", np.full((rows, -(-groups * bits // 8)), middle))


def _norms(decoder: Decoder) -> list[str]:
    kinds = ("input_layernorm", "post_attention_layernorm")
    return [f"model.layers.{i}.{kind}" for i in range(decoder.layers) for kind in kinds] + ["model.norm"]


def _layout(decoder: Decoder) -> Layout:
    """As many whole channels as DENSITY allows, spread over the layers that are tuned by default."""
    first = round(SKIPPED * decoder.layers)
    linears = [x for i in range(first, decoder.layers) for x in decoder.block(i).values()]
    share = DENSITY * sum(x.rows * x.columns for x in decoder.linears()) / sum(x.rows for x in linears)
    return Layout(
        "channels", [SensitiveLayer(x.name, x.rows, x.columns, np.arange(max(1, round(share)))) for x in linears]
    )


def _contents(config: Any, decoder: Decoder, layout: Layout, values: np.ndarray, tokenizer_json: str) -> Contents:
    weights = sum(x.rows * x.columns for x in decoder.linears())
    tables = decoder.vocabulary * decoder.hidden * (1 if decoder.tied_embedding else 2)
    return Contents(
        decoder=decoder, layout=layout, values=values, sensitivity=values, golden={"none": np.zeros(1, np.float32)},
        tokenizer_json=tokenizer_json, chat_template=None,
        model=Model(
            name="random", family=config.model_type, checkpoint_sha256="0" * 64, parameters=weights + tables,
            layers=decoder.layers, hidden_size=decoder.hidden, intermediate_size=decoder.intermediate,
            heads=decoder.heads, vocabulary=decoder.vocabulary, context_tokens=decoder.context_tokens,
            tied_embedding=decoder.tied_embedding, eos_token_id=None,
        ),
        calibration=Calibration(source="none", sha256="0" * 64, windows=1, window_tokens=1),
        quantization=QUANTIZATION, density=DENSITY, per_layer=False, first_layer=round(SKIPPED * decoder.layers),
        captured=0.0, eligible_weights=weights, task=None, outliers={}, unrounded={},
        engines=(DEFAULT,), max_tokens=MAX_TOKENS, max_length=MAX_LENGTH,
    )  # fmt: skip
