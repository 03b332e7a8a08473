"""Memory limits that Linux sets for a group of processes, such as a container's or a service's: cgroups, v2 and v1."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

Names = tuple[tuple[str, ...], str, tuple[str, ...]]
V2: Names = (("memory.max", "memory.high"), "memory.current", ("inactive_file", "active_file"))
V1: Names = (("memory.limit_in_bytes",), "memory.usage_in_bytes", ("total_inactive_file", "total_active_file"))
"""files of the limits and of what is used, and the lines of memory.stat that say how much of it is read files, which
make room for others
"""


def left_bytes(root: Path = Path("/")) -> list[int]:
    """What each limited group that this process is in may still take, its own and those around it; none if nothing is
    limited or this is no Linux. `root` is where proc and sys are.
    """
    with contextlib.suppress(OSError, ValueError):
        lines = (root / "proc/self/cgroup").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        return [left for line in lines for left in _left(root / "sys/fs/cgroup", line)]
    return []


def _left(mount: Path, line: str) -> Iterator[int]:
    """Of one line of /proc/self/cgroup, "number:controllers:path"."""
    _, controllers, path = line.split(":", 2)
    if "memory" in controllers.split(","):
        mount, (limits, used, files) = mount / "memory", V1
    elif not controllers:
        limits, used, files = V2
    else:
        return
    # In a container the path may be that of the host, and the mount shows the container's own group as its top.
    group = mount / path.lstrip("/")
    for folder in (group, *group.parents):
        for name in limits:
            with contextlib.suppress(OSError, ValueError):  # no such group here, or "max": no limit
                limit, taken = int((folder / name).read_text()), int((folder / used).read_text())
                yield max(limit - taken + _read_files(folder, files), 0)
        if folder == mount:
            return


def _read_files(folder: Path, names: tuple[str, ...]) -> int:
    with contextlib.suppress(OSError, ValueError):
        lines = (line.split() for line in (folder / "memory.stat").read_text().splitlines())
        return sum(int(count) for name, count in lines if name in names)
    return 0
