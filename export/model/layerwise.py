"""A decoder run block by block: transformers' own modules, of which one block at a time holds weights.

So a model larger than memory can be run and differentiated: the caller keeps the input of every block, and goes
back from the last block with the gradient of its output.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch

from .families import FAMILIES, place_in_blocks

TensorOf = Callable[[str], torch.Tensor]
"""gives a tensor of the model (fp32) by transformers' name of it, made or read when it is asked for"""


def skeleton(config: Any) -> Any:
    """transformers' model of `config` without memory for its weights (the meta device)."""
    import transformers

    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(
            config, dtype=torch.float32, attn_implementation="sdpa", trust_remote_code=False
        )
    return model.eval()


def rotary_embedding(config: Any) -> Any:
    """The rotary embedding of `config`'s model with its real frequencies, which no checkpoint holds."""
    found = skeleton(config).get_submodule(FAMILIES[config.model_type].names.rotary)
    return type(found)(config=config)


def block_of(name: str) -> int:
    """The number of the block that a layer or tensor belongs to ("model.layers.7.mlp.up_proj": 7)."""
    return _place(name)[0]


def within_block(name: str) -> str:
    """The name of a layer or tensor within its block ("model.layers.7.mlp.up_proj": "mlp.up_proj")."""
    return _place(name)[1]


def _place(name: str) -> tuple[int, str]:
    found = place_in_blocks(name)
    assert found is not None, name
    return found


def weights_of(block: Any, names: Iterable[str]) -> dict[str, torch.nn.Parameter]:
    """The weights of the layers `names` of one block (a torch module), by name."""
    return {name: block.get_submodule(within_block(name)).weight for name in names}


class Layerwise:
    """The decoder of a transformers configuration over the tensors that `tensor` gives, on `device`.

    `frequencies` (fp32 [head_dim / 2]), where given, replace the configuration's rotary ones.
    """

    def __init__(
        self,
        config: Any,
        tensor: TensorOf,
        device: torch.device | str = "cpu",
        frequencies: np.ndarray | None = None,
    ) -> None:
        model, names = skeleton(config), FAMILIES[config.model_type].names
        self.config, self._names = config, names
        self._tensor, self.device = tensor, torch.device(device)
        self._blocks, self._norm = model.get_submodule(names.blocks), model.get_submodule(names.final_norm)
        self.layers = len(self._blocks)
        self._rotary = type(model.get_submodule(names.rotary))(config=config).to(self.device)
        if frequencies is not None:
            self._rotary.inv_freq.copy_(torch.from_numpy(frequencies))
        self._head = f"{names.embedding if config.tie_word_embeddings else names.head}.weight"

    def embedded(self, ids: np.ndarray) -> torch.Tensor:
        """The input of block 0 for token ids int64 [..., T], fp32 [..., T, H], on the CPU."""
        return self._tensor(f"{self._names.embedding}.weight")[torch.from_numpy(ids)]

    @contextlib.contextmanager
    def block(self, i: int) -> Iterator[torch.nn.Module]:
        """Block `i` with its weights in place, for as long as the body lasts."""
        block = self._blocks[i]
        names = list(block.state_dict())
        block.load_state_dict({n: self._to_device(self._names.in_block(i, n)) for n in names}, assign=True)
        block.requires_grad_(False)
        try:
            yield block
        finally:
            block.to_empty(device="meta")

    def run(self, block: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
        """The output of `block` for `x` [B, T, H]: causal within each sequence, positions from 0."""
        x = x.to(self.device)
        positions = torch.arange(x.shape[1], device=self.device)[None]
        # Without a mask transformers' attention is causal, which is all that a text without padding on its left needs.
        angles = self._rotary(x, positions)
        output: torch.Tensor = block(x, attention_mask=None, position_ids=positions, position_embeddings=angles)
        return output

    def back(self, block: torch.nn.Module, x: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        """Differentiate `block` at its input `x` by `gradient` (that of its output); returns that of its input."""
        x = x.detach().to(self.device).requires_grad_(True)
        self.run(block, x).backward(gradient.to(self.device))
        assert x.grad is not None
        return x.grad

    @contextlib.contextmanager
    def last(self) -> Iterator[tuple[torch.nn.Module, torch.Tensor]]:
        """The last norm, and the weight of the LM head (fp32 [N, H]), for as long as the body lasts."""
        self._norm.load_state_dict({"weight": self._to_device(f"{self._names.final_norm}.weight")}, assign=True)
        self._norm.requires_grad_(False)
        try:
            yield self._norm, self._to_device(self._head).detach()
        finally:
            self._norm.to_empty(device="meta")

    def _to_device(self, name: str) -> torch.Tensor:
        return self._tensor(name).to(self.device)


@contextlib.contextmanager
def each_gradient(
    weights: Mapping[str, torch.nn.Parameter], take: Callable[[str, torch.Tensor], None]
) -> Iterator[None]:
    """Hand the gradient of each of `weights` to `take(name, gradient)` as soon as it is complete, and free it."""

    def hook(name: str) -> Callable[[torch.Tensor], None]:
        def collect(parameter: torch.Tensor) -> None:
            assert parameter.grad is not None
            take(name, parameter.grad)
            parameter.grad = None

        return collect

    handles = [w.requires_grad_(True).register_post_accumulate_grad_hook(hook(name)) for name, w in weights.items()]
    try:
        yield
    finally:
        for handle, weight in zip(handles, weights.values(), strict=True):
            handle.remove()
            weight.requires_grad_(False)
