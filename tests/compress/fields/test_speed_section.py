"""The table's section on speed: what is timed and against which target."""

from __future__ import annotations

from pathlib import Path

from compress.fields.speed import SpeedSettings, speed_section
from edge.cameras.smear_settings import SmearSettings


def test_section_has_both_sizes_threads_and_memory(home: Path) -> None:
    small = SmearSettings(width_px=480, height_px=360, cells_per_field=12)
    large = SmearSettings(width_px=640, height_px=480, cells_per_field=20)
    section = speed_section(SpeedSettings(3, (small, large), 1, (1, 3)))
    words = [row.what for row in section.rows]
    assert words[0].startswith("480 x 360 px")
    assert words[3].startswith("640 x 480 px")
    targets = [str(row.target) for row in section.rows if row.target]
    assert targets == ["<= 6", "<= 3", ">= 1.6", "<= 10"]
    assert section.notes[0].startswith("Bundle malaria-cells-")
