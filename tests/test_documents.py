"""Documents say what is so: what they name exists, and a figure is the same wherever it stands."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys

import pytest

from tests.documents import (
    CODE,
    FILE,
    FOLDERS,
    MARKDOWN,
    MODULE,
    PATH,
    PROGRAMS,
    ROOT,
    check_command,
    code_of,
    constant,
    exists,
    module,
    pocketzo,
    script,
    text_of,
    words_of,
)

SCRIPTS = [path for path in CODE if path.suffix == ".py" and "add_argument" in path.read_text(encoding="utf-8")]
NAMES = {path.name for path in [*CODE, *MARKDOWN]}
MADE = {"build", "target", "fixtures"}
"""folders that commands make"""


def named(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", [*MARKDOWN, ROOT / "Makefile", ROOT / "pyproject.toml"], ids=named)
def test_a_document_names_what_exists(path):
    check_names(path)


@pytest.mark.parametrize("folder", FOLDERS)
def test_comments_and_docstrings_name_what_exists(folder):
    for path in CODE:
        if path.is_relative_to(ROOT / folder):
            check_names(path)


def check_names(path):
    text, where = re.sub(r"^```python\n.*?^```$", "", text_of(path), flags=re.M | re.S), named(path)
    for name in PATH.findall(text):
        assert MADE & set(name.split("/")) or exists(name), f"{where}: no {name}"
    for name in FILE.findall(text):
        assert name in NAMES, f"{where}: no file {name}"
    for name in MODULE.findall(text):
        path = name.removeprefix("pocketzo.").replace(".", "/")
        assert module(name) or ("NAME" in name and exists(f"{path}.py")), f"{where}: no module {name}"
    for name in re.findall(r"\borg\.pocketzo(?:\.[a-z]\w*)+", text):
        package = f"*/src/main/java/{name.replace('.', '/')}"
        assert list((ROOT / "android_demo").glob(package)), f"{where}: no package {name}"
    for file, heading in re.findall(r"(?:docs/)?(\w+\.md) (?:\w+ )?under \"([^\"]+)\"", text):
        assert any(heading in headings(p) for p in MARKDOWN if p.name == file), f"{where}: {file} has no {heading}"


def headings(path):
    return re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.M)


@pytest.mark.parametrize("path", MARKDOWN, ids=named)
def test_links_headings_and_classes_exist(path):
    text = path.read_text(encoding="utf-8")
    for link in [*re.findall(r"\]\(([^):]+)\)", text), *re.findall(r'src="([^":]+)"', text)]:
        file, _, anchor = link.partition("#")
        target = path.parent / file if file else path
        assert target.exists(), f"no {link}"
        assert not anchor or anchor in {re.sub(r"[^\w-]", "", h.lower().replace(" ", "-")) for h in headings(target)}
    for file, heading in re.findall(r"\]\((\w+\.md)\), ([A-Z][\w ]+)\)", text):
        assert heading in headings(path.parent / file), f"{file} has no heading {heading}"
    for name in re.findall(r"`(\w+Test)`", text):
        assert name in CLASSES, f"no test {name}"
    assert not re.findall(r"\b[A-Z]+_(?:TABLE|TEXT)\b", text), "a place that was to be filled in"
    assert not re.findall(r"^(?:<{7}|={7}$|>{7})", text, re.M), "what a merge left behind"


CLASSES = {path.stem: path for path in CODE if path.suffix == ".java"}


def test_classes_that_a_program_calls_exist():
    text = (ROOT / "docs/android.md").read_text(encoding="utf-8")
    section = text.split("## Calling it from a program")[1].split("\n## ")[0]
    spans = re.findall(r"`([A-Z][a-z]\w+)(?:\.(\w+))?", section)
    assert len(spans) > 8
    for name, member in spans:
        assert name in CLASSES, f"no class {name}"
        assert re.search(rf"\b{member}\b", CLASSES[name].read_text(encoding="utf-8")), f"no {name}.{member}"


@pytest.mark.parametrize("path", MARKDOWN, ids=named)
def test_commands_of_a_document_exist_with_their_options(path):
    text = path.read_text(encoding="utf-8")
    for line in code_of(text):
        words = words_of(line)
        if words and words[0] in PROGRAMS:
            check_command(words, whole=f"    {line}\n" in text)
        elif words and words[0] in pocketzo():
            pocketzo()[words[0]].check(words[1:], whole=False)
        elif words and words[0].startswith("--"):
            assert any(takes(interface, words) for interface in interfaces()), f"no command takes {line}"


@pytest.mark.parametrize("folder", FOLDERS)
def test_commands_of_comments_and_docstrings_exist_with_their_options(folder):
    for path in CODE:
        for line in text_of(path).splitlines() if path.is_relative_to(ROOT / folder) else ():
            words = words_of(line.strip())
            if len(words) > 1 and (words[0] in PROGRAMS and words[0] not in ("make", "pip")):
                check_command(words, whole=False)


def interfaces():
    return [one for one in (*pocketzo().values(), *map(script, SCRIPTS)) if one.options]


def takes(interface, words):
    try:
        interface.check(words, whole=False)
    except AssertionError:
        return False
    return True


def test_options_are_read_as_argparse_reads_them():
    """The reader of add_argument against argparse itself, on one script that imports nothing heavy."""
    path = ROOT / "tests/torture/mutate.py"
    shown = subprocess.run(
        [sys.executable, "-m", "tests.torture.mutate", "--help"], capture_output=True, text=True, cwd=ROOT
    )
    assert set(re.findall(r"^  (--[\w-]+)", shown.stdout, re.M)) == set(script(path).options)


def test_every_manifest_field_is_described():
    from pocketzo.runtime.bundle import manifest

    text = (ROOT / "docs/bundle.md").read_text(encoding="utf-8")
    for model in (manifest.Model, manifest.Quantization, manifest.Values, manifest.Block, manifest.Graph,
                  manifest.Estimator, manifest.Golden, manifest.Manifest, manifest.Calibration):  # fmt: skip
        for field in model.model_fields:
            assert re.search(rf"`[\w.\[\]]*{field}[`.\[]", text) or f"`{field}`" in text, field


# Figures: those that stand in several places, those of constants, and those of a command.

TEXTS = {named(path): re.sub(r"\s+", " ", path.read_text(encoding="utf-8")) for path in MARKDOWN}
SAME = {
    "accuracy on the test notes": [
        r"\*\*([\d.]+) % before, ([\d.]+) % after\*\*",
        r"\| phone notes[^|]*\| ([\d.]+) % \| ([\d.]+) % \|",
    ],
    "accuracy on the validation notes": [
        r"([\d.]+) % with the head alone, ([\d.]+) % after 100 steps and ([\d.]+) % after 200",
        r"accuracy from 31\.0 % to ([\d.]+) % .*? to ([\d.]+) % at step 100 and ([\d.]+) % at step 200",
    ],
    "size of the bundle": [
        r"one bundle of ([\d.]+) MB",
        r"The bundle takes ([\d.]+) MB",
        r"SmolLM2-135M, 4 bits \(a bundle of ([\d.]+) MB\)",
    ],
    "correlation of 4 bits with int8 activations": [r"\| 4 \| .*? 0\.198 \(([\d.]+)\)", r"against 0\.198 and ([\d.]+)"],
    "correlation of 8 bits": [
        r"\| 4, 8-bit weights \| .*? 0\.337 \(([\d.]+)\)",
        r"error of 0\.337 and a correlation of ([\d.]+)",
    ],
    "Adam on TREC": [
        r"Adam on our values, fp32 \|(?:[^|]*\|){3} ([\d.]+), lr",
        r"reaches ([\d.]+) % in 100 steps",
    ],
}
"""each pattern is somewhere, and all that match have caught the same"""

OF_CODE = [
    (r"the ([\d.]+) % most sensitive", "ExportConfig.density", 100),
    (r"\*\*Mask\*\* [^:]*: ([\d.]+) % of the weights", "ExportConfig.density", 100),
    (r"scale and zero point of each group of (\d+)", "plan.GROUP_SIZE", 1),
    (r"\((\d+) steps of batch 16", "TuneConfig.steps", 1),
    (r"\(200 steps of batch (\d+)", "TuneConfig.batch", 1),
    (r"label head of at most ([\d,]+) examples", "TuneConfig.head_examples", 1),
    (r"`--lr` is ([\d.e-]+) up to 200 steps", "config.LR", 1),
    (r"`--lr` is 1.5e-3 up to (\d+) steps", "config.LR_STEPS", 1),
    (r"d = rms_decay = ([\d.]+)", "TuneConfig.rms_decay", 1),
    (r"\+ max\(([\d.]+), 1 / \(s \+ 1\)\) \(x - b", "label_bias.RATE", 1),
    (r"from x = b, (\d+) times", "label_bias.ITERATIONS", 1),
    (r"fitted from 0, (\d+) times", "label_head.ITERATIONS", 1),
    (r"diagonal: (\d+) for each hidden", "label_head.PRIOR", 1),
    (r"the default is (\d+)\)", "label_head.PRIOR", 1),
    (r"max\(deviation_i, ([\d.]+) mean", "label_head.LEAST_SCALE", 1),
    (r"Cut `order` into pools of (\d+) B", "batches.POOL", 1),
    (r"from pools of (\d+) batches", "batches.POOL", 1),
    (r"weights of ([\d,]+), the most that is fitted|label head of ([\d,]+) weights, the most", "fit_head.LIMIT", 1),
    (r"(?:by|than) more than ([\d.]+) nats a token|More than ([\d.]+) nats between", "independent.LIMIT", 1),
    (r"nll in nats \(at most ([\d.]+),", "independent.LIMIT", 1),
    (r"is a regular file of at most (\d+) MiB", "manifest.MANIFEST_LIMIT", 2**-20),
    (r"\| manifest \| (\d+) MiB", "manifest.MANIFEST_LIMIT", 2**-20),
    (r"\| a line of a trajectory \| (\d+) MiB", "reader.LINE_LIMIT", 2**-20),
    (r"task, data and text files \| (\d+) GiB", "files.MEMORY_LIMIT", 2**-30),
    (r"\(read in pieces of (\d+) MiB\)", "files.CHUNK", 2**-20),
    (r"at most (\d+) messages deep", "references.DEPTH", 1),
    (r"begin on a page of ([\d,]+) bytes", "weights_file.PAGE", 1),
    (r"smaller ones on (\d+) bytes", "weights_file.CACHE_LINE", 1),
    (r"with (\d+) channels of each layer in fp32", "rounding.OUTLIERS", 1),
    (r"is scored in pieces of ([\d,]+) words", "memory.WORDS", 1),
    (r"cut it in parts of ([\d,]+) words", "executorch.PLANNED_WORDS", 1),
    (r"a process with torch comes on top, (\d+) MB", "executorch.CHILD", 1e-6),
    (r"a command with its progress bars takes (\d+)", "memory.PROCESS", 1e-6),
    (r"compared with the template on (\d+) random", "chat_format.CHECKED", 1),
    (r"ONNX Runtime (1\.[\d.]+\d)[,.](?! which is installed)", "template.ENGINE_VERSION", 1),
    (r"writes up to (\d+) tokens greedily", "Trial.NEW_TOKENS", 1),
    (r"may have (\d+) MiB\.", "Collection.LIMIT", 2**-20),
    (r"\*severe\*, or (\d+) °C", "Cooling.HOT", 1),
    (r"under (\d+) °C", "Cooling.COOL", 1),
]
"""a pattern, the constant that the figures it catches are, and by what that is multiplied"""


@pytest.mark.parametrize("what", SAME)
def test_a_figure_is_the_same_everywhere(what):
    caught = [[v for text in TEXTS.values() for v in re.findall(pattern, text)] for pattern in SAME[what]]
    assert all(caught), f"{what}: a pattern stands nowhere: {caught}"
    assert len({value for values in caught for value in values}) == 1, f"{what}: {caught}"


@pytest.mark.parametrize(("pattern", "name", "factor"), OF_CODE)
def test_a_figure_of_the_code_is_that_of_the_code(pattern, name, factor):
    value = constant(name)
    caught = [(where, *values) for where, text in TEXTS.items() for values in re.findall(pattern, text)]
    assert caught, f"no document says {pattern}"
    for where, *values in caught:
        said = "".join(values).replace(",", "")
        same = said == value if isinstance(value, str) else math.isclose(float(said), value * factor)
        assert same, f"{where} says {said}, {name} is {value}"


# Tables: what a command prints is what stands here, and every table of measurements names its command.


def test_the_table_of_what_is_learned_is_what_its_command_prints():
    command = [sys.executable, "bench/learning.py", "--model", "SmolLM2-135M-Instruct.Q4_1.gguf", "--table"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    lines = [line for line in printed.splitlines() if line.startswith("|")]
    assert len(lines) > 10
    assert "\n".join(lines) in (ROOT / "docs/learning.md").read_text(encoding="utf-8")


TASKS = {"SST-2": "sst2", "TREC": "trec", "subj": "subj", "AG News": "agnews"}


def test_the_rows_of_each_task_are_those_of_its_kept_run():
    """README's table and that of docs/learning.md, against bench/results/learning.jsonl."""
    runs = [json.loads(line) for line in (ROOT / "bench/results/learning.jsonl").read_text().splitlines()]
    readme, learning = (
        table_rows((ROOT / name).read_text(encoding="utf-8")) for name in ("README.md", "docs/learning.md")
    )
    found = 0
    for run in runs:
        if (run["method"], run["model"], run["lr"], run["steps"]) != (
            "ours",
            "SmolLM2-135M-Instruct.Q4_1",
            1.5e-3,
            200,
        ):
            continue
        before, head, after = [f"{100 * p['accuracy']:.1f} %" for p in run["points"]]
        losses = [f" ({p['loss']:.3f})" for p in run["points"]]
        said = [row[1:3] for row in readme if TASKS.get(row[0].split(",")[0]) == run["data"]]
        said += [row[1:] for row in learning if row[0] == run["data"] and len(row) == 4]
        assert said == [[before, after], [before, head + losses[1], after + losses[2]]], run["data"]
        found += 1
    assert found == len(TASKS)


