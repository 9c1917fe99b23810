"""The service on a camera that is really there, and goes away: a network camera over a slide."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from edge.cameras.base import open_camera
from edge.cameras.device import device_camera
from edge.cameras.smear import SmearSettings
from edge.cameras.status import Patience
from edge.cameras.supervised import SupervisedCamera
from edge.config import CameraConfig, DeviceConfig
from edge.contract.errors import CameraError, DataError
from edge.installed import load_screener
from edge.protocol import Protocol
from edge.screening.service import ScreeningService
from edge.screening.state import SpecimenRequest
from edge.store.records import DONE, FAILED, STOPPED, FieldRecord
from edge.store.store import Store
from tests.support.faulty_cameras import Bench
from tests.support.mjpeg_server import MjpegServer, drawn_jpegs, mjpeg_server

INFECTED = SmearSettings(parasitaemia_fraction=0.2, cells_per_field=110)
CAMERA = SpecimenRequest("S-7", "camera")
PATIENCE = Patience(wait_s=20.0, idle_s=20.0)


class Device:
    """A service, its network camera, and the plug of it."""

    def __init__(self, home: Path, stack: ExitStack, patience: Patience = PATIENCE) -> None:
        self._stack = stack
        self.pictures = drawn_jpegs(5, INFECTED, seed=5)
        self.server = self._serve(0)
        opening = partial(open_camera, "network", url=self.server.url)
        camera = SupervisedCamera("network", opening, patience)
        self.service = ScreeningService(
            Store(home),
            lambda: load_screener(home, DeviceConfig(threads=1)),
            Protocol(minimum_rbc_count=250),
            camera,
        )
        stack.callback(self.service.close)

    def _serve(self, port: int) -> MjpegServer:
        self._plug = ExitStack()
        server = self._plug.enter_context(mjpeg_server(self.pictures, port))
        server.show_s = 1.2
        self._stack.callback(self._plug.close)
        return server

    def unplug(self) -> None:
        self._plug.close()

    def plug_in(self) -> None:
        self.server = self._serve(self.server.server_port)

    def fields(self, specimen_id: str) -> list[FieldRecord]:
        return self.service.store.fields(specimen_id)

    def until(self, condition: Callable[[], bool], timeout_s: float = 30) -> None:
        end = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < end, "waited in vain"
            time.sleep(0.02)


def progress_runs(service: ScreeningService) -> bool:
    progress = service.state().progress
    return progress is not None and progress.running


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


@pytest.fixture
def device(tmp_path: Path, stack: ExitStack) -> Device:
    return Device(tmp_path / "home", stack)


def test_a_specimen_survives_a_stall_and_unplugging(device: Device) -> None:
    """Two fields before, the rest after; none is counted twice."""
    service = device.service
    specimen_id = service.start(CAMERA)
    device.until(lambda: len(device.fields(specimen_id)) >= 1)
    device.server.fault = "stall"
    device.until(lambda: service.state().camera is not None and not service.state().camera.live)
    device.server.fault = ""
    device.until(lambda: len(device.fields(specimen_id)) >= 2)
    device.unplug()
    device.until(lambda: service.state().camera.state == "lost")
    assert progress_runs(service)
    device.plug_in()
    before = len(device.fields(specimen_id))
    device.until(lambda: not progress_runs(service) or len(device.fields(specimen_id)) > before + 1)
    service.stop()
    assert service.wait(60)
    record = service.store.specimen(specimen_id)
    assert record.status in (DONE, STOPPED) and not record.error
    assert (record.source, record.source_settings) == ("camera:network", {})
    assert record.report is not None and record.report["verdict"] == "positive"
    fields = device.fields(specimen_id)
    assert sum(field.usable for field in fields) >= 3
    names = [field.name for field in fields]
    assert len(set(names)) == len(names) and all(re.match(r"network-\d{8}-", n) for n in names)
    assert sum(field.rbc_count for field in fields) == record.report["rbc_count"]


def test_a_camera_that_stays_away_ends_the_specimen_with_the_reason(
    tmp_path: Path, stack: ExitStack
) -> None:
    device = Device(tmp_path / "home", stack, Patience(wait_s=1.0))
    specimen_id = device.service.start(CAMERA)
    device.until(lambda: len(device.fields(specimen_id)) >= 1)
    device.unplug()
    assert device.service.wait(30)
    record = device.service.store.specimen(specimen_id)
    assert record.status == FAILED and "there is no camera" in record.error
    assert record.report is not None
    assert record.report["verdict"] in ("inconclusive", "positive")
    assert record.report["verdict"] == "positive" or "did not finish" in record.report["why"]
    with pytest.raises(CameraError, match=r"there is no camera: http://127\.0\.0\.1"):
        device.service.start(CAMERA)
    assert len(device.service.store.specimens()) == 1
    device.plug_in()
    device.until(lambda: device.service.state().camera.live)
    again = device.service.start(CAMERA)
    device.until(lambda: len(device.fields(again)) >= 1)
    device.service.stop()
    assert device.service.wait(30)
    assert device.service.store.specimen(again).status == STOPPED


def test_stopping_does_not_wait_for_a_camera_that_is_away(device: Device) -> None:
    specimen_id = device.service.start(CAMERA)
    device.unplug()
    device.until(lambda: not device.service.state().camera.live)
    device.service.stop()
    assert device.service.wait(5)
    record = device.service.store.specimen(specimen_id)
    assert record.status == STOPPED
    assert record.report is not None and record.report["verdict"] != "negative"


@pytest.mark.parametrize("settings", [{}, {"zoom": 3}, {"url": "file:///etc/passwd"}])
def test_a_camera_that_is_set_wrongly_never_keeps_the_device_from_starting(
    tmp_path: Path, settings: dict[str, object]
) -> None:
    home = tmp_path / "home"
    camera = device_camera(CameraConfig("network", settings))
    service = ScreeningService(
        Store(home), lambda: load_screener(home, DeviceConfig(threads=1)), camera=camera
    )
    with pytest.raises(CameraError, match=r"there is no camera: .*(url|zoom)"):
        service.start(CAMERA)
    state = service.state()
    assert state.ready and state.camera is not None and state.camera.problem
    service.close()


def test_a_device_without_camera_says_so(tmp_path: Path) -> None:
    home = tmp_path / "home"
    service = ScreeningService(Store(home), lambda: load_screener(home, DeviceConfig(threads=1)))
    assert device_camera(CameraConfig()) is None and service.state().camera is None
    with pytest.raises(
        DataError, match=r"has no camera; name one in config.toml, under \[camera\]"
    ):
        service.start(CAMERA)
    service.close()


def test_settings_of_the_devices_camera_are_not_the_requests(tmp_path: Path) -> None:
    home = tmp_path / "home"
    camera = SupervisedCamera("v4l2", Bench().open)
    service = ScreeningService(
        Store(home), lambda: load_screener(home, DeviceConfig(threads=1)), camera=camera
    )
    with pytest.raises(DataError, match="settings of the camera are the device's"):
        service.start(SpecimenRequest("S", "camera", {"url": "http://elsewhere/"}))
    service.close()
    assert service.state().camera.state == "closed"


def test_the_simulated_camera_can_be_the_devices_own(tmp_path: Path) -> None:
    home = tmp_path / "home"
    camera = device_camera(CameraConfig("simulated", {"seed": 5, "parasitaemia_fraction": 0.2}))
    service = ScreeningService(
        Store(home),
        lambda: load_screener(home, DeviceConfig(threads=1)),
        Protocol(minimum_rbc_count=250),
        camera,
    )
    specimen_id = service.start(CAMERA)
    deadline = time.monotonic() + 30
    while len(service.store.fields(specimen_id)) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    service.close()
    store = Store(home)
    names = [field.name for field in store.fields(specimen_id)]
    assert names[:2] == ["simulated-0000.png", "simulated-0001.png"]
    assert store.specimen(specimen_id).source == "camera:simulated"
    store.close()
