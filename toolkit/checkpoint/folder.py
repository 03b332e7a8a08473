"""Reading a Hugging Face folder."""

from __future__ import annotations

from pocketzo.export.model.decoder import check_family
from pocketzo.export.model.families import FAMILIES
from pocketzo.export.model.layerwise import skeleton
from pocketzo.runtime.errors import bad_input
from pocketzo.runtime.system.files import read_json

from .configuration import check_configuration
from .parts import Parts
from .source import Source
from .tensors import StoredTensors
from .tokenizer import open_tokenizer
from .whole import loading


def read_folder(source: Source) -> Parts:
    """The parts of a checkpoint in a folder. Raises BadInput as `open_checkpoint` does."""
    where = source.where
    check_configuration(read_json(source.folder / "config.json", "model configuration"), where)
    with loading(where) as transformers:
        config = transformers.AutoConfig.from_pretrained(source.folder, local_files_only=True, trust_remote_code=False)
        check_family(config, where)
        tensor, names = StoredTensors(source.weights, where), FAMILIES[config.model_type].names
        # As transformers does: two tables that differ are not tied, whatever the configuration says.
        config.tie_word_embeddings = bool(config.tie_word_embeddings) and tensor.tied(names)
        if config.num_hidden_layers > (stored := len(tensor)):
            why = f"its num_hidden_layers is {config.num_hidden_layers}, and {stored} tensors are stored"
            bad_input(where, why, "Give the config.json that belongs to these weights")
        shapes = {name: parameter.shape for name, parameter in skeleton(config).named_parameters()}
    tensor.take(shapes, names, config.tie_word_embeddings)
    return Parts(config, tensor, shapes, open_tokenizer(source))
