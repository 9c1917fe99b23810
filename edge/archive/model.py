"""The networks on their way to the workers: sent whole, opened once a process, and the same."""

from __future__ import annotations

import hashlib
import pickle
import platform
from dataclasses import dataclass, replace
from pathlib import Path

import cv2

from edge.accelerators import join
from edge.accelerators.settings import AcceleratorSettings
from edge.config import DeviceConfig
from edge.contract.bundle import Bundle
from edge.contract.errors import ConfigError
from edge.contract.site import SiteCheck
from edge.contract.types import RanOn
from edge.installed import load_screener, prove_screener
from edge.screening.screener import Screener
from edge.screening.stages import StageNetwork

# An archive is computed by processors: they are what all nodes have, and give the same numbers.
PROCESSOR = AcceleratorSettings(names=("cpu",))
# The last one opened in this process, by the sha256 of what it was sent as.
_opened: dict[str, Screener] = {}


@dataclass(frozen=True)
class Model:
    """What a worker opens, as the driver proved it.

    Attributes:
        stages: the bundle that names stages; None where none does.
        site: the site's check of the driver's device.
        ran_on: what the driver's is; a worker's must be the same.
    """

    bundle: Bundle
    stages: Bundle | None
    site: SiteCheck | None
    ran_on: RanOn


def load_model(home: Path, config: DeviceConfig) -> tuple[bytes, RanOn]:
    """The networks that the config names, proven here; packed, and what runs them.

    Raises:
        BundleError, HardwareError: they must not be used.
    """
    here = replace(config, accelerators=PROCESSOR, threads=config.threads or 1)
    screener = load_screener(home, here)
    stages = screener.stages.bundle if screener.stages else None
    packed = pickle.dumps(Model(screener.bundle, stages, config.site, screener.ran_on))
    _remember(packed, screener)
    return packed, screener.ran_on


def open_model(packed: bytes) -> Screener:
    """The screener of a packed model, proven by its golden tensors once a process.

    Raises:
        ConfigError: this machine would compute on something else than the driver.
        BundleError, HardwareError: it cannot be opened here.
    """
    key = hashlib.sha256(packed).hexdigest()
    if key not in _opened:
        _remember(packed, _open(pickle.loads(packed)))
    return _opened[key]


def _remember(packed: bytes, screener: Screener) -> None:
    for other in _opened.values():
        other.close()
    _opened.clear()
    _opened[hashlib.sha256(packed).hexdigest()] = screener


def _open(model: Model) -> Screener:
    """In a worker's process, which has as many CPUs as its networks have threads."""
    ran_on = model.ran_on
    cv2.setNumThreads(ran_on.threads)
    config = DeviceConfig(
        threads=ran_on.threads,
        runtimes=(ran_on.runtime,),
        accelerators=PROCESSOR,
        site=model.site,
    )
    screener = prove_screener(model.bundle, config)
    stages = None
    if model.stages:
        beside = join(screener.runtime, model.stages, "classifier")
        stages = StageNetwork(model.stages, beside)
    screener = replace(screener, stages=stages, stages_problem=ran_on.stages_problem)
    if screener.ran_on != ran_on:
        raise ConfigError(
            f"node {platform.node()} computes with {screener.ran_on}, the driver with {ran_on}; "
            "install the same program on all nodes"
        )
    return screener
