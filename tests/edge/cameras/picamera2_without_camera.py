# ruff: noqa: T201
"""The real picamera2 on a machine without a camera: imported, asked, and refused in plain words.

Run it where picamera2 is installed, from the project's root; 0 is well, 1 is not:
python3 tests/edge/cameras/picamera2_without_camera.py
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from inspect import signature
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from edge.cameras.base import open_camera
from edge.cameras.status import LOST, Patience
from edge.cameras.supervised import SupervisedCamera
from edge.contract.errors import CameraError, ConfigError

# What the camera's code calls, with the arguments that it gives.
CALLS = {
    "create_still_configuration": ("main", "lores", "sensor", "buffer_count", "queue"),
    "capture_request": ("wait", "flush"),
    "autofocus_cycle": ("wait",),
    "wait": ("job", "timeout"),
    "set_controls": ("controls",),
    "camera_configuration": (),
    "configure": (),
    "start": (),
    "close": (),
}


def is_installed_and_imported() -> None:
    """The real package, not something of the same name."""
    module = import_module("picamera2")
    try:
        said = version("picamera2")
    except PackageNotFoundError:
        # Debian's package of it carries no metadata of Python's.
        said = "of unknown version"
    print(f"  picamera2 {said} at {module.__file__}")
    assert hasattr(module.Picamera2, "global_camera_info")


def has_what_is_called() -> None:
    """A newer or older package that lacks something would fail on the first device only."""
    driver = import_module("picamera2").Picamera2
    for name, arguments in CALLS.items():
        known = signature(getattr(driver, name)).parameters
        missing = [argument for argument in arguments if argument not in known]
        assert not missing, f"Picamera2.{name} has no argument {missing}; it has {list(known)}"
    assert isinstance(driver.sensor_modes, property)
    assert isinstance(driver.camera_controls, property)
    request = import_module("picamera2.request").CompletedRequest
    assert all(hasattr(request, name) for name in ("make_array", "get_metadata", "release"))


def sees_no_camera() -> None:
    """This is a check for machines without one."""
    found = import_module("picamera2").Picamera2.global_camera_info()
    assert found == [], f"cameras are attached ({found}): run the tests marked `hardware` instead"


def refuses_to_open_with_advice() -> None:
    """In words that a person at the device can act on."""
    try:
        open_camera("picamera2")
    except CameraError as error:
        print(f"  {error}")
        assert "no Pi camera number 0 is attached (found: none)" in str(error), error
        assert "check its ribbon cable" in str(error), error
    else:
        raise AssertionError("a camera was opened where none is attached")


def refuses_wrong_settings() -> None:
    """Before the driver is asked."""
    try:
        open_camera("picamera2", index=16)
    except ConfigError as error:
        assert "index is 16" in str(error)
    else:
        raise AssertionError("index 16 was taken")


def is_supervised_without_a_crash() -> None:
    """A device that starts without its camera says so and goes on looking."""
    opening = partial(open_camera, "picamera2")
    camera = SupervisedCamera("picamera2", opening, Patience(open_s=60, retry_s=0.2))
    try:
        camera.wait_until_live(60)
    except CameraError as error:
        assert "there is no camera" in str(error), error
    status = camera.status()
    camera.close()
    assert status.state == LOST and "ribbon cable" in status.problem, status


CHECKS: tuple[Callable[[], None], ...] = (
    is_installed_and_imported,
    has_what_is_called,
    sees_no_camera,
    refuses_to_open_with_advice,
    refuses_wrong_settings,
    is_supervised_without_a_crash,
)


def main() -> int:
    """Runs all checks; 1 where one fails."""
    failed = 0
    for check in CHECKS:
        name = check.__name__.replace("_", " ")
        try:
            check()
        except Exception:
            traceback.print_exc()
            failed += 1
            print(f"FAILED: {name}")
        else:
            print(f"ok: {name}")
    print(f"{len(CHECKS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
