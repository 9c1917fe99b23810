"""What the device and this process tell of themselves."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from edge.bench.sensors import ROOT, read_temperatures
from edge.screening.service import ScreeningService
from edge.store.outbox import Outbox
from edge.store.search import Search
from web_ui.metrics.exposition import COUNTER, GAUGE, Family, Sample, labelled, single

_STARTED_S = time.time()


def device_families(service: ScreeningService, version: str) -> Iterator[Family]:
    """May it screen, on what, what is stored and what waits."""
    state = service.state()
    yield single("clinicscope_ready", GAUGE, "1 where the device may screen.", state.ready)
    words = "1 where it runs without camera and networks."
    yield single("clinicscope_safe_mode", GAUGE, words, bool(service.safe_mode))
    running = bool(state.progress and state.progress.running)
    yield single("clinicscope_screening", GAUGE, "1 while a specimen is at work.", running)
    ran_on = state.ran_on
    told = {"version": version}
    if ran_on:
        told |= {"bundle": ran_on.bundle_id, "runtime": ran_on.runtime}
        told |= {"accelerator": ran_on.accelerator}
        words = "1 where what was preferred could not be used."
        yield single("clinicscope_fallback", GAUGE, words, ran_on.fallback)
    info = Sample(1, tuple(told.items()))
    yield Family("clinicscope_info", GAUGE, "What runs, by labels.", (info,))
    if state.camera:
        yield single("clinicscope_camera_live", GAUGE, "1 while pictures come.", state.camera.live)
        words = "How often the camera was opened again."
        yield single("clinicscope_camera_restarts_total", COUNTER, words, state.camera.restarts)
    yield labelled(
        "clinicscope_specimens", GAUGE, "Stored.", "status", Search(service.store).by_status()
    )
    yield labelled(
        "clinicscope_outbox_items", GAUGE, "To be sent.", "state", Outbox(service.store).counts()
    )
    free = shutil.disk_usage(service.store.home).free
    yield single("clinicscope_disk_free_bytes", GAUGE, "Where the records are.", free)


def machine_families(root: Path = ROOT) -> Iterator[Family]:
    """Temperatures by sensor; left out where the machine tells none."""
    yield labelled(
        "clinicscope_temperature_celsius", GAUGE, "By sensor.", "sensor", read_temperatures(root)
    )


def process_families(root: Path = ROOT) -> Iterator[Family]:
    """Memory, time and open files, under the names that Prometheus' own libraries use."""
    own = root / "proc" / "self"
    pages = int((own / "statm").read_text().split()[1])
    used = time.process_time()
    files = len(list((own / "fd").iterdir()))
    memory = pages * os.sysconf("SC_PAGE_SIZE")
    yield single("process_resident_memory_bytes", GAUGE, "Memory in use.", memory)
    yield single("process_cpu_seconds_total", COUNTER, "Processor time.", used)
    yield single("process_open_fds", GAUGE, "Open files.", files)
    yield single("process_threads", GAUGE, "Threads of Python.", threading.active_count())
    yield single("process_start_time_seconds", GAUGE, "Since 1970.", _STARTED_S)
