"""What reads single pictures and chest X-rays behind the pages: one worker for all of an app."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from edge.config import load_config
from edge.contract.labels import MALARIA_CELLS
from edge.installed import find_bundle, prove_classifier
from edge.screening.batches import Batches
from edge.screening.picture_worker import PictureWorker
from edge.xray.service import XrayService

if TYPE_CHECKING:
    from edge.accelerators.settings import AcceleratorSettings
    from edge.screening.classifier import Classifier
    from edge.store.store import Store

FOLDER = "single-pictures"


@dataclass(frozen=True, eq=False)
class SinglePictures:
    """One worker, and who gives it work."""

    worker: PictureWorker
    xrays: XrayService
    batches: Batches


def open_pictures(store: Store, load: Callable[[str], Classifier] | None = None) -> SinglePictures:
    """Ready at once: a bundle is opened when the first picture for it comes.

    Args:
        store: of the clinic's records; pictures that are no record lie beside it.
        load: opens a task's bundle; None takes the device's active one.
    """
    worker = PictureWorker(load or active_bundle(store.home))
    return SinglePictures(worker, XrayService(store, worker), Batches(worker, store.home / FOLDER))


def active_bundle(
    home: Path, accelerators: AcceleratorSettings | None = None
) -> Callable[[str], Classifier]:
    """Opens the bundle that is active for a task when it is called.

    Args:
        home: the data directory.
        accelerators: what the program was told to compute with; None takes the config's.
    """

    def load(task: str) -> Classifier:
        config = load_config(home)
        if accelerators is not None:
            config = replace(config, accelerators=accelerators)
        named = config.bundle if task == MALARIA_CELLS else ""
        return prove_classifier(find_bundle(home, named, task), config, home)

    return load
