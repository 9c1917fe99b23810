"""Evidence as JPEG bytes for a page. Decodes, scales and encodes; what is drawn is edge's."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from edge.analysis.explain import annotate_field, cell_square, cell_view, heat_view
from edge.contract.errors import NotFoundError
from edge.contract.images import decode_image, encode_image
from edge.contract.labels import is_infected
from edge.contract.types import U8Array
from edge.enhancement.view import sharper_view
from edge.store.records import FieldRecord, SuspectCellRecord

if TYPE_CHECKING:
    from edge.enhancement.enhancer import Enhancer
    from edge.store.store import Store

MIN_WIDTH_PX, MAX_WIDTH_PX = 64, 2048
_QUALITY = 85
# Of a field that was scaled down to be seen beside words; judged is the one with all its pixels.
_SCALED_QUALITY = 78
# How much of the field is shown round a cell, in widths of the cell on each side.
CONTEXT_MARGIN = 2.0
CONTEXT_COLOUR = (214, 32, 32)


class FieldImages:
    """Decoded fields, the last few kept: a gallery asks for many cells of the same field.

    One field is decoded at a time, so that a page full of pictures leaves the cores to screening.

    Args:
        store: gives the encoded images.
        keep: how many decoded fields stay in memory; 12 megapixels take 36 MB.
    """

    def __init__(self, store: Store, keep: int = 3) -> None:
        self._store = store
        self._keep = keep
        self._lock = threading.Lock()
        self._decoded: OrderedDict[str, U8Array] = OrderedDict()

    def read(self, record: FieldRecord) -> U8Array:
        """(H,W,3) uint8 RGB of a field; do not write to it.

        Raises:
            NotFoundError: this field has no image.
            StoreError: the image is missing or damaged.
        """
        if record.image_file is None:
            raise NotFoundError(f"field {record.index} has no image: {record.reason}")
        with self._lock:
            image = self._decoded.pop(record.image_file, None)
            if image is None:
                image = decode_image(self._store.image_bytes(record))
            self._decoded[record.image_file] = image
            while len(self._decoded) > self._keep:
                self._decoded.popitem(last=False)
        return image


def field_jpeg(
    image: U8Array, record: FieldRecord, *, annotated: bool, width_px: int | None
) -> bytes:
    """A field, scaled down to `width_px` where it is larger; None keeps its size."""
    if annotated and record.usable:
        image = annotate_field(image, record.cells)
    if width_px is None or width_px >= image.shape[1]:
        return encode_image(image, ".jpg", quality=_QUALITY)
    height_px = max(1, round(image.shape[0] * width_px / image.shape[1]))
    scaled = cv2.resize(image, (width_px, height_px), interpolation=cv2.INTER_AREA)
    return encode_image(np.asarray(scaled, np.uint8), ".jpg", quality=_SCALED_QUALITY)


def object_jpeg(image: U8Array, cell: Mapping[str, Any]) -> bytes:
    """An object with its surroundings; `cell` as a field's record lists it."""
    view = cell_view(image, *(cell[f"{side}_px"] for side in ("left", "top", "width", "height")))
    return encode_image(view, ".jpg", quality=_QUALITY)


def cell_jpeg(image: U8Array, cell: SuspectCellRecord) -> bytes:
    """A suspect cell with its surroundings."""
    return object_jpeg(image, vars(cell))


def context_jpeg(image: U8Array, cell: SuspectCellRecord) -> bytes:
    """A suspect cell among its neighbours, boxed, in the field's own pixels."""
    box = (cell.left_px, cell.top_px, cell.width_px, cell.height_px)
    view = cell_square(image, *box, margin_fraction=CONTEXT_MARGIN)
    side = view.shape[0]
    start = ((side - cell.width_px) // 2, (side - cell.height_px) // 2)
    end = (start[0] + cell.width_px, start[1] + cell.height_px)
    drawn = cv2.rectangle(view, start, end, CONTEXT_COLOUR, max(1, side // 200))
    return encode_image(np.asarray(drawn, np.uint8), ".jpg", quality=_QUALITY)


def heat_jpeg(image: U8Array, cell: SuspectCellRecord) -> bytes:
    """The same view with what made a network suspect it. Raises NotFoundError without a map."""
    if cell.cam is None:
        raise NotFoundError(f"cell {cell.cell_id} has no activation map")
    box = (cell.left_px, cell.top_px, cell.width_px, cell.height_px)
    # Of a cell that the classifier does not suspect, the map is the other network's.
    view = heat_view(image, *box, cell.cam, of_novelty=not is_infected(cell.label))
    return encode_image(view, ".jpg", quality=_QUALITY)


def sharper_jpeg(image: U8Array, cell: SuspectCellRecord, enhancer: Enhancer) -> bytes:
    """The same view with pixels that a network guessed, marked as no evidence."""
    box = (cell.left_px, cell.top_px, cell.width_px, cell.height_px)
    return encode_image(sharper_view(image, *box, enhancer), ".jpg", quality=_QUALITY)
