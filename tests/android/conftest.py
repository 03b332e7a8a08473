"""What the tests of the Android side share: tokenizers, and the command lines in Java and Python on one engine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from ..conftest import ROOT

JAR = ROOT / "android_demo/core/target/pocketzo.jar"
ENGINE = ROOT / "build/onnxruntime-1.29.0"
Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def java_command() -> list[str]:
    """The words before a command's name."""
    if not shutil.which("java"):
        pytest.skip("needs a Java runtime of version 17 or later, which is not here")
    if not JAR.is_file():
        pytest.skip("needs the core as a jar, which `make java` builds with a JDK 17 and Maven")
    return ["java", "-jar", str(JAR)]


@pytest.fixture(scope="session")
def java(java_command: list[str]) -> Command:
    """java("tune", bundle, ...): run the command in Java."""
    return runner(java_command, dict(os.environ))


@pytest.fixture(scope="session")
def python() -> Command:
    """python("tune", bundle, ...): run the command in Python, with the engine version that Java has."""
    if not ENGINE.is_dir():
        pytest.skip("needs onnxruntime 1.29.0 beside Python's own, which `make java` brings")
    return runner([sys.executable, "-m", "pocketzo.toolkit.cli"], {**os.environ, "PYTHONPATH": str(ENGINE)})


def runner(words: Sequence[str], environment: dict[str, str]) -> Command:
    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*words, *map(str, arguments)], capture_output=True, text=True, env=environment, timeout=300
        )

    return run


@pytest.fixture(scope="session")
def smollm2_tokenizer(smollm2: Path) -> Any:
    """The tokenizer of SmolLM2, as an export reads it from the GGUF file."""
    from pocketzo.toolkit.checkpoint import find_source, open_checkpoint

    return open_checkpoint(find_source(str(smollm2))).tokenizer
