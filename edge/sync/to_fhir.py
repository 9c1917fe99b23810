"""Sends a transaction to a FHIR server, and asks for the report back before it believes it."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any
from urllib.parse import quote

from edge.sync.http import Answer, NotDeliveredError, ask, expect
from edge.sync.settings import Target

_TYPE = "application/fhir+json"
_READ = {"Accept": _TYPE, "Cache-Control": "no-cache"}
_PLACE = re.compile(r"DiagnosticReport/([A-Za-z0-9.-]{1,64})(?:/_history/[A-Za-z0-9.-]{1,64})?$")


def send(target: Target, payload: bytes) -> None:
    """Returns once the server has the report as it was sent.

    Raises:
        NotDeliveredError: it has not, or does not show that it has.
    """
    sent = json.loads(payload)
    headers = {"Content-Type": _TYPE, "Accept": _TYPE}
    answer = ask(target, "POST", "", payload, headers)
    expect(answer, (200,))
    place = _check_response(answer.json(), sent)
    report = next(
        entry["resource"]
        for entry in sent["entry"]
        if entry["resource"]["resourceType"] == "DiagnosticReport"
    )
    _check_same(_read_back(target, place, report), report)


def _check_response(response: dict[str, Any], sent: dict[str, Any]) -> str:
    """The id that the server names for the report; empty where it names none."""
    if response.get("resourceType") != "Bundle" or response.get("type") != "transaction-response":
        raise NotDeliveredError(
            f"answered 200 with no transaction-response but {_outcome(response)}"
        )
    entries = response.get("entry")
    if not isinstance(entries, list) or len(entries) != len(sent["entry"]):
        raise NotDeliveredError("acknowledged another number of resources than were sent")
    place = ""
    for entry, one in zip(entries, sent["entry"], strict=True):
        told = entry.get("response") if isinstance(entry, dict) else None
        status = str(told.get("status", "")) if isinstance(told, dict) else ""
        if not isinstance(told, dict) or status[:3] not in ("200", "201"):
            kind = one["resource"]["resourceType"]
            why = _outcome(told.get("outcome")) if isinstance(told, dict) else ""
            raise NotDeliveredError(
                f"did not take the {kind}: {status or 'no status'} {why}",
                refused=status[:3] in ("400", "422"),
            )
        if _is_error(told.get("outcome")):
            raise NotDeliveredError(f"did not take a resource: {_outcome(told['outcome'])}")
        found = _PLACE.search(str(told.get("location", "")))
        if found and one["resource"]["resourceType"] == "DiagnosticReport":
            place = found[1]
    return place


def _read_back(target: Target, place: str, report: dict[str, Any]) -> dict[str, Any]:
    if place:
        answer = ask(target, "GET", f"/DiagnosticReport/{place}", None, _READ)
        expect(answer, (200,), frozenset())
        return answer.json()
    return _search(target, report["identifier"][0])


def _search(target: Target, identifier: dict[str, str]) -> dict[str, Any]:
    token = quote(f"{identifier['system']}|{identifier['value']}", safe="")
    answer: Answer = ask(target, "GET", f"/DiagnosticReport?identifier={token}", None, _READ)
    expect(answer, (200,), frozenset())
    entries = answer.json().get("entry") or []
    found = [entry.get("resource") for entry in entries if isinstance(entry, dict)]
    if len(found) != 1 or not isinstance(found[0], dict):
        raise NotDeliveredError(f"asked back, it has {len(found)} reports of this specimen, not 1")
    return found[0]


def _check_same(found: dict[str, Any], report: dict[str, Any]) -> None:
    if report["identifier"][0] not in (found.get("identifier") or []):
        raise NotDeliveredError("acknowledged another report than the one that was sent")
    for name in ("resourceType", "status", "conclusion"):
        if found.get(name) != report[name]:
            raise NotDeliveredError(
                f"asked back, the report's {name} is {str(found.get(name))[:80]!r}; sent was "
                f"{str(report[name])[:80]!r}"
            )
    if not _same_time(str(found.get("issued")), report["issued"]):
        raise NotDeliveredError(
            f"asked back, the report was issued {str(found.get('issued'))[:40]!r}; sent was "
            f"{report['issued']!r}"
        )


def _same_time(one: str, other: str) -> bool:
    try:
        return datetime.fromisoformat(one) == datetime.fromisoformat(other)
    except (ValueError, TypeError):
        return False


def _is_error(outcome: Any) -> bool:
    issues = outcome.get("issue") if isinstance(outcome, dict) else None
    severities = [one.get("severity") for one in issues or [] if isinstance(one, dict)]
    return any(severity in ("error", "fatal") for severity in severities)


def _outcome(response: Any) -> str:
    told = response if isinstance(response, dict) else {}
    return f"{told.get('resourceType')} {json.dumps(told.get('issue'))[:300]}"
