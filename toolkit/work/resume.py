"""Going on with an export: where its work is kept, which work is the same, and when it is kept."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from pocketzo.runtime import __version__
from pocketzo.runtime.errors import DiskFailed, DiskFull, Interrupted, NotEnoughSpace, PocketzoError, UsageError
from pocketzo.runtime.system.files import disk_errors

from ..plan import Plan
from ..select.processes import Processes
from .work_folder import WorkFolder


def work_path(out: Path, processes: Processes) -> Path:
    """The work folder of an export to `out`, of each process its own."""
    out = out.absolute()
    return out.with_name(f".{out.name}.work{f'-{processes.rank}' if processes.rank else ''}")


def work_key(plan: Plan, processes: Processes) -> str:
    """SHA-256 of everything that finished work depends on; of a checkpoint's files names, sizes and times suffice."""
    source = plan.opened.source
    paths = {*source.weights, *source.folder.glob("*.json")} if source.gguf is None else set(source.weights)
    files = [(p.name, p.stat().st_size, p.stat().st_mtime_ns) for p in sorted(paths)]
    settings = {**asdict(plan.config), "max_tokens": plan.max_tokens, "calibration": plan.calibration.sha256}
    content = [__version__, files, settings, processes.rank, processes.count]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@contextlib.contextmanager
def kept_if_stopped(out: Path, work: WorkFolder) -> Iterator[WorkFolder]:
    """Keep the work folder when what stopped the export to `out` may not stop it again, and say so; remove it
    otherwise.

    Raises Interrupted for KeyboardInterrupt, and the errors that it keeps the folder after with how to go on.
    """
    go_on = f"What is finished is saved in {work.path}; the same command goes on from there."
    with work:
        try:
            with disk_errors(out):
                yield work
        except KeyboardInterrupt:
            raise Interrupted(f"interrupted. {go_on}") from None
        except DiskFull as e:
            raise DiskFull(f"{out}: the disk is full. Free some space. {go_on}") from e
        except (DiskFailed, NotEnoughSpace, UsageError) as e:
            raise type(e)(f"{str(e).removesuffix('.')}. {go_on}") from e
        except PocketzoError:
            work.remove()
            raise