LOOPS = {
    "ours-no-head": "label bias, values from 0.3 of the depth on (the default)",
    "ours-everywhere": "label bias, values in every layer",
    "ours-plain": "no label bias, values from 0.3 of the depth on",
}


def test_the_rows_of_each_loop_are_those_of_its_kept_runs():
    runs = [json.loads(line) for line in (ROOT / "bench/results/learning.jsonl").read_text().splitlines()]
    rows = {row[0]: row[1:] for row in table_rows((ROOT / "docs/learning.md").read_text(encoding="utf-8"))}
    for method, title in LOOPS.items():
        wanted = (method, "SmolLM2-135M-Instruct.Q4_1", "trec", 1.5e-3)
        of = [run["points"][-1] for run in runs if tuple(run[n] for n in ("method", "model", "data", "lr")) == wanted]
        for factor, form, name, cell in ((1, ".3f", "loss", 0), (100, ".1f", "accuracy", 1)):
            got = [factor * point[name] for point in of]
            ends = f"{min(got):{form}} to {max(got):{form}}"
            assert rows[title][cell] == f"{sum(got) / len(got):{form}} ({ends})", title


def table_rows(text):
    """The cells of every row of every table."""
    lines = [line.replace("\\|", "") for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


MEASURED = re.compile(r"[+-]?\d[\d,.e+-]*( %| MB| GB| s| ms| \([\d., to-]+\)|, (-?[\d.]+|lr [\d.e-]+))*")


@pytest.mark.parametrize("path", MARKDOWN, ids=named)
def test_a_table_of_measurements_names_the_command_that_prints_it(path):
    """In the table, or in the paragraph or block of code before it, or after it if no other table follows that."""
    blocks = [b for b in re.split(r"\n{2,}", path.read_text(encoding="utf-8")) if b.strip()]
    for number, block in enumerate(blocks):
        if not block.startswith("|"):
            continue
        rows = table_rows(block)[2:]
        measured = [row for row in rows if sum(bool(MEASURED.fullmatch(cell)) for cell in row[1:])]
        if 2 * len(measured) >= len(rows):
            after = (
                blocks[number + 1 : number + 2] if not "".join(blocks[number + 2 : number + 3]).startswith("|") else []
            )
            near = "\n\n".join([*blocks[max(0, number - 1) : number + 1], *after])
            commands = [line for line in code_of(near) if (words_of(line) or [""])[0] in PROGRAMS]
            assert commands or "by a script that is not kept" in near, (
                f"no command beside the table that begins {block[:100]}"
            )
