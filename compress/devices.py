"""What networks may cost on the devices, and how long they should take there: predictions.

The figures of `devices.toml` are read or estimated; nothing here was measured. A figure that
matters is measured on the device with `clinicscope bench`.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from edge.contract.errors import ConfigError, DataError, ManifestError
from edge.contract.records import from_plain

DEVICES_FILE = Path(__file__).parent / "devices.toml"
PREDICTED = "predicted, not measured"
# Weights in float16 are widened to float32 before a CPU multiplies them.
_FLOAT = frozenset({"float16", "float32", "onnx-float32"})


@dataclass(frozen=True)
class Sourced:
    """A number and where it is from."""

    value: float
    source: str


@dataclass(frozen=True)
class Device:
    """One device; numbers as the head of `devices.toml` says.

    Attributes:
        title: what it is, and what of it computes.
        formats: of model files that it runs.
    """

    title: str
    formats: tuple[str, ...]
    call_ms: Sourced
    ms_per_mmac: Sourced
    slow_ms_per_mmac: Sourced
    ms_per_mbyte: Sourced
    float_factor: Sourced
    max_bytes: Sourced
    max_mmac: Sourced
    max_ms: Sourced


@dataclass(frozen=True)
class Prediction:
    """Milliseconds of one image: `ms` at best; `slow_ms` where kernels fit the network badly and
    no weight is still in a cache.
    """

    ms: float
    slow_ms: float

    def __str__(self) -> str:
        return f"{self.ms:.3g} to {self.slow_ms:.3g} ms ({PREDICTED})"


@dataclass(frozen=True)
class Budget:
    """What one network may cost: bytes of its file, multiply-accumulates and ms of one image."""

    max_bytes: int
    max_macs: int
    max_ms: float

    def __post_init__(self) -> None:
        if min(self.max_bytes, self.max_macs, self.max_ms) <= 0:
            raise ConfigError(f"the budget is {self}; each part must be above 0")

    def excess(self, size_bytes: int, macs: int, ms: float) -> float:
        """By what share of the budget a network exceeds it, summed over its parts; 0 within."""
        parts = (size_bytes / self.max_bytes, macs / self.max_macs, ms / self.max_ms)
        return sum(max(0.0, part - 1) for part in parts)

    def __str__(self) -> str:
        return (
            f"{self.max_bytes:,} bytes, {self.max_macs / 1e6:g} MMAC, {self.max_ms:g} ms "
            f"({PREDICTED})"
        )


def load_devices(path: Path = DEVICES_FILE) -> dict[str, Device]:
    """All known devices by name.

    Raises:
        ConfigError: the file is not TOML, or a key is unknown or missing.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        return {name: from_plain(Device, entry, name) for name, entry in content.items()}
    except (OSError, tomllib.TOMLDecodeError, ManifestError) as error:
        raise ConfigError(f"{path} cannot be used: {error}") from error


def load_device(name: str) -> Device:
    """One device. Raises ConfigError, listing the known ones, where there is no such device."""
    devices = load_devices()
    if name not in devices:
        raise ConfigError(f"device is {name!r}; known: {', '.join(sorted(devices))}")
    return devices[name]


def predict_ms(device: Device, macs: int, size_bytes: int, bits: str = "int8") -> Prediction:
    """How long one image should take on the device. It is a prediction, not a measurement.

    Args:
        macs: multiply-accumulates of one image.
        size_bytes: of the model file.
        bits: the variant's name; those in float take longer than integers.

    Raises:
        DataError: the device does not run such numbers.
    """
    factor = device.float_factor.value if bits in _FLOAT else 1.0
    if not factor:
        raise DataError(f"{device.title} runs INT8 alone ({device.float_factor.source}), no {bits}")
    mmac, reading = macs / 1e6 * factor, size_bytes / 1e6 * device.ms_per_mbyte.value
    return Prediction(
        device.call_ms.value + mmac * device.ms_per_mmac.value,
        device.call_ms.value + mmac * device.slow_ms_per_mmac.value + reading,
    )


def budget_of(
    device: Device,
    *,
    max_bytes: int | None = None,
    max_mmac: float | None = None,
    max_ms: float | None = None,
) -> Budget:
    """The device's budget, with the parts that are given instead of its own."""
    mmac = device.max_mmac.value if max_mmac is None else max_mmac
    return Budget(
        int(device.max_bytes.value) if max_bytes is None else max_bytes,
        int(mmac * 1e6),
        device.max_ms.value if max_ms is None else max_ms,
    )
