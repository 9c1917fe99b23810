"""udev reads our rules, and they hit the devices that they are for: drawn by umockdev."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.firmware.units import FIRMWARE, run

USB = "/devices/pci0000:00/0000:00:14.0/usb1"
# Rules as udev finds them, in a /run of their own. What only a running udevd does is told as a
# property instead.
_SCRIPT = """
set -eu
mount -t tmpfs none /run
mkdir -p /run/udev/rules.d
for file in "$3"/*.rules; do
  sed -E 's/(MODE|GROUP|SYMLINK)\\+?="([^"]*)"/ENV{TOLD_\\1}="\\2"/g' "$file" \
    > "/run/udev/rules.d/${file##*/}"
done
umockdev-run --device "$1" -- udevadm test --action=add "/sys$2"
"""


def ask(folder: Path, path: str, *lines: str, rules: Path = FIRMWARE / "udev") -> str:
    """What udev makes of one device."""
    device = folder / "device.umockdev"
    device.write_text("\n".join([f"P: {path}", *lines, ""]))
    words = ("unshare", "--map-root-user", "--mount", "sh", "-c", _SCRIPT, "sh")
    done = run(*words, device, path, rules)
    assert done.returncode == 0, done.stdout
    return done.stdout


def properties(told: str) -> dict[str, str]:
    lines = (line.split("=", 1) for line in told.splitlines() if "=" in line)
    return {words[0]: words[1] for words in lines}


def usb(vendor: str, product: str, interfaces: str = ":ff0000:") -> list[str]:
    return [
        "E: DEVTYPE=usb_device",
        "E: DEVNAME=/dev/bus/usb/001/004",
        "E: SUBSYSTEM=usb",
        f"E: ID_USB_INTERFACES={interfaces}",
        f"A: idVendor={vendor}\\n",
        f"A: idProduct={product}\\n",
        "A: power/control=auto\\n",
    ]


@pytest.mark.parametrize(("vendor", "product"), [("1a6e", "089a"), ("18d1", "9302")])
def test_coral_on_usb_is_the_services(tmp_path: Path, vendor: str, product: str) -> None:
    told = properties(ask(tmp_path, f"{USB}/1-2", *usb(vendor, product)))
    assert (told["TOLD_MODE"], told["TOLD_GROUP"]) == ("0660", "plugdev")


def test_camera_on_usb_does_not_sleep_and_keeps_its_name(tmp_path: Path) -> None:
    told = ask(tmp_path, f"{USB}/1-4", *usb("046d", "0825", ":0e0100:0e0200:"))
    assert "/power/control' writing 'on'" in told and "TOLD_MODE" not in told
    node = ["E: DEVNAME=/dev/video0", "E: SUBSYSTEM=video4linux", "E: ID_BUS=usb", "A: index=0\\n"]
    told = ask(tmp_path, f"{USB}/1-4/1-4:1.0/video4linux/video0", *node)
    assert properties(told)["TOLD_SYMLINK"] == "clinicscope-camera"


def test_other_device_is_left_alone(tmp_path: Path) -> None:
    told = ask(tmp_path, f"{USB}/1-5", *usb("046d", "c31c", ":030101:"))
    assert "TOLD_" not in told and "/power/control' writing" not in told


def partition(bus: str, usage: str) -> list[str]:
    return [
        "E: DEVTYPE=partition",
        "E: DEVNAME=/dev/sdz1",
        "E: SUBSYSTEM=block",
        f"E: ID_BUS={bus}",
        f"E: ID_FS_USAGE={usage}",
    ]


@pytest.mark.parametrize(
    ("bus", "usage", "wanted"),
    [("usb", "filesystem", True), ("ata", "filesystem", False), ("usb", "crypto", False)],
)
def test_stick_is_mounted_and_looked_through(
    tmp_path: Path, bus: str, usage: str, wanted: bool
) -> None:
    path = f"{USB}/1-3/1-3:1.0/host0/target0:0:0/0:0:0:0/block/sdz/sdz1"
    told = properties(ask(tmp_path, path, *partition(bus, usage)))
    assert told.get("SYSTEMD_WANTS") == ("clinicscope-stick@sdz1.service" if wanted else None)
    assert told.get("UDISKS_AUTO") == ("0" if wanted else None)


def complaints(told: str) -> list[str]:
    marks = ("Invalid", "Unknown", "ignoring", "Failed to resolve")
    lines = (line for line in told.splitlines() if "/run/udev/rules.d/" in line)
    return [line for line in lines if any(mark in line for mark in marks)]


def test_udev_reads_every_rule_and_says_where_one_is_wrong(tmp_path: Path) -> None:
    lines = usb("1a6e", "089a")
    assert complaints(ask(tmp_path, f"{USB}/1-2", *lines)) == []
    spoilt = tmp_path / "rules"
    spoilt.mkdir()
    (spoilt / "60-spoilt.rules").write_text('SUBSYSTEN=="usb", ENV{A}="1"\n')
    assert complaints(ask(tmp_path, f"{USB}/1-2", *lines, rules=spoilt))
