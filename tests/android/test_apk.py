"""The app as a package: what Android's own tools find in it, and what `pocketzo package` puts in."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import struct
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pocketzo.toolkit.android import template
from pocketzo.toolkit.android.apk import NATIVE_PAGE, PAGE, ZIP_LIMIT, ApkWriter, offset_of
from pocketzo.toolkit.android.signing import PASSWORD

from ..conftest import ROOT
from ..end_to_end.conftest import cli as cli  # the command line as a user meets it

TOOLS = ("aapt2", "apksigner", "zipalign", "dexdump", "keytool")


@pytest.fixture(scope="session")
def tools() -> None:
    """Android's tools, which Debian has."""
    if missing := [name for name in TOOLS if shutil.which(name) is None]:
        pytest.skip(f"needs {', '.join(missing)}: see README.md, Android")


@pytest.fixture(scope="session")
def app(tools: None) -> Path:
    """The app without a bundle."""
    if not template.TEMPLATE.is_file():
        pytest.skip("needs the app, which `make apk` builds")
    return template.TEMPLATE


@pytest.fixture
def stand_in(tmp_path: Path) -> Path:
    """A package of the right parts that no phone would start, for tests that need no build."""
    path = tmp_path / "stand-in.apk"
    with ApkWriter(path) as apk:
        for name in ("AndroidManifest.xml", "classes.dex", "resources.arsc"):
            apk.deflated(name, b"0" * 100)
        for abi in template.ABIS:
            source = tmp_path / "native"
            source.write_bytes(abi.encode() * 3000)
            with open(source, "rb") as file:
                apk.stored(f"lib/{abi}/libonnxruntime.so", file, source.stat().st_size, NATIVE_PAGE)
    return path


