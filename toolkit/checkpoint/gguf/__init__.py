"""Reading a GGUF file as llama.cpp does, one tensor in memory at a time; what nothing here reads is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pocketzo.export.model.layerwise import rotary_embedding, skeleton
from pocketzo.runtime.errors import bad_input

from ..parts import Parts
from ..whole import loading
from .config import read_config
from .container import Container
from .metadata import Metadata
from .tensors import GGUFTensors
from .tokenizer import read_tokenizer

if TYPE_CHECKING:
    from ..source import Source


def read_gguf(source: Source) -> Parts:
    """The parts of a GGUF file. Raises BadInput as `open_checkpoint` does."""
    where = source.where
    container = Container(source.weights, where)
    metadata = Metadata(container.metadata, where)
    tokenizer, tokens = read_tokenizer(metadata)
    with loading(where):
        config = read_config(metadata, container.tensors)
        shapes = {name: parameter.shape for name, parameter in skeleton(config).named_parameters()}
    metadata.check_all_read()
    if tokens != config.vocab_size:
        why = f"its tokenizer has {tokens} tokens, and its table of embeddings {config.vocab_size} rows"
        bad_input(where, why, "Convert the model again")
    tensors = GGUFTensors(container, metadata.family, config, shapes)
    frequencies = None
    if (factors := tensors.rotary_factors) is not None:
        frequencies = rotary_embedding(config).inv_freq.float().numpy() / factors
    return Parts(config, tensors, shapes, tokenizer, frequencies)
