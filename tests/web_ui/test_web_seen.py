"""Who saw what: a line of the log for each person and page, once in ten minutes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from record_samples import screen

from edge.contract.errors import StorageFullError
from edge.screening.service import ScreeningService
from edge.store.audit import Audit
from tests.support.people import NAME
from web_ui.seen import _REMEMBERED, ONCE_IN_S, Sights


def seen(service: ScreeningService) -> list[tuple[str, str, str]]:
    """By whom, what, of what; the oldest first."""
    lines = [line for line in Audit(service.store).entries() if line.action.endswith(".seen")]
    return [(line.by, line.action, line.subject) for line in reversed(lines)]


def look(client: FlaskClient, address: str) -> int:
    """The status of a page that was sent to its end: then it counts as seen."""
    with client.get(address) as response:
        return response.status_code


def test_pages_about_a_patient_leave_a_line(
    client: FlaskClient, client_as: Callable[..., FlaskClient], service: ScreeningService
) -> None:
    specimen_id = screen(client, service)
    base, other = f"/specimens/{specimen_id}", client_as("operator", "Ben")
    for address in (base, f"{base}/fields/0", f"{base}/report.pdf", base, f"{base}/report.html"):
        assert look(client, address) == 200
    assert look(other, base) == 200
    assert seen(service) == [
        (NAME, "specimen.seen", specimen_id),
        (NAME, "field.seen", specimen_id),
        (NAME, "report.seen", specimen_id),
        ("Ben", "specimen.seen", specimen_id),
    ]
    assert Audit(service.store).verify() == []


@pytest.mark.parametrize("page", ["review", "sign", "amend", "tally"])
def test_looking_at_a_decision_is_none_itself(
    client: FlaskClient, service: ScreeningService, page: str
) -> None:
    specimen_id = screen(client, service)
    assert look(client, f"/specimens/{specimen_id}/{page}") == 200
    assert Audit(service.store).verify() == []


def test_lists_of_results_leave_a_line_and_the_log_is_the_admins(
    client: FlaskClient, client_as: Callable[..., FlaskClient], service: ScreeningService
) -> None:
    operator = client_as("operator", "Ben")
    for address in ("/specimens?q=S-1", "/to-review", "/", "/"):
        assert look(operator, address) == 200
    assert seen(service) == [
        ("Ben", "specimens.seen", "/specimens"),
        ("Ben", "specimens.seen", "/to-review"),
        ("Ben", "specimens.seen", "/"),
    ]
    assert "specimens.seen" not in operator.get("/records").text
    assert "specimens.seen" in client.get("/records").text


def test_what_was_not_shown_was_not_seen(
    client: FlaskClient, client_as: Callable[..., FlaskClient], service: ScreeningService
) -> None:
    specimen_id = screen(client, service)
    operator = client_as("operator", "Ben")
    assert look(operator, f"/specimens/{specimen_id}/review") == 403
    assert look(client, "/specimens/none") == 404
    assert look(operator, "/about") == 200
    assert seen(service) == []


def test_full_disk_keeps_nobody_from_a_result(
    client: FlaskClient,
    service: ScreeningService,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    specimen_id = screen(client, service)

    def no_room(*_: object) -> int:
        raise StorageFullError("no room for records.db")

    monkeypatch.setattr(Audit, "write", no_room)
    assert look(client, f"/specimens/{specimen_id}") == 200
    assert "specimen.seen of" in caplog.text and "is not in the log" in caplog.text


def test_the_same_page_is_new_again_after_a_while() -> None:
    now = [0.0]
    sights = Sights(lambda: now[0])
    assert sights.is_new(1, "specimen.seen", "S-1")
    now[0] = ONCE_IN_S - 1
    assert not sights.is_new(1, "specimen.seen", "S-1")
    assert sights.is_new(2, "specimen.seen", "S-1")
    now[0] = ONCE_IN_S
    assert sights.is_new(1, "specimen.seen", "S-1")


def test_what_was_seen_long_ago_is_forgotten() -> None:
    now = [0.0]
    sights = Sights(lambda: now[0])
    for number in range(_REMEMBERED + 10):
        now[0] += 0.001
        assert sights.is_new(1, "specimen.seen", f"S-{number}")
    assert len(sights._last) == _REMEMBERED
