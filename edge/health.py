"""The device's health: each check gives a state and what to do, and can be tripped in a test."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from edge.accelerators import probe
from edge.accelerators.libraries import RUNTIME_MODULES
from edge.accelerators.proof import list_edgetpus
from edge.cameras.device import attached_cameras, try_camera
from edge.config import DeviceConfig
from edge.contract.errors import CameraError, ClinicScopeError, EndOfSourceError
from edge.contract.site import shift_in_force
from edge.installed import find_bundle, has_enhancer, load_enhancer, load_screener, open_stages
from edge.screening.screener import Screener
from edge.store.files import write_durably
from edge.store.store import Store

OK, WARNING, FAILED = "ok", "warning", "failed"
# Of an accelerator: a device need not have it.
PRESENT, ABSENT = "present", "absent"
# A 12-megapixel field as JPEG is 4 MB and a specimen has about 40 of them.
LOW_DISK_BYTES = 2 * 1024**3
FULL_DISK_BYTES = 256 * 1024**2
RUNTIME_PACKAGES = {
    "litert": "ai-edge-litert",
    "tflite_runtime": "tflite-runtime",
    "onnx": "onnxruntime",
}


@dataclass(frozen=True)
class Check:
    """One check's outcome. `advice` is empty where there is nothing to do."""

    name: str
    state: str
    detail: str
    advice: str = ""


def check_disk(home: Path, free_bytes: Callable[[Path], int] | None = None) -> Check:
    """Room for records."""
    free = (free_bytes or _free_bytes)(home)
    detail = f"{free / 1024**3:.1f} GB free in {home}"
    if free < FULL_DISK_BYTES:
        return Check("disk", FAILED, detail, "export and delete old specimens before screening")
    if free < LOW_DISK_BYTES:
        return Check("disk", WARNING, detail, "export and delete old specimens soon")
    return Check("disk", OK, detail)


def _free_bytes(home: Path) -> int:
    return shutil.disk_usage(home).free


def check_home(home: Path) -> Check:
    """The data directory can be written."""
    probe = home / ".probe"
    try:
        home.mkdir(parents=True, exist_ok=True)
        write_durably(probe, b"clinicscope")
        probe.unlink()
    except (OSError, ClinicScopeError) as error:
        return Check("data directory", FAILED, f"{home}: {error}", "set CLINICSCOPE_HOME elsewhere")
    return Check("data directory", OK, str(home))


def check_records(home: Path) -> Check:
    """Database and images are sound."""
    try:
        store = Store(home)
        try:
            problems = store.check_integrity()
        finally:
            store.close()
    except ClinicScopeError as error:
        problems = [str(error)]
    if problems:
        advice = "run `clinicscope doctor --repair`; if that does not help, restore a backup"
        return Check("records", FAILED, "; ".join(problems[:5]), advice)
    return Check("records", OK, "database and images are sound")


def check_runtime(packages: Mapping[str, str] = RUNTIME_PACKAGES) -> Check:
    """A runtime is installed; which of them open the bundle, `check_bundle` says.

    Args:
        packages: package of each runtime, in order of preference.
    """
    found = []
    for name, package in packages.items():
        with suppress(PackageNotFoundError):
            found.append(f"{name}: {package} {version(package)}")
    if found:
        return Check("runtime", OK, ", ".join(found))
    missing = ", ".join(packages.values())
    return Check(
        "runtime",
        FAILED,
        f"none is installed ({missing})",
        f"pip install {next(iter(packages.values()))}",
    )


def list_accelerators(home: Path, config: DeviceConfig) -> list[Check]:
    """Every runtime, delegate and provider: present with its version, or why it is absent."""
    found = []
    for one in probe(config.accelerators, home):
        version_ = f"{RUNTIME_MODULES[one.runtime][0]} {one.version}".strip()
        told = "; ".join(filter(None, (version_, one.detail))) if one.present else one.why
        if one.present and one.device and one.name == "edgetpu":
            told += f"; {_edgetpus(one.device.entry)}"
        found.append(Check(one.key, PRESENT if one.present else ABSENT, told))
    return found


def _edgetpus(library: str) -> str:
    """What the library itself says of its devices, asked in another process."""
    try:
        version_, devices = list_edgetpus(library)
    except ClinicScopeError as error:
        return str(error)
    return f"{version_}; it finds {', '.join(devices) or 'no device'}"


