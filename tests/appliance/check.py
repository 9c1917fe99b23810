"""Does the service live under a real systemd as a device's should?

    python -m tests.appliance.check ROOT [--json RECORD]

ROOT is what firmware_config/image/make_root.sh makes for this machine's own architecture; it is
started in systemd-nspawn with nothing but its own files, and the service is hung, crashed and cut
off. Exit code 1 where a check failed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import click

from tests.appliance.machine import HOME, UNIT, Machine, MachineError, missing

PAGE = "https://127.0.0.1"
# The goal for a start here; what a board takes is for the board to say.
START_LIMIT_S = 5.0
# The quickest counts: what else this machine does is not the program's.
STARTS = 3
SECURITY_LIMIT = 2.5
# systemd looks at a watchdog as late as its own timers' accuracy, and the machine may be busy.
LATE_S = 5.0
HOTSPOT = "/etc/NetworkManager/system-connections/clinicscope-hotspot.nmconnection"
# After the budget of restarts is spent.
MOST_CRASHES = 8


@dataclass
class Finding:
    """What one check found."""

    name: str
    passed: bool
    figures: dict[str, Any] = field(default_factory=dict)
    says: str = ""


class CheckError(Exception):
    """A check did not find what it should; the figures that it found all the same are kept."""

    def __init__(self, says: str, figures: dict[str, Any] | None = None) -> None:
        super().__init__(says)
        self.figures = figures or {}


def page_answers(device: Machine, address: str = "/healthz", *words: str) -> dict[str, Any]:
    """The first wanted answer."""
    found: dict[str, Any] = json.loads(
        device.python("tests.appliance.page", PAGE + address, *words, timeout_s=300)
    )
    return found


def seconds(device: Machine, name: str, unit: str = UNIT) -> float:
    """A time of a unit by CLOCK_MONOTONIC."""
    return int(device.show(unit, name)) / 1e6


def start_took_s(device: Machine) -> dict[str, float]:
    """From systemd's decision to the word of the program that it is ready, and to its page."""
    page = page_answers(device, "/healthz", "--within", "90")
    began = seconds(device, "InactiveExitTimestampMonotonic")
    return {
        "ready_s": round(seconds(device, "ActiveEnterTimestampMonotonic") - began, 2),
        "page_s": round(page["at_s"] - began, 2),
        # What it costs on an idle machine; the rest is waiting for this one.
        "cpu_s": round(int(device.show(UNIT, "CPUUsageNSec")) / 1e9, 2),
    }


def check_boot(device: Machine) -> dict[str, Any]:
    """Every unit of a device starts, and none fails."""
    took_s = device.start()
    failed = device.run("systemctl", "list-units", "--failed", "--no-legend", "--plain")
    said = device.run("systemctl", "list-units", "clinicscope*", "--no-legend", "--plain", "--all")
    units = [line.split() for line in said.strip().split("\n")]
    figures = {"boot_s": round(took_s, 1), "units": {one[0]: "/".join(one[1:4]) for one in units}}
    if failed or any(one[1] != "loaded" for one in units):
        raise CheckError(f"failed, or not even loaded: {failed}", figures)
    return figures


def check_first_boot(device: Machine) -> dict[str, Any]:
    """It has drawn its name and its hotspot's password, and let in nothing but its page."""
    name = device.run("cat", "/proc/sys/kernel/hostname").strip()
    hotspot = device.run("stat", "-c", "%a %U", HOTSPOT).strip()
    rules = device.run("nft", "list", "table", "inet", "clinicscope")
    figures = {"name": name, "hotspot": hotspot, "firewall_lines": len(rules.split("\n"))}
    if not re.fullmatch(r"clinicscope-[a-z0-9]{4}", name) or hotspot != "600 root":
        raise CheckError("its name or its hotspot is not as it should be", figures)
    if "policy drop" not in rules:
        raise CheckError("the firewall lets everything in", figures)
    return figures


def check_start(device: Machine) -> dict[str, Any]:
    """The page answers once the unit is active; a start after the first is within the goal."""
    first, again = start_took_s(device), []
    for _ in range(STARTS):
        device.run("systemctl", "restart", UNIT)
        again.append(start_took_s(device))
    figures = {"first": first, "again": again, "limit_s": START_LIMIT_S}
    if (best := min(one["ready_s"] for one in again)) > START_LIMIT_S:
        raise CheckError(f"a start took {best} s of {START_LIMIT_S:g}", figures)
    return figures


