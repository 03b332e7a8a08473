"""transformers' own reading of a folder, its weights left on disk and loaded a module at a time by accelerate."""

from __future__ import annotations

import tempfile

import numpy as np
import torch

from ..checkpoint import Source, load_whole
from ..checkpoint.whole import loading
from .other import Other


def transformers_nll(source: Source, ids: np.ndarray) -> Other:
    """The nll that transformers' `from_pretrained` gives each of `ids` (int64 [T]) but the first.

    Raises BadInput if it cannot load the checkpoint.
    """
    import transformers

    with loading(source.where), tempfile.TemporaryDirectory() as folder, torch.no_grad():
        # No memory for weights: they stay in the safetensors files, so that any model that streams is checked too.
        model = load_whole(source, device_map="auto", max_memory={"cpu": 0}, offload_folder=folder)
        tokens = torch.from_numpy(ids)
        logits = model(input_ids=tokens[None], use_cache=False).logits[0, :-1].double()
        nll = torch.nn.functional.cross_entropy(logits, tokens[1:], reduction="none")
    return Other(f"transformers {transformers.__version__}", nll.numpy())
