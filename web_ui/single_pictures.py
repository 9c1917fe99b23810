"""What reads single pictures and chest X-rays behind the pages: one worker for all of an app."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge.config import load_config
from edge.contract.labels import MALARIA_CELLS
from edge.installed import find_bundle, prove_classifier
from edge.screening.batches import Batches
from edge.screening.picture_worker import PictureWorker
from edge.xray.service import XrayService

if TYPE_CHECKING:
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


def active_bundle(home: Path) -> Callable[[str], Classifier]:
    """Opens the bundle that is active for a task when it is called."""

    def load(task: str) -> Classifier:
        config = load_config(home)
        named = config.bundle if task == MALARIA_CELLS else ""
        return prove_classifier(find_bundle(home, named, task), config, home)

    return load
