"""What decides here: runtimes, accelerators, and bundles proven by their golden tensors."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from edge.accelerators import probe
from edge.accelerators.libraries import RUNTIME_MODULES
from edge.accelerators.proof import list_edgetpus
from edge.config import DeviceConfig
from edge.contract.errors import ClinicScopeError
from edge.contract.site import shift_in_force
from edge.health.check import ABSENT, FAILED, OK, PRESENT, WARNING, Check
from edge.installed import find_bundle, has_enhancer, load_enhancer, load_screener, open_stages
from edge.screening.screener import Screener

RUNTIME_PACKAGES = {
    "litert": "ai-edge-litert",
    "tflite_runtime": "tflite-runtime",
    "onnx": "onnxruntime",
}


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


def check_bundles(home: Path, config: DeviceConfig) -> list[Check]:
    """The networks, the one that decides first."""
    checks = (check_bundle, check_site, check_stages, check_enhancer)
    return [check(home, config) for check in checks]
