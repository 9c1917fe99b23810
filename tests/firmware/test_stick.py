"""What becomes of a drive that is put in: mounted for the service, or left, with the reason."""

from __future__ import annotations

import getpass
import os
from pathlib import Path

import pytest

from tests.firmware.units import FIRMWARE, run

SCRIPT = FIRMWARE / "helpers/mount-stick"


def put_in(folder: Path, kind: str, label: str = "", mounted: str = "") -> str:
    """What is said and done of a drive that udev and lsblk tell so of."""
    tools = {
        "udevadm": f"echo ID_FS_TYPE={kind}; cat {folder}/label",
        "lsblk": f'case "$*" in *PKNAME*) echo sdz ;; *) cat {folder}/mounted ;; esac',
        "systemd-mount": 'echo "systemd-mount $*"',
    }
    for name, text in tools.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    (folder / "label").write_text(f"ID_FS_LABEL={label}\n")
    (folder / "mounted").write_text(mounted + "\n")
    words = ("env", f"PATH={folder}:{os.environ['PATH']}", f"CLINICSCOPE_USER={getpass.getuser()}")
    done = run(*words, "bash", SCRIPT, "/dev/sdz1")
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.parametrize("kind", ["vfat", "exfat", "ntfs"])
def test_usual_stick_is_the_services_and_runs_nothing(tmp_path: Path, kind: str) -> None:
    told = put_in(tmp_path, kind, "BACKUP 1")
    assert "mounted at /media/BACKUP1-sdz1" in told
    options = told.split("--options ")[1].split()[0].split(",")
    assert {"nosuid", "nodev", "noexec", f"uid={os.getuid()}", "umask=0077"} <= set(options)
    assert f"--type {'ntfs3' if kind == 'ntfs' else kind} " in told and "--bind-device" in told


def test_name_on_a_stick_leads_nowhere_else(tmp_path: Path) -> None:
    assert "/media/etcpasswd-sdz1" in put_in(tmp_path, "ext4", "../../etc/pass wd")
    assert "/media/stick-sdz1" in put_in(tmp_path, "ext4", "../..")


def test_what_is_mounted_or_unknown_is_left(tmp_path: Path) -> None:
    told = put_in(tmp_path, "vfat", "X", "/boot/firmware")
    assert "is mounted already; left as it is" in told and "systemd-mount" not in told
    told = put_in(tmp_path, "hfsplus")
    assert "its file system is 'hfsplus'; make one that" in told and "systemd-mount" not in told
