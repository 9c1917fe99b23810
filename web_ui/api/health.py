"""How the device is, for whoever watches over several."""

from __future__ import annotations

import shutil
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from edge.cameras.status import CameraStatus
from edge.screening.state import ServiceState
from edge.store.outbox import Outbox
from edge.store.records import UNSENT, WAITING
from edge.store.tokens import HEALTH
from web_ui.api.operations import operation
from web_ui.api.values import CameraHealth, Health
from web_ui.context import context


@operation("/health", tag="health", scope=HEALTH, answer=Health)
def show_health() -> Health:
    """Whether the device may screen, on what, and what waits."""
    state, store = context().service.state(), context().store
    counts, ran_on = Outbox(store).counts(), state.ran_on
    return Health(
        ready=state.ready,
        problem=state.problem,
        version=program_version(),
        screening=at_work(state),
        bundle_id=ran_on.bundle_id if ran_on else None,
        runtime=ran_on.runtime if ran_on else None,
        accelerator=ran_on.accelerator if ran_on else None,
        fallback=bool(ran_on and ran_on.fallback),
        fallback_why=ran_on.fallback_why if ran_on else "",
        camera=_camera(state.camera),
        disk_free_bytes=shutil.disk_usage(store.home).free,
        waiting_to_send=counts[WAITING],
        given_up=counts[UNSENT],
    )


def at_work(state: ServiceState) -> str | None:
    """Id of the specimen that is being screened; None where none is."""
    progress = state.progress
    return progress.specimen_id if progress and progress.running else None


@cache
def program_version() -> str:
    """Of this program; "unknown" where it runs without having been installed."""
    try:
        return version("clinicscope")
    except PackageNotFoundError:
        return "unknown"


def _camera(status: CameraStatus | None) -> CameraHealth | None:
    if status is None:
        return None
    return CameraHealth(status.camera, status.state, status.words.title, status.words.advice)
