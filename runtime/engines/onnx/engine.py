"""The step graph on ONNX Runtime, as it comes from the package index or an app's dependencies."""

from __future__ import annotations

import os
from collections.abc import Mapping

import numpy as np
import onnxruntime

from ...bundle import Bundle
from ...errors import NotEnoughSpace, bad_input
from ...examples import Batch, Forward, check_range
from ...system.names import valid_name
from ..versions import check_version
from . import ONNX


class OnnxEngine:
    """One inference session on the CPU; the weights stay in the bundle's external data file, mapped."""

    name = ONNX.name

    def __init__(self, bundle: Bundle, threads: int = 0, spinning: bool = True) -> None:
        """Raises BadInput if ONNX Runtime is older than the graph needs, or refuses the graph.

        Threads that spin for work answer sooner and disturb whatever else runs in the process.
        """
        graph = bundle.graph(self.name)
        self._vocabulary = bundle.manifest.model.vocabulary
        self.version = onnxruntime.__version__
        self.bounds: Mapping[str, int] = {}
        check_version(bundle, ONNX.package, self.version, graph.minimum_engine_version)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        options.enable_mem_pattern = False  # plans memory for each shape once more, and batches differ in length
        options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spinning)))
        try:
            with valid_name(str(bundle.directory)) as folder:
                self._session = onnxruntime.InferenceSession(
                    os.path.join(folder, graph.file),
                    options,
                    providers=["CPUExecutionProvider"],
                    enable_fallback=0,  # it would try the same again and print on standard output
                )
        except Exception as e:  # onnxruntime's exceptions share no base class
            bad_input(bundle.directory / graph.file, f"ONNX Runtime refuses the graph ({e})", "Export it again")

        for kind, there, named in (
            ("inputs", self._session.get_inputs(), graph.inputs),
            ("outputs", self._session.get_outputs(), graph.outputs),
        ):
            held = {value.name: list(value.shape) for value in there}
            listed = {tensor.name: tensor.shape for tensor in named}
            if held != listed:
                where = bundle.directory / graph.file
                bad_input(where, f"its {kind} are {held}, the manifest says {listed}", "Export it again")
        if lacking := set(Forward._fields) - {tensor.name for tensor in graph.outputs}:
            bad_input(bundle.directory / graph.file, f"has no output {sorted(lacking)[0]}", "Export it again")

    def forward(self, batch: Batch, values: np.ndarray) -> Forward:
        """Pass the batch, one for every row of `values` [P,K], through the graph."""
        check_range(batch, self._vocabulary)
        feeds = {
            "input_ids": batch.input_ids[None],
            "label_positions": batch.label_positions[None],
            "label_ids": batch.label_ids[None],
            "words": batch.words,
            "values": values,
        }
        try:
            return Forward(*self._session.run(list(Forward._fields), feeds))
        except Exception as e:  # onnxruntime's exceptions share no base class
            if "allocate" in str(e):
                raise NotEnoughSpace(
                    f"ONNX Runtime could not allocate the memory for {batch.input_ids.shape[0]} examples of"
                    f" {batch.input_ids.shape[1]} tokens. Use a smaller --batch or shorter examples."
                ) from e
            raise
