"""What `make image-root` made and what ran in it, as JSON: image_record.py WORK ARCH SECONDS"""

from __future__ import annotations

import json
import platform
import re
import sys
from pathlib import Path
from typing import Any

# Of the slide's record: what tells that it was screened.
TOLD = ("verdict", "rbc_count", "positive_count", "fields_read", "runtime", "accelerator")


def packages(root: Path) -> int:
    """Debian's packages that are installed."""
    status = (root / "var/lib/dpkg/status").read_text("utf-8")
    return len(re.findall(r"^Status: install ok installed$", status, re.M))


def size_mb(root: Path) -> float:
    """Of all files, each counted once."""
    found = {one.lstat().st_ino: one.lstat().st_size for one in root.rglob("*")}
    return round(sum(found.values()) / 1e6, 1)


def told(path: Path) -> dict[str, Any]:
    """The slide, in short."""
    slide = json.loads(path.read_text())["slide"]
    return {name: slide[name] for name in TOLD}


def record(work: Path, architecture: str, took_s: int) -> dict[str, Any]:
    """All of it."""
    root, image = work / "root", work.parent / f"clinicscope-{architecture}.squashfs"
    release = re.search(r'^PRETTY_NAME="(.*)"', (root / "etc/os-release").read_text(), re.M)
    return {
        "architecture": architecture,
        "made_on": platform.machine(),
        "release": release[1] if release else "",
        "packages": packages(root),
        "root_mb": size_mb(root),
        "image_mb": round(image.stat().st_size / 1e6, 1) if image.is_file() else None,
        "doctor_and_slide_s": took_s,
        "slide_in_the_root": told(work / "slide-there.json"),
        "slide_on_this_machine": told(work / "slide-here.json"),
    }


if __name__ == "__main__":
    found = record(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
    sys.stdout.write(json.dumps(found, indent=1) + "\n")
