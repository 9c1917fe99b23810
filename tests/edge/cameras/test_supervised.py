"""A supervised camera under the faults of drivers and networks: found soon, opened again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from edge.cameras.base import open_camera
from edge.cameras.simulated import SimulatedCamera
from edge.cameras.status import CLOSED, LIVE, LOST, OPENING, STALLED, STUCK, WORDS, Patience
from edge.cameras.supervised import SupervisedCamera
from edge.contract.errors import CameraError, ConfigError, EndOfSourceError, FrameError
from tests.support.faulty_cameras import Bench
from tests.support.mjpeg_server import SMALL, MjpegServer, mjpeg_server

# What is found within 2 s on an idle machine; the rest is for a loaded one.
FOUND_S, SLACK_S = 2.0, 3.0
QUICK = Patience(
    open_s=0.6,
    focus_s=0.6,
    close_s=0.4,
    beat_s=0.02,
    watch_s=0.02,
    retry_s=0.05,
    most_retry_s=0.2,
    most_stuck=2,
    wait_s=5.0,
)


def until(condition: Callable[[], bool], timeout_s: float = FOUND_S + SLACK_S) -> float:
    """Seconds until it holds."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < timeout_s, "waited in vain"
        time.sleep(0.005)
    return time.monotonic() - start


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.let_go.set()


@pytest.fixture
def camera(bench: Bench) -> Iterator[SupervisedCamera]:
    with_faults = SupervisedCamera("v4l2", bench.open, QUICK)
    yield with_faults
    bench.let_go.set()
    with_faults.close()


def is_in(camera: SupervisedCamera, *states: str) -> Callable[[], bool]:
    return lambda: camera.status().state in states


def test_a_working_camera_is_live_and_one_thread_alone_calls_it(
    bench: Bench, camera: SupervisedCamera
) -> None:
    camera.wait_until_live()
    status = camera.status(judge=True)
    assert (status.state, status.problem, status.restarts, status.stuck) == (LIVE, "", 0, 0)
    assert status.frame_age_s is not None and status.frame_age_s < SLACK_S
    first = camera.next_preview(0).number
    assert camera.next_preview(first).number > first
    assert {camera.capture().name for _ in range(3)} and bench.captured == 3
    assert len(bench.threads) == 1 and threading.get_ident() not in bench.threads
    assert status.focus is not None and status.hint


@pytest.mark.parametrize("fault", ["hang", "unplugged", "crash"])
def test_a_fault_is_found_in_time_and_the_camera_comes_back(
    bench: Bench, camera: SupervisedCamera, fault: str
) -> None:
    camera.wait_until_live()
    bench.fault = fault
    until(is_in(camera, STALLED, LOST))
    status = camera.status()
    assert status.problem and status.words.advice
    assert camera.desk.preview() is None
    bench.fault = ""
    until(is_in(camera, LIVE))
    assert camera.status().restarts >= 1
    assert camera.capture().name


def test_stalls_and_unplugging_are_found_within_two_seconds_as_shipped(bench: Bench) -> None:
    """With the deadlines that a device has."""
    camera = SupervisedCamera("v4l2", bench.open)
    try:
        camera.wait_until_live()
        for fault, states in (("unplugged", (LOST,)), ("hang", (STALLED,))):
            bench.fault = fault
            assert until(is_in(camera, *states)) < FOUND_S + SLACK_S / 2
            bench.fault = ""
            until(is_in(camera, LIVE), 10)
    finally:
        bench.let_go.set()
        camera.close()


def test_a_driver_that_hangs_is_left_behind_and_closes_its_camera_when_it_returns(
    bench: Bench, camera: SupervisedCamera
) -> None:
    camera.wait_until_live()
    bench.fault = "hang"
    until(lambda: camera.status().stuck == 1)
    bench.fault = ""
    until(is_in(camera, LIVE))
    assert camera.status().stuck == 1 and bench.opened == 2 and bench.closed == 0
    bench.let_go.set()
    until(lambda: camera.status().stuck == 0)
    assert bench.closed == 1
    assert camera.status().state == LIVE


