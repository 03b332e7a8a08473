"""pocketzo verify: every hash, then the golden vectors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from pocketzo.runtime.engines import ENGINES

from .common import Debug, Json
from .streams import print_json, say

EXAMPLES = """Examples:\n
  pocketzo verify smol.pocketzo\n
  pocketzo verify smol.pocketzo --json"""


def verify(
    bundle: Annotated[Path, typer.Argument(help="Bundle folder.")],
    engine: Annotated[
        list[str] | None, typer.Option(help=f"Engine to try: {', '.join(ENGINES)} (repeatable; default: all held).")
    ] = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Check every file's hash, then run the golden vectors on each engine."""
    from pocketzo.runtime.bundle.verify import verify as run_golden
    from pocketzo.runtime.engines import open_engine
    from pocketzo.runtime.errors import BadInput, UsageError

    from .opening import open_checked

    opened = open_checked(bundle, quiet=json)
    names = engine or [graph.engine for graph in opened.manifest.graphs]
    verdicts = []
    for name in names:
        try:
            verdicts.append(run_golden(opened, open_engine(name, opened)))
        except UsageError as e:
            if engine or len(names) == 1:
                raise
            others = " ".join(f"--engine {other}" for other in names if other != name)
            raise UsageError(f"{e}, or go without it: {others}") from e
    if json:
        print_json(
            {
                "hash": opened.hash,
                "files": len(opened.manifest.files),
                "passed": all(v.passed for v in verdicts),
                "engines": [v.members() for v in verdicts],
            }
        )
    else:
        say(f"{bundle}: {len(opened.manifest.files)} files, every hash as the manifest says")
        for v in verdicts:
            say(
                f"{v.engine}: largest difference of nll {v.difference:.2e} nats (limit {v.tolerance:g}),"
                f" random words {'equal' if v.rng_equal else 'DIFFER'}"
            )
    if failed := [v.engine for v in verdicts if not v.passed]:
        raise BadInput(
            f"{bundle}: the golden vectors fail on {', '.join(failed)}. This engine on this device does not compute"
            " what was exported: do not tune on it; try another version of the engine."
        )
