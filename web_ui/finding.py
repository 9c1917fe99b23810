"""The history's search: the address of a list to what is asked of the records. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from edge.store.records import AMENDED, FINAL, PRELIMINARY, TASKS, VERDICTS
from edge.store.search import SpecimenFilter
from web_ui.language import gettext as _
from web_ui.language import lazy_gettext

STATES = (PRELIMINARY, FINAL, AMENDED)
STATE_WORDS = {
    PRELIMINARY: lazy_gettext("To sign"),
    FINAL: lazy_gettext("Signed"),
    AMENDED: lazy_gettext("Amended"),
}
NAMES = ("q", "verdict", "state", "task", "site", "from", "to")


@dataclass(frozen=True)
class Search:
    """What a list was asked for.

    Attributes:
        values: the text of each input, to be shown again.
        wanted: None where nothing is asked for, or nothing that there could be.
        problem: why the latter; empty otherwise.
    """

    values: dict[str, str]
    wanted: SpecimenFilter | None
    problem: str = ""

    @property
    def given(self) -> dict[str, str]:
        """Those inputs that ask for something, as the address has them."""
        return {name: value for name, value in self.values.items() if value}

    @property
    def narrows(self) -> bool:
        """More is asked for than a word and a state, which stand open on the page."""
        return bool(set(self.given) - {"q", "state"})


def read_search(args: Mapping[str, str]) -> Search:
    """Checks what is asked for."""
    values = {name: args.get(name, "").strip()[:100] for name in NAMES}
    if "to_sign" in args:  # as older links have it
        values["state"] = PRELIMINARY
    for name, allowed in (("verdict", VERDICTS), ("state", STATES), ("task", TASKS)):
        if values[name] and values[name] not in allowed:
            return Search(values | {name: ""}, None, _("Choose one of the list."))
    try:
        first, last = _day(values["from"]), _day(values["to"])
    except ValueError:
        return Search(values, None, _("Write the days as 2026-11-21."))
    if not any(values.values()):
        return Search(values, None)
    wanted = SpecimenFilter(
        begins=values["q"] or None,
        from_utc=first.isoformat() if first else None,
        before_utc=(last + timedelta(days=1)).isoformat() if last else None,
        verdict=values["verdict"] or None,
        result_status=values["state"] or None,
        site=values["site"] or None,
        task=values["task"] or None,
    )
    return Search(values, wanted)


def _day(text: str) -> date | None:
    # The last day there is has none after it.
    return min(date.fromisoformat(text), date.max - timedelta(days=1)) if text else None
