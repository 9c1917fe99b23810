"""The card or flash below the records: worn out, or already losing what it was given."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edge.bench.sensors import ROOT, read_number, read_text
from edge.health.check import FAILED, OK, WARNING, Check

# JEDEC eMMC 5.0 (JESD84-B50), EXT_CSD: life time in tenths, 0x0B is beyond; end of life 1 to 3.
_WORN, _WORN_OUT = 0x09, 0x0B
_NEAR_END, _END = 0x02, 0x03
_ADVICE = "back up now, then have the card or the drive replaced"


def check_card(root: Path = ROOT) -> Check:
    """What the kernel tells of it. An SD card does not tell its wear; its errors show."""
    errors = _errors(root)
    life = max(_life(root), default=0)
    end = max((int(text, 16) for text in _told(root, "pre_eol_info")), default=0)
    if errors:
        detail = f"the file system met {errors:,} errors"
        return Check("card", FAILED, detail, _ADVICE)
    if life >= _WORN_OUT or end >= _END:
        return Check("card", FAILED, "it is worn out", _ADVICE)
    if life >= _WORN or end >= _NEAR_END:
        return Check("card", WARNING, "it is nearly worn out", _ADVICE)
    told = f"; less than {10 * life} % of its life is used" if life else ""
    return Check("card", OK, f"no error was met{told}")


def _errors(root: Path) -> int:
    """Of all ext4 file systems that are mounted, kept in the file system itself until it is mended.

    Linux, Documentation/ABI/testing/sysfs-fs-ext4.
    """
    counts = (read_number(file) for file in root.glob("sys/fs/ext4/*/errors_count"))
    return int(sum(count for count in counts if count))


def _life(root: Path) -> Iterator[int]:
    """Of both kinds of cells of each eMMC."""
    for text in _told(root, "life_time"):
        yield from (int(part, 16) for part in text.split())


def _told(root: Path, name: str) -> list[str]:
    found = (read_text(file) for file in root.glob(f"sys/class/mmc_host/mmc*/mmc*:*/{name}"))
    return [text for text in found if text and all(_is_hex(part) for part in text.split())]


def _is_hex(text: str) -> bool:
    try:
        int(text, 16)
    except ValueError:
        return False
    return True
