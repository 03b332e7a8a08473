"""What a container may still take, from files as Linux has them under /proc and /sys."""

from __future__ import annotations

import pytest
from pocketzo.runtime.limits.cgroups import left_bytes
from pocketzo.runtime.limits.memory import available_bytes

V2, V1 = "sys/fs/cgroup", "sys/fs/cgroup/memory"


@pytest.fixture
def system(tmp_path):
    """system({file: text}): write what the kernel would say."""

    def write(files):
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(f"{text}\n")
        return tmp_path

    write({"proc/meminfo": "MemFree: 1 kB\nMemAvailable:    8000 kB"})
    return write


def group(folder, limit, used, name="memory.max", current="memory.current"):
    return {f"{folder}/{name}": limit, f"{folder}/{current}": used}


def old(folder, limit, used):
    return group(folder, limit, used, "memory.limit_in_bytes", "memory.usage_in_bytes")


def test_without_groups_it_is_what_the_machine_has(system):
    assert available_bytes(system({})) == 8_192_000


def test_no_limit_is_none(system):
    root = system({"proc/self/cgroup": "0::/a", **group(f"{V2}/a", "max", 5), f"{V2}/a/memory.high": "max"})
    assert left_bytes(root) == []
    assert available_bytes(root) == 8_192_000


def test_the_tightest_of_the_groups_around_counts(system):
    root = system({"proc/self/cgroup": "0::/a/b", **group(f"{V2}/a", 5_000_000, 3_000_000)})
    assert available_bytes(root) == 2_000_000
    assert available_bytes(system(group(f"{V2}/a/b", 4_000_000, 2_500_000))) == 1_500_000
    assert available_bytes(system({f"{V2}/a/memory.high": 3_200_000})) == 200_000


def test_read_files_make_room(system):
    stat = "anon 900\nfile 650000\ninactive_file 500000\nactive_file 100000\nshmem 50000"
    root = system({"proc/self/cgroup": "0::/", **group(V2, 1_000_000, 700_000), f"{V2}/memory.stat": stat})
    assert available_bytes(root) == 900_000


def test_over_the_limit_nothing_is_left(system):
    assert available_bytes(system({"proc/self/cgroup": "0::/", **group(V2, 1_000, 2_000)})) == 0


def test_the_first_version_with_the_path_of_the_host(system):
    """A container sees its own group as the top of the mount, and the host's path in /proc."""
    root = system({"proc/self/cgroup": "5:cpu:/x\n4:cpuacct,memory:/docker/0f\n0::/", **old(V1, 700_000, 400_000)})
    assert available_bytes(root) == 300_000
    stat = {f"{V1}/memory.stat": "inactive_file 1\ntotal_inactive_file 150000\ntotal_active_file 2"}
    assert available_bytes(system(stat)) == 450_002
    assert available_bytes(system(old(V1, 9_223_372_036_854_771_712, 400_000))) == 8_192_000


def test_nonsense_says_nothing(system):
    root = system({"proc/self/cgroup": "what\n0::/", **group(V2, "many", 1)})
    assert available_bytes(root) == 8_192_000
