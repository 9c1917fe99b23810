"""Which bundles are on this device, which one is active, and opening it on a runtime."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.accelerators import choose, join
from edge.bundle_choice import read_choices
from edge.bundle_list import InstalledBundle, bundles_in, mark_active
from edge.config import DeviceConfig
from edge.contract.bundle import Bundle, open_bundle
from edge.contract.errors import BundleError, ClinicScopeError
from edge.contract.labels import MALARIA_CELLS, MALARIA_STAGES, MALARIA_SUPERRES
from edge.enhancement.enhancer import Enhancer, enhancer_of
from edge.runtimes.base import Runtime
from edge.screening.calls import check_reads_fields
from edge.screening.classifier import Classifier
from edge.screening.finder import LearnedFinder
from edge.screening.novelty import NoveltyNetwork
from edge.screening.reference import reference_of
from edge.screening.screener import NOT_ASKED, Screener
from edge.screening.stages import StageNetwork

log = logging.getLogger(__name__)

SHIPPED_DIR = Path(__file__).parent / "bundles"


def list_bundles(home: Path, shipped: Path = SHIPPED_DIR) -> list[InstalledBundle]:
    """Every bundle shipped with the program or installed in the data directory.

    Of each task the one that a person chose is active, else the newest version. Hashes of files
    are checked when a bundle is opened, not here.

    Raises:
        ConfigError: what was chosen cannot be read.
    """
    found = [bundle for folder in (shipped, home / "bundles") for bundle in bundles_in(folder)]
    return mark_active(found, {task: kept[-1].sha256 for task, kept in read_choices(home).items()})


def find_bundle(home: Path, named: str, task: str = MALARIA_CELLS) -> Bundle:
    """Opens the bundle that the config names, else the active one of the task.

    Raises:
        BundleError: none is there, or it is altered; see `open_bundle`.
    """
    path = named or _active_path(home, task)
    chosen = "" if path else _chosen_id(home, task)
    if chosen:
        raise BundleError(
            f"bundle {chosen} was chosen for {task!r} and is no longer on this device; install it "
            "again, or choose another with `clinicscope bundle activate`"
        )
    if not path:
        raise BundleError(f"no bundle for {task!r} is installed; give --bundle PATH")
    return open_bundle(Path(path))


def _active_path(home: Path, task: str) -> str:
    """Where the active bundle of a task is; empty where none is installed."""
    for bundle in list_bundles(home):
        if bundle.active and bundle.task == task:
            return bundle.path
    return ""


def _chosen_id(home: Path, task: str) -> str:
    """What a person chose for a task; empty where nobody chose."""
    choices = read_choices(home).get(task, ())
    return choices[-1].bundle_id if choices else ""


def has_enhancer(home: Path, config: DeviceConfig) -> bool:
    """Whether an enhancer is named or installed; `load_enhancer` says whether it can be used."""
    there = config.enhancer or _active_path(home, MALARIA_SUPERRES)
    return bool(there or _chosen_id(home, MALARIA_SUPERRES))


def load_enhancer(home: Path, config: DeviceConfig) -> Enhancer:
    """The network that makes pictures larger, proven by its golden tensors.

    Raises:
        BundleError, HardwareError: there is none, or it must not be used.
    """
    return prove_enhancer(find_bundle(home, config.enhancer, MALARIA_SUPERRES), config, home)


def prove_enhancer(bundle: Bundle, config: DeviceConfig, home: Path | None = None) -> Enhancer:
    """See `load_enhancer`; the bundle is open already. `home` is for `prove_screener`."""
    enhancer_of(bundle)
    (runtime,) = _choose(bundle, ("enhancer",), config, home)
    return Enhancer(bundle, runtime)


def load_any(home: Path, config: DeviceConfig) -> Classifier | Enhancer:
    """The bundle that the config names, whatever it is for; else the classifier of cells.

    Raises:
        BundleError, HardwareError: the device must not use it.
    """
    return prove_any(find_bundle(home, config.bundle), config, home)


def prove_any(
    bundle: Bundle, config: DeviceConfig, home: Path | None = None
) -> Classifier | Enhancer:
    """See `load_any`; the bundle is open already. `home` is for `prove_screener`."""
    if bundle.manifest.enhancer:
        return prove_enhancer(bundle, config, home)
    return prove_classifier(bundle, config, home)


def load_classifier(home: Path, config: DeviceConfig) -> Classifier:
    """Bundle of any task and runtime, proven by the golden tensors; a Screener if it reads fields.

    Raises:
        BundleError, HardwareError: the device must not use it.
    """
    return prove_classifier(find_bundle(home, config.bundle), config, home)


def prove_classifier(bundle: Bundle, config: DeviceConfig, home: Path | None = None) -> Classifier:
    """See `load_classifier`; the bundle is open already. `home` is for `prove_screener`."""
    if bundle.manifest.enhancer:
        raise BundleError(
            f"bundle {bundle.manifest.bundle_id} makes pictures larger and calls nothing; use it "
            "with `clinicscope enhance`, or give another --bundle"
        )
    try:
        check_reads_fields(bundle.manifest)
    except BundleError:
        networks = _open_networks(bundle, config, home)
        return Classifier(bundle, networks.classifier, novelty=networks.novelty)
    return prove_screener(bundle, config, home)


def load_screener(home: Path, config: DeviceConfig) -> Screener:
    """Bundle and runtime to read fields with, proven by the golden tensors.

    Raises:
        BundleError, HardwareError: the device must not screen.
    """
    return prove_screener(find_bundle(home, config.bundle), config, home)


def prove_screener(bundle: Bundle, config: DeviceConfig, home: Path | None = None) -> Screener:
    """See `load_screener`; the bundle is open already.

    Args:
        home: where the bundle of stages is looked for, beside the shipped one, and where is kept
            what was measured of accelerators; None opens no stages and keeps nothing.
    """
    check_reads_fields(bundle.manifest)
    networks = _open_networks(bundle, config, home)
    stages, problem = None, NOT_ASKED
    if home is not None:
        stages, problem = open_stages(home, config, networks.classifier)
    return Screener(
        bundle,
        networks.classifier,
        novelty=networks.novelty,
        finder=networks.finder,
        stages=stages,
        stages_problem=problem,
        site=config.site,
        reference=reference_of(bundle.manifest),
    )


def open_stages(
    home: Path, config: DeviceConfig, beside: Runtime | None = None
) -> tuple[StageNetwork | None, str]:
    """The active network of stages, or None and why: screening goes on without.

    Args:
        beside: the classifier, which it must be served with, since a record names one runtime;
            None takes what serves it best.
    """
    there = _active_path(home, MALARIA_STAGES) or _chosen_id(home, MALARIA_STAGES)
    if not there:
        return None, f"no bundle for {MALARIA_STAGES!r} is installed"
    try:
        bundle = find_bundle(home, "", MALARIA_STAGES)
        if beside is not None:
            return StageNetwork(bundle, join(beside, bundle, "classifier")), ""
        (opened,) = _choose(bundle, ("classifier",), config, home)
        return StageNetwork(bundle, opened), ""
    except ClinicScopeError as error:
        log.warning("stages are not told apart: %s", error)
        return None, str(error)


@dataclass(frozen=True, eq=False)
class _Networks:
    """A bundle's networks, served together."""

    classifier: Runtime
    novelty: NoveltyNetwork | None
    finder: LearnedFinder | None


def _open_networks(bundle: Bundle, config: DeviceConfig, home: Path | None) -> _Networks:
    """The classifier and, where the bundle has them, second opinion and finder."""
    manifest = bundle.manifest
    beside = {"novelty": manifest.novelty, "finder": manifest.finder}
    roles = [role for role, section in beside.items() if section]
    runtime, *others = _choose(bundle, ("classifier", *roles), config, home)
    opened = dict(zip(roles, others, strict=True))
    novelty = NoveltyNetwork(bundle, opened["novelty"]) if "novelty" in opened else None
    finder = LearnedFinder(bundle, opened["finder"]) if "finder" in opened else None
    return _Networks(runtime, novelty, finder)


def _choose(
    bundle: Bundle, roles: Sequence[str], config: DeviceConfig, home: Path | None
) -> tuple[Runtime, ...]:
    """The networks on what serves them best of what the config allows."""
    return choose(
        bundle,
        roles,
        config.accelerators,
        runtimes=config.runtimes,
        threads=config.threads,
        home=home,
    ).runtimes
