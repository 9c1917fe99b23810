"""One life of an appliance under soak, as a process of its own: appliance.py SETTINGS-AS-JSON

The real service, store, supervised camera, accelerators and page; only what the camera shows and
the delegate's library are made for the test. Writes a line of JSON after each specimen.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from edge.accelerators.settings import AcceleratorSettings
from edge.cameras.status import Patience
from edge.cameras.supervised import SupervisedCamera
from edge.config import load_config
from edge.contract.errors import CameraError
from edge.installed import load_screener
from edge.protocol import Protocol
from edge.screening.service import ScreeningService
from edge.screening.state import SpecimenRequest
from edge.store.store import Store
from tests.soak.camera import Slide, draw_pool
from tests.support.people import logged_in
from web_ui import create_app

# About thirty fields, less than the pool has.
CELLS_A_SPECIMEN = 800
STUCK_S = 120.0
PATIENCE = Patience(retry_s=0.05, most_retry_s=0.2, wait_s=30.0)


@dataclass(frozen=True)
class Life:
    """What one process is to do.

    Attributes:
        home: the data directory, which outlives it.
        first: number of its first capture.
        captures: it ends with the specimen that reaches as many.
        delegate: library of the delegate; empty for the processor alone.
        options: of the delegate.
    """

    home: str
    first: int
    captures: int
    delegate: str = ""
    options: dict[str, str] | None = None


@dataclass(frozen=True)
class Sample:
    """The appliance after a specimen.

    Attributes:
        captured: captures of this life.
        faults: of the camera, unplugged or stalled.
        memory_kib: anonymous resident memory.
        computed_by: runtime/accelerator.
        page: HTTP status of the page.
    """

    seconds: float
    captured: int
    faults: int
    memory_kib: int
    threads: int
    files: int
    status: str
    camera: str
    computed_by: str
    page: int


def main(life: Life) -> None:
    began = time.monotonic()
    slide = Slide(draw_pool(), life.first)
    service = open_service(life, slide)
    page = logged_in(create_app(service))
    while slide.next - life.first < life.captures:
        status = screen_one(service)
        ran_on = service.state().ran_on
        sample = Sample(
            round(time.monotonic() - began, 2),
            slide.next - life.first,
            slide.faults,
            memory_kib(),
            threading.active_count(),
            len(list(Path("/proc/self/fd").iterdir())),
            status,
            service.camera.status().state if service.camera else "",
            f"{ran_on.runtime}/{ran_on.accelerator}" if ran_on else "",
            page.get("/").status_code,
        )
        sys.stdout.write(json.dumps(asdict(sample)) + "\n")
        sys.stdout.flush()
    service.close()


def open_service(life: Life, slide: Slide) -> ScreeningService:
    home = Path(life.home)
    accelerators = AcceleratorSettings(
        names=("delegate",) if life.delegate else (),
        delegate=life.delegate,
        delegate_options=life.options or {},
        call_timeout_s=2.0,
    )
    config = load_config(home, accelerators=accelerators)
    return ScreeningService(
        Store(home),
        lambda: load_screener(home, config),
        Protocol(minimum_rbc_count=CELLS_A_SPECIMEN, most_rbc_count=CELLS_A_SPECIMEN),
        SupervisedCamera("soak", slide.open, PATIENCE),
    )


def screen_one(service: ScreeningService) -> str:
    """Screens one specimen to its end and gives its status.

    Raises:
        TimeoutError: it does not end.
    """
    deadline = time.monotonic() + STUCK_S
    while True:
        try:
            specimen_id = service.start(SpecimenRequest("soak", "camera"))
            break
        except CameraError:
            # It was unplugged at the last specimen's end.
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
    if not service.wait(STUCK_S):
        raise TimeoutError(f"specimen {specimen_id} did not end within {STUCK_S:g} s")
    progress = service.state().progress
    if progress is None or progress.running:
        raise TimeoutError(f"specimen {specimen_id} has ended and is said to be at work")
    return service.store.specimen(specimen_id).status


def memory_kib() -> int:
    """Anonymous resident memory of this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1])
    return 0


if __name__ == "__main__":
    main(Life(**json.loads(sys.argv[1])))
    # A thread that hangs in a delegate, as planned, would be waited for by C++ destructors.
    sys.stdout.flush()
    os._exit(0)
