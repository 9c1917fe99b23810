"""Tables of what enhancers reach: a figure with its interval in each cell."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from train.bootstrap import Figure
from train.report.table import value_text
from train.superres.evaluate import PAIR_SETS
from train.superres.measured import BASE, MEASURES, Measured
from train.superres.networks import INTERPOLATIONS
from train.superres.speed import Speed

# Of the sources, on pairs of their own making; nobody says on which channels.
CLAIMED_DB = 35.36
_NAMES = {
    "psnr_rgb": "PSNR, RGB, dB",
    "psnr_y": "PSNR, Y, dB",
    "ssim_rgb": "SSIM, RGB",
    "ssim_y": "SSIM, Y",
}
_DASH = "–"


@dataclass(frozen=True)
class Cell:
    """A figure, and below it in small its interval."""

    text: str
    small: str = ""


@dataclass(frozen=True)
class Grid:
    """A table whose first column names the row.

    Attributes:
        words: places of further columns that hold words, not figures.
    """

    columns: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]
    words: tuple[int, ...] = ()


def in_order(sets: Mapping[str, Measured]) -> dict[str, Measured]:
    """As `PAIR_SETS` has them; others after."""
    known = [name for name in PAIR_SETS if name in sets]
    return {name: sets[name] for name in [*known, *sorted(set(sets) - set(known))]}


def system_order(sets: Mapping[str, Measured]) -> list[str]:
    """Bicubic, other interpolation, then networks by what they gain on the first set with them."""
    names = {system for found in sets.values() for system in found.values}
    networks = names - set(INTERPOLATIONS)
    return [
        *(name for name in INTERPOLATIONS if name in names),
        *sorted(networks, key=lambda name: (-_first_gain(sets, name), name)),
    ]


def networks_of(sets: Mapping[str, Measured]) -> list[str]:
    """The systems that were fitted, best first."""
    return [name for name in system_order(sets) if name not in INTERPOLATIONS]


def gains_grid(sets: Mapping[str, Measured], order: Sequence[str], place: str) -> Grid:
    """Decibels over bicubic of each system on each set that has this place."""
    shown = {name: found for name, found in sets.items() if place == "whole" or has_inside(found)}
    columns = (Cell("system"), *(Cell(name) for name in shown))
    rows = tuple(
        (Cell(system), *(_gain_cell(found, system, place) for found in shown.values()))
        for system in order
        if system != BASE
    )
    return Grid(columns, rows)


def quality_grid(found: Measured, order: Sequence[str], place: str) -> Grid:
    """Every measure of each system at one place, with intervals."""
    columns = (
        Cell("system"),
        Cell("over bicubic, dB", "RGB, paired"),
        *(Cell(_NAMES[measure]) for measure in MEASURES),
    )
    rows = tuple(
        (
            Cell(system, found.about.get(system, "")),
            _gain_cell(found, system, place),
            *(_mean_cell(found, system, place, measure) for measure in MEASURES),
        )
        for system in order
        if system in found.values
    )
    return Grid(columns, rows)


def claim_grid(found: Measured, order: Sequence[str]) -> Grid:
    """PSNR and SSIM of the whole crop beside what the sources claim."""
    columns = (Cell("system"), *(Cell(_NAMES[measure]) for measure in MEASURES))
    claim = (Cell("the sources' RCAN", "as claimed"), Cell(f"{CLAIMED_DB}"), Cell(_DASH))
    rows = [
        (Cell(name), *(_mean_cell(found, name, "whole", measure) for measure in MEASURES))
        for name in order
        if name in found.values
    ]
    return Grid(columns, ((*claim, Cell("“9.982”", "cannot be"), Cell(_DASH)), *rows))


def speed_grid(speed: Speed) -> Grid:
    """Bytes, time and gain of each system, numbered as the plot is."""
    columns = (
        *(Cell("system"), Cell("bytes"), Cell("µs a crop", "128 to 256 px")),
        *(Cell("times bicubic"), Cell("over bicubic, dB", "whole crop")),
        Cell("over bicubic, dB", "inside the cell"),
    )
    rows = tuple(
        (
            Cell(
                f"{number}. {row.name}", "; ".join(text for text in (row.format, row.note) if text)
            ),
            Cell(f"{row.bytes:,}" if row.bytes else _DASH),
            Cell(f"{row.median_us:,.0f}"),
            Cell(f"{row.ratio:.1f}" if row.ratio < 100 else f"{row.ratio:,.0f}"),
            Cell(signed(row.psnr_gain_db)),
            Cell(signed(row.psnr_gain_inside_db)),
        )
        for number, row in enumerate(speed.systems, start=1)
    )
    return Grid(columns, rows)


def has_inside(found: Measured) -> bool:
    """Whether the set has masks: cells have, fields have not."""
    return found.mean(found.column(BASE, "inside", "psnr_rgb"), resamples=0) is not None


def signed(value: float, digits: int = 2) -> str:
    """`+1.52`, `−0.10`, `0.00`; a dash for what is undefined."""
    if not math.isfinite(value):
        return _DASH
    text = f"{abs(value):.{digits}f}"
    return text if not float(text) else ("+" if value > 0 else "−") + text


def gain_figure(found: Measured, system: str, place: str) -> Figure | None:
    """Mean decibels (RGB) over bicubic, paired."""
    if system not in found.values:
        return None
    return found.mean(found.gain(system, place, "psnr_rgb"))


def _first_gain(sets: Mapping[str, Measured], system: str) -> float:
    found = next(found for found in sets.values() if system in found.values)
    return float(found.gain(system, "whole", "psnr_rgb").mean())


def _gain_cell(found: Measured, system: str, place: str) -> Cell:
    figure = gain_figure(found, system, place)
    if figure is None or system == BASE:
        return Cell(_DASH)
    return Cell(signed(figure.value), f"{signed(figure.ci_low)} to {signed(figure.ci_high)}")


def _mean_cell(found: Measured, system: str, place: str, measure: str) -> Cell:
    figure = found.mean(found.column(system, place, measure))
    if figure is None:
        return Cell(_DASH)
    value, low, high = (
        f"{x:.2f}" if measure.startswith("psnr") else value_text(x)
        for x in (figure.value, figure.ci_low, figure.ci_high)
    )
    return Cell(value, f"{low} to {high}")
