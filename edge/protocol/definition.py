"""What a protocol says, as data: how much is counted, and what a verdict rests on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from edge.contract.errors import ConfigError

THIN, THICK = "thin", "thick"
DEFAULT_THICK = "who-thick"

# Least and most of each number; more is a slip of the pen.
_RANGES: dict[str, tuple[float, float]] = {
    "version": (1, 9999),
    "minimum_rbc_count": (1, 1_000_000),
    "low_minimum_rbc_count": (0, 1_000_000),
    "most_rbc_count": (1, 10_000_000),
    "minimum_usable_fields": (1, 1000),
    "minimum_positive_count": (1, 1000),
    "most_mistaken_fraction": (1e-6, 0.05),
    "low_parasitaemia_fraction": (0, 0.5),
    "wide_interval_ratio": (0.1, 100),
    "rbc_per_ul": (500_000, 10_000_000),
    "wbc_count": (1, 10_000),
    "wbc_count_few": (1, 10_000),
    "few_parasites": (0, 10_000),
    "wbc_per_ul": (100, 500_000),
}


@dataclass(frozen=True)
class Protocol:
    """How a thin smear is counted, and what its result rests on.

    Attributes:
        minimum_rbc_count: red cells before a slide may be called negative; WHO counts 5,000
            (Malar J s12936-021-03889-7, fig. 3).
        negative_limit_fraction: a negative slide's interval must lie below this parasitaemia.
        minimum_positive_count: suspect cells before the machine alone may call a slide positive;
            in a field with a handful of cells one false alarm would be enough for the interval.
        version: goes up with every change of what is counted; on the record.
        source: where it was read.
        minimum_usable_fields: fields that must be read, however many cells each has.
        low_parasitaemia_fraction: below it `low_minimum_rbc_count` red cells are asked for (CDC);
            0 where there is no such rule.
        most_mistaken_fraction: the machine alone calls a slide positive only where no more than
            this share of slides without a parasite would have as many suspect cells.
        wide_interval_ratio: an interval wider than this many times its estimate is wide, and more
            fields are asked for (`progress`).
        most_rbc_count: for that, no more than this many red cells are asked for.
        rbc_per_ul: red cells per µL that a density assumes.
        thick: the protocol by which a thick smear of the same specimen is counted.
    """

    name: str = "who-thin-5000"
    minimum_rbc_count: int = 5000
    negative_limit_fraction: float = 0.002
    minimum_positive_count: int = 3
    version: int = 1
    title: str = ""
    source: str = ""
    smear: str = THIN
    minimum_usable_fields: int = 1
    low_parasitaemia_fraction: float = 0.0
    low_minimum_rbc_count: int = 0
    most_mistaken_fraction: float = 0.01
    wide_interval_ratio: float = 1.0
    most_rbc_count: int = 20_000
    rbc_per_ul: int = 5_000_000
    thick: str = DEFAULT_THICK

    def __post_init__(self) -> None:
        _check(self, THIN)
        if not 0 < self.negative_limit_fraction < 1:
            raise ConfigError(
                f"protocol {self.name}: negative_limit_fraction is {self.negative_limit_fraction}; "
                "give a number between 0 and 1"
            )
        if bool(self.low_parasitaemia_fraction) != bool(self.low_minimum_rbc_count):
            raise ConfigError(
                f"protocol {self.name}: low_parasitaemia_fraction is "
                f"{self.low_parasitaemia_fraction} and low_minimum_rbc_count is "
                f"{self.low_minimum_rbc_count}; give both or neither"
            )

    @property
    def label(self) -> str:
        """Name and version, as on the record."""
        return f"{self.name}@{self.version}"

    def minimum_for(self, parasitaemia_fraction: float | None) -> int:
        """Red cells to count at this parasitaemia; None where nothing has been counted."""
        low = parasitaemia_fraction is None or (
            parasitaemia_fraction < self.low_parasitaemia_fraction
        )
        if low:
            return max(self.minimum_rbc_count, self.low_minimum_rbc_count)
        return self.minimum_rbc_count


@dataclass(frozen=True)
class ThickProtocol:
    """How a person counts a thick smear.

    Attributes:
        wbc_count: white cells to count against where many parasites are seen.
        few_parasites: fewer are few, and
        wbc_count_few: is then the number of white cells to count against.
        wbc_per_ul: white cells per µL that a density assumes where none was measured.
    """

    name: str = DEFAULT_THICK
    version: int = 1
    title: str = ""
    source: str = ""
    smear: str = THICK
    wbc_count: int = 200
    few_parasites: int = 100
    wbc_count_few: int = 500
    wbc_per_ul: int = 8000

    def __post_init__(self) -> None:
        _check(self, THICK)
        if self.wbc_count_few < self.wbc_count:
            raise ConfigError(
                f"protocol {self.name}: wbc_count_few is {self.wbc_count_few}; give at least "
                f"wbc_count, {self.wbc_count}"
            )

    @property
    def label(self) -> str:
        """Name and version, as on the record."""
        return f"{self.name}@{self.version}"

    def wbc_needed(self, parasites: int) -> int:
        """White cells to count against where so many parasites were seen."""
        return self.wbc_count_few if parasites < self.few_parasites else self.wbc_count


def _check(protocol: Any, smear: str) -> None:
    # Any: both kinds are checked by the names of their fields.
    name = protocol.name
    if not name or not all(sign.isascii() and (sign.isalnum() or sign in "-_") for sign in name):
        raise ConfigError(
            f"protocol {name!r}: name is {name!r}; use letters, digits, - and _ alone"
        )
    if protocol.smear != smear:
        raise ConfigError(f"protocol {name}: smear is {protocol.smear!r}; here {smear!r} is read")
    for key, (least, most) in _RANGES.items():
        value = getattr(protocol, key, least)
        if not least <= value <= most:
            raise ConfigError(
                f"protocol {name}: {key} is {value}; give a number from {least:g} to {most:g}"
            )
