"""The golden vectors on an emulated Arm processor, and what its check says of vectors and processors that do not fit.

Expected numbers are torch's, which golden.safetensors holds; features of the processors are those of Arm's manuals.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save

from ..bundle import forge

CHECK = Path(__file__).parent.parent.parent / "android_demo/arm/check.py"


@pytest.fixture(scope="module")
def tools() -> Any:
    """What the check stands on; nothing is fetched or compiled here."""
    sys.path.insert(0, str(CHECK.parent))
    try:
        import tools
    finally:
        sys.path.remove(str(CHECK.parent))
    if why := tools.unprepared():
        pytest.skip(f"needs an emulated Arm processor: {why}")
    return tools


def check(*arguments: Any) -> subprocess.CompletedProcess[str]:
    """Run the command; rows of its table begin with a bar."""
    return subprocess.run([sys.executable, str(CHECK), *map(str, arguments)], capture_output=True, text=True)


def rows(out: str) -> list[list[str]]:
    """The table's rows, as cells."""
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in out.splitlines() if line.startswith("|")][2:]


@pytest.mark.parametrize("options", [{}, {"accuracy_level": 4}, {"weight_bits": 8, "accuracy_level": 4}], ids=str)
def test_golden_vectors_hold_with_and_without_dot_products(tools, export_once, tiny_checkpoint, options):
    bundle = export_once(tiny_checkpoint, **options)
    done = check("--bundle", bundle.directory, "--cpu", "cortex-a72", "--cpu", "cortex-a76")
    assert done.returncode == 0, done.stderr
    table = rows(done.stdout)
    assert [row[3] for row in table] == ["x86", "cortex-a72", "cortex-a76"]
    tolerance = bundle.manifest.golden.tolerance["onnx"]
    assert all(0 < float(row[5]) <= tolerance == float(row[6]) for row in table)
    assert [row[4] for row in table[1:]] == ["none", "asimddp asimdhp"]


def test_other_expected_numbers_are_found(tools, tiny_bundle, tmp_path):
    folder = shutil.copytree(tiny_bundle.directory, tmp_path / "bundle")
    golden = load_file(folder / "golden.safetensors")
    golden["nll"][1, 0, 0] += np.float32(0.0625)
    forge.replace(folder, "golden.safetensors", save(golden))
    done = check("--bundle", folder, "--cpu", "cortex-a76")
    assert done.returncode == 3
    assert [row[7] for row in rows(done.stdout)] == ["NO", "NO"]
    assert float(rows(done.stdout)[1][5]) == pytest.approx(0.0625, abs=1e-3)
    assert float(rows(done.stdout)[1][8]) < 1e-3, "Arm and x86 still agree"


def test_the_emulated_processor_is_the_one_that_cpuinfo_describes(tools):
    old, root = tools.processor("cortex-a72")
    new, _ = tools.processor("max,sve=off")
    assert (root / "proc/cpuinfo").read_text().count("CPU part\t: 0xd08\n") >= 1
    assert {"fp", "asimd", "crc32"} <= set(old.features)
    assert not {"asimddp", "atomics", "i8mm", "sve"} & set(old.features)
    assert {"asimddp", "atomics", "i8mm", "bf16"} <= set(new.features)
    assert not {"sve", "sve2", "sme"} & set(new.features)


def test_an_unknown_processor_is_bad_input(tools, tiny_bundle):
    done = check("--bundle", tiny_bundle.directory, "--cpu", "m68k")
    assert done.returncode == 3
    assert "m68k" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_packages_to_install_are_named(monkeypatch):
    monkeypatch.setenv("PATH", "")
    done = check("--setup")
    assert done.returncode == 3
    assert "aarch64-linux-gnu-gcc is not installed" in done.stderr
    assert "apt-get install qemu-user-static gcc-aarch64-linux-gnu" in done.stderr
