"""The table's section on speed: the bundle that ships, on drawn fields, beside decoding alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

from compress.fields.table import Row, Section, Target
from edge.cameras.smear_settings import SmearSettings
from edge.commands.shared import open_screener
from edge.field_speed import (
    FIVE_MEGAPIXELS,
    USUAL,
    FieldRatio,
    MemoryGrowth,
    ThreadGain,
    draw_jpegs,
    measure_memory,
    time_field,
    time_threads,
)
from train.bootstrap import Figure

# What allocators keep; 190 fields that stayed would take hundreds.
_MOST_GROWTH_MB = 10.0


@dataclass(frozen=True)
class SpeedSettings:
    """What is timed.

    Attributes:
        runs: timed fields of each size.
        sizes: a usual field and a large one.
        fields_a_thread: in each round of one thread against two.
        memory_fields: after which resident memory is read.
    """

    runs: int = 12
    sizes: tuple[SmearSettings, SmearSettings] = (USUAL, FIVE_MEGAPIXELS)
    fields_a_thread: int = 10
    memory_fields: tuple[int, int] = (10, 200)


def speed_section(settings: SpeedSettings) -> Section:
    """Times and memory here; nothing else should run meanwhile."""
    usual, large = (draw_jpegs(size) for size in settings.sizes)
    first, second = open_screener(None, None, 1), open_screener(None, None, 1)
    try:
        rows = [
            *_ratio_rows(time_field(first, usual, settings.runs), Target(6, "at most")),
            *_ratio_rows(time_field(first, large, settings.runs), Target(3, "at most")),
            _thread_row(time_threads((first, second), usual, settings.fields_a_thread)),
        ]
        memory = measure_memory(first, usual, settings.memory_fields)
    finally:
        first.close()
        second.close()
    rows += [_memory_row(memory)] if memory else []
    bundle = first.bundle.manifest.bundle_id
    note = f"Bundle {bundle}, one thread, {settings.runs} fields of each size, in turns."
    return Section("speed, JPEG bytes to calls", tuple(rows), (note,))


def _thread_row(found: ThreadGain) -> Row:
    what = f"two threads: fields a second over one ({found.many_per_s} over {found.one_per_s})"
    return Row(what, _plain(found.ratio), Target(1.6))


def _memory_row(found: MemoryGrowth) -> Row:
    early, late = found.fields
    what = f"memory after {late} fields over {early}, MB more"
    return Row(what, _plain(found.growth_mb), Target(_MOST_GROWTH_MB, "at most"))


def _ratio_rows(found: FieldRatio, target: Target) -> list[Row]:
    size = f"{found.width_px} x {found.height_px} px, {found.cells:.0f} cells"
    return [
        Row(f"{size}: times the decoding", _plain(found.ratio), target),
        Row("  decoding alone, ms", _plain(found.decode_ms)),
        Row("  to calls, ms", _plain(found.total_ms)),
    ]


def _plain(value: float) -> Figure:
    """A figure of this machine, without an interval."""
    return Figure(value, math.nan, math.nan, 1, 1)