def test_only_so_many_threads_are_left_behind(bench: Bench) -> None:
    bench.fault = "hang-open"
    camera = SupervisedCamera("v4l2", bench.open, QUICK)
    until(is_in(camera, STUCK), 10)
    opened = len(bench.open_times)
    time.sleep(0.3)
    assert len(bench.open_times) == opened
    status = camera.status()
    assert status.stuck == QUICK.most_stuck and "restart this device" in status.words.advice
    with pytest.raises(CameraError, match="the camera's driver hangs: the camera hangs in opening"):
        camera.capture(wait_s=0.2)
    bench.fault = ""
    bench.let_go.set()
    until(is_in(camera, LIVE))
    until(lambda: camera.status().stuck == 0)
    camera.close()


@pytest.mark.parametrize("fault", ["hang", "hang-open", "hang-capture", "hang-close"])
def test_closing_returns_soon_whatever_hangs(bench: Bench, fault: str) -> None:
    camera = SupervisedCamera("v4l2", bench.open, QUICK)
    if fault != "hang-open":
        camera.wait_until_live()
    bench.fault = fault
    asker = threading.Thread(target=ignoring(CameraError, camera.capture))
    asker.start()
    time.sleep(0.05)
    start = time.monotonic()
    camera.close()
    assert time.monotonic() - start < FOUND_S + SLACK_S
    asker.join(5)
    assert not asker.is_alive() and camera.status().state == CLOSED
    bench.let_go.set()


def ignoring(kind: type[Exception], act: Callable[[], object]) -> Callable[[], None]:
    def run() -> None:
        try:
            act()
        except kind:
            return

    return run


@pytest.mark.parametrize("fault", ["hang-capture", "unplugged"])
def test_a_capture_waits_and_is_served_by_the_next_camera(
    bench: Bench, camera: SupervisedCamera, fault: str
) -> None:
    camera.wait_until_live()
    bench.fault = fault

    def heal() -> None:
        bench.fault = ""
        bench.let_go.set()

    healing = threading.Timer(0.7, heal)
    healing.start()
    frame = camera.capture()
    assert frame.name and bench.opened >= 2
    healing.join()


def test_a_capture_that_waits_in_vain_says_why(bench: Bench, camera: SupervisedCamera) -> None:
    camera.wait_until_live()
    bench.fault = "unplugged"
    until(is_in(camera, LOST))
    start = time.monotonic()
    with pytest.raises(CameraError, match=r"there is no camera: .*(unplugged|plug it in)"):
        camera.capture(wait_s=0.3)
    assert 0.3 <= time.monotonic() - start < 0.3 + SLACK_S


def test_a_waiting_capture_can_be_stopped(bench: Bench, camera: SupervisedCamera) -> None:
    bench.fault = "unplugged"
    stopped = threading.Event()
    threading.Timer(0.1, stopped.set).start()
    with pytest.raises(EndOfSourceError, match="stopped"):
        camera.capture(wait_s=30, stopped=stopped)


def test_a_bad_field_and_the_end_are_no_fault_of_the_camera(
    bench: Bench, camera: SupervisedCamera
) -> None:
    for failure in (FrameError("x", "damaged"), EndOfSourceError("all read")):
        bench.failure = lambda failure=failure: failure  # type: ignore[misc]
        with pytest.raises(type(failure)):
            camera.capture()
    assert camera.capture().name and bench.opened == 1


def test_exposure_is_held_from_the_first_frame_on_and_after_the_camera_came_back(
    bench: Bench, camera: SupervisedCamera
) -> None:
    camera.wait_until_live()
    camera.hold()
    assert camera.capture().exposure_ms == 10.0
    bench.exposure = 50.0
    bench.fault = "unplugged"
    until(is_in(camera, LOST))
    bench.fault = ""
    assert camera.capture().exposure_ms == 10.0
    assert [dict(held) for held in bench.holds] == [{"exposure": 10.0}] * 2
    camera.release()
    until(lambda: bench.released == 1)
    assert camera.capture().exposure_ms == 50.0
    camera.hold()
    assert camera.capture().exposure_ms == 50.0


