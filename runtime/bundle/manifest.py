"""The manifest: the contract between the host that exports a bundle and the device that trains on it.

docs/bundle.md describes every field. Export imports this schema, so that writer and reader cannot disagree.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from ..errors import bad_input
from ..system.files import open_regular, parse_json

SCHEMA: Literal[1] = 1
NAME = "manifest.json"
UNION_PARTS = ("constrained-str", "constrained-int")
"""what pydantic adds to the place of an error in a field of two types"""
SEAL_BEGIN, SEAL_END = b',\n  "seal": "', b'"\n}\n'
MANIFEST_LIMIT = 1 << 26
"""bytes; a manifest takes about 250 a layer"""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$")]
Text = Annotated[str, Field(max_length=1000)]
Count = Annotated[int, Field(ge=0, lt=2**40)]
Positive = Annotated[int, Field(gt=0, lt=2**40)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
TokenId = Annotated[int, Field(ge=-(2**31), lt=2**31)]
BoundName = Annotated[str, Field(pattern=r"^[A-Za-z]{1,16}$")]


def _whole(value: object) -> object:
    """1.0 and true are equal to 1 in Python, and no whole numbers in JSON."""
    if type(value) is not int:
        raise ValueError("Input should be a whole number")
    return value


Whole = BeforeValidator(_whole)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class FileEntry(_Strict):
    """One file of the bundle: its size in bytes and the SHA-256 of its content."""

    bytes: Count
    sha256: Sha256


class Model(_Strict):
    """The language model that the bundle was made from."""

    name: Text
    family: Text
    checkpoint_sha256: Sha256
    parameters: Positive
    layers: Positive
    hidden_size: Positive
    intermediate_size: Positive
    heads: Positive
    vocabulary: Positive
    context_tokens: Positive
    tied_embedding: bool
    eos_token_id: TokenId | None


class Quantization(_Strict):
    """How the frozen weights are stored: in 4 bits, in groups along the input, with zero points; or in 8 bits with one
    scale an output channel (`group_size` 0), activations rounded to 8 bits but for `outliers` input channels a layer.

    The embedding table and the LM head have bits and group size of their own.
    """

    weight_bits: Annotated[Literal[4, 8], Whole]
    group_size: Annotated[Literal[0, 16, 32, 64, 128, 256], Whole]
    outliers: Count
    embedding_bits: Annotated[Literal[4, 8], Whole]
    embedding_group_size: Annotated[Literal[16, 32, 64, 128, 256], Whole]
    accuracy_level: Annotated[Literal[1, 4], Whole]


class Calibration(_Strict):
    """The text whose squared gradients are the sensitivity."""

    source: Text
    sha256: Sha256
    windows: Positive
    window_tokens: Positive


class Block(_Strict):
    """The values of one layer: `count` consecutive entries from `offset`, of a weight of `rows` x `columns`.

    In scope channels the block is [entries, rows], one row for each of `entries` input channels; in scope weights
    it is [entries], one for each single weight. `entries_offset` says where the layer's part of the `entries`
    tensor of values.safetensors begins.
    """

    layer: Text
    rows: Positive
    columns: Positive
    offset: Count
    count: Positive
    entries_offset: Count
    entries: Positive


class Values(_Strict):
    """The tuned entries: the layout of the graph's `values` input (K = count)."""

    file: FileName
    scope: Literal["channels", "weights"]
    per_layer: bool
    first_layer: Count
    density: Annotated[float, Field(gt=0, le=1)]
    count: Positive
    eligible_weights: Positive
    sensitivity_captured: Share
    calibration: Calibration
    blocks: list[Block] = Field(min_length=1, max_length=100_000)


class Tensor(_Strict):
    """An input or output of the graph: ONNX element type and dimensions (a letter, or a fixed number)."""

    name: Text
    type: Literal["int64", "float32"]
    shape: list[Text | Positive] = Field(max_length=8)


class EpsPoint(_Strict):
    """How far projected gradients at `eps` are from the true derivatives: root-mean-square error over the derivatives'
    root mean square, and correlation.
    """

    eps: PositiveFloat
    error: NotNegative
    correlation: Annotated[float, Field(ge=-1, le=1)]


class Graph(_Strict):
    """The forward-only step graph for one engine.

    `bounds` are the largest sizes of free dimensions by letter, and under `tokens` that of P * B * T; none means any.
    `eps` and `eps_curve`, together or not at all, are this engine's own in place of the estimator's.
    """

    engine: Text
    file: FileName
    minimum_engine_version: Text
    opset: Positive | None = None
    domains: list[Text] = Field(max_length=16)
    inputs: list[Tensor] = Field(max_length=16)
    outputs: list[Tensor] = Field(max_length=16)
    bounds: dict[BoundName, Positive] = Field(default_factory=dict, max_length=16)
    eps: PositiveFloat | None = None
    eps_curve: list[EpsPoint] = Field(default_factory=list, max_length=64)


class Estimator(_Strict):
    """Defaults of the two-point estimate: SPSA over Rademacher directions, from a counter-based generator.

    `eps_curve`, eps ascending, is what `eps` was chosen from.
    """

    kind: Literal["two-point"]
    directions: Literal["rademacher"]
    rng: Literal["philox4x64-10"]
    eps: PositiveFloat
    eps_curve: list[EpsPoint] = Field(max_length=64)


class Golden(_Strict):
    """Self-test vectors; `tolerance` is the largest absolute difference of nll (nats) that an engine may show."""

    file: FileName
    tolerance: dict[Text, PositiveFloat] = Field(max_length=16)


