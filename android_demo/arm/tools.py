"""What the Arm check stands on: the engine and its header, a C compiler for each machine, and an emulated processor.

Everything is kept under build/arm/VERSION. Only `prepare` fetches, and only what is not there.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import zipfile
from dataclasses import dataclass
from pathlib import Path

from pocketzo.runtime.errors import BadInput
from pocketzo.toolkit.android import template

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CROSS_LIBRARIES = Path("/usr/aarch64-linux-gnu/lib")
PACKAGES = "apt-get install qemu-user-static gcc-aarch64-linux-gnu gcc libc6-dev (Debian, Ubuntu)"

VERSION = re.findall(r"<onnxruntime.version>(.+?)<", (ROOT / "android_demo/pom.xml").read_text(encoding="utf-8"))[0]
"""of the engine: that of the Java modules"""
BUILD = ROOT / "build/arm" / VERSION
ENGINE = "com.microsoft.onnxruntime:onnxruntime"
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"

# Bits of AT_HWCAP and AT_HWCAP2 on 64-bit Arm, as Linux names them in /proc/cpuinfo.
HWCAP = (
    "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm jscvt fcma lrcpc dcpop sha3 sm3 sm4"
    " asimddp sha512 sve asimdfhm dit uscat ilrcpc flagm ssbs sb paca pacg"
)
HWCAP2 = (
    "dcpodp sve2 sveaes svepmull svebitperm svesha3 svesm4 flagm2 frint svei8mm svef32mm svef64mm svebf16 i8mm bf16 dgh"
    " rng bti mte ecv afp rpres mte3 sme smei16i64 smef64f64 smei8i32 smef16f32 smeb16f32 smef32f32 smefa64"
)
MATTER = ("asimddp", "i8mm", "bf16", "asimdhp", "sve", "sve2", "sme")
"""features by which ONNX Runtime chooses kernels"""


@dataclass(frozen=True)
class Processor:
    """A CPU that the emulator plays: its name there, its features, and its identification register."""

    name: str
    features: tuple[str, ...]
    midr: int

    @property
    def kernels(self) -> str:
        """The features that choose kernels, in one line."""
        return " ".join(f for f in MATTER if f in self.features) or "none"

    def cpuinfo(self, cores: int) -> str:
        """What /proc/cpuinfo says on such a machine."""
        lines = (
            f"Features\t: {' '.join(self.features)}",
            f"CPU implementer\t: {self.midr >> 24 & 0xFF:#04x}",
            "CPU architecture: 8",
            f"CPU variant\t: {self.midr >> 20 & 0xF:#x}",
            f"CPU part\t: {self.midr >> 4 & 0xFFF:#05x}",
            f"CPU revision\t: {self.midr & 0xF}",
        )
        return "".join("\n".join((f"processor\t: {core}", *lines, "\n")) for core in range(cores))


def missing() -> str | None:
    """Why the check cannot run here, with the fix, or None."""
    compilers = ("aarch64-linux-gnu-gcc", "cc")
    if lacking := [tool for tool in compilers if shutil.which(tool) is None]:
        return f"{lacking[0]} is not installed. Install it: {PACKAGES}"
    if emulator() is None:
        return f"qemu-aarch64 is not installed. Install it: {PACKAGES}"
    if not (CROSS_LIBRARIES / "libstdc++.so.6").exists():
        return f"{CROSS_LIBRARIES}/libstdc++.so.6 is not there. Install it: {PACKAGES}, libstdc++6-arm64-cross"
    if os.uname().machine != "x86_64":
        return f"this machine is {os.uname().machine}, the engine to compare with is for x86_64. Run it on one"
    return None


def unprepared() -> str | None:
    """As `missing`, or what `prepare` would have to fetch or compile."""
    parts = [BUILD / program for program in ("linux-aarch64/golden", "linux-x64/golden", "linux-aarch64/cpu")]
    lacking = [part for part in parts if not part.exists()]
    return missing() or (f"{lacking[0]} is not there. Run: make arm-setup" if lacking else None)


def emulator() -> str | None:
    """The program that plays a 64-bit Arm processor for one process."""
    return next(filter(None, map(shutil.which, ("qemu-aarch64-static", "qemu-aarch64"))), None)


def prepare() -> None:
    """Compile golden.c for both machines; the engine comes from Maven, its header with the Android library.

    Raises BadInput with the packages to install.
    """
    if why := missing():
        raise BadInput(why)
    BUILD.mkdir(parents=True, exist_ok=True)
    headers = template.ENGINE / "headers"
    template.fetch_engine()
    if not (headers / "onnxruntime_c_api.h").exists():
        raise BadInput(f"{headers}: has no onnxruntime_c_api.h. Remove {template.ENGINE}, so that it is fetched again.")
    for machine, compiler in (("linux-aarch64", "aarch64-linux-gnu-gcc"), ("linux-x64", "cc")):
        folder = BUILD / machine
        if not (folder / "libonnxruntime.so").exists():
            _unzip(_fetched_jar(), f"ai/onnxruntime/native/{machine}/libonnxruntime.so", folder)
        link = folder / "libonnxruntime.so.1"  # the name that the linker notes in the program
        if not link.is_symlink():
            link.symlink_to("libonnxruntime.so")
        libraries = (f"-I{headers}", f"-L{folder}", "-lonnxruntime", "-Wl,-rpath,$ORIGIN")
        _compiled(compiler, HERE / "golden.c", folder / "golden", libraries)
    _compiled("aarch64-linux-gnu-gcc", HERE / "cpu.c", BUILD / "linux-aarch64/cpu", ("-static",))


def processor(cpu: str) -> tuple[Processor, Path]:
    """What the emulator plays under `-cpu cpu`, and a root folder for it whose /proc/cpuinfo says the same.

    Without it the engine reads that of the machine that emulates, and crashes. Raises BadInput for an unknown name.
    """
    words = _run([str(emulator()), "-cpu", cpu, str(BUILD / "linux-aarch64/cpu")]).split()
    hwcap, hwcap2, midr = (int(word, 16) for word in words)
    held = [
        n for bits, names in ((hwcap, HWCAP), (hwcap2, HWCAP2)) for i, n in enumerate(names.split()) if bits >> i & 1
    ]
    played = Processor(cpu, tuple(held), midr)
    root = BUILD / "cpu" / re.sub(r"[^\w-]", "_", cpu)
    (root / "proc").mkdir(parents=True, exist_ok=True)
    (root / "proc/cpuinfo").write_text(played.cpuinfo(os.cpu_count() or 1), encoding="ascii")
    if not (root / "lib").is_symlink():
        (root / "lib").symlink_to(CROSS_LIBRARIES)
    return played, root


def _fetched_jar() -> Path:
    name = f"onnxruntime-{VERSION}.jar"
    kept = Path.home() / ".m2/repository/com/microsoft/onnxruntime/onnxruntime" / VERSION / name
    if not kept.exists():
        kept = BUILD / name
    if not kept.exists():
        _run(["mvn", "-q", "-B", COPY, f"-Dartifact={ENGINE}:{VERSION}", f"-DoutputDirectory={BUILD}"], "maven")
    return kept


def _compiled(compiler: str, source: Path, program: Path, libraries: tuple[str, ...]) -> None:
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        warnings = ("-std=c11", "-O2", "-Wall", "-Wextra", "-Werror")
        _run([compiler, *warnings, str(source), *libraries, "-o", str(program)])


def _unzip(archive: Path, prefix: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with zipfile.ZipFile(archive) as held:
            for name in held.namelist():
                if name.startswith(prefix) and not name.endswith("/"):
                    (folder / Path(name).name).write_bytes(held.read(name))
    except (OSError, zipfile.BadZipFile) as e:
        raise BadInput(f"{archive}: cannot be read ({e}). Fetch it again.") from e


def _run(command: list[str], package: str | None = None) -> str:
    """The standard output of `command`; what it says on the other when it fails stands in the error."""
    if shutil.which(command[0]) is None:
        raise BadInput(f"{command[0]} is not installed. Install it: apt-get install {package} (Debian, Ubuntu)")
    done = subprocess.run(command, capture_output=True, text=True, cwd=BUILD)
    if done.returncode != 0:
        why = (done.stderr.strip() or done.stdout.strip() or f"ended with {done.returncode}").splitlines()[-1]
        raise BadInput(f"{' '.join(command[:1])}: {why}. The whole command: {' '.join(command)}")
    return done.stdout