@pytest.fixture(autouse=True)
def own_key(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """The debug key of this test session, not the user's."""
    folder = tmp_path_factory.getbasetemp() / "config"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
    monkeypatch.delenv(PASSWORD, raising=False)


def said(*command: object) -> str:
    """What a tool prints; dexdump writes texts that hold a NUL as bytes that are no UTF-8."""
    done = subprocess.run([str(c) for c in command], check=True, capture_output=True, text=True, errors="replace")
    return done.stdout


@pytest.fixture(scope="session")
def packaged(app: Path, tiny_bundle: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A package of a small bundle, and the bundle."""
    from pocketzo.toolkit.android.package import package
    from pocketzo.toolkit.android.signing import debug_key

    folder = tmp_path_factory.mktemp("packaged")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.getbasetemp() / "config"))
        out = package(tiny_bundle, app, folder / "app.apk", debug_key()).path
    return out, tiny_bundle.directory


def test_badging(packaged):
    text = said("aapt2", "dump", "badging", packaged[0])
    assert "package: name='org.pocketzo.app'" in text
    assert "sdkVersion:'26'" in text
    assert "targetSdkVersion:'34'" in text
    assert "native-code: 'arm64-v8a' 'x86_64'" in text
    assert "application-label-de:" in text
    assert "launchable-activity: name='org.pocketzo.app.MainActivity'" in text
    assert "application-debuggable" not in text


def test_nothing_can_leave_the_phone(packaged):
    permissions = said("aapt2", "dump", "permissions", packaged[0])
    asked = {line.split("'")[1].rsplit(".", 1)[1] for line in permissions.splitlines() if "uses-permission" in line}
    assert asked == {
        "FOREGROUND_SERVICE", "FOREGROUND_SERVICE_SPECIAL_USE", "POST_NOTIFICATIONS", "RECEIVE_BOOT_COMPLETED",
        "WAKE_LOCK",
    }  # fmt: skip
    tree = said("aapt2", "dump", "xmltree", packaged[0], "--file", "AndroidManifest.xml")
    assert "allowBackup(0x01010280)=false" in tree
    assert "PROPERTY_SPECIAL_USE_FGS_SUBTYPE" in tree
    classes = [line for line in said("dexdump", packaged[0]).splitlines() if "Class descriptor" in line]
    assert len(classes) > 100
    assert not [line for line in classes if "elemetry" in line or "HttpClient" in line]


def test_signed_by_schemes_2_and_3(packaged):
    text = said("apksigner", "verify", "--verbose", "--min-sdk-version", "26", packaged[0])
    assert "Verified using v2 scheme (APK Signature Scheme v2): true" in text
    assert "Verified using v3 scheme (APK Signature Scheme v3): true" in text


def test_aligned_and_stored(packaged):
    apk, bundle = packaged
    subprocess.run(["zipalign", "-c", "4", str(apk)], check=True, capture_output=True)
    with zipfile.ZipFile(apk) as opened:
        natives = [i for i in opened.infolist() if i.filename.endswith(".so")]
        assets = [i for i in opened.infolist() if i.filename.startswith("assets/")]
        assert len(natives) == 4
        for info, page in [(i, NATIVE_PAGE) for i in natives] + [(i, PAGE) for i in assets]:
            assert info.compress_type == zipfile.ZIP_STORED, info.filename
            assert offset_of(apk, info) % page == 0, info.filename
        held = {i.filename.removeprefix("assets/bundle/"): opened.read(i) for i in assets}
    assert held == {path.name: path.read_bytes() for path in bundle.iterdir()}


def test_native_libraries_load_on_pages_of_16_kib(app):
    with zipfile.ZipFile(app) as opened:
        for name in [n for n in opened.namelist() if n.endswith(".so")]:
            assert _segment_alignments(opened.read(name)) == {NATIVE_PAGE}, name


def _segment_alignments(elf: bytes) -> set[int]:
    (offset,) = struct.unpack_from("<Q", elf, 32)
    size, count = struct.unpack_from("<HH", elf, 54)
    headers = [struct.unpack_from("<IIQQQQQQ", elf, offset + i * size) for i in range(count)]
    return {header[7] for header in headers if header[0] == 1}


def test_contents(packaged):
    apk, bundle = packaged
    with zipfile.ZipFile(apk) as opened:
        names = set(opened.namelist())
    beside = {n for n in names if not n.startswith(("res/", "lib/", "assets/"))}
    tables = {f"org/pocketzo/runtime/tokenizers/text/{name}.txt" for name in ("characters", "normalization")}
    assert beside == {"AndroidManifest.xml", "classes.dex", "resources.arsc", *tables}
    assert {n for n in names if n.startswith("assets/")} == {f"assets/bundle/{p.name}" for p in bundle.iterdir()}
    assert {n for n in names if n.startswith("lib/")} == {
        f"lib/{abi}/lib{name}.so" for abi in template.ABIS for name in ("onnxruntime", "onnxruntime4j_jni")
    }


def test_no_method_above_api_26_but_where_it_is_asked_for(app):
    # What the framework has since API 28 to 34 and is easily used by mistake; the lint of the build looks at all.
    listing = said("dexdump", "-d", app)
    for newer in ("Ljava/util/List;.of:", "Ljava/util/Map;.of:", "Ljava/lang/String;.isBlank:", "readAllBytes",
                  "Ljava/lang/String;.strip:", "Ljava/util/stream/Stream;.toList:", "ObjectMethods"):  # fmt: skip
        assert newer not in listing, newer


def test_two_packages_are_the_same_but_for_the_signature(app, tiny_bundle, tmp_path):
    from pocketzo.toolkit.android.package import _write

    digests = set()
    for name in ("one.apk", "two.apk"):
        _write(tiny_bundle, app, tmp_path / name, template.ABIS, lambda count: None)
        digests.add(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
    assert len(digests) == 1


def test_engine_versions_agree():
    assert f"<onnxruntime.version>{template.ENGINE_VERSION}<" in (ROOT / "android_demo/pom.xml").read_text()


# --- the command ---


@pytest.fixture
def package_command(cli: Callable[..., Any], tools: None, stand_in: Path, tiny_bundle: Any, tmp_path: Path) -> Any:
    """package_command(...): the command on the stand-in and the tiny bundle; refusals must leave nothing."""

    def call(*more: object, bundle: Path = tiny_bundle.directory, app: Path = stand_in) -> Any:
        before = sorted(p.name for p in tmp_path.iterdir())
        done = cli("package", bundle, "--out", tmp_path / "out.apk", "--app", app, *more)
        if done.code:
            assert sorted(p.name for p in tmp_path.iterdir()) == before
        return done

    return call


def test_command_says_what_it_made(package_command, tiny_bundle, tmp_path):
    done = package_command("--json", "--abi", "arm64-v8a")
    assert done.code == 0, done.err
    content = json.loads(done.out)
    assert content["bundle"] == tiny_bundle.hash
    assert content["key"] == "debug"
    assert content["bytes"] == (tmp_path / "out.apk").stat().st_size
    assert list(content["engine_bytes"]) == ["arm64-v8a"]
    again = package_command()
    assert again.code == 3
    assert "--force" in again.err
    assert package_command("--force").code == 0


def test_command_signs_with_a_given_key(package_command, tmp_path, monkeypatch):
    keystore = tmp_path / "release.keystore"
    subprocess.run(
        ["keytool", "-genkeypair", "-keystore", keystore, "-alias", "mine", "-storepass", "secret1", "-keyalg", "RSA",
         "-dname", "CN=Ada"], check=True, capture_output=True,
    )  # fmt: skip
    monkeypatch.setenv(PASSWORD, "secret1")
    done = package_command("--key", keystore, "--key-alias", "mine")
    assert done.code == 0, done.err
    (tmp_path / "out.apk").unlink()
    monkeypatch.setenv(PASSWORD, "wrong")
    done = package_command("--key", keystore, "--key-alias", "mine")
    assert done.code == 3
    assert "password" in done.err


def test_command_refuses_what_it_cannot_package(package_command, tiny_bundle, tmp_path):
    damaged = shutil.copytree(tiny_bundle.directory, tmp_path / "damaged")
    with open(damaged / "weights.bin", "r+b") as file:
        file.seek(100)
        file.write(b"\xff\x00\xff")
    assert "weights.bin" in package_command(bundle=damaged).err
    assert package_command("--abi", "mips").code == 2
    assert package_command("--key", tmp_path / "k").code == 2
    assert package_command("--key", tmp_path / "k", "--key-alias", "a").code == 3
    text = tmp_path / "text.apk"
    text.write_text("no zip")
    assert "make apk" in package_command(app=text).err
    assert "is no file" in package_command(app=Path("/dev/zero")).err


def needing(bundle: Path, version: str) -> Path:
    """A changed `bundle` whose graph needs `version` of its engine."""
    manifest = bundle / "manifest.json"
    content = re.sub(r'("minimum_engine_version": ")[^"]*', rf"\g<1>{version}", manifest.read_text())
    begin = content[: content.rindex(',\n  "seal"')]
    manifest.write_text(f'{begin},\n  "seal": "{hashlib.sha256(begin.encode()).hexdigest()}"\n}}\n')
    return bundle


def test_command_refuses_a_bundle_for_a_newer_engine(package_command, tiny_bundle, tmp_path):
    changed = shutil.copytree(tiny_bundle.directory, tmp_path / "changed")
    for version in ("99.1.0", "1.29.1.dev1", "1.30"):
        done = package_command(bundle=needing(changed, version))
        assert done.code == 3
        assert f"needs ONNX Runtime {version}, and the app has {template.ENGINE_VERSION}. Export" in done.err
    done = package_command(bundle=needing(changed, "1.29.0 or later"))
    assert done.code == 3
    assert "and the app has 1.29.0 (Invalid version: '1.29.0 or later'). Export it again" in done.err
    assert package_command(bundle=needing(changed, "1.29.0.dev20260101+cpu")).code == 0


def test_command_overwrites_nothing_but_a_package(package_command, tiny_bundle, stand_in, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert "device or a pipe" in package_command("--out", pipe, "--force").err
    assert pipe.is_fifo()
    before = {path.name: path.read_bytes() for path in tiny_bundle.directory.iterdir()}
    for name in ("new.apk", "weights.bin"):
        done = package_command("--out", tiny_bundle.directory / name, "--force")
        assert done.code == 3
        assert "outside of bundles" in done.err
    assert before == {path.name: path.read_bytes() for path in tiny_bundle.directory.iterdir()}
    assert "is the app" in package_command("--out", stand_in, "--force").err
    assert "is a file, not a folder" in package_command("--out", stand_in / "out.apk").err


def test_command_says_that_the_app_is_damaged(package_command, stand_in, tmp_path):
    content = bytearray(stand_in.read_bytes())
    content[content.index(b"arm64-v8aarm64-v8a") + 50] ^= 1
    damaged = tmp_path / "damaged.apk"
    damaged.write_bytes(content)
    done = package_command(app=damaged)
    assert done.code == 3
    assert "is damaged" in done.err


def test_command_says_what_is_wrong_with_a_key(package_command, tmp_path, monkeypatch):
    monkeypatch.setenv(PASSWORD, "secret1")
    keystore = tmp_path / "some.keystore"
    keystore.write_text("no keystore")
    done = package_command("--key", keystore, "--key-alias", "mine")
    assert done.code == 3
    assert f"Check {keystore}, its password and --key-alias" in done.err
    own = Path(os.environ["XDG_CONFIG_HOME"] + "-damaged")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(own))
    (own / "pocketzo").mkdir(parents=True)
    (own / "pocketzo/debug.keystore").write_text("no keystore")
    done = package_command()
    assert done.code == 3
    assert f"Delete {own}/pocketzo/debug.keystore" in done.err


def test_command_says_how_to_get_the_app(cli, tiny_bundle, tmp_path, monkeypatch):
    monkeypatch.setattr("pocketzo.toolkit.android.package.TEMPLATE", tmp_path / "none.apk")
    done = cli("package", tiny_bundle.directory, "--out", tmp_path / "out.apk")
    assert done.code == 3
    assert "make apk" in done.err
    assert "--app" in done.err


def test_nothing_is_left_when_the_disk_is_full(stand_in, tiny_bundle, tmp_path, monkeypatch, cli, tools):
    monkeypatch.setattr("shutil.disk_usage", lambda path: os.statvfs(path) and type("Usage", (), {"free": 1000}))
    done = cli("package", tiny_bundle.directory, "--out", tmp_path / "out.apk", "--app", stand_in)
    assert done.code == 4
    assert "free" in done.err
    assert not (tmp_path / "out.apk").exists()


def test_over_4_gib_is_refused_before_it_is_written(tmp_path):
    from pocketzo.runtime.errors import UsageError

    with pytest.raises(UsageError, match="Google Play"), ApkWriter(tmp_path / "big.apk") as apk:
        apk.stored("assets/bundle/weights.bin", None, ZIP_LIMIT, PAGE)  # type: ignore[arg-type]
