"""Temperatures, clocks, governors, throttling and supply of this machine, as its files tell.

Everything is read below a root, `/` on a device; programs that tell more (vcgencmd of a Raspberry
Pi, tegrastats of a Jetson) are asked where they are on the PATH.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path("/")
# Bits of the firmware's word, Raspberry Pi documentation, vcgencmd get_throttled. What has happened
# since boot is the same bit, 16 higher.
_BITS = {0: "under-voltage", 1: "clock capped", 2: "throttled", 3: "soft temperature limit"}
_SINCE_BOOT = 16
_FIRMWARE = "sys/devices/platform/soc/soc:firmware/get_throttled"
_PROGRAM_S = 3.0


@dataclass(frozen=True)
class Sensors:
    """One reading; what a machine does not tell is empty.

    Attributes:
        temperatures_c: by thermal zone.
        clocks_mhz, most_clocks_mhz: of each core, now and at most.
        governors: of each core.
        now, since_boot: of the firmware's throttle word, in words; since_boot counts from power-on.
        throttle_word: the word itself, as hexadecimal.
        throttle_events: a processor's own counts of thermal and over-current throttling.
        rails_w: power of each supply rail.
    """

    temperatures_c: dict[str, float] = field(default_factory=dict)
    clocks_mhz: tuple[float, ...] = ()
    most_clocks_mhz: tuple[float, ...] = ()
    governors: tuple[str, ...] = ()
    throttle_word: str = ""
    now: tuple[str, ...] = ()
    since_boot: tuple[str, ...] = ()
    throttle_events: int | None = None
    rails_w: dict[str, float] = field(default_factory=dict)

    @property
    def hottest_c(self) -> float | None:
        """The highest temperature; None where none is told."""
        return max(self.temperatures_c.values(), default=None)


def read_sensors(root: Path = ROOT) -> Sensors:
    """Reads what there is; a file that is absent, or that may not be read, is left out."""
    word, told = read_throttle(root), _tegrastats()
    now, since_boot = words_of_throttle(word)
    cores = sorted(root.glob("sys/devices/system/cpu/cpu[0-9]*/cpufreq"))
    return Sensors(
        read_temperatures(root) | _tegra_temperatures(told),
        tuple(_numbers(cores, "scaling_cur_freq", 1e-3)),
        tuple(_numbers(cores, "cpuinfo_max_freq", 1e-3)),
        tuple(text for core in cores if (text := read_text(core / "scaling_governor"))),
        word,
        now,
        since_boot,
        _throttle_events(root),
        dict(hwmon_rails(root)) or _tegra_rails(told),
    )


def read_temperatures(root: Path = ROOT) -> dict[str, float]:
    """Degrees Celsius by sensor, from files alone: no program is started."""
    return dict(_temperatures(root))


def read_throttle(root: Path = ROOT) -> str:
    """A Raspberry Pi's throttle word as hexadecimal; empty on any other machine."""
    said = re.search(r"throttled=0x([0-9a-fA-F]+)", _ask("vcgencmd", "get_throttled"))
    return _as_word(said.group(1)) if said else read_throttle_file(root)


def read_throttle_file(root: Path = ROOT) -> str:
    """The same from the kernel's file alone: no program is started."""
    return _as_word(read_text(root / _FIRMWARE))


def _as_word(text: str) -> str:
    return f"0x{int(text, 16):x}" if re.fullmatch(r"[0-9a-fA-F]+", text) else ""


def words_of_throttle(word: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What a throttle word says of now, and of the time since power-on."""
    bits = int(word, 16) if word else 0
    return (
        tuple(name for bit, name in _BITS.items() if bits >> bit & 1),
        tuple(name for bit, name in _BITS.items() if bits >> (bit + _SINCE_BOOT) & 1),
    )


def hwmon_rails(root: Path) -> Iterator[tuple[str, float]]:
    """Watts of each rail of a power monitor (INA219, INA260, INA3221 and their like).

    hwmon's units: power in microwatt, current in milliampere, voltage in millivolt.
    """
    for chip in sorted(root.glob("sys/class/hwmon/hwmon*")):
        name = read_text(chip / "name")
        for file in sorted(chip.glob("power*_input")):
            if (value := read_number(file)) is not None:
                label = read_text(chip / file.name.replace("_input", "_label"))
                yield label or f"{name} {file.name.removesuffix('_input')}", value / 1e6
        if any(chip.glob("power*_input")):
            continue
        for file in sorted(chip.glob("curr*_input")):
            # A channel's current and voltage have the same number.
            number = file.name.removeprefix("curr").removesuffix("_input")
            amount, volts = read_number(file), read_number(chip / f"in{number}_input")
            if amount is not None and volts is not None:
                label = read_text(chip / f"in{number}_label")
                yield label or f"{name} channel {number}", amount * volts / 1e6


def read_text(path: Path) -> str:
    """A file's text without white space or NUL at its ends; empty where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip("\0 \n\t")
    except OSError:
        return ""


def read_number(path: Path) -> float | None:
    """A file's number; None where there is none."""
    try:
        return float(read_text(path))
    except ValueError:
        return None


def _temperatures(root: Path) -> Iterator[tuple[str, float]]:
    for zone in sorted(root.glob("sys/class/thermal/thermal_zone*")):
        value = read_number(zone / "temp")
        if value is not None:
            yield read_text(zone / "type") or zone.name, value / 1000
    # x86 tells its cores' temperatures through hwmon alone.
    for chip in sorted(root.glob("sys/class/hwmon/hwmon*")):
        for file in sorted(chip.glob("temp*_input")):
            value = read_number(file)
            if value is not None:
                yield f"{read_text(chip / 'name')} {file.name.removesuffix('_input')}", value / 1000


def _numbers(folders: list[Path], name: str, factor: float) -> Iterator[float]:
    for folder in folders:
        value = read_number(folder / name)
        if value is not None:
            yield round(value * factor, 1)


def _throttle_events(root: Path) -> int | None:
    """Intel's counts of thermal throttling, and a Jetson's of over-current; None without either."""
    places = (
        "sys/devices/system/cpu/cpu[0-9]*/thermal_throttle/core_throttle_count",
        "sys/class/hwmon/hwmon*/oc*_event_cnt",
    )
    counts = [read_number(file) for place in places for file in root.glob(place)]
    told = [count for count in counts if count is not None]
    return int(sum(told)) if told else None


def _tegrastats() -> str:
    """One line of tegrastats, which goes on until it is stopped."""
    return _ask("tegrastats", "--interval", "100")


def _tegra_temperatures(line: str) -> dict[str, float]:
    found = re.findall(r"(\w+)@(-?[\d.]+)C", line)
    # A sensor that is switched off says -256.
    return {name: float(value) for name, value in found if float(value) > -50}


def _tegra_rails(line: str) -> dict[str, float]:
    found = re.findall(r"\b(V\w+|POM_\w+) (\d+)(?:mW)?/\d+", line)
    return {name: int(now_mw) / 1000 for name, now_mw in found}


def _ask(program: str, *words: str) -> str:
    """The first line that a program prints; empty where it is absent or silent."""
    path = shutil.which(program)
    if path is None:
        return ""
    child = subprocess.Popen(
        [path, *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        return _first_line(child)
    finally:
        child.kill()
        child.wait()
        if child.stdout:
            child.stdout.close()


def _first_line(child: subprocess.Popen[str]) -> str:
    import select

    if child.stdout is None or not select.select([child.stdout], [], [], _PROGRAM_S)[0]:
        return ""
    return child.stdout.readline()
