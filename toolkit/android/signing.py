"""Signing Android packages with apksigner, by a given key or by one made for trying things out."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from pocketzo.runtime.errors import BadInput, UsageError
from pocketzo.runtime.system.files import disk_errors, written_atomically

PASSWORD = "POCKETZO_KEY_PASSWORD"
"""the environment variable with a keystore's password"""
MINIMUM_SDK = "26"
DEBUG_ALIAS, DEBUG_PASSWORD = "debug", "android"


@dataclass(frozen=True)
class Key:
    """A key in a keystore; the password is never part of a command line."""

    keystore: Path
    alias: str
    password: str
    debug: bool = False


def require_tools(*names: str) -> None:
    """Raises UsageError naming the Debian package of the first program that is not there."""
    packages = {"apksigner": "apksigner", "keytool": "openjdk-17-jdk-headless", "npm": "npm"}
    for name in names:
        if shutil.which(name) is None:
            raise UsageError(f"{name} is missing. Install it: apt-get install {packages[name]}")


def given_key(keystore: Path, alias: str) -> Key:
    """The key `alias` of a keystore; its password is in the environment or asked for.

    Raises BadInput if there is no such file, UsageError if there is nobody to ask.
    """
    if not keystore.is_file():
        raise BadInput(f"{keystore}: is not a keystore file. Make one with keytool -genkeypair, or leave --key out.")
    password = os.environ.get(PASSWORD)
    if password is None:
        if not sys.stdin.isatty():
            raise UsageError(f"the password of {keystore} is not known. Set {PASSWORD}, or run in a terminal.")
        password = getpass.getpass(f"Password of {keystore}: ")
    return Key(keystore, alias, password)


def debug_key() -> Key:
    """The key of this user for packages that are tried out, made at its first use."""
    folder = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "pocketzo"
    keystore = folder / "debug.keystore"
    if not keystore.exists():
        require_tools("keytool")
        with disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        with written_atomically(keystore, f".{os.getpid()}.part") as part:
            _run(
                ["keytool", "-genkeypair", "-keystore", str(part), "-storetype", "PKCS12", "-alias", DEBUG_ALIAS,
                 "-keyalg", "RSA", "-keysize", "2048", "-validity", "10950", "-dname", "CN=pocketzo debug",
                 "-storepass:env", PASSWORD],
                DEBUG_PASSWORD,
                f"Check that {folder} can be written to",
            )  # fmt: skip
    return Key(keystore, DEBUG_ALIAS, DEBUG_PASSWORD, debug=True)


def sign(unsigned: Path, signed: Path, key: Key) -> None:
    """Write `unsigned` with a signature (schemes 2 and 3) to `signed`. Raises BadInput if refused."""
    own, given = f"Delete {key.keystore}, and another is made", f"Check {key.keystore}, its password and --key-alias"
    _run(
        ["apksigner", "sign", "--min-sdk-version", MINIMUM_SDK,
         "--v1-signing-enabled", "false", "--v4-signing-enabled", "false",
         "--ks", str(key.keystore), "--ks-key-alias", key.alias, "--ks-pass", f"env:{PASSWORD}",
         "--in", str(unsigned), "--out", str(signed)],
        key.password,
        own if key.debug else given,
    )  # fmt: skip


def _run(command: list[str], password: str, fix: str) -> None:
    done = subprocess.run(command, env={**os.environ, PASSWORD: password}, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        why = next((line for line in said if line.strip() and not line.startswith("WARNING")), "no reason given")
        raise BadInput(f"{command[0]} failed: {why}. {fix}, and the free space.")
