"""Review: a person judges the suspect cells one after the other, largest doubt first."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from edge.contract.errors import ConflictError, DataError, NotFoundError
from edge.contract.labels import (
    DEBRIS,
    GAMETOCYTE,
    PARASITISED,
    RING,
    SCHIZONT,
    TROPHOZOITE,
    UNINFECTED,
    is_infected,
)
from edge.signing import SpecimenReview, read_review
from edge.store.records import CHEST_XRAY, Review, SuspectCellRecord
from edge.store.review import Reviews
from web_ui.context import context
from web_ui.language import gettext as _
from web_ui.language import lazy_gettext, said
from web_ui.person import person

blueprint = Blueprint("review", __name__, url_prefix="/specimens/<specimen_id>/review")

# Pictures of a page; a phone fetches each of them.
PAGE_LENGTH = 48


@dataclass(frozen=True)
class Answer:
    """What a person may say of a cell, with its key."""

    label: str
    word: str
    key: str


ANSWERS = (
    Answer(UNINFECTED, lazy_gettext("Not infected"), "1"),
    Answer(RING, lazy_gettext("Ring"), "2"),
    Answer(TROPHOZOITE, lazy_gettext("Trophozoite"), "3"),
    Answer(SCHIZONT, lazy_gettext("Schizont"), "4"),
    Answer(GAMETOCYTE, lazy_gettext("Gametocyte"), "5"),
    Answer(PARASITISED, lazy_gettext("Infected, stage not clear"), "6"),
    Answer(DEBRIS, lazy_gettext("Not a cell"), "7"),
)


@dataclass(frozen=True)
class Desk:
    """The cell that is looked at, and those around it.

    Attributes:
        cell: None where there is none left to judge, or none at all.
        number: of the cell among all, from 1.
        before: the cell before it, None at the start; `after` likewise.
        shown: the cells of this page.
    """

    found: SpecimenReview
    cell: SuspectCellRecord | None
    number: int
    before: SuspectCellRecord | None
    after: SuspectCellRecord | None
    shown: tuple[SuspectCellRecord, ...]
    said: tuple[Review, ...]
    problem: str = ""

    @property
    def newest_id(self) -> int:
        """Of the cell's newest review; 0 where there is none."""
        return self.said[-1].review_id if self.said else 0

    @property
    def answers(self) -> tuple[Answer, ...]:
        """What may be said of the cell; first what the device says."""
        label = self.cell.label if self.cell else ""
        return tuple(sorted(ANSWERS, key=lambda answer: answer.label != label))

    @property
    def tally(self) -> list[tuple[str, str, int]]:
        """What was said so far: tone, word and count, without what was not said."""
        labels = [review.label for review in self.found.reviews.values()]
        infected = sum(is_infected(label) for label in labels)
        healthy = labels.count(UNINFECTED)
        counts = (
            ("positive", _("infected"), infected),
            ("negative", _("not infected"), healthy),
            ("plain", _("not a cell"), len(labels) - infected - healthy),
        )
        return [line for line in counts if line[2]]


@blueprint.get("")
def show(specimen_id: str) -> str | Response:
    """The desk: the cell asked for, or the first that waits."""
    found = _found(specimen_id)
    if found.specimen.task == CHEST_XRAY:  # read on its own page
        return redirect(url_for("specimens.show", specimen_id=specimen_id), 303)
    return _page(_desk(found, _asked(found, request.args.get("cell", type=int))))


@blueprint.post("/<int:cell_id>")
def judge(specimen_id: str, cell_id: int) -> Response:
    """Stores what a person says of a cell, and shows the next one that waits."""
    label = request.form.get("label", "")
    seen = request.form.get("seen", default=-1, type=int)
    try:
        _store(specimen_id, cell_id, label, seen)
    except (ConflictError, DataError) as error:
        found = _found(specimen_id)
        desk = _desk(found, _asked(found, cell_id), said(f"{error}."))
        # htmx swaps no answer that is an error.
        code = 200 if _by_htmx() else 409 if isinstance(error, ConflictError) else 422
        return make_response(_page(desk), code)
    if not _by_htmx():
        return redirect(url_for(".show", specimen_id=specimen_id), 303)
    found = _found(specimen_id)
    return make_response(_page(_desk(found, _next_waiting(found, cell_id))))


def _store(specimen_id: str, cell_id: int, label: str, seen: int) -> None:
    """Raises ConflictError where someone judged the same cell since the page was made."""
    store = context().store
    version = store.specimen(specimen_id).version
    if store.suspect_cell(cell_id).specimen_id != specimen_id:
        raise NotFoundError(f"specimen {specimen_id!r} has no suspect cell {cell_id}")
    if label not in {answer.label for answer in ANSWERS}:
        raise DataError(f"label is {label[:40]!r}; use one of the buttons")
    said = Reviews(store).history(cell_id)
    if seen != (said[-1].review_id if said else 0):
        raise ConflictError(
            f"{said[-1].by if said else 'Someone'} judged this cell meanwhile; look at it again"
        )
    Reviews(store).review_cell(cell_id, label, person(), seen_version=version)


def _found(specimen_id: str) -> SpecimenReview:
    return read_review(context().store, specimen_id, context().service.protocol)


def _asked(found: SpecimenReview, cell_id: int | None) -> SuspectCellRecord | None:
    if cell_id is None:
        return found.waiting[0] if found.waiting else None
    for cell in found.cells:
        if cell.cell_id == cell_id:
            return cell
    raise NotFoundError(f"no suspect cell {cell_id} in specimen {found.specimen.specimen_id}")


def _next_waiting(found: SpecimenReview, cell_id: int) -> SuspectCellRecord | None:
    """The next one behind a cell, then from the start again."""
    ids = [cell.cell_id for cell in found.cells]
    at = ids.index(cell_id)
    around = (*found.cells[at:], *found.cells[:at])
    return next((cell for cell in around if cell.cell_id not in found.reviews), None)


def _desk(found: SpecimenReview, cell: SuspectCellRecord | None, problem: str = "") -> Desk:
    cells = found.cells
    if cell is None:
        return Desk(found, None, 0, None, None, cells[:PAGE_LENGTH], (), problem)
    at = cells.index(cell)
    start = at - at % PAGE_LENGTH
    return Desk(
        found,
        cell,
        at + 1,
        cells[at - 1] if at else None,
        cells[at + 1] if at + 1 < len(cells) else None,
        cells[start : start + PAGE_LENGTH],
        tuple(Reviews(context().store).history(cell.cell_id)),
        problem,
    )


def _page(desk: Desk) -> str:
    template = "_review.html" if _by_htmx() else "review.html"
    return render_template(template, desk=desk, found=desk.found)


def _by_htmx() -> bool:
    return request.headers.get("HX-Request") == "true"
