"""Which versions of an engine are as new as a graph needs."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from pocketzo.runtime.engines.versions import check_version, older
from pocketzo.runtime.errors import BadInput

BUNDLE = SimpleNamespace(directory=Path("some/bundle"))


@pytest.mark.parametrize(
    ("here", "needed"),
    [
        ("1.29.0", "1.29.0"),
        ("1.29", "1.29.0"),
        ("1.29.0", "1.29"),
        ("1.29.0+cpu", "1.29.0"),
        ("1.29.0", "1.29.0+cpu"),
        ("1.29.0.dev1", "1.29.0"),
        ("1.32.0.dev20260101", "1.31.2"),
        ("1.29.0rc1", "1.29.0"),
        ("1.5.1a0+git1234567", "1.5.1"),
        ("1.29.0.post1", "1.29.0"),
        ("1.100.0", "1.29.9"),
        ("2.0", "1.99.99"),
    ],
)
def test_as_new_as_needed(here, needed):
    assert not older(here, needed)
    check_version(BUNDLE, "onnxruntime", here, needed)


@pytest.mark.parametrize(
    ("here", "needed"),
    [
        ("1.28.9", "1.29.0"),
        ("1.9.0", "1.29.0"),
        ("1.29.0.dev20260101", "1.29.1"),
        ("1.29.0+cpu", "1.30.0"),
        ("1.29", "1.29.1"),
    ],
)
def test_older_than_needed(here, needed):
    assert older(here, needed)
    with pytest.raises(BadInput, match=f"^some/bundle: needs executorch {needed}, here is {here}".replace("+", r"\+")):
        check_version(BUNDLE, "executorch", here, needed)


@pytest.mark.parametrize(
    "nonsense", ["", "new", "1.29.x", "1.29.0 or later", "1,29", "²", "-1", "1.29.0\n1", "9" * 1000 + "x"]
)
def test_what_is_no_version_is_bad_input(nonsense):
    """A manifest may say anything there."""
    with pytest.raises(
        BadInput, match=r"(?s)^some/bundle: needs onnxruntime .*\(Invalid version: .*\)\. Export it again$"
    ):
        check_version(BUNDLE, "onnxruntime", "1.29.0", nonsense)
    with pytest.raises(BadInput, match="Invalid version"):
        check_version(BUNDLE, "onnxruntime", nonsense, "1.29.0")
