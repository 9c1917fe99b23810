"""A tree of sysfs and procfs files as boards have them, on the disk, and programs as they print."""

from __future__ import annotations

from pathlib import Path

CPU_JIFFIES = "cpu  {user} 0 500 90000 0 0 0 {stolen} 0 0\n"


def write_file(root: Path, name: str, content: str) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def write_pi(root: Path, word: str = "0", governor: str = "performance") -> Path:
    """A Raspberry Pi 4: one thermal zone, four cores, the firmware's throttle word."""
    write_file(root, "sys/class/thermal/thermal_zone0/type", "cpu-thermal\n")
    write_file(root, "sys/class/thermal/thermal_zone0/temp", "48312\n")
    for core in range(4):
        folder = f"sys/devices/system/cpu/cpu{core}/cpufreq"
        write_file(root, f"{folder}/scaling_cur_freq", "1800000\n")
        write_file(root, f"{folder}/cpuinfo_max_freq", "1800000\n")
        write_file(root, f"{folder}/scaling_governor", f"{governor}\n")
    write_file(root, "sys/devices/platform/soc/soc:firmware/get_throttled", f"{word}\n")
    write_file(root, "proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.4\0")
    write_file(root, "proc/loadavg", "0.08 0.03 0.01 1/180 977\n")
    write_file(root, "proc/stat", CPU_JIFFIES.format(user=4000, stolen=0))
    return root


def write_monitor(root: Path, number: int, name: str, **files: str) -> None:
    """A chip below hwmon."""
    folder = f"sys/class/hwmon/hwmon{number}"
    write_file(root, f"{folder}/name", f"{name}\n")
    for file, content in files.items():
        write_file(root, f"{folder}/{file}", f"{content}\n")


def write_rapl(root: Path, energy_uj: int = 0, most_uj: int = 262_143_328_850) -> Path:
    """The counter of one processor package; its part must not be counted twice."""
    write_file(root, "sys/class/powercap/intel-rapl:0/name", "package-0\n")
    write_file(root, "sys/class/powercap/intel-rapl:0/max_energy_range_uj", f"{most_uj}\n")
    write_file(root, "sys/class/powercap/intel-rapl:0:0/energy_uj", "999999999\n")
    return write_file(root, "sys/class/powercap/intel-rapl:0/energy_uj", f"{energy_uj}\n")


def write_program(folder: Path, name: str, script: str) -> None:
    """A program of that name, which a shell runs."""
    path = write_file(folder, name, f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