class Reading(_Strict):
    """How another implementation read the checkpoint: the largest difference of a token's nll (nats) from ours, on the
    unquantized weights. `by` is its name and version; or why there was none, and then no difference.
    """

    by: Text
    tokens: Positive
    difference: NotNegative | None


class HeldOut(_Strict):
    """Mean nll (nats a token) of calibration text that sensitivity was not measured on: with the checkpoint's weights,
    and with the bundle's on each engine. What is between them is the price of quantization.
    """

    tokens: Positive
    checkpoint: NotNegative
    engines: dict[Text, NotNegative] = Field(max_length=16)


class Task(BaseModel):
    """The default task, as a task file writes it; its kind decides what else it holds."""

    model_config = ConfigDict(extra="allow", frozen=True)
    kind: str


class Manifest(_Strict):
    """manifest.json, schema 1."""

    format: Literal["pocketzo-bundle"]
    schema_version: Annotated[Literal[1], Whole]
    pocketzo_version: Text
    model: Model
    quantization: Quantization
    values: Values
    graphs: list[Graph] = Field(min_length=1, max_length=16)
    estimator: Estimator
    golden: Golden
    reading: Reading | None = None
    held_out: HeldOut | None = None
    task: Task | None
    files: dict[FileName, FileEntry] = Field(max_length=64)

    def estimator_of(self, engine: str) -> Estimator:
        """The estimator with the eps that was fitted on `engine`, or with the common one if it has none of its own."""
        own = next((graph for graph in self.graphs if graph.engine == engine), None)
        if own is None or own.eps is None:
            return self.estimator
        return self.estimator.model_copy(update={"eps": own.eps, "eps_curve": own.eps_curve})


def seal(text: bytes) -> bytes:
    """A manifest as it is stored: `text` (a JSON object) with a last member "seal", the SHA-256 of what precedes it."""
    body = text.rstrip().removesuffix(b"}").rstrip()
    return body + SEAL_BEGIN + hashlib.sha256(body).hexdigest().encode() + SEAL_END


def read_manifest(directory: Path) -> Manifest:
    """Read and check `directory`/manifest.json.

    Raises BadInput if it is missing, not JSON, of another schema, altered, or if a field is absent, unknown or out of
    range.
    """
    path = directory / NAME
    content = _unsealed(path)
    if not isinstance(content, dict) or content.get("format") != "pocketzo-bundle":
        bad_input(path, "this is not a pocketzo bundle", "Make one with `pocketzo export CHECKPOINT --out BUNDLE`")
    version = content.get("schema_version")
    if type(version) is not int or version != SCHEMA:
        bad_input(
            path,
            f"schema {version!r}, and this pocketzo reads {SCHEMA}",
            "Upgrade pocketzo or export the bundle again",
        )
    try:
        manifest = Manifest.model_validate(content)
    except ValidationError as e:
        first = e.errors()[0]
        parts = [str(part) for part in first["loc"] if part not in UNION_PARTS]
        where = ".".join(parts) or "the top level"
        bad_input(path, f"field {where}: {first['msg'].removeprefix('Value error, ')}", "Export the bundle again")
    _check_layout(path, manifest.values)
    _check_eps(path, manifest)
    return manifest


def _unsealed(path: Path) -> Any:
    """The content of the manifest without its seal, which is checked."""
    if path.is_symlink():
        bad_input(path, "is a link, not a regular file", "Copy the bundle again or export it again")
    with open_regular(path, "bundle manifest") as f:
        text = f.read(MANIFEST_LIMIT + 1)
    if len(text) > MANIFEST_LIMIT:
        bad_input(path, f"has more than {MANIFEST_LIMIT:,} bytes, the limit", "This is no bundle: do not use it")
    body = text[: -len(SEAL_END)].rpartition(SEAL_BEGIN)[0]
    try:
        content = parse_json(text.decode("utf-8"))
    except ValueError as e:
        bad_input(path, f"the bundle manifest is not JSON ({e})", "Copy the bundle again or export it again")
    if isinstance(content, dict) and content.get("format") == "pocketzo-bundle" and text != seal(body + b"}"):
        bad_input(path, "was altered or damaged (its seal does not fit)", "Copy the bundle again or export it again")
    if isinstance(content, dict):
        content.pop("seal", None)
    return content


def _check_layout(path: Path, values: Values) -> None:
    offset = entries_offset = 0
    for block in values.blocks:
        expected = block.entries * (block.rows if values.scope == "channels" else 1)
        if (block.offset, block.entries_offset, block.count) != (offset, entries_offset, expected):
            bad_input(
                path,
                f"the values of {block.layer} are at {block.offset} ({block.count} of them),"
                f" expected at {offset} ({expected})",
                "Export the bundle again",
            )
        offset += block.count
        entries_offset += block.entries
    if offset != values.count:
        bad_input(path, f"values.count is {values.count} but the blocks hold {offset}", "Export the bundle again")


def _check_eps(path: Path, manifest: Manifest) -> None:
    """Every curve ascends, and a graph has a curve if it has an eps of its own."""
    curves = {"estimator": manifest.estimator.eps_curve}
    for i, graph in enumerate(manifest.graphs):
        curves[f"graphs.{i}"] = graph.eps_curve
        if (graph.eps is None) != (not graph.eps_curve):
            bad_input(path, f"field graphs.{i}.eps: goes with eps_curve, both or neither", "Export the bundle again")
    for where, curve in curves.items():
        grid = [point.eps for point in curve]
        if grid != sorted(set(grid)):
            bad_input(path, f"field {where}.eps_curve: eps does not ascend", "Export the bundle again")
