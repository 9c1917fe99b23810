"""Every test that needs a device is in the list of those, with what to set."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
MARK = "mark." + "hardware"


def test_every_hardware_test_is_listed() -> None:
    listed = (ROOT / "docs" / "hardware-tests.md").read_text()
    marked = [
        path for path in (ROOT / "tests").rglob("test_*.py") if MARK in path.read_text("utf-8")
    ]
    assert marked
    for path in marked:
        assert f"`{path.relative_to(ROOT).as_posix()}`" in listed
        for variable in re.findall(r"CLINICSCOPE_(?!DATA)[A-Z_]+", path.read_text("utf-8")):
            assert variable in listed, f"{path.name} reads {variable}"
