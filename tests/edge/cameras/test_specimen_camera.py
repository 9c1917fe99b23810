"""One specimen on a live camera: each place once, when the slide stands still and can be read."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import cv2
import numpy as np
import pytest

from edge.cameras.control import CaptureControl
from edge.cameras.smear import SmearSettings, draw_field
from edge.cameras.specimen import (
    BY_HAND,
    FOCUS,
    HOLD_STILL,
    MOVE_ON,
    PAUSED,
    SpecimenCamera,
    open_specimen,
)
from edge.cameras.status import Patience
from edge.cameras.supervised import SupervisedCamera
from edge.cameras.views import same_view, view_of
from edge.contract.errors import CameraError, EndOfSourceError
from edge.contract.types import Frame, U8Array
from tests.support.faulty_cameras import Bench

PATIENCE = Patience(beat_s=0.03, watch_s=0.02, retry_s=0.05, wait_s=1.0, idle_s=0.6, settle_s=0.1)
SETTINGS = SmearSettings(width_px=640, height_px=480, cells_per_field=40)


def blurred(image: U8Array) -> U8Array:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), 9), np.uint8)


@pytest.fixture(scope="module")
def places() -> list[U8Array]:
    return [draw_field(SETTINGS, 6, index).image for index in range(3)]


@pytest.fixture
def bench(places: list[U8Array]) -> Iterator[Bench]:
    made = Bench([places[0], places[1], places[2], blurred(places[1])])
    yield made
    made.let_go.set()


@pytest.fixture
def camera(bench: Bench) -> Iterator[SupervisedCamera]:
    made = SupervisedCamera("v4l2", bench.open, PATIENCE)
    made.wait_until_live()
    yield made
    bench.let_go.set()
    made.close()


def later(act: Callable[[], object], after_s: float = 0.3) -> threading.Timer:
    timer = threading.Timer(after_s, act)
    timer.start()
    return timer


def shows(frame: Frame, place: U8Array) -> bool:
    return bool(np.array_equal(frame.image, place))


def test_a_place_is_taken_once_and_the_next_when_the_slide_was_moved(
    bench: Bench, camera: SupervisedCamera, places: list[U8Array]
) -> None:
    with SpecimenCamera(camera) as specimen:
        assert specimen.live and specimen.endless and specimen.name == "v4l2"
        assert shows(specimen.capture(), places[0])
        timer = later(lambda: setattr(bench, "at", 1))
        start = time.monotonic()
        assert shows(specimen.capture(), places[1])
        assert time.monotonic() - start >= 0.3
        timer.join()
        assert bench.captured == 2


def test_what_it_waits_for_is_said(bench: Bench, camera: SupervisedCamera) -> None:
    with SpecimenCamera(camera) as specimen:
        specimen.capture()
        seen = set()
        timer = later(lambda: setattr(bench, "at", 1), 0.4)
        taker = threading.Thread(target=specimen.capture)
        taker.start()
        while taker.is_alive():
            seen.add(camera.status().waiting)
            time.sleep(0.005)
        timer.join()
        assert MOVE_ON in seen and seen <= {MOVE_ON, HOLD_STILL, ""}
        assert camera.status().waiting == ""


def test_nothing_is_taken_while_the_slide_moves(
    bench: Bench, camera: SupervisedCamera, places: list[U8Array]
) -> None:
    stop = threading.Event()

    def move() -> None:
        while not stop.wait(0.02):
            bench.at = (bench.at + 1) % 3

    mover = threading.Thread(target=move)
    mover.start()
    with SpecimenCamera(camera) as specimen:
        taken: list[Frame] = []
        taker = threading.Thread(target=lambda: taken.append(specimen.capture()))
        taker.start()
        time.sleep(0.3)
        assert len(taken) <= 1
        stop.set()
        mover.join()
        taker.join(5)
        assert not taker.is_alive()
        assert any(shows(taken[0], place) for place in places)


def test_a_place_out_of_focus_is_taken_again_once_it_is_sharp(
    bench: Bench, camera: SupervisedCamera, places: list[U8Array]
) -> None:
    bench.at = 3
    with SpecimenCamera(camera) as specimen:
        assert shows(specimen.capture(), blurred(places[1]))
        timer = later(lambda: setattr(bench, "at", 1))
        assert shows(specimen.capture(), places[1])
        timer.join()
        with pytest.raises(EndOfSourceError, match="was not moved on"):
            specimen.capture()


def test_a_slide_that_nobody_moves_ends_the_specimen(camera: SupervisedCamera) -> None:
    with SpecimenCamera(camera) as specimen:
        specimen.capture()
        with pytest.raises(EndOfSourceError, match="the slide was not moved on"):
            specimen.capture()


def test_stopping_ends_the_wait(camera: SupervisedCamera) -> None:
    control = CaptureControl()
    with SpecimenCamera(camera, control) as specimen:
        specimen.capture()
        timer = later(control.stop, 0.1)
        with pytest.raises(EndOfSourceError, match="stopped"):
            specimen.capture()
        timer.join()


def test_a_camera_that_stays_away_ends_it_with_the_reason(
    bench: Bench, camera: SupervisedCamera
) -> None:
    with SpecimenCamera(camera) as specimen:
        specimen.capture()
        bench.fault = "unplugged"
        with pytest.raises(CameraError, match="there is no camera"):
            specimen.capture()


def test_colours_are_held_until_it_is_closed_and_the_camera_stays_open(
    bench: Bench, camera: SupervisedCamera
) -> None:
    specimen = SpecimenCamera(camera)
    specimen.capture()
    assert len(bench.holds) == 1
    specimen.close()
    specimen.close()
    deadline = time.monotonic() + 5
    while not bench.released and time.monotonic() < deadline:
        time.sleep(0.01)
    assert bench.released == 1 and bench.closed == 0 and camera.status().live


def test_a_camera_of_its_own_is_closed_with_the_specimen(
    bench: Bench, places: list[U8Array]
) -> None:
    with open_specimen("v4l2", bench.open) as specimen:
        assert shows(specimen.capture(), places[0])
    assert bench.closed == 1
    bench.fault = "unplugged"
    with pytest.raises(CameraError, match="no camera at /dev/video0"):
        open_specimen("v4l2", bench.open)


def test_views_agree_when_still_and_differ_when_moved(places: list[U8Array]) -> None:
    rng = np.random.default_rng(0)
    settings = replace(SETTINGS, width_px=760)
    wide = draw_field(settings, 8, 0).image

    def seen(left: int) -> U8Array:
        part = wide[:, left : left + 640].astype(np.float32)
        return view_of(np.clip(part + rng.normal(0, 3, part.shape), 0, 255).astype(np.uint8))

    assert same_view(seen(0), seen(0)) and same_view(seen(0), seen(2))
    assert not same_view(seen(0), seen(40))
    assert not same_view(view_of(places[0]), view_of(places[1]))
    blank = np.full((48, 64), 128, np.uint8)
    assert same_view(blank, blank)


def taking(specimen: SpecimenCamera) -> tuple[threading.Thread, list[Frame]]:
    """A capture in a thread of its own, and what it gave."""
    taken: list[Frame] = []
    taker = threading.Thread(target=lambda: taken.append(specimen.capture()))
    taker.start()
    return taker, taken


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


@pytest.fixture
def patient_camera(bench: Bench) -> Iterator[SupervisedCamera]:
    """One that waits long, for the slide and for the focus."""
    made = SupervisedCamera("v4l2", bench.open, replace(PATIENCE, idle_s=20.0, settle_s=20.0))
    made.wait_until_live()
    yield made
    bench.let_go.set()
    made.close()


def test_by_itself_a_field_is_taken_only_when_it_can_be_read(
    bench: Bench, patient_camera: SupervisedCamera, places: list[U8Array]
) -> None:
    bench.at = 3
    with SpecimenCamera(patient_camera) as specimen:
        taker, taken = taking(specimen)
        until(lambda: patient_camera.status().waiting == FOCUS)
        assert "out of focus" in patient_camera.status(judge=True).hint and not taken
        bench.at = 1
        taker.join(5)
        assert shows(taken[0], places[1])


def test_by_hand_a_field_is_taken_when_a_person_says_so(
    bench: Bench, patient_camera: SupervisedCamera, places: list[U8Array]
) -> None:
    control = CaptureControl(automatic=False)
    bench.at = 3
    with SpecimenCamera(patient_camera, control) as specimen:
        taker, taken = taking(specimen)
        until(lambda: patient_camera.status().waiting == BY_HAND)
        control.take()
        taker.join(5)
        # Also one that cannot be read: the person wanted it.
        assert shows(taken[0], blurred(places[1]))


def test_a_pause_takes_nothing_and_uses_up_no_patience(
    bench: Bench, camera: SupervisedCamera, places: list[U8Array]
) -> None:
    control = CaptureControl()
    with SpecimenCamera(camera, control) as specimen:
        specimen.capture()
        control.pause()
        taker, taken = taking(specimen)
        until(lambda: camera.status().waiting == PAUSED)
        bench.at = 1
        time.sleep(2 * PATIENCE.idle_s)
        assert taker.is_alive() and not taken
        control.go_on()
        taker.join(5)
        assert shows(taken[0], places[1])
        control.pause()
        timer = later(control.stop, 0.1)
        with pytest.raises(EndOfSourceError, match="stopped during a pause"):
            specimen.capture()
        timer.join()


def test_pictures_come_faster_while_somebody_looks(bench: Bench) -> None:
    camera = SupervisedCamera("v4l2", bench.open, replace(PATIENCE, beat_s=0.5, shown_beat_s=0.02))
    camera.wait_until_live()

    def pictures_in(seconds: float) -> int:
        before = camera.status().pictures
        time.sleep(seconds)
        return camera.status().pictures - before

    assert pictures_in(0.6) <= 3
    camera.desk.look()
    time.sleep(0.5)
    assert pictures_in(0.6) >= 8
    camera.close()
