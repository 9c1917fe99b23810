"""What was counted of a specimen before it broke off, from its records, so that it can go on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edge.contract.errors import ConflictError
from edge.contract.images import decode_image
from edge.contract.labels import STAGES, is_infected
from edge.contract.types import RanOn
from edge.screening.reading import Reading
from edge.screening.state import FieldNote
from edge.screening.uncertain import Flagged
from edge.store.records import FieldRecord
from edge.tally import Tally

if TYPE_CHECKING:
    from edge.store.store import Store

# What must be the same before and after, or the counts would be of two different readers.
_SAME = ("bundle_sha256", "stages_bundle_sha256", "novelty_weight", "site_shift")


def notes_of(fields: Sequence[FieldRecord]) -> list[FieldNote]:
    """What the stored fields counted, in their order."""
    return [
        FieldNote(
            field.index,
            field.name,
            field.reason,
            field.image_file is not None,
            _tally_of(field),
            _flagged_of(field),
        )
        for field in fields
    ]


def check_same_reader(fields: Sequence[FieldRecord], ran_on: RanOn) -> None:
    """Raises ConflictError where other networks, or other settings of them, read these fields."""
    for field in fields:
        if field.ran_on is None:
            continue  # Refused before any network saw it.
        changed = [name for name in _SAME if field.ran_on.get(name, "") != getattr(ran_on, name)]
        if changed:
            raise ConflictError(
                f"field {field.index + 1} was read by other networks or settings than this device "
                f"has now ({', '.join(changed)}); screen the slide again"
            )


def remember_places(store: Store, fields: Sequence[FieldRecord], reading: Reading) -> None:
    """Lets the reading know which places of the slide were read.

    Raises:
        StoreError: an image is gone, so its place could be counted a second time.
    """
    for field in fields:
        if field.usable:
            reading.remember(field.name, decode_image(store.image_bytes(field)))


def _tally_of(field: FieldRecord) -> Tally:
    if not field.usable:
        return Tally(fields_refused=1, reasons=(field.reason,))
    suspects = sum(is_infected(cell["label"]) for cell in field.cells)
    return Tally(
        rbc_count=field.rbc_count,
        positive_count=field.positive_count,
        fields_read=1,
        uncounted_suspects=suspects - field.positive_count,
        disagreement_count=field.disagreement_count,
        refused_cell_count=field.refused_cell_count,
        stage_counts=dict.fromkeys(STAGES, 0) | (field.stage_counts or {}),
    )


def _flagged_of(field: FieldRecord) -> Flagged:
    return Flagged(
        sum(bool(cell.get("counted")) for cell in field.cells),
        sum(bool(cell["uncertain"]) for cell in field.cells),
    )
