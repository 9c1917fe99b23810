"""What a field costs beside decoding it: small drawn fields, the shipped bundle."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest

from edge import field_speed
from edge.cameras.smear_settings import SmearSettings
from edge.config import DeviceConfig
from edge.contract.bundle import open_bundle
from edge.field_speed import draw_jpegs, measure_memory, time_field, time_threads
from edge.installed import SHIPPED_DIR, prove_screener
from edge.screening.screener import Screener

SMALL = SmearSettings(width_px=480, height_px=360, cells_per_field=15)


@pytest.fixture(scope="module")
def screeners() -> Iterator[tuple[Screener, Screener]]:
    bundle = open_bundle(SHIPPED_DIR / "malaria-cells-5")
    opened = tuple(prove_screener(bundle, DeviceConfig(threads=1)) for _ in range(2))
    yield opened[0], opened[1]
    for one in opened:
        one.close()


@pytest.fixture(scope="module")
def jpegs() -> list[bytes]:
    return draw_jpegs(SMALL)


def test_field_takes_longer_than_decoding_and_opencv_keeps_its_threads(
    screeners: tuple[Screener, Screener], jpegs: list[bytes]
) -> None:
    threads = cv2.getNumThreads()
    found = time_field(screeners[0], jpegs, 4)
    assert (found.width_px, found.height_px) == (480, 360)
    assert found.total_ms > found.decode_ms > 0
    assert found.ratio > 1
    assert 3 < found.cells < 30
    assert cv2.getNumThreads() == threads


def test_threads_are_compared_in_fields_a_second(
    screeners: tuple[Screener, Screener], jpegs: list[bytes]
) -> None:
    gain = time_threads(screeners, jpegs, 2, rounds=1)
    assert gain.threads == 2
    assert gain.ratio == pytest.approx(gain.many_per_s / gain.one_per_s, abs=0.02)


def test_memory_is_read_after_both_numbers_of_fields(
    screeners: tuple[Screener, Screener], jpegs: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    growth = measure_memory(screeners[0], jpegs, (2, 6))
    assert growth is not None
    assert growth.fields == (2, 6)
    assert growth.resident_mb[0] > 20
    assert abs(growth.growth_mb) < 50
    monkeypatch.setattr(field_speed, "_STATM", Path("/no/such/file"))
    assert measure_memory(screeners[0], jpegs, (1, 2)) is None
