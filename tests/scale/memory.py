"""Whether the driver's memory stays flat while an archive of a million crops is screened.

    python -m tests.scale.memory [--crops 1000000] [--json RECORD]

Fields are drawn with many small cells, which is cheapest for a crop. Sampled is the memory of the
command itself, shared memory left out, and of what Ray runs beside it. Flat: from the time when a
fifth of the slides is done to the last slide it grows by less than 20 MB for each million crops by
the fitted line, and by less than 50 MB from the start of that time to its peak. Exit code 1 where
it does not. A run takes some 10 minutes on two cores for a million.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.scale.archives import (
    clear_up_when_ended,
    command,
    facts,
    read_output,
    report_of,
    say,
    slides_done,
    write_record,
)
from tests.scale.processes import below, memory_bytes, title

FIELDS = 3
CELLS_PER_FIELD = 400
SMEAR = f"cells_per_field={CELLS_PER_FIELD}&um_per_px=0.2&touching_fraction=0"
MOST_SLOPE_MB, MOST_GROWTH_MB = 20.0, 50.0
EARLY = 0.2
_LOOK_S, _SAY_S = 1.0, 30.0
MB = 1e6


def sample(program: subprocess.Popen[bytes], out: Path, started: float) -> dict[str, float]:
    """What is held now, in MB, and how many slides are done."""
    inside = [(title(pid), memory_bytes(pid)) for pid in below(program.pid)]
    return {
        "seconds": round(time.monotonic() - started, 1),
        "slides": slides_done(out),
        "driver_mb": round(memory_bytes(program.pid) / MB, 1),
        "workers_mb": round(sum(held for name, held in inside if name.startswith("ray::")) / MB, 1),
        "others_mb": round(
            sum(held for name, held in inside if not name.startswith("ray::")) / MB, 1
        ),
    }


def watch(source: str, folder: Path) -> tuple[list[dict[str, float]], Path, float]:
    """Screens the archive with two workers; the samples, where the results are, and the time."""
    out, started = folder / "out", time.monotonic()
    samples, said = list[dict[str, float]](), 0.0
    program = subprocess.Popen(
        command(source, out, "--engine", "ray", "--workers", "2"),
        env=os.environ | {"CLINICSCOPE_HOME": str(folder / "home")},
        stderr=subprocess.DEVNULL,
    )
    try:
        while program.poll() is None:
            samples.append(sample(program, out, started))
            if time.monotonic() - said > _SAY_S:
                said = time.monotonic()
                say(str(samples[-1]))
            time.sleep(_LOOK_S)
    finally:
        program.terminate()
        program.wait()
    if program.returncode:
        raise RuntimeError(f"the command ended with {program.returncode}")
    return samples, out, time.monotonic() - started


def slope(pairs: list[tuple[float, float]]) -> float:
    """Of the line that fits best (least squares)."""
    mean_x, mean_y = (sum(one) / len(pairs) for one in zip(*pairs, strict=True))
    spread = sum((x - mean_x) ** 2 for x, _ in pairs)
    return sum((x - mean_x) * (y - mean_y) for x, y in pairs) / spread if spread else 0.0


def figures(samples: list[dict[str, float]], slides: int, crops: int) -> dict[str, Any]:
    """How the driver's memory went once a fifth of the slides was done, until the last was."""
    steady = [one for one in samples if slides * EARLY <= one["slides"] < slides]
    per_slide = crops / slides
    held = [one["driver_mb"] for one in steady]
    line = slope([(one["slides"] * per_slide / 1e6, one["driver_mb"]) for one in steady])
    return {
        "driver_first_mb": held[0],
        "driver_last_mb": held[-1],
        "driver_growth_mb": round(max(held) - held[0], 1),
        "driver_peak_mb": max(one["driver_mb"] for one in samples),
        "driver_slope_mb_per_million_crops": round(line, 2),
        "workers_peak_mb": max(one["workers_mb"] for one in samples),
        "others_peak_mb": max(one["others_mb"] for one in samples),
    }


def storage(out: Path) -> dict[str, float]:
    """Bytes of what was written, and the seconds that the tables took after the last slide."""
    parts = list(out.glob("parts/*/*.parquet"))
    tables = [
        path for name in ("slides", "fields", "cells") for path in (out / "tables" / name).iterdir()
    ]
    last = max(path.stat().st_mtime for path in parts)
    return {
        "part_bytes": sum(path.stat().st_size for path in parts),
        "table_bytes": sum(path.stat().st_size for path in tables),
        "tables_s": round((out / "tables" / "tables.json").stat().st_mtime - last, 2),
    }


def main() -> int:
    """The command; 0 where memory is flat."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--crops", type=int, default=1_000_000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    clear_up_when_ended()
    # A few more than are asked for: not each that is drawn is found.
    slides = max(10, round(1.05 * options.crops / FIELDS / CELLS_PER_FIELD))
    source = f"simulated:slides={slides}&fields={FIELDS}&seed=12&{SMEAR}"
    with tempfile.TemporaryDirectory() as folder:
        samples, out, seconds = watch(source, Path(folder))
        rows, report, written = read_output(out).rows, report_of(out), storage(out)
    came_to = figures(samples, slides, rows["cells"])
    record = facts("tests.scale.memory", sys.argv[1:]) | {
        "source": source,
        "seconds": round(seconds, 1),
        "work_s": report["seconds"],
        "rows": rows,
        **came_to,
        **written,
        "samples": samples[:: max(1, len(samples) // 60)],
    }
    write_record(options.json, record)
    flat = came_to["driver_slope_mb_per_million_crops"] < MOST_SLOPE_MB
    return 0 if flat and came_to["driver_growth_mb"] < MOST_GROWTH_MB else 1


if __name__ == "__main__":
    sys.exit(main())
