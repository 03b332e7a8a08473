"""What the tests in Java compare with: bundles, runs and expected values, made by the reference in Python.

    python -m tests.android.fixtures android_demo/core/target/fixtures

| path | content |
|---|---|
| bundle/ | a small bundle of a random Llama with a byte-level BPE tokenizer |
| data/ | task.json (classify), train.jsonl and validation.jsonl; complete.json and complete.jsonl |
| run/, complete-run/ | runs on the engine, of both kinds of task |
| scalars/ | a run of 1,000 steps whose projected gradients are given: every file of the run folder |
| fed-run/ | a run whose engine gives drawn numbers: see fed.py |
| expected/ | JSON: see expected.py |
| manifests/ | before/: as bundles were with one engine; engines/: with two, each with an eps of its own |
| manifest-fields.jsonl | manifests that differ from a good one in one field, and what Python says of each |
| refused/NAME/ | files to lay over a copy of bundle/; refused.json there says what to remove and what must be said |
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from pocketzo.runtime.bundle import Bundle, open_bundle
from pocketzo.runtime.bundle.tokenizer import Tokenizer
from pocketzo.runtime.config import TuneConfig
from pocketzo.runtime.directions import directions
from pocketzo.runtime.engines import open_engine
from pocketzo.runtime.label_head import LabelHead
from pocketzo.runtime.loop import Step, updated
from pocketzo.runtime.run.job import Job
from pocketzo.runtime.run.run_folder import RunFolder
from pocketzo.runtime.run.tune import tune
from pocketzo.runtime.tasks import make_task, read_task
from pocketzo.runtime.tasks.data import read_data
from pocketzo.runtime.trajectory.evaluation import Evaluation
from pocketzo.runtime.trajectory.header import Header, config_members
from pocketzo.toolkit.pipeline import ExportConfig, export_bundle

from ..bundle.forge import as_before_engines, own_eps, read, write
from ..conftest import Silent, make_checkpoint
from . import expected, fed, manifest_fields, refused

CLASSIFY = {"kind": "classify", "prompt": "Note: {text}\nFolder:", "labels": {"a": " a", "ü": " t"}}
COMPLETE = {"kind": "complete", "prompt": "Q: {question}\nA:", "completion": " {answer}"}
STEPS = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    out: Path = parser.parse_args().out
    made = out.with_name(out.name + ".part")
    shutil.rmtree(made, ignore_errors=True)
    make(made)
    shutil.rmtree(out, ignore_errors=True)
    made.rename(out)


def make(out: Path) -> None:
    """Write all fixtures into the folder `out`."""
    out.mkdir(parents=True)
    bundle = make_bundle(out)
    write_data(out / "data")
    run_on_engine(bundle, out / "data", "task.json", "train.jsonl", "validation.jsonl", out / "run")
    run_on_engine(bundle, out / "data", "complete.json", "complete.jsonl", "complete-held.jsonl", out / "complete-run")
    run_of_scalars(bundle, out)
    fed.write(bundle, out / "data", out / "fed-run")
    expected.write(bundle, out)
    write_manifests(bundle, out / "manifests")
    refused.write(bundle.directory, out / "refused")
    manifest_fields.write(bundle.directory, out / "manifest-fields.jsonl")


def make_bundle(out: Path) -> Bundle:
    """Export a random model of two layers."""
    with tempfile.TemporaryDirectory() as scratch:
        checkpoint = Path(scratch) / "tiny-llama"
        make_checkpoint(checkpoint)
        config = ExportConfig(density=0.02, windows=8, window_tokens=128)
        export_bundle(str(checkpoint), out / "bundle", config, None, False, Silent())
    return open_bundle(out / "bundle")


def write_manifests(bundle: Bundle, out: Path) -> None:
    """Manifests alone, of the same bundle as if it had other engines."""

    def second_engine(content: dict[str, Any]) -> None:
        other = {**own_eps(content), "engine": "executorch", "file": "step.pte", "opset": None, "domains": []}
        curve = [{"eps": 1e-2, "error": 0.2, "correlation": 0.8}]
        content["graphs"].append({**other, "bounds": {"B": 128, "tokens": 8192}, "eps": 1e-2, "eps_curve": curve})

    for name, change in (("before", as_before_engines), ("engines", second_engine)):
        (out / name).mkdir(parents=True)
        content = read(bundle.directory)
        change(content)
        write(out / name, content)


def write_data(folder: Path) -> None:
    """Task and data files of both kinds, with texts of several lengths and scripts."""
    folder.mkdir()
    places = ["the sea", "a hill far away", "café", "山", "🌊 wave", "the old harbour in the north of the town"]
    notes = [{"text": f"word{i} {places[i % 6]}", "label": "aü"[i % 2]} for i in range(48)]
    questions = [
        {"question": f"What is {i} and {places[i % 6]}?", "answer": f"{i * i} {places[i % 5]}"} for i in range(20)
    ]
    for name, content in (("task", CLASSIFY), ("complete", COMPLETE)):
        (folder / f"{name}.json").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    for name, records in (
        ("train", notes[:40]),
        ("validation", notes[40:]),
        ("complete", questions[:16]),
        ("complete-held", questions[16:]),
    ):
        lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
        (folder / f"{name}.jsonl").write_text(lines, encoding="utf-8")


def run_on_engine(bundle: Bundle, data: Path, task_file: str, train: str, held: str, path: Path) -> None:
    """25 steps as `pocketzo tune` does them."""
    definition = read_task(data / task_file)
    tokenizer, model = Tokenizer.open(bundle.directory / "tokenizer.json"), bundle.manifest.model
    task = make_task(definition, data / task_file, tokenizer, model.vocabulary, model.eos_token_id)
    engine = open_engine("onnx", bundle, threads=1)
    job = Job(bundle, engine, task, definition, read_data(data / train), read_data(data / held), path)
    tune(job, TuneConfig(steps=25, batch=4, seed=3, evaluate_every=10, head_examples=16), Silent(), ignore_memory=True)


def run_of_scalars(bundle: Bundle, out: Path) -> None:
    """A classification whose measurements come from a seed; the values follow by the update rule alone."""
    config = TuneConfig(steps=STEPS, batch=4, lr=1e-3, eps=1e-3, directions=2, seed=2**40 + 7, evaluate_every=250)
    header = Header(
        bundle=bundle.hash,
        values=bundle.manifest.values.count,
        hidden_size=bundle.manifest.model.hidden_size,
        train="1" * 64,
        validation="2" * 64,
        task=CLASSIFY,  # type: ignore[arg-type]
        engine="onnx",
        engine_version="1.29.0",
        config=config_members(config),
    )
    random = np.random.default_rng(11)
    folder = RunFolder(out / "scalars")
    run = folder.begin(header, bundle.initial_values())
    for number in range(STEPS + 1):
        if number:
            measured(folder, run, config, random)
        if number % config.evaluate_every == 0:
            shape = (2, bundle.manifest.model.hidden_size + 1)
            head = LabelHead(random.normal(size=shape).astype(np.float32))
            folder.writer.label_head(number, head)
            run.fitted_head(head)
            evaluation = Evaluation(float(random.exponential()), float(random.integers(0, 9)) / 8, 8)
            folder.writer.evaluation(number, evaluation)
            run.evaluated(evaluation)
    folder.save(run, config)
    folder.close()


def measured(folder: RunFolder, run: Any, config: TuneConfig, random: np.random.Generator) -> None:
    """One step with projected gradients of many magnitudes."""
    state = run.state
    g = random.normal(size=config.directions) * 10.0 ** random.integers(-8, 3)
    bias = random.normal(size=2) * 10.0 ** random.integers(-6, 2)
    folder.writer.step(Step(state.step + 1, g.tolist(), float(random.exponential()), 0, bias.tolist()))
    z = directions(config.seed, state.step, config.directions, len(state.tuned.values))
    run.stepped(updated(state, g, z, config, bias))


if __name__ == "__main__":
    main()