def test_a_camera_with_autofocus_focuses_for_each_field(
    bench: Bench, camera: SupervisedCamera
) -> None:
    camera.wait_until_live()
    camera.capture()
    assert bench.focused == 0 and not camera.status().has_autofocus
    assert camera.camera is not None
    camera.camera.has_autofocus = True
    camera.capture()
    camera.capture()
    assert bench.focused == 2 and camera.status().has_autofocus


def test_pauses_grow_between_attempts_and_end_at_the_longest(bench: Bench) -> None:
    bench.fault = "unplugged"
    patience = Patience(retry_s=0.1, most_retry_s=0.4, watch_s=0.01)
    camera = SupervisedCamera("v4l2", bench.open, patience)
    until(lambda: len(bench.open_times) >= 6, 10)
    camera.close()
    pauses = [b - a for a, b in zip(bench.open_times, bench.open_times[1:], strict=False)]
    for pause, least in zip(pauses, (0.1, 0.2, 0.4, 0.4, 0.4), strict=False):
        assert least <= pause < least + SLACK_S / 2


def test_many_askers_do_not_lock_each_other_out(bench: Bench, camera: SupervisedCamera) -> None:
    names: list[str] = []

    def ask() -> None:
        for _ in range(10):
            names.append(camera.capture().name)
            camera.next_preview(0)
            camera.status(judge=True)

    askers = [threading.Thread(target=ask) for _ in range(5)]
    for asker in askers:
        asker.start()
    bench.fault = "unplugged"
    time.sleep(0.1)
    bench.fault = ""
    for asker in askers:
        asker.join(20)
        assert not asker.is_alive()
    assert len(set(names)) == 50


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        (ConfigError("width_px is -1; give 0 to 20000"), "width_px is -1"),
        (OSError(5, "Input/output error"), "the camera's driver has failed: OSError"),
    ],
)
def test_a_camera_that_cannot_be_opened_is_a_status_not_a_crash(
    failure: Exception, message: str
) -> None:
    def refuse() -> SimulatedCamera:
        raise failure

    camera = SupervisedCamera("v4l2", refuse, QUICK)
    with pytest.raises(CameraError, match=message):
        camera.wait_until_live()
    assert message in camera.status().problem
    camera.close()


def test_the_simulated_camera_loses_no_field_to_its_preview() -> None:
    opening = partial(SimulatedCamera, settings=SMALL, fields=3)
    camera = SupervisedCamera("simulated", opening, QUICK)
    names = [camera.capture().name for _ in range(3)]
    assert names == [f"simulated-{index:04d}.png" for index in range(3)]
    with pytest.raises(EndOfSourceError):
        camera.capture()
    camera.close()


def test_a_network_camera_is_found_again_after_its_server_was_away(jpegs: list[bytes]) -> None:
    with mjpeg_server(jpegs) as server:
        port = server.server_port
        opening = partial(open_camera, "network", url=server.url)
        camera = SupervisedCamera("network", opening)
        camera.wait_until_live()
        first = camera.capture()
    until(is_in(camera, LOST))
    assert "127.0.0.1" in camera.status().problem
    with mjpeg_server(jpegs, port):
        assert camera.capture(wait_s=20).name != first.name
        assert camera.status().live
        camera.close()


def test_a_stalled_network_camera_is_found(mjpeg: MjpegServer) -> None:
    camera = SupervisedCamera("network", partial(open_camera, "network", url=mjpeg.url))
    camera.wait_until_live()
    mjpeg.fault = "stall"
    assert until(lambda: not camera.status().live) < FOUND_S + SLACK_S / 2
    assert "sent no whole picture" in camera.status().problem or camera.status().state == STALLED
    camera.close()


def test_every_state_has_words() -> None:
    assert set(WORDS) == {OPENING, LIVE, STALLED, LOST, STUCK, CLOSED}
