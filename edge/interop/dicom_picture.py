"""What a DICOM capture shows: the field with its cells boxed, heat maps, and what persons said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from edge.analysis.explain import add_legend, annotate_field, heat_view
from edge.contract.images import decode_picture
from edge.contract.labels import is_infected
from edge.contract.types import U8Array
from edge.interop.cases import Case
from edge.store.records import CHEST_XRAY, FieldRecord, SuspectCellRecord
from edge.store.review import Reviews
from edge.store.store import Store
from edge.xray.heat import with_heat

_ALL = 100_000


def draw(store: Store, case: Case, field: FieldRecord) -> U8Array:
    """The picture of a field, (H,W,3) uint8 RGB; of a smear it has a legend below.

    Raises:
        NotFoundError: the field has no image.
        StoreError: the image is damaged.
    """
    picture = decode_picture(store.image_bytes(field))
    suspects = [
        cell
        for cell in store.suspect_cells(case.specimen.specimen_id, limit=_ALL)
        if cell.field_index == field.index
    ]
    if case.specimen.task == CHEST_XRAY:
        return _radiograph(picture, suspects)
    cells = _as_said(field, suspects, _said(store, case))
    return add_legend(annotate_field(_with_heat(picture, suspects), cells), cells)


def _said(store: Store, case: Case) -> dict[int, str]:
    """What persons said of cells, by cell.

    None of it before someone signed: until then it may change, and one version is one picture.
    """
    if not case.is_signed:
        return {}
    reviews = Reviews(store).of_specimen(case.specimen.specimen_id)
    return {review.cell_id: review.label for review in reviews}


def _as_said(
    field: FieldRecord, suspects: Sequence[SuspectCellRecord], said: Mapping[int, str]
) -> list[dict[str, Any]]:
    """The field's cells with what a person said of each."""
    labels = {(cell.left_px, cell.top_px): said.get(cell.cell_id) for cell in suspects}
    return [
        cell | {"said": labels.get((cell["left_px"], cell["top_px"])) or ""} for cell in field.cells
    ]


def _radiograph(picture: U8Array, cells: Sequence[SuspectCellRecord]) -> U8Array:
    """An X-ray with the network's map over it; what a person said is in the result."""
    drawn = picture
    if picture.ndim == 2:
        drawn = np.asarray(cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB), np.uint8)
    for cell in cells:
        if cell.cam is not None:
            drawn = with_heat(drawn, cell.cam)
    return drawn


def _with_heat(picture: U8Array, suspects: Sequence[SuspectCellRecord]) -> U8Array:
    """A copy with the class activation of each suspect cell over it."""
    out = picture.copy()
    for cell in suspects:
        if cell.cam is None:
            continue
        box = (cell.left_px, cell.top_px, cell.width_px, cell.height_px)
        of_novelty = not is_infected(cell.label)
        view = heat_view(picture, *box, cell.cam, 0.0, of_novelty=of_novelty)
        side = max(cell.width_px, cell.height_px)
        left = cell.left_px - (side - cell.width_px) // 2
        top = cell.top_px - (side - cell.height_px) // 2
        paste(out, cv2.resize(view, (side, side), interpolation=cv2.INTER_AREA), left, top)
    return out


def paste(out: U8Array, view: np.ndarray, left: int, top: int) -> None:
    """Lays a square over a picture; what is beyond its edge is left out."""
    height, width = out.shape[:2]
    bottom, right = min(top + view.shape[0], height), min(left + view.shape[1], width)
    row, column = max(top, 0), max(left, 0)
    if row < bottom and column < right:
        out[row:bottom, column:right] = view[row - top : bottom - top, column - left : right - left]
