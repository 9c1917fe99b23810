"""The installer: all of it, nothing twice, and away again."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from pathlib import Path

import pytest

from tests.firmware.units import FIRMWARE, INSTALL, bare_root, install, run

CONFIG = "boot/firmware/config.txt"
CMDLINE = "boot/firmware/cmdline.txt"
UNIT = "etc/systemd/system/clinicscope.service"


def snapshot(root: Path) -> dict[str, str]:
    """Every file and link with its content, mode and time."""
    found = {}
    for path in sorted(root.rglob("*")):
        if path.is_symlink():
            found[str(path)] = str(path.readlink())
        elif path.is_file():
            state = path.stat()
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            found[str(path)] = f"{digest} {state.st_mode:o} {state.st_mtime_ns}"
    return found


def test_second_time_changes_nothing_and_uninstall_leaves_what_was(tmp_path: Path) -> None:
    root = bare_root(tmp_path / "root")
    before = {name: (root / name).read_text() for name in (CONFIG, CMDLINE)}
    options = ("--coral-pcie", "--rtc", "ds3231", "--wifi-country", "KE")
    first = install(root, "rpi5", *options)
    assert first.returncode == 0 and "restart the device once" in first.stdout
    assert "include clinicscope-coral.txt\n" in (root / CONFIG).read_text()
    assert "dtoverlay=i2c-rtc,ds3231" in (root / "boot/firmware/clinicscope-rtc.txt").read_text()
    words = (root / CMDLINE).read_text().split()
    assert words.count("cfg80211.ieee80211_regdom=KE") == 1 and "pcie_aspm=off" in words
    made = snapshot(root)
    second = install(root, "rpi5", *options)
    assert second.returncode == 0 and second.stdout.strip().endswith("nothing had to be changed")
    assert snapshot(root) == made

    (root / "var/lib/clinicscope/records.db").write_text("a clinic's year")
    gone = run("bash", INSTALL, "--root", root, "--no-program", "--no-packages", "--uninstall",
               "--model", "rpi5")  # fmt: skip
    assert gone.returncode == 0 and "records, settings and keys are still in" in gone.stdout
    assert {name: (root / name).read_text() for name in (CONFIG, CMDLINE)} == before
    assert (root / "var/lib/clinicscope/records.db").exists()
    left = [name for name in snapshot(root) if "linicscope" in name.removeprefix(str(root))]
    assert left == [str(root / "var/lib/clinicscope/records.db")]


def test_country_is_changed_and_not_added_twice(tmp_path: Path) -> None:
    root = bare_root(tmp_path / "root")
    assert install(root, "rpi4", "--wifi-country", "KE").returncode == 0
    assert install(root, "rpi4", "--wifi-country", "MW").returncode == 0
    words = (root / CMDLINE).read_text().split()
    assert [word for word in words if "regdom" in word] == ["cfg80211.ieee80211_regdom=MW"]


def test_file_that_a_person_changed_is_left_and_said(tmp_path: Path) -> None:
    root = bare_root(tmp_path / "root", boot=False)
    first = install(root, "generic-arm64", "--no-hotspot", "--no-firewall")
    assert first.returncode == 0, first.stdout
    assert not (root / "etc/clinicscope/firewall.nft").exists()
    assert not (root / "usr/local/share/clinicscope/hotspot.nmconnection").exists()
    (root / UNIT).write_text("# mine\n")
    again = install(root, "generic-arm64")
    assert "clinicscope.service was changed by hand: left as it is" in again.stdout
    assert (root / UNIT).read_text() == "# mine\n"
    assert (root / "etc/clinicscope/firewall.nft").exists()


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--model", "rpi3"], "--model is 'rpi3'; known: rpi4"),
        (["--wifi-country", "kenya"], "give two letters, such as KE"),
        (["--rtc", "ds;reboot"], "give a chip's name"),
        (["--wheels", "/nowhere"], "which is no folder"),
        (["--root", "/nowhere"], "which is no folder"),
        (["--root", "/tmp"], "add --no-program and --no-packages"),
        (["--purge"], "--purge goes with --uninstall"),
        (["--frob"], "there is no option --frob; see --help"),
        (["--rtc"], "--rtc needs a value"),
    ],
)
def test_wrong_option_is_refused_before_anything_is_done(words: list[str], problem: str) -> None:
    done = run("bash", INSTALL, *words)
    assert done.returncode == 2 and problem in done.stdout


def test_system_without_clinicscope_is_not_uninstalled(tmp_path: Path) -> None:
    root = bare_root(tmp_path / "root")
    done = run("bash", INSTALL, "--root", root, "--no-program", "--no-packages", "--uninstall",
               "--model", "rpi5")  # fmt: skip
    assert done.returncode == 3 and "nothing of ClinicScope is installed" in done.stdout


def small_wheel(folder: Path, version: str) -> None:
    """A whole wheel of a program that says its version."""
    folder.mkdir()
    info = f"clinicscope-{version}.dist-info"
    files = {
        "small_clinicscope.py": f"def main():\n    print('clinicscope, version {version}')\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: clinicscope\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\nclinicscope = small_clinicscope:main\n",
    }
    record = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(folder / f"clinicscope-{version}-py3-none-any.whl", "w") as wheel:
        for name, content in (files | {f"{info}/RECORD": record}).items():
            wheel.writestr(name, content)


# The installer as it runs on a device, in folders of its own in place of this machine's.
_ON_A_DEVICE = """
set -eu
work=$1
for place in etc usr/local; do
  mkdir -p "$work/up/$place" "$work/aside/$place"
  mount -t overlay none "/$place" \
    -o "lowerdir=/$place,upperdir=$work/up/$place,workdir=$work/aside/$place"
