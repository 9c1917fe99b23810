"""What an enlargement costs beside what it restores: `train/records/superres/speed.json`.

Times are ratios to one yardstick measured in the same run, OpenCV's bicubic on one thread, so that
they say something of another machine too.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from edge.contract.errors import DataError, ManifestError
from edge.contract.records import from_plain, to_plain


@dataclass(frozen=True)
class TimedSystem:
    """One system, at the size of the yardstick.

    Attributes:
        format: of its file: "tflite int8", "onnx int8", "float", or "" for interpolation.
        bytes: of its file; 0 for interpolation.
        median_us: of a 128x128 crop, microseconds.
        ratio: to the yardstick's median.
        psnr_gain_db: over bicubic, mean over native cells, whole crop, RGB.
        psnr_gain_inside_db: the same inside the mask.
        note: what the row is to be read with.
    """

    name: str
    format: str
    bytes: int
    median_us: float
    ratio: float
    psnr_gain_db: float
    psnr_gain_inside_db: float
    note: str = ""


@dataclass(frozen=True)
class Speed:
    """Systems timed in one run.

    Attributes:
        machine: in words.
        unit: what the yardstick is.
        bicubic_us: its median.
    """

    machine: str
    unit: str
    bicubic_us: float
    systems: tuple[TimedSystem, ...]


def write_speed(path: Path, speed: Speed) -> None:
    """Writes the file whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    partial.write_text(json.dumps(to_plain(speed), indent=1) + "\n", encoding="utf-8")
    partial.replace(path)


def read_speed(path: Path) -> Speed:
    """The file's content. Raises DataError where it is missing or of another form."""
    try:
        return from_plain(Speed, json.loads(path.read_text(encoding="utf-8")), str(path))
    except (OSError, ValueError, ManifestError) as error:
        raise DataError(f"{path} holds no times of enlargement: {error}") from error
