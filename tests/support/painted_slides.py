"""Slides of painted fields in folders, and a bundle that reads them by their colours."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from edge.contract.images import encode_image
from tests.support.painted_field import GLASS_RGB, INFECTED, SPACING_PX, paint_field

N_CELLS = 30


def painted_jpeg(infected: int = 0, place: int = 0) -> bytes:
    """A field of which so many cells look infected; `place`, 0 to 3, is where on the slide."""
    cells = [INFECTED] * infected + [""] * (N_CELLS - infected)
    image = paint_field(cells).image
    for column in (2, 5, 6) if place > 1 else ():
        left_px = 10 + SPACING_PX * column
        image[:, left_px : left_px + SPACING_PX] = GLASS_RGB
    image = np.ascontiguousarray(np.rot90(image, place))
    return encode_image(image, ".jpg", quality=98)


def write_slide(folder: Path, fields: int = 2, infected: int = 0) -> Path:
    """A slide of JPEG fields."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(fields):
        (folder / f"f{number}.jpg").write_bytes(painted_jpeg(infected, number))
    return folder


def write_archive(root: Path) -> Path:
    """Four slides at three depths, of the last a place twice; what is no slide lies beside them."""
    write_slide(root / "a", infected=3)
    write_slide(root / "a-b", 1)
    write_slide(root / "a" / "deeper" / "c", 3, infected=1)
    write_slide(root / "z", 1)
    (root / "z" / "f1.jpg").write_bytes(painted_jpeg(1))
    write_slide(root / ".hidden")
    (root / "z" / "notes.txt").write_text("no field")
    (root / "empty").mkdir()
    return root


def bytes_of(folder: Path) -> dict[str, str]:
    """Hash of each file below a folder."""
    found = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    assert found, f"{folder} holds no file"
    return found
