"""Inputs from the world that were once read wrongly, each with its verdict, as one table.

    python bench/cases.py --cases ../shared/cases
    python bench/cases.py --cases ../shared/cases --command before=OLDER/bin/pocketzo --command now=.venv/bin/pocketzo

A case's generator makes the inputs; each is exported, and a task is evaluated on the bundle. A verdict is the loss, or
the exit code with the message. What is right is the last column of the README that lies beside the cases.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

EXPORT = ["--windows", "2", "--window-tokens", "64", "--density", "0.02"]
SHOWN = 150
"""characters of a message in the table"""


@dataclass(frozen=True)
class Case:
    """Inputs below what the generator of `name` makes (with none: the whole), and data files of `lib`."""

    name: str
    inputs: tuple[str, ...] = ("",)
    data: str = "data.jsonl"


CHECKPOINTS = [
    Case("gguf_rope_scaling_dropped", ("linear/m.gguf", "yarn/m.gguf", "llama3/m.gguf"), "long.jsonl"),
    Case("tied_but_two_tables"),
    Case("single_file_and_index", ("both", "stale")),
    Case("adapter_in_model_folder", ("both", "alone")),
    Case("tokenizer_class_override", ("llama_gpt2class_digits",)),
    Case("eos_after_prompt", ("hf", "without")),
    Case("remote_code_tokenizer"),
    Case("gguf_vocab_without_endoftext", ("m.gguf",)),
    Case("gguf_qwen3_head_dim", ("m.gguf",)),
    Case("gguf_split_moe_blob_folder", ("m-00001-of-00002.gguf", "sha256-abc", "folder")),
    Case("refused_or_unclear_checkpoints", ("qc_null", "mlx", "compiled", "lfs", "pad_token", "h288", "bias_null")),
]
DATA = [
    ("floatlabel.jsonl", "t_float.json"),
    ("boollabel.jsonl", "t_bool.json"),
    ("boollabel.jsonl", "t_Bool.json"),
    ("nulllabel.jsonl", None),
    ("nonetext.jsonl", None),
    ("nanextra.jsonl", None),
    ("gz.jsonl.gz", None),
]
PROMPTS = ["t_nosp.json", "t_sp.json", "t_mix.json"]
HUB = ["owner/plain", "owner/merges", "owner/binonly", "owner/gated", "owner/missing", "owner/consolidated"]


class Bench:
    """Runs one command on every case."""

    def __init__(self, command: Path, cases: Path, made: Path, work: Path) -> None:
        self._command, self._lib, self._cases, self._made, self._work = command, cases / "lib", cases, made, work
        self._task = self._lib / "task.json"

    def rows(self, bundle: Path | None, texts: Path | None) -> Iterator[tuple[str, str, str]]:
        """Case, input and verdict of each; `bundle` and `texts` (JSON Lines) are for prompts that end in a space."""
        for case in CHECKPOINTS:
            for name in case.inputs:
                source = self._made / case.name / name
                verdict = self.checkpoint(source, self._lib / case.data)
                if list((self._made / case.name).rglob("REMOTE_CODE_RAN")):
                    verdict += "; ITS CODE RAN"
                yield case.name, name, verdict
        tiny = self._work / "tiny"
        self.run("export", self._made / "eos_after_prompt/without", "--out", tiny, *EXPORT)
        for data, task in DATA:
            folder = self._cases / "data_labels_and_nulls"
            yield (
                "data_labels_and_nulls",
                f"{data} {task or ''}",
                self.evaluated(tiny, folder / task if task else self._task, folder / data),
            )
        if bundle and texts:
            for task in PROMPTS:
                verdict = self.evaluated(bundle, self._cases / "prompt_trailing_space" / task, texts)
                yield "prompt_trailing_space", task, verdict
        yield "lib/noflock.py", "ERR=ENOLCK", self._without_locks(tiny)
        with self._hub() as environment:
            for name in HUB:
                yield "lib/fakehub.py", name, self.checkpoint(name, self._lib / "data.jsonl", environment)

    def checkpoint(self, source: object, data: Path, environment: dict[str, str] | None = None) -> str:
        """Export and evaluate; "y" stands on standard input for whoever asks."""
        out = self._work / "out"
        shutil.rmtree(out, ignore_errors=True)
        done = self.run("export", source, "--out", out, *EXPORT, environment=environment)
        return failure(done) if done.returncode else self.evaluated(out, self._task, data)

    def evaluated(self, bundle: Path, task: Path, data: Path) -> str:
        """Loss and accuracy of `data`, or why there is none."""
        done = self.run("evaluate", bundle, "--task", task, "--data", data, "--json")
        if done.returncode:
            return failure(done)
        warned = "; warned" if "warn" in done.stderr.lower() or "white space" in done.stderr else ""
        loss, accuracy = (re.search(rf'"{name}": ([\d.]+)', done.stdout) for name in ("loss", "accuracy"))
        return f"loss {float(loss[1]):.3f}, {100 * float(accuracy[1]):.1f} %{warned}" if loss and accuracy else "?"

    def run(self, *arguments: object, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """The command with `arguments`."""
        words = [str(self._command), *map(str, arguments)]
        return self._done(words, environment)

    def _done(self, words: Sequence[str], environment: dict[str, str] | None) -> subprocess.CompletedProcess[str]:
        settings = {**os.environ, "HF_HUB_OFFLINE": "1", "COLUMNS": "1000", **(environment or {})}
        return subprocess.run(
            words, input="y\n" * 9, capture_output=True, text=True, timeout=600, env=settings, errors="replace"
        )

    def _without_locks(self, bundle: Path) -> str:
        run = self._work / "run"
        shutil.rmtree(run, ignore_errors=True)
        data, held_out = self._lib / "data.jsonl", self._work / "held-out.jsonl"
        held_out.write_text('{"text": "fine .", "label": "positive"}\n', encoding="utf-8")
        words = [
            "tune",
            bundle,
            "--task",
            self._task,
            "--train",
            data,
            "--validation",
            held_out,
            "--run",
            run,
            "--steps",
            "1",
        ]
        python = self._command.parent / "python"
        done = self._done([str(python), str(self._lib / "noflock.py"), *map(str, words)], {"ERR": "ENOLCK"})
        left = f"; left behind: {', '.join(p.name for p in run.iterdir())}" if done.returncode and run.exists() else ""
        return (failure(done) if done.returncode else "done") + left

    @contextlib.contextmanager
    def _hub(self) -> Iterator[dict[str, str]]:
        root = self._work / "hub"
        make_repositories(root, self._made / "eos_after_prompt/without")
        server = subprocess.Popen(
            [sys.executable, str(self._lib / "fakehub.py"), str(root)], stdout=subprocess.DEVNULL, text=True
        )
        try:
            cache = self._work / "cache"
            shutil.rmtree(cache, ignore_errors=True)
            endpoint = "http://127.0.0.1:18765"
            yield {"HF_ENDPOINT": endpoint, "HF_HUB_CACHE": str(cache), "HF_HUB_OFFLINE": "0"}
        finally:
            server.terminate()
            server.wait()


def make_repositories(root: Path, checkpoint: Path) -> None:
    """Folders that the hub serves: as it is, with merges.txt alone, .bin alone, gated, and other weights beside it."""
    shutil.rmtree(root, ignore_errors=True)
    for name in ("plain", "merges", "binonly", "gated", "consolidated"):
        shutil.copytree(checkpoint, root / "owner" / name)
    (root / "owner/binonly/model.safetensors").rename(root / "owner/binonly/pytorch_model.bin")
    shutil.copyfile(checkpoint / "model.safetensors", root / "owner/consolidated/consolidated.safetensors")
    split_tokenizer(root / "owner/merges")


def split_tokenizer(folder: Path) -> None:
    """vocab.json and merges.txt instead of tokenizer.json."""
    import json

    content = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.json").write_text(json.dumps(content["model"]["vocab"]), encoding="utf-8")
    merges = [m if isinstance(m, str) else " ".join(m) for m in content["model"]["merges"]]
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n", encoding="utf-8")
    settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    settings.pop("backend", None)
    settings["tokenizer_class"] = "GPT2Tokenizer"
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")


def failure(done: subprocess.CompletedProcess[str]) -> str:
    """The exit code and the message, without the folders of this machine."""
    said = [line for line in done.stderr.splitlines() if line.startswith("pocketzo: ")]
    message = re.sub(r"/[\w./-]*/", "", said[-1].removeprefix("pocketzo: ")) if said else "no message"
    return f"exit {done.returncode}: {message[:SHOWN]}{'...' if len(message) > SHOWN else ''}"


def right(readme: Path) -> dict[str, str]:
    """By case what is right, from the README's table."""
    rows = [[cell.strip() for cell in line.strip().strip("|").split(" | ")] for line in readme.read_text().splitlines()]
    return {row[0]: row[-1] for row in rows if len(row) == 4}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=Path, required=True, help="folder of the cases, with its README.md and lib/")
    parser.add_argument("--command", action="append", help="NAME=PATH of a pocketzo to run, a column each")
    parser.add_argument("--bundle", type=Path, help="bundle for the prompts that end in a space")
    parser.add_argument("--texts", type=Path, help="JSON Lines of film reviews for them; the first 120 are taken")
    options = parser.parse_args()
    here = [f"now={Path(sys.executable).parent / 'pocketzo'}"]
    commands = dict(command.split("=", 1) for command in options.command or here)
    cases = options.cases.resolve()
    found: dict[tuple[str, str], dict[str, str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        texts = work / "texts.jsonl"
        if options.texts:
            lines = options.texts.read_text(encoding="utf-8").splitlines(keepends=True)
            texts.write_text("".join(lines[:120]), encoding="utf-8")
        for case in CHECKPOINTS:
            make = [sys.executable, str(cases / case.name / "make.py"), str(work / "made" / case.name)]
            subprocess.run(make, check=True, capture_output=True)
        for name, path in commands.items():
            bench = Bench(Path(path).absolute(), cases, work / "made", work)
            for case, given, verdict in bench.rows(options.bundle, texts if options.texts else None):
                found.setdefault((case, given), {})[name] = verdict
                print(f"{name}: {case} {given}: {verdict}", file=sys.stderr, flush=True)
    wanted = right(cases / "README.md")
    print(f"| case | input | {' | '.join(commands)} | right |\n|---|---|{'---|' * len(commands)}---|")
    for (case, given), verdicts in found.items():
        cells = " | ".join(verdicts.get(name, "").replace("|", "/") for name in commands)
        print(f"| {case} | {given} | {cells} | {wanted.get(case, '')} |")


if __name__ == "__main__":
    main()
