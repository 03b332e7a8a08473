"""pocketzo package: the app with a bundle inside."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .common import Debug, Json, size
from .streams import print_json, say

EXAMPLES = """Examples:\n
  pocketzo package smol.pocketzo --out smol.apk\n
  pocketzo package smol.pocketzo --out smol.apk --abi arm64-v8a\n
  pocketzo package smol.pocketzo --out smol.apk --key release.keystore --key-alias release"""


def package(
    bundle: Annotated[Path, typer.Argument(help="Bundle folder.")],
    out: Annotated[Path, typer.Option(help="Android package to write.")],
    app: Annotated[Path | None, typer.Option(help="The app without a bundle (default: what `make apk` built).")] = None,
    key: Annotated[
        Path | None,
        typer.Option(help="Keystore to sign with; its password is in POCKETZO_KEY_PASSWORD, or asked for."),
    ] = None,
    key_alias: Annotated[str | None, typer.Option(help="Name of the key in the keystore.")] = None,
    abi: Annotated[
        list[str] | None, typer.Option(help="Kind of processor: arm64-v8a, x86_64 (repeatable; default: both).")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the package at --out.")] = False,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Build a signed Android app that holds the bundle: install it and tune on the phone."""
    from pocketzo.runtime.errors import UsageError

    from ..android.package import check_request, total_bytes
    from ..android.package import package as make
    from ..android.signing import debug_key, given_key
    from ..android.template import ABIS
    from .opening import open_checked
    from .progress import PackageBar

    if (key is None) != (key_alias is None):
        raise UsageError("--key and --key-alias go together: a keystore, and the name of a key in it.")
    abis = tuple(abi or ABIS)
    template = check_request(app, out, abis, force)
    opened = open_checked(bundle, quiet=json)
    signer = debug_key() if key is None or key_alias is None else given_key(key, key_alias)
    with PackageBar(total_bytes(opened, template), quiet=json) as bar:
        made = make(opened, template, out, signer, abis, bar.advance)
    if json:
        print_json(
            {
                "apk": str(made.path),
                "bytes": made.bytes,
                "bundle": opened.hash,
                "bundle_bytes": made.bundle_bytes,
                "engine_bytes": made.engine_bytes,
                "key": "debug" if signer.debug else signer.alias,
            }
        )
        return
    engines = ", ".join(f"{name} {size(count)}" for name, count in made.engine_bytes.items())
    say(f"{made.path}: {size(made.bytes)} (bundle {size(made.bundle_bytes)}, engine {engines})")
    if signer.debug:
        say("Signed with a key for trying out. For others, sign with your own: --key KEYSTORE --key-alias NAME")
    say(f"Install it: adb install -r {made.path}")
