"""Real pictures that are no red cell: X-rays, photographs, white cells and platelets.

Photographs are those that installed packages carry for their own examples; they are read where the
package lies and kept nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np

from edge.contract.errors import DataError
from edge.contract.images import read_image
from edge.contract.labels import PLATELET, WBC
from edge.contract.types import U8Array
from train.datasets import bccd_objects
from train.datasets.base import labels_of, list_examples, read_example
from train.not_smears.wanted import Wanted

# Package and folder in it, and names there.
_PHOTOGRAPHS = {
    ("skimage", "data"): (
        "astronaut.png",
        "brick.png",
        "camera.png",
        "chelsea.png",
        "coffee.png",
        "coins.png",
        "grass.png",
        "gravel.png",
        "hubble_deep_field.jpg",
        "ihc.png",
        "moon.png",
        "motorcycle_left.png",
        "retina.jpg",
        "rocket.jpg",
        "text.png",
    ),
    ("sklearn", "datasets/images"): ("china.jpg", "flower.jpg"),
    ("matplotlib", "mpl-data/sample_data"): ("grace_hopper.jpg",),
}
# A smaller piece may be sky or table alone, which is a flat colour and no photograph.
_LEAST_PIECE = 0.5
_MOST_TINT = 0.2


def x_rays(wanted: Wanted) -> Iterator[U8Array]:
    """Chest X-rays as they are, evenly from all of them by name.

    Raises:
        DataError: the data set is not at hand.
    """
    examples = list_examples("cxr-covid", wanted.data)
    for row in np.linspace(0, len(examples) - 1, min(wanted.count, len(examples))).astype(int):
        yield _sized(read_example(examples[row]), wanted)


def x_rays_tinted(wanted: Wanted) -> Iterator[U8Array]:
    """X-rays as photographed from a light box: two of the channels dimmed by up to a fifth."""
    rng = wanted.rng()
    for image in x_rays(wanted):
        dimmed = 1 - rng.uniform(0, _MOST_TINT, 3)
        yield (image * (dimmed / dimmed.max())).astype(np.uint8)


def photographs(wanted: Wanted) -> Iterator[U8Array]:
    """Pieces of photographs, at least half of the shorter side wide.

    Raises:
        DataError: a package that carries them is not installed, or carries them no more.
    """
    rng = wanted.rng()
    images = [read_image(path, may_be_grey=True) for path in _photograph_paths()]
    for number in range(wanted.count):
        image = images[number % len(images)]
        side = int(min(image.shape[:2]) * rng.uniform(_LEAST_PIECE, 1))
        top, left = (int(rng.integers(0, length - side + 1)) for length in image.shape[:2])
        yield _sized(image[top : top + side, left : left + side], wanted)


def _photograph_paths() -> list[Path]:
    paths = []
    for (package, folder), names in _PHOTOGRAPHS.items():
        spec = find_spec(package)
        if spec is None or spec.origin is None:
            raise DataError(f"{package} is not installed, whose example photographs are needed")
        paths += [Path(spec.origin).parent / folder / name for name in names]
    missing = [str(path) for path in paths if not path.is_file()]
    if missing:
        raise DataError(f"photographs are missing: {', '.join(missing)}; reinstall their packages")
    return paths


def white_cells(wanted: Wanted) -> Iterator[U8Array]:
    """White cells of BCCD, of that half of the fields that no fit sees, in their ellipse."""
    return _objects(WBC, wanted)


def platelets(wanted: Wanted) -> Iterator[U8Array]:
    """Platelets of BCCD, of that half of the fields that no fit sees, in their ellipse."""
    return _objects(PLATELET, wanted)


def _objects(label: str, wanted: Wanted) -> Iterator[U8Array]:
    number = labels_of("bccd-objects").index(label)
    for example in list_examples("bccd-objects", wanted.data):
        if example.label == number and bccd_objects.is_held_out(example) and example.box:
            inside = example.box.mask()
            crop = read_example(example)
            yield crop if inside is None else np.asarray(crop * inside[:, :, None], np.uint8)


def _sized(image: U8Array, wanted: Wanted) -> U8Array:
    size = (wanted.width_px, wanted.height_px)
    shrinks = image.shape[0] > wanted.height_px
    how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, size, interpolation=how), np.uint8)
