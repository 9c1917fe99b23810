"""What networks may cost on a device: read strictly, sourced, and said to be a prediction."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from compress.devices import Budget, Sourced, budget_of, load_device, load_devices, predict_ms
from edge.contract.errors import ConfigError, DataError


def test_every_number_says_where_it_is_from() -> None:
    devices = load_devices()
    assert {"rpi4", "rpi5", "jetson_orin_nano", "rpi_zero2w", "coral_usb"} <= set(devices)
    for name, device in devices.items():
        numbers = [getattr(device, field.name) for field in fields(device)]
        for number in (one for one in numbers if isinstance(one, Sourced)):
            assert number.value >= 0
            known = number.source.startswith(("PEERS", "estimate", "the project's"))
            assert known, f"{name}: {number}"


def test_floors_are_those_that_were_read() -> None:
    assert predict_ms(load_device("rpi4"), 10_000_000, 0).ms == pytest.approx(0.21)
    assert predict_ms(load_device("rpi5"), 10_000_000, 0).ms == pytest.approx(0.03)
    coral = predict_ms(load_device("coral_usb"), 300_000_000, 0)
    assert coral.ms == pytest.approx(4.6, abs=0.02)


def test_prediction_says_that_it_is_one() -> None:
    predicted = predict_ms(load_device("rpi4"), 10_000_000, 400_000)
    assert str(predicted) == "0.21 to 0.67 ms (predicted, not measured)"


def test_float_takes_longer_or_is_refused() -> None:
    pi = load_device("rpi4")
    whole, wide = (predict_ms(pi, 10_000_000, 0, bits) for bits in ("int8", "float16"))
    assert wide.ms == pytest.approx(2.7 * whole.ms)
    with pytest.raises(DataError, match=r"Coral USB Accelerator runs INT8 alone .*, no float16"):
        predict_ms(load_device("coral_usb"), 1, 1, "float16")


def test_unknown_device_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="device is 'rpi3'; known: coral_usb, jetson_orin_nano, "):
        load_device("rpi3")


def test_given_limits_replace_the_devices() -> None:
    device = load_device("rpi4")
    assert budget_of(device) == Budget(1_000_000, 20_000_000, 0.42)
    given = budget_of(device, max_bytes=5, max_mmac=0.5, max_ms=2.0)
    assert given == Budget(5, 500_000, 2.0)
    assert given.excess(10, 500_000, 3.0) == pytest.approx(1.5)
    assert given.excess(5, 1, 0.0) == 0
    with pytest.raises(ConfigError, match="each part must be above 0"):
        budget_of(device, max_ms=0.0)


@pytest.mark.parametrize("text", ["[rpi4", '[rpi4]\ntitle = "x"\n', "[rpi4]\nspeed = 3\n"])
def test_broken_file_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "devices.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"devices\.toml cannot be used"):
        load_devices(path)
