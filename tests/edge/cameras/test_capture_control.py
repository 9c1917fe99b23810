"""What a person asks of a specimen: one field now, a pause, the end."""

from __future__ import annotations

import threading
import time

from edge.cameras.control import CaptureControl


def answers_within(control: CaptureControl, seconds: float) -> list[bool]:
    """What `wait_for_turn` says; nothing where it still waits."""
    found: list[bool] = []
    thread = threading.Thread(target=lambda: found.append(control.wait_for_turn()), daemon=True)
    thread.start()
    thread.join(seconds)
    return found


def test_fields_are_taken_by_themselves_until_somebody_pauses() -> None:
    control = CaptureControl()
    assert answers_within(control, 5) == [True]
    control.pause()
    assert control.paused and answers_within(control, 0.1) == []
    control.go_on()
    assert answers_within(control, 5) == [True]


def test_by_hand_each_field_needs_a_tap_of_its_own() -> None:
    control = CaptureControl(automatic=False)
    assert answers_within(control, 0.1) == []
    control = CaptureControl(automatic=False)
    control.take()
    control.take()
    assert answers_within(control, 5) == [True] and answers_within(control, 0.1) == []
    control = CaptureControl(automatic=False)
    control.take_by_itself(True)
    assert control.automatic and answers_within(control, 5) == [True]


def test_a_tap_ends_a_pause_and_a_pause_forgets_a_tap() -> None:
    control = CaptureControl(automatic=False)
    control.take()
    control.pause()
    assert not control.claim()
    control.take()
    assert not control.paused and control.claim() and not control.claim()


def test_stopping_ends_every_wait() -> None:
    control = CaptureControl(automatic=False)
    control.pause()
    timer = threading.Timer(0.05, control.stop)
    timer.start()
    start = time.monotonic()
    assert control.wait_for_turn() is False and control.wait_while_paused() is False
    assert control.stopped and time.monotonic() - start < 5
