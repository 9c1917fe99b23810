"""To review: results that wait for a person, and specimens that may go on."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, render_template

from edge.store.records import CHEST_XRAY
from edge.store.waiting import Unsigned, unsigned
from web_ui.context import context
from web_ui.words import VERDICT_BADGES, Badge
from web_ui.xray_words import xray_badge

blueprint = Blueprint("waiting", __name__)


@dataclass(frozen=True)
class WaitingLists:
    """By what a person would do next."""

    to_go_on: list[Unsigned]
    to_review: list[Unsigned]
    to_sign: list[Unsigned]


def waiting_lists() -> WaitingLists:
    """All that waits now."""
    found = unsigned(context().store)
    others = [one for one in found if not one.broke_off]
    return WaitingLists(
        [one for one in found if one.broke_off],
        [one for one in others if one.to_review],
        [one for one in others if not one.to_review],
    )


def verdict_badge(one: Unsigned) -> Badge | None:
    """Its verdict in a word."""
    return (
        xray_badge(one.verdict, reviewed=False)
        if one.task == CHEST_XRAY
        else VERDICT_BADGES.get(one.verdict)
    )


@blueprint.get("/to-review")
def show() -> str:
    """The lists."""
    return render_template("waiting.html", lists=waiting_lists(), verdict_badge=verdict_badge)
