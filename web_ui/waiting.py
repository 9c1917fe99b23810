"""To review: results that wait for a person, and specimens that may go on."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, render_template

from edge.store.waiting import Unsigned, unsigned
from web_ui.context import context
from web_ui.presenter import SpecimenView, present

blueprint = Blueprint("waiting", __name__)


@dataclass(frozen=True)
class WaitingView:
    """A specimen of the list: what is told of it, and how far its review is."""

    view: SpecimenView
    state: Unsigned


@dataclass(frozen=True)
class WaitingLists:
    """By what a person would do next."""

    to_go_on: list[WaitingView]
    to_review: list[WaitingView]
    to_sign: list[WaitingView]


def waiting_lists() -> WaitingLists:
    """All that waits now."""
    found = [WaitingView(present(one.specimen, None), one) for one in unsigned(context().store)]
    broken = [one for one in found if one.state.broke_off]
    return WaitingLists(
        broken,
        [one for one in found if one.state.to_review],
        [one for one in found if not one.state.to_review and not one.state.broke_off],
    )


@blueprint.get("/to-review")
def show() -> str:
    """The lists."""
    return render_template("waiting.html", lists=waiting_lists())
