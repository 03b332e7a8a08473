"""The whole path on a real model: export, accuracy before, tuning, accuracy after, and a picture.

Run by `make demo`. Everything goes under build/demo; the bundle is made once and reused. Each command is shown as it
is run, so that it can be run again by hand.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import time
from pathlib import Path

from pocketzo.toolkit.picture import draw

NOTES = Path(__file__).parent / "notes"


def pocketzo(*arguments: str | Path, json_output: bool = False) -> dict[str, float]:
    """Run one pocketzo command, shown before it runs; with `json_output`, return what it measured."""
    words = [str(a) for a in arguments]
    print(f"\n$ pocketzo {shlex.join(words)}", flush=True)
    command = [str(Path(sys.executable).with_name("pocketzo")), *words, *(["--json"] if json_output else [])]
    done = subprocess.run(command, stdout=subprocess.PIPE if json_output else None, text=True)
    if done.returncode:
        sys.exit(done.returncode)
    return json.loads(done.stdout) if json_output else {}


def test_accuracy(bundle: Path, *more: str | Path) -> float:
    """Accuracy on the test split, which tuning never sees."""
    result = pocketzo("evaluate", bundle, "--data", NOTES / "test.jsonl", *more, json_output=True)
    print(f"accuracy {100 * result['accuracy']:.1f} %, loss {result['loss']:.4f} on {result['examples']} notes")
    return result["accuracy"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="checkpoint to export")
    parser.add_argument("--out", type=Path, default=Path("build/demo"), help="folder for bundle, run and picture")
    parser.add_argument("--steps", default="200", help="steps of the loop")
    options = parser.parse_args()
    begin = time.monotonic()
    bundle, run, picture = options.out / "bundle", options.out / "run", options.out / "demo.png"
    if not (bundle / "manifest.json").exists():
        pocketzo("export", options.model, "--out", bundle, "--task", NOTES / "task.json")
    pocketzo("verify", bundle)
    before = test_accuracy(bundle)
    data = ["--train", NOTES / "train.jsonl", "--validation", NOTES / "validation.jsonl"]
    pocketzo("tune", bundle, *data, "--run", run, "--steps", options.steps, "--force")
    after = test_accuracy(bundle, "--values", run / "best.safetensors")
    draw(
        run,
        picture,
        f"SmolLM2-135M in 4 bits sorts phone notes: a label head at step 0, then {options.steps} zeroth-order steps",
        (before, after),
    )
    print(
        f"\nTest split: {100 * before:.1f} % before, {100 * after:.1f} % after ({100 * (after - before):+.1f} points)"
        f" in {time.monotonic() - begin:.0f} s. Picture: {picture}"
    )


if __name__ == "__main__":
    main()
