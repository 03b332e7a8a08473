"""The bundle in the work folder: a graph for each engine, and the files beside it."""

from __future__ import annotations

import numpy as np
from pocketzo.export.assemble import WEIGHTS, assemble
from pocketzo.export.contents import Contents
from pocketzo.runtime.bundle.manifest import Manifest, Model
from pocketzo.runtime.system.names import valid_text

from ..plan import Plan
from ..quantize.store import BUNDLE
from ..work.work_folder import WorkFolder
from . import Stages
from .choose import Choice
from .store import Stored


def write_graphs(
    plan: Plan, choice: Choice, stored: Stored, golden: dict[str, np.ndarray], work: WorkFolder, stages: Stages
) -> Manifest:
    """Write every file of the bundle but weights.bin, with the graph for each engine."""
    folder = work.path / BUNDLE
    for path in folder.iterdir():
        if path.name != WEIGHTS:  # from an export that was killed
            path.unlink()

    def progress(engine: str, units: int, total: int) -> None:
        if units:
            stages.advance(units)
        else:
            stages.start(f"Graph for {engine}", total)

    return assemble(folder, stored.file, _contents(plan, choice, stored, golden), progress)


def _contents(plan: Plan, choice: Choice, stored: Stored, golden: dict[str, np.ndarray]) -> Contents:
    config, mask, tokenizer = plan.config, choice.mask, plan.opened.tokenizer
    return Contents(
        decoder=plan.opened.decoder,
        layout=mask.layout,
        values=stored.values,
        sensitivity=mask.sensitivity,
        golden=golden,
        tokenizer_json=tokenizer.backend.to_str(),
        chat_template=tokenizer.chat_template,
        model=_model(plan),
        calibration=plan.calibration,
        quantization=plan.quantization,
        density=config.density,
        per_layer=config.per_layer,
        first_layer=plan.first_layer,
        captured=mask.captured,
        eligible_weights=mask.eligible_weights,
        task=plan.task,
        outliers=choice.outliers,
        unrounded=choice.unrounded,
        engines=config.engines,
        max_tokens=plan.max_tokens,
        max_length=plan.max_length,
    )


def _model(plan: Plan) -> Model:
    opened, decoder = plan.opened, plan.opened.decoder
    return Model(
        name=valid_text(opened.source.name),
        family=opened.config.model_type,
        checkpoint_sha256=opened.source.hash(),
        parameters=opened.parameters,
        layers=decoder.layers,
        hidden_size=decoder.hidden,
        intermediate_size=decoder.intermediate,
        heads=decoder.heads,
        vocabulary=decoder.vocabulary,
        context_tokens=decoder.context_tokens,
        tied_embedding=decoder.tied_embedding,
        eos_token_id=opened.tokenizer.eos_token_id,
    )
