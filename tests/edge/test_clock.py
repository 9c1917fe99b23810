"""The device's clock beside a phone's, and setting it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from edge.clock import CLOSE_S, compare, read_time, set_clock
from edge.contract.errors import DataError, HardwareError

NOON = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["2026-11-26T12:00:00Z", "2026-11-26T15:00:00.000+03:00", " 2026-11-26T12:00Z "]
)
def test_a_browsers_time_is_read_whatever_its_zone(text: str) -> None:
    assert read_time(text) == NOON


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("yesterday", "give one such as"),
        ("2026-11-26T12:00:00", "without a zone"),
        ("1970-01-01T00:03:00Z", "which cannot be"),
        ("2190-01-01T00:00:00Z", "which cannot be"),
        ("0001-01-01T00:00:00+14:00", "no time of today"),
    ],
)
def test_a_time_that_is_none_or_cannot_be_is_refused(text: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read_time(text)


def test_clocks_agree_within_a_minute_in_either_direction() -> None:
    for seconds, agrees in (
        (CLOSE_S - 1, True),
        (-CLOSE_S + 1, True),
        (CLOSE_S, False),
        (-86400, False),
    ):
        reading = compare(NOON, NOON + timedelta(seconds=seconds))
        assert (reading.behind_s, reading.agrees) == (seconds, agrees)


def test_the_clock_is_set_to_the_second() -> None:
    given: list[float] = []
    set_clock(NOON, given.append)
    assert given == [NOON.timestamp()]


def test_where_it_may_not_be_set_the_advice_is_a_command() -> None:
    def refuse(seconds: float) -> None:
        raise PermissionError("not permitted")

    with pytest.raises(HardwareError, match="sudo date --utc --set='2026-11-26 12:00'"):
        set_clock(NOON, refuse)
