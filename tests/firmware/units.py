"""The device's units as a system would have them, for systemd's own tools."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

FIRMWARE = Path("firmware_config")
INSTALL = FIRMWARE / "install.sh"
# Where Debian keeps the targets that ours are wanted by.
SYSTEM_UNITS = Path("/lib/systemd/system")
# A Pi 4 has the units of a Pi 5, and no board fewer than these.
BOARDS = ("rpi5", "jetson_orin_nano")
COMMANDS = (
    "opt/clinicscope/current/bin/clinicscope",
    "opt/clinicscope/previous/bin/clinicscope",
    "usr/sbin/nft",
    "bin/systemctl",
    "usr/bin/systemctl",
)


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """What a tool said, both ways together."""
    return subprocess.run(
        [str(word) for word in words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
    )


def bare_root(root: Path, *, boot: bool = True) -> Path:
    """A system as far as the installer looks at it: users, and a Pi's boot partition."""
    (root / "etc").mkdir(parents=True)
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\nvideo:x:44:\n")
    if boot:
        (root / "boot/firmware").mkdir(parents=True)
        (root / "boot/firmware/config.txt").write_text("dtparam=spi=on\n[cm4]\notg_mode=1\n")
        (root / "boot/firmware/cmdline.txt").write_text(
            "console=tty1 root=PARTUUID=2e0e-02 rootwait quiet\n"
        )
    return root


def install(root: Path, board: str, *more: str) -> subprocess.CompletedProcess[str]:
    """The installer, files alone, into a root."""
    words = ("--root", root, "--no-program", "--no-packages", "--model", board)
    return run("bash", INSTALL, *words, *more)


def add_commands(root: Path) -> None:
    """Programs that units start must be there for systemd to find a unit sound."""
    for name in COMMANDS:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy("/bin/true", path)


def units_of(root: Path) -> list[Path]:
    """Every unit of ours that was installed."""
    folder = root / "etc/systemd/system"
    found = [*folder.glob("clinicscope*.*"), folder / "tmp.mount"]
    return sorted(path for path in found if path.is_file())


def exposures(root: Path) -> dict[str, float]:
    """As `systemd-analyze security` says it of each service; drop-ins of the root count."""
    services = [path for path in units_of(root) if path.suffix == ".service"]
    words = ("security", "--offline=true", "--no-pager", "--root", root)
    done = run("systemd-analyze", *words, *services)
    found = re.findall(r"exposure level for (\S+): ([\d.]+)", done.stdout)
    unread = {path.name for path in services} - {name.replace("@i.", "@.") for name, _ in found}
    assert not unread, f"systemd cannot read {sorted(unread)}"
    return {name: float(value) for name, value in found}
