"""Sends counts and events to a DHIS2, and believes only a summary in which nothing was left out."""

from __future__ import annotations

import json
from typing import Any

from edge.sync.http import Answer, NotDeliveredError, ask, expect
from edge.sync.settings import Target

_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}
# DHIS2 says 409 where values conflict with what is set up there: the same bytes will again.
_REFUSALS = frozenset({400, 409, 413, 422})
_COUNTS = (
    "/api/dataValueSets?dataElementIdScheme=CODE&orgUnitIdScheme=CODE&dataSetIdScheme=CODE"
    "&categoryOptionComboIdScheme=CODE&importStrategy=CREATE_AND_UPDATE"
)
_EVENTS = "/api/tracker?async=false&orgUnitIdScheme=CODE&importStrategy=CREATE_AND_UPDATE"


def send_counts(target: Target, payload: bytes) -> None:
    """Returns once all values were taken.

    Raises:
        NotDeliveredError: some were not, or it does not say.
    """
    values = json.loads(payload)["dataValues"]
    answer = ask(target, "POST", _COUNTS, payload, _HEADERS)
    expect(answer, (200, 201), _REFUSALS)
    summary = _summary(answer)
    counts = summary.get("importCount")
    if summary.get("status") not in ("SUCCESS", "OK") or summary.get("conflicts"):
        raise NotDeliveredError(f"took not all counts: {json.dumps(summary)[:400]}")
    taken, left = _sum(counts, ("imported", "updated")), _sum(counts, ("ignored", "deleted"))
    # A 0 is kept only where the element says that zeros matter; elsewhere it is no value.
    zeros = sum(value["value"] == "0" for value in values)
    if taken + left != len(values) or left > zeros:
        raise NotDeliveredError(
            f"took {taken} and left out {left} of {len(values)} counts: {json.dumps(counts)[:200]}"
        )


def send_event(target: Target, payload: bytes) -> None:
    """Returns once the event was taken under the id that it was sent with.

    Raises:
        NotDeliveredError: it was not, or it does not say.
    """
    event = json.loads(payload)["events"][0]["event"]
    answer = ask(target, "POST", _EVENTS, payload, _HEADERS)
    expect(answer, (200, 201), _REFUSALS)
    told = answer.json()
    taken, left = _sum(told.get("stats"), ("created", "updated")), _sum(told.get("stats"), _LEFT)
    if told.get("status") != "OK" or (taken, left) != (1, 0):
        raise NotDeliveredError(f"took not the event: {json.dumps(told)[:400]}")
    uids = _event_ids(told)
    if uids != [event]:
        raise NotDeliveredError(f"acknowledged the events {uids}; sent was {event}")


_LEFT = ("ignored", "deleted")


def _summary(answer: Answer) -> dict[str, Any]:
    told = answer.json()
    # Since 2.38 the summary lies inside a web message; before, it was the answer.
    inner = told.get("response", told)
    return inner if isinstance(inner, dict) else told


def _sum(counts: Any, names: tuple[str, ...]) -> int:
    if not isinstance(counts, dict):
        return -1
    values = [counts.get(name, 0) for name in names]
    return sum(values) if all(isinstance(value, int) for value in values) else -1


def _event_ids(told: dict[str, Any]) -> list[Any]:
    try:
        reports = told["bundleReport"]["typeReportMap"]["EVENT"]["objectReports"]
        return [one["uid"] for one in reports]
    except (KeyError, TypeError):
        return []
