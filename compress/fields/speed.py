"""The table's section on speed: the bundle that ships, on drawn fields, beside decoding alone."""

from __future__ import annotations

import math

from compress.fields.table import Row, Section, Target
from edge.commands.shared import open_screener
from edge.field_speed import (
    FIVE_MEGAPIXELS,
    USUAL,
    FieldRatio,
    draw_jpegs,
    measure_memory,
    time_field,
    time_threads,
)
from train.bootstrap import Figure

_FIELDS_A_THREAD = 10
_MOST_GROWTH_MB = 10.0


def speed_section(runs: int) -> Section:
    """Times and memory here; nothing else should run meanwhile."""
    usual, large = draw_jpegs(USUAL), draw_jpegs(FIVE_MEGAPIXELS)
    first, second = open_screener(None, None, 1), open_screener(None, None, 1)
    try:
        ratios = [time_field(first, jpegs, runs) for jpegs in (usual, large)]
        threads = time_threads((first, second), usual, _FIELDS_A_THREAD)
        memory = measure_memory(first, usual)
    finally:
        first.close()
        second.close()
    rows = [
        *_ratio_rows(ratios[0], Target(6, "at most")),
        *_ratio_rows(ratios[1], Target(3, "at most")),
    ]
    gain = f"two threads: fields a second over one ({threads.one_per_s} to {threads.many_per_s})"
    rows.append(Row(gain, _plain(threads.ratio), Target(1.6)))
    if memory:
        what = f"memory after {memory.fields[1]} fields over {memory.fields[0]}, MB more"
        rows.append(Row(what, _plain(memory.growth_mb), Target(_MOST_GROWTH_MB, "at most")))
    bundle = first.bundle.manifest.bundle_id
    note = f"Bundle {bundle}, one thread, {runs} fields of each size in turns with decoding."
    return Section("speed, JPEG bytes to calls", tuple(rows), (note,))


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
