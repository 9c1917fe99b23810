"""Sheets to look at: a cell halved, what each system makes of it, and the true one.

    FOLDER/CELL/0-half.webp, 1-bicubic.webp, …, 9-true.webp     (lossless)
    FOLDER/index.html

A sheet of real cells is for the person who made it and is not kept with the code; the report shows
drawn ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.contract.errors import DataError, ImageError
from edge.contract.images import encode_image, list_images, read_image
from train.report.page import write_page
from train.superres.degrade import halve
from train.superres.evaluate import Pair
from train.superres.measures import quality
from train.superres.networks import Enlarge
from train.superres.pairs import cell_mask, even

HALF, TRUE = "half", "true"
# OpenCV writes WebP without loss above 100.
_LOSSLESS = 101


@dataclass(frozen=True)
class Picture:
    """One picture of a sheet: a file, and what is below it."""

    name: str
    path: Path
    caption: str


@dataclass(frozen=True)
class Strip:
    """One cell: halved, as each system enlarged it, and as it is."""

    name: str
    pictures: tuple[Picture, ...]


def image_pairs(folder: Path) -> list[Pair]:
    """A pair of each image file of a folder, by name; halved by bicubic.

    Raises:
        DataError: no image, or one that cannot be read.
    """
    paths = list_images(folder)
    if not paths:
        raise DataError(f"{folder} holds no image")
    return [_image_pair(path) for path in paths]


def write_sheet(folder: Path, pairs: Sequence[Pair], systems: Mapping[str, Enlarge]) -> Path:
    """Writes the pictures and a page that shows them; gives the page's path."""
    for pair in pairs:
        own = folder / pair.name
        own.mkdir(parents=True, exist_ok=True)
        for old in own.glob("*.webp"):
            old.unlink()
        made = {HALF: pair.low, **{name: enlarge(pair.low) for name, enlarge in systems.items()}}
        for number, (name, image) in enumerate({**made, TRUE: pair.high}.items()):
            data = encode_image(image, ".webp", quality=_LOSSLESS)
            (own / f"{number}-{name}.webp").write_bytes(data)
    return write_page(
        folder / "index.html",
        "superres_sheet.html",
        strips=read_sheet(folder),
        address=lambda picture: picture.path.relative_to(folder).as_posix(),
    )


def read_sheet(folder: Path) -> list[Strip]:
    """The strips of a folder by the cells' names; none where there is no such folder.

    Raises:
        DataError: a cell without its true picture, or a picture that cannot be read.
    """
    own = sorted({path.parent for path in folder.glob("*/*.webp")})
    return [_read_strip(path) for path in own]


def _read_strip(folder: Path) -> Strip:
    paths = {_system(path): path for path in sorted(folder.glob("*.webp"), key=_place)}
    try:
        images = {name: read_image(path) for name, path in paths.items()}
    except ImageError as error:
        raise DataError(f"{folder} holds a picture that cannot be read: {error}") from error
    if TRUE not in images:
        raise DataError(f"{folder} has no picture N-{TRUE}.webp to compare with")
    truth = images[TRUE]
    captions = {HALF: "halved", TRUE: "the true one"}
    for name in paths.keys() - captions.keys():
        whole, inside = quality(truth, images[name], cell_mask(truth))
        captions[name] = f"{whole.psnr_rgb:.1f} dB; inside the cell {inside.psnr_rgb:.1f}"
    pictures = (Picture(name, path, captions[name]) for name, path in paths.items())
    return Strip(folder.name, tuple(pictures))


def _place(path: Path) -> int:
    number = path.name.partition("-")[0]
    return int(number) if number.isdigit() else 0


def _system(path: Path) -> str:
    return path.stem.partition("-")[2]


def _image_pair(path: Path) -> Pair:
    try:
        high = even(read_image(path))
    except ImageError as error:
        raise DataError(f"{path}: {error}") from error
    return Pair(path.stem, path.stem, high, halve(high), cell_mask(high))
