"""pocketzo replay: the values of a run, from its trajectory alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .common import Debug, Json, percent
from .streams import print_json, say

EXAMPLES = """Examples:\n
  pocketzo replay run1 --bundle smol.pocketzo\n
  pocketzo replay run1 --bundle smol.pocketzo --out values.safetensors"""


def replay(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    bundle: Annotated[Path, typer.Option(help="Bundle that the run was made on.")],
    out: Annotated[Path | None, typer.Option(help="Write the recomputed values here too.")] = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Recompute a run's values without the model, and say whether its files hold the same bits."""
    from pocketzo.runtime.errors import BadInput
    from pocketzo.runtime.run.audit import audit

    from .opening import open_checked

    result = audit(run, open_checked(bundle, quiet=json))
    if out is not None:
        result.write(out)
    if json:
        print_json(
            {
                "steps": result.run.state.step,
                "best_step": result.run.best_step,
                "files": result.files,
                "same": result.same,
                "bytes_a_step": result.bytes_a_step,
            }
        )
    else:
        best = result.run.best
        right = "" if best is None or best.accuracy is None else f", best {percent(best.accuracy)}"
        say(f"{result.run.state.step} steps replayed{right}; {result.bytes_a_step:.0f} bytes a step")
        for name, equal in result.files.items():
            say(f"{name}: {'the same to the bit' if equal else 'DIFFERS'}")
        if not result.files:
            say("no values file there to compare with")
    if not result.same:
        raise BadInput(
            f"{run}: its values are not what its trajectory gives. Trust neither; --out writes the replayed."
        )