done
for place in opt boot var/lib; do
  mkdir -p "$work/up/$place"
  mount --bind "$work/up/$place" "/$place"
done
shift
for wheels in "$@"; do
  bash firmware_config/install.sh --model generic --no-packages --wheels "$wheels"
  /opt/clinicscope/current/bin/clinicscope
done
# The one that people type, which becomes the service's user.
clinicscope
bash firmware_config/install.sh --model generic --uninstall --purge
"""


def test_program_is_installed_without_a_network_and_taken_away(tmp_path: Path) -> None:
    small_wheel(tmp_path / "wheels", "9.0.0")
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    words = [*as_root, "unshare", "--mount", "--net", "sh", "-c", _ON_A_DEVICE, "sh"]
    done = run(*words, tmp_path / "work", tmp_path / "wheels", tmp_path / "wheels")
    assert done.returncode == 0, done.stdout
    told = done.stdout.split("clinicscope, version ")
    assert [part[:5] for part in told[1:]] == ["9.0.0"] * 3
    assert "nothing had to be changed" in told[1] and "nothing had" not in told[0]
    assert "records, settings and keys are deleted" in told[3]
    assert not list((tmp_path / "work/up/opt").iterdir())
    assert not (tmp_path / "work/up/var/lib/clinicscope").exists()


def test_camera_parts_are_those_that_were_tried_on_arm64() -> None:
    tried = Path("tests/arm64/picamera2.lock").read_text()
    for board in ("rpi4", "rpi5"):
        for part in (FIRMWARE / f"devices/{board}/camera.lock").read_text().split("\npidng"):
            assert part.strip() in tried


def test_power_mode_is_found_by_its_name(tmp_path: Path) -> None:
    conf = tmp_path / "nvpmodel.conf"
    conf.write_text("< POWER_MODEL ID=0 NAME=15W >\n< POWER_MODEL ID=1 NAME=25W >\nx\n")
    for name in ("nvpmodel", "jetson_clocks"):
        (tmp_path / name).write_text(f'#!/bin/sh\necho "{name} $*"\n')
        (tmp_path / name).chmod(0o755)
    script = FIRMWARE / "devices/jetson_orin_nano/power-mode"
    path = ["env", f"PATH={tmp_path}:{os.environ['PATH']}", f"NVPMODEL_CONF={conf}"]
    done = run(*path, "sh", script)
    assert done.stdout.splitlines()[:2] == ["nvpmodel -m 1", "jetson_clocks "]
    assert "nvpmodel -m 0" in run(*path, "sh", script, "MAXN", "15W").stdout
    refused = run(*path, "sh", script, "MAXN")
    assert refused.returncode == 4 and "choose one of:\n  15W\n  25W" in refused.stdout


def test_shell_scripts_are_sound(tmp_path: Path) -> None:
    scripts = [INSTALL, *(FIRMWARE / "helpers").iterdir(), *FIRMWARE.glob("devices/*/power-mode"),
               Path("tests/firmware/install_tools.sh")]  # fmt: skip
    done = run("shellcheck", "--external-sources", "--source-path=SCRIPTDIR", *scripts)
    assert done.returncode == 0, done.stdout
    spoilt = tmp_path / "spoilt"
    spoilt.write_text("#!/bin/sh\nrm -rf $1/*\n")
    assert json.loads(run("shellcheck", "--format=json", spoilt).stdout)
