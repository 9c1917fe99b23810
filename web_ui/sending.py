"""What waits to be sent and why, and how sending goes."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from edge.reports.monthly.lines import month_words
from edge.store.outbox import Outbox, TargetCounts
from edge.store.records import PRELIMINARY, UNSENT, WAITING, OutboxItem
from edge.store.search import Search, SpecimenFilter
from edge.sync.sender import SenderState
from edge.sync.settings import ALL, DHIS2, DICOM, DICOMWEB, FHIR, FLEET, Target
from web_ui.context import context
from web_ui.language import current_language, lazy_gettext
from web_ui.language import gettext as _
from web_ui.person import person
from web_ui.words import Badge

blueprint = Blueprint("sending", __name__, url_prefix="/records/sending")

ITEMS_AT_MOST = 100
KIND_WORDS = {
    FHIR: lazy_gettext("Hospital system (FHIR)"),
    DHIS2: lazy_gettext("Ministry (DHIS2)"),
    DICOMWEB: lazy_gettext("Picture archive (DICOMweb)"),
    DICOM: lazy_gettext("Picture archive (DICOM)"),
    FLEET: lazy_gettext("List of devices"),
}
_ITEM_WORDS = {
    "fhir": lazy_gettext("Result"),
    "dhis2-event": lazy_gettext("Event"),
    "dicom": lazy_gettext("Pictures"),
    "inventory": lazy_gettext("This device"),
}


@dataclass(frozen=True)
class TargetView:
    """A receiver with what it has and lacks.

    Attributes:
        address: of its server, without path or password.
    """

    target: Target
    address: str
    counts: TargetCounts

    @property
    def kind(self) -> str:
        """What it is, in words."""
        return str(KIND_WORDS[self.target.kind])

    @property
    def takes_unsigned(self) -> bool:
        """It is sent the machine's own results, too."""
        return self.target.send == ALL and self.target.kind != DHIS2


@blueprint.get("")
def show() -> str:
    """The page."""
    store, sender = context().store, context().sender
    state = sender.state() if sender else SenderState()
    unsigned = Search(store).count(SpecimenFilter(result_status=PRELIMINARY))
    outbox, names = Outbox(store), {target.name for target in state.sync.targets}
    tried, in_turn = (outbox.waiting(ITEMS_AT_MOST, tried=one) for one in (True, False))
    lost = [item for item in in_turn if item.target not in names]
    return render_template(
        "sending.html",
        state=state,
        targets=view_targets(state, outbox),
        unsigned=unsigned,
        items=[*tried, *lost],
        in_turn=[item for item in in_turn if item.target in names],
        item_words=item_words,
        why=why_waiting,
        names=names,
        more=outbox_total(outbox) - len(tried) - len(in_turn),
    )


@blueprint.post("")
def send_now() -> Response:
    """Asks for a round at once, in which all that waits is due."""
    outbox, by = Outbox(context().store), person()
    if "all" in request.form:
        for item in outbox.waiting(tried=True):
            outbox.retry(item.item_id, by)
    _wake()
    return redirect(url_for(".show"), 303)


@blueprint.post("/<int:item_id>/retry")
def retry(item_id: int) -> Response:
    """Puts one item to be sent at once."""
    Outbox(context().store).retry(item_id, person())
    _wake()
    return redirect(url_for(".show") + "#waiting", 303)


def outbox_total(outbox: Outbox) -> int:
    """How many items are not acknowledged."""
    counts = outbox.counts()
    return counts[WAITING] + counts[UNSENT]


def view_targets(state: SenderState, outbox: Outbox) -> list[TargetView]:
    """The receivers of the config, each with its counts."""
    counts = outbox.counts_by_target()
    return [
        TargetView(target, _address(target), counts.get(target.name, TargetCounts()))
        for target in state.sync.targets
    ]


def item_words(item: OutboxItem) -> str:
    """What an item is."""
    kind, _sep, month = item.kind.partition("dhis2-")
    if not kind and month[:2] == "20":
        return _("Counts of %(month)s", month=month_words(month, current_language()))
    return str(_ITEM_WORDS.get(item.kind, item.kind))


def why_waiting(item: OutboxItem) -> Badge:
    """Why it is not there yet, in a word; the server's own words stand beside it."""
    if item.state == UNSENT:
        return Badge(_("Given up: a person must act"), "fault", "blocked")
    if item.attempts:
        return Badge(_("Not taken yet, is tried again"), "unsure", "question")
    return Badge(_("Waits for its turn"), "busy", "pulse")


def _address(target: Target) -> str:
    if target.kind == DICOM:
        return f"{target.host}:{target.port}"
    return target.url.split("/")[2]


def _wake() -> None:
    sender = context().sender
    if sender is not None:
        sender.send_now()