def check_sandbox(device: Machine) -> dict[str, Any]:
    """What systemd in the machine says of the service as it runs."""
    said = device.run("systemd-analyze", "security", "--no-pager", UNIT, check=False)
    found = re.search(r"exposure level for \S+: ([\d.]+)", said)
    score = float(found[1]) if found else 10.0
    pid = device.show(UNIT, "MainPID")
    status = device.run("cat", f"/proc/{pid}/status")
    who = device.run("ps", "-o", "user=", "-p", pid).strip()
    figures = {"exposure": score, "limit": SECURITY_LIMIT, "user": who}
    figures |= dict(re.findall(r"^(NoNewPrivs|Seccomp|CapEff):\s+(\S+)", status, re.M))
    if score > SECURITY_LIMIT or who != "clinicscope" or figures["NoNewPrivs"] != "1":
        raise CheckError("it has more than it should", figures)
    return figures


def check_watchdog(device: Machine) -> dict[str, Any]:
    """A process that stands still is ended by systemd within its limit, and started again."""
    limit_s = _span_s(device.show(UNIT, "WatchdogUSec"))
    stop_s = _span_s(device.show(UNIT, "TimeoutStopUSec"))
    old, restarts = device.show(UNIT, "MainPID"), int(device.show(UNIT, "NRestarts"))
    began = time.monotonic()
    device.run("systemctl", "kill", "--kill-whom=main", "--signal=STOP", UNIT)
    _wait(lambda: device.show(UNIT, "MainPID") != old, limit_s + stop_s + LATE_S)
    ended_s = time.monotonic() - began
    page = page_answers(device, "/healthz", "--within", "60")
    figures = {
        "limit_s": limit_s,
        "ended_s": round(ended_s, 1),
        "page_again_s": round(page["at_s"] - began, 1),
        "restarts": int(device.show(UNIT, "NRestarts")) - restarts,
    }
    if "Watchdog timeout" not in device.journal(UNIT):
        raise CheckError("it was not the watchdog that ended it", figures)
    if ended_s > limit_s + LATE_S or figures["restarts"] != 1:
        raise CheckError(f"it was ended after {ended_s:.1f} s, the limit is {limit_s:g}", figures)
    return figures


def check_power_cut(device: Machine) -> dict[str, Any]:
    """After a cut of power the device is the same one, and starts as ever."""
    before = device.run("cat", f"{HOME}/device.json")
    device.cut_power()
    figures: dict[str, Any] = {"boot_s": round(device.start(), 1)} | start_took_s(device)
    figures["mode"] = mode_of(device)
    said = device.run(*_as_user("doctor"), check=False)
    figures["doctor"] = dict(Counter(re.findall(r"^(ok|warning|failed)\b", said, re.M)))
    if figures["mode"] != "normal" or device.run("cat", f"{HOME}/device.json") != before:
        raise CheckError("it is another device, or started in another mode", figures)
    return figures


def check_crashes(device: Machine) -> dict[str, Any]:
    """A service that crashes again and again comes up in safe mode, and its page says so.

    A container has no start of the system of its own, to the kernel: the hang and the cut of power
    before count here, and that another start of the system ends safe mode is not seen here.
    """
    times: list[float] = []
    while len(times) < MOST_CRASHES:
        began = time.monotonic()
        old = device.show(UNIT, "MainPID")
        device.run("systemctl", "kill", "--kill-whom=main", "--signal=SEGV", UNIT)
        _wait(lambda old=old: device.show(UNIT, "MainPID") not in (old, "0"), 60)
        page = page_answers(device, "/", "--status", "200", "503", "--within", "60")
        times.append(round(page["at_s"] - began, 1))
        if mode_of(device) != "normal":
            break
    figures = {
        "crashes": len(times),
        "broke_off": len(starts_of(device)["broken"]),
        "page_again_s": times,
        "mode": mode_of(device),
    }
    if figures["mode"] != "safe" or "safe mode" not in page["body"].lower():
        raise CheckError(f"no safe mode after {len(times)} crashes: {page['body'][:300]}", figures)
    figures["says"] = _sentence(page["body"])
    return figures


