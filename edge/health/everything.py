"""Every check of `clinicscope doctor`."""

from __future__ import annotations

import sys
from pathlib import Path

from edge.config import DeviceConfig
from edge.health.camera import check_camera
from edge.health.check import FAILED, OK, Check
from edge.health.disk import check_home
from edge.health.networks import check_bundles, check_runtime, list_accelerators
from edge.health.quick import check_device
from edge.health.records import check_clinic, check_records


def check_all(home: Path, config: DeviceConfig) -> list[Check]:
    """Every check, the data directory first: the others write there. Takes seconds."""
    python = Check("python", OK, sys.version.split()[0])
    writable = check_home(home)
    if writable.state == FAILED:
        found = list_accelerators(home, config)
        rest = [*found, check_camera(config), *check_bundles(home, config)]
        return [python, writable, check_runtime(), *rest]
    return [
        python,
        writable,
        *check_device(home),
        check_records(home),
        *check_clinic(home, config),
        check_runtime(),
        *list_accelerators(home, config),
        check_camera(config),
        *check_bundles(home, config),
    ]
