"""The app without a bundle: what Maven built and the engine's Android library become one package.

`make apk` runs this in two parts, for Maven needs the engine's classes: `python -m pocketzo.toolkit.android.template
engine` fetches the library, `... pack` writes the package and signs it with the debug key.
"""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from pocketzo.runtime.errors import PocketzoError, bad_input

from .apk import NATIVE_PAGE, ApkWriter, write_entry
from .signing import debug_key, require_tools, sign

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build/android"
ENGINE = BUILD / "engine"
TEMPLATE = BUILD / "pocketzo.apk"
ABIS = ("arm64-v8a", "x86_64")
ENGINE_VERSION = "1.29.0"

_CARRIER = "com.github.asus4.onnxruntime@0.4.9"
_AAR = "package/Plugins/Android/onnxruntime.aar"
_AAR_SHA256 = "98cddbac92640b4a6af72a03c42e0491851f366d3da66bbaeb5dd66310946cf2"
_REPORTING = ("ai/onnxruntime/telemetry/", "ai/onnxruntime/Telemetry")


def fetch_engine() -> None:
    """ONNX Runtime's Android library into `ENGINE`, without the classes that report to others.

    A package of npm carries the official archive; Maven, which fetches all else, was not served it: `mvn dependency:get
    -Dartifact=com.microsoft.onnxruntime:onnxruntime-android:1.29.0:aar` answers "Could not find artifact in central",
    and there is no list of versions either. Raises BadInput if it is not the archive whose hash is known.
    """
    ready = ENGINE / ".ready"
    if ready.exists() and ready.read_text(encoding="ascii") == _AAR_SHA256:
        return
    require_tools("npm")
    with tempfile.TemporaryDirectory() as folder:
        packed = subprocess.run(
            ["npm", "pack", "--silent", _CARRIER], cwd=folder, check=False, capture_output=True, text=True
        )
        if packed.returncode:
            bad_input(_CARRIER, f"npm could not fetch it ({packed.stderr.strip()[-200:]})", "Check the network")
        with tarfile.open(next(Path(folder).glob("*.tgz"))) as carrier:
            member = carrier.extractfile(_AAR)
            content = member.read() if member else b""
    if hashlib.sha256(content).hexdigest() != _AAR_SHA256:
        bad_input(_CARRIER, "does not hold the Android library whose hash is known", "Do not use it")
    unpack_engine(content)
    ready.write_text(_AAR_SHA256, encoding="ascii")


def unpack_engine(aar: bytes) -> None:
    """Write classes.jar, the headers and the natives of the app's ABIs from an AAR's bytes to `ENGINE`."""
    with zipfile.ZipFile(io.BytesIO(aar)) as archive:
        for info in archive.infolist():
            native = info.filename.endswith(".so") and info.filename.split("/")[1] in ABIS
            if native or (info.filename.startswith("headers/") and info.filename.endswith(".h")):
                write_entry(archive, info, ENGINE / info.filename)
        with (
            zipfile.ZipFile(io.BytesIO(archive.read("classes.jar"))) as classes,
            zipfile.ZipFile(ENGINE / "classes.jar", "w") as kept,
        ):
            for info in classes.infolist():
                if not info.filename.startswith(_REPORTING):
                    kept.writestr(info, classes.read(info))


def pack(target: Path, out: Path) -> None:
    """Write the unsigned package `out` from Maven's folder `target` and the engine."""
    with ApkWriter(out) as apk:
        with zipfile.ZipFile(target / "resources.apk") as resources:
            for info in sorted(resources.infolist(), key=lambda i: i.filename):
                apk.copied(resources, info)
        with zipfile.ZipFile(target / "dex.zip") as dex:
            for info in sorted(dex.infolist(), key=lambda i: i.filename):
                apk.deflated(info.filename, dex.read(info))
        for abi in ABIS:
            for path in sorted((ENGINE / "jni" / abi).glob("*.so")):
                with open(path, "rb") as native:
                    apk.stored(f"lib/{abi}/{path.name}", native, path.stat().st_size, NATIVE_PAGE)


def main(part: str) -> None:
    """One part of `make apk`."""
    if part == "engine":
        fetch_engine()
        return
    unsigned = TEMPLATE.with_suffix(".unsigned.apk")
    pack(ROOT / "android_demo/app/target", unsigned)
    require_tools("apksigner")
    sign(unsigned, TEMPLATE, debug_key())
    sys.stdout.write(f"{TEMPLATE}: {TEMPLATE.stat().st_size / 1e6:.1f} MB, without a bundle\n")


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except PocketzoError as e:
        sys.exit(f"pocketzo: {e}")