def check_bundle(home: Path, config: DeviceConfig) -> Check:
    """The bundle is intact and its golden tensors come out right on this device."""
    try:
        screener = load_screener(home, config)
    except ClinicScopeError as error:
        return Check("bundle", FAILED, str(error), "install the bundle again; do not screen")
    ran_on = screener.ran_on
    screener.close()
    beside = [name for name in ("novelty", "finder") if getattr(screener, name)]
    tensors = f"golden tensors of {', '.join(['classifier', *beside])}"
    detail = (
        f"{ran_on.bundle_id} ({ran_on.bundle_sha256[:12]}) passes its {tensors} on "
        f"{ran_on.runtime}/{ran_on.accelerator}, {ran_on.threads} threads{_shares(screener)}"
    )
    if ran_on.fallback:
        advice = "repair what was preferred, or choose another accelerator"
        return Check("bundle", WARNING, f"{detail}; a fallback: {ran_on.fallback_why}", advice)
    return Check("bundle", OK, detail)


def _shares(screener: Screener) -> str:
    """How much of each network a device computes; empty where none does."""
    runtimes = {"classifier": screener.runtime, **screener.networks_beside()}
    told = [
        f"{runtime.operations.on_device} of {runtime.operations.total} of {role}"
        for role, runtime in runtimes.items()
        if runtime and runtime.operations
    ]
    return f"; operations on the device: {', '.join(told)}" if told else ""


def check_stages(home: Path, config: DeviceConfig) -> Check:
    """The network of stages is intact; without it the device finds infected cells all the same."""
    stages, problem = open_stages(home, config)
    if stages is None:
        advice = "install a bundle of stages; until then gametocytes are not told apart"
        return Check("stages", WARNING, problem, advice)
    stages.runtime.close()
    detail = (
        f"{stages.bundle.manifest.bundle_id} ({stages.bundle.sha256[:12]}) passes its golden "
        f"tensors on {stages.runtime.name}/{stages.runtime.accelerator}"
    )
    return Check("stages", OK, detail)


def check_site(home: Path, config: DeviceConfig) -> Check:
    """The site's operating point, where one was set, is that of the bundle in use."""
    found = config.site
    if found is None:
        return Check("site", OK, "no check of this site; the bundle's own threshold counts")
    detail = (
        f"threshold moved by {found.shift:+.2f}, checked by {found.checked_by} at "
        f"{found.checked_utc} with {found.bundle_id} ({found.bundle_sha256[:12]})"
    )
    try:
        bundle = find_bundle(home, config.bundle)
    except ClinicScopeError as error:
        return Check("site", WARNING, f"{detail}; not in force: {error}", "see the bundle's check")
    if shift_in_force(found, bundle) is None:
        detail += f"; not in force: {bundle.manifest.bundle_id} ({bundle.sha256[:12]}) is in use"
        advice = "check the site again with this bundle, or `clinicscope site clear`"
        return Check("site", WARNING, detail, advice)
    return Check("site", OK, detail)


def check_enhancer(home: Path, config: DeviceConfig) -> Check:
    """The enhancer, where there is one, is intact; nothing is called on its pictures."""
    if not has_enhancer(home, config):
        return Check("enhancer", OK, "none is installed; the page shows no sharper view")
    try:
        enhancer = load_enhancer(home, config)
    except ClinicScopeError as error:
        advice = "install the enhancer's bundle again, or remove it; screening goes on without it"
        return Check("enhancer", WARNING, str(error), advice)
    ran_on = enhancer.ran_on
    enhancer.close()
    detail = (
        f"{ran_on.bundle_id} ({ran_on.bundle_sha256[:12]}) passes its golden tensors on "
        f"{ran_on.runtime}/{ran_on.accelerator}"
    )
    return Check("enhancer", OK, detail)


def check_camera(config: DeviceConfig) -> Check:
    """The device's camera gives frames; a device need not have one."""
    if not config.camera.name:
        found = [f"{device} ({model})" for device, model in attached_cameras().items()]
        return Check("camera", OK, f"none is set in config.toml; USB: {', '.join(found) or 'none'}")
    try:
        return Check("camera", OK, try_camera(config.camera))
    except (CameraError, EndOfSourceError) as error:
        advice = "while the appliance runs, its page shows the camera; else see docs/cameras.md"
        return Check("camera", WARNING, f"{config.camera.name}: {error}", advice)


def check_all(home: Path, config: DeviceConfig) -> list[Check]:
    """Every check, the data directory first: the others write there."""
    python = Check("python", OK, sys.version.split()[0])
    writable = check_home(home)
    if writable.state == FAILED:
        found = list_accelerators(home, config)
        rest = [*found, check_camera(config), *_check_bundles(home, config)]
        return [python, writable, check_runtime(), *rest]
    return [
        python,
        writable,
        check_disk(home),
        check_records(home),
        check_runtime(),
        *list_accelerators(home, config),
        check_camera(config),
        *_check_bundles(home, config),
    ]


def _check_bundles(home: Path, config: DeviceConfig) -> list[Check]:
    checks = (check_bundle, check_site, check_stages, check_enhancer)
    return [check(home, config) for check in checks]