def check_way_back(device: Machine) -> dict[str, Any]:
    """A person ends safe mode by one command, and the service screens again."""
    device.run("systemctl", "stop", UNIT)
    said = device.run(*_as_user("doctor", "--repair", "--quick"), check=False)
    device.run("systemctl", "start", UNIT)
    figures: dict[str, Any] = start_took_s(device) | {"mode": mode_of(device)}
    if figures["mode"] != "normal" or "the next start is a normal one" not in said:
        raise CheckError(f"it is still in another mode: {said}", figures)
    return figures


CHECKS: dict[str, Callable[[Machine], dict[str, Any]]] = {
    "boot": check_boot,
    "first boot": check_first_boot,
    "start": check_start,
    "sandbox": check_sandbox,
    "watchdog after SIGSTOP": check_watchdog,
    "power cut": check_power_cut,
    "safe mode after crashes": check_crashes,
    "back to normal": check_way_back,
}


def mode_of(device: Machine) -> str:
    """The mode of the service's last start."""
    return str((starts_of(device)["running"] or {}).get("mode", "ended"))


def starts_of(device: Machine) -> dict[str, Any]:
    """What the service counts of its starts."""
    found: dict[str, Any] = json.loads(device.run("cat", f"{HOME}/starts.json"))
    return found


def find(name: str, check: Callable[[Machine], dict[str, Any]], device: Machine) -> Finding:
    """One check, whatever comes of it."""
    try:
        return Finding(name, True, check(device))
    except CheckError as failed:
        return Finding(name, False, failed.figures, str(failed))
    except (MachineError, OSError, ValueError, KeyError) as error:
        return Finding(name, False, {}, f"{type(error).__name__}: {error}"[-3000:])


def check_all(root: Path, tell: Callable[[Finding], None]) -> list[Finding]:
    """Every check in turn; the first is the one without which none of the others can be."""
    work = Path(tempfile.mkdtemp(prefix="clinicscope-appliance-"))
    device, found = Machine(root, work / "device"), []
    try:
        for name, check in CHECKS.items():
            found.append(find(name, check, device))
            tell(found[-1])
            if name == "boot" and not found[-1].figures:
                break
    finally:
        device.cut_power()
        shutil.rmtree(work)
    return found


def tell(finding: Finding) -> None:
    """One line of a check."""
    figures = ", ".join(f"{name} {value}" for name, value in finding.figures.items())
    click.echo(f"{'passed' if finding.passed else 'FAILED'}  {finding.name}: {figures}")
    if finding.says:
        click.echo(f"        {finding.says}")


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args(words)
    if why := missing():
        click.echo(why, err=True)
        return 3
    found = check_all(asked.root, tell)
    if asked.json:
        record = {
            "machine": f"{platform.machine()}, {os.cpu_count()} cores, systemd-nspawn",
            "system": _release(asked.root),
            # Whether it came before all else here (chrt -r 1), as where it is alone.
            "real_time": os.sched_getscheduler(0) == os.SCHED_RR,
            "checks": [asdict(one) for one in found],
        }
        asked.json.write_text(json.dumps(record, indent=1) + "\n")
    return 0 if len(found) == len(CHECKS) and all(one.passed for one in found) else 1


def _release(root: Path) -> str:
    said = (root / "etc/os-release").read_text()
    return re.search(r'^PRETTY_NAME="(.*)"', said, re.M)[1]  # type: ignore[index]


def _as_user(*words: str) -> list[str]:
    return [
        "setpriv", "--reuid=clinicscope", "--regid=clinicscope", "--clear-groups",
        "env", f"CLINICSCOPE_HOME={HOME}", "/opt/clinicscope/current/bin/clinicscope", *words,
    ]  # fmt: skip


def _span_s(said: str) -> float:
    """systemd's "1min 30s" in seconds."""
    units = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0}
    return sum(float(n) * units[unit] for n, unit in re.findall(r"([\d.]+)(ms|min|s|h)\b", said))


def _wait(is_so: Callable[[], bool], within_s: float) -> None:
    until = time.monotonic() + within_s
    while not is_so():
        if time.monotonic() > until:
            raise MachineError(f"waited {within_s:g} s in vain")
        time.sleep(0.1)


def _sentence(page: str) -> str:
    """What a page says of safe mode."""
    text = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    found = re.search(r"[^.!?]{0,60}broke off[^.!?]{0,120}", text)
    return found[0].strip() if found else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
