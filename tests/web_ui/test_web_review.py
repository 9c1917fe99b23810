"""Review of suspect cells on the page."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from record_samples import judge, judge_all, screen, send
from web_samples import ScriptedScreener, token, value_of

from edge.screening.service import ScreeningService
from edge.signing import read_review
from edge.store.review import Reviews

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def specimen_id(client: FlaskClient, service: ScreeningService, screener: ScriptedScreener) -> str:
    screener.give_second_opinion()
    return screen(client, service)


def cells(service: ScreeningService, specimen_id: str) -> list[int]:
    found = read_review(service.store, specimen_id, service.protocol)
    return [cell.cell_id for cell in found.cells]


def test_largest_doubt_comes_first(service: ScreeningService, specimen_id: str) -> None:
    found = read_review(service.store, specimen_id, service.protocol)
    doubtful = [cell.disagrees or bool(cell.refused) for cell in found.cells]
    assert doubtful == sorted(doubtful, reverse=True) and any(doubtful) and not all(doubtful)
    sure = [cell for cell in found.cells if not cell.disagrees and not cell.refused]
    far = [abs(cell.score - 0.5) for cell in sure]
    assert far == sorted(far) and len(set(far)) > 3


def test_answers_are_counted_and_lead_to_the_next_cell(
    client: FlaskClient, service: ScreeningService, specimen_id: str
) -> None:
    ids = cells(service, specimen_id)
    page = client.get(f"/specimens/{specimen_id}/review").text
    assert value_of(page, "reviewed") == "0" and f"0 of {len(ids)}" in page
    assert f"/cells/{ids[0]}.jpg" in page
    part = judge(client, specimen_id, ids[0], "ring", **{"HX-Request": "true"})
    assert part.status_code == 200 and "<html" not in part.text
    assert value_of(part.text, "reviewed") == "1"
    assert 'aria-label="Cell 2"' in part.text
    assert judge(client, specimen_id, ids[1]).status_code == 303
    page = client.get(f"/specimens/{specimen_id}/review?cell={ids[0]}").text
    assert value_of(page, "said") == "ring" and "A. Reader" in page
    (first, second) = Reviews(service.store).of_specimen(specimen_id)
    assert {first.label, second.label} == {"ring", "uninfected"}


def test_correction_replaces_and_history_stays(
    client: FlaskClient,
    client_as: Callable[..., FlaskClient],
    service: ScreeningService,
    specimen_id: str,
) -> None:
    cell = cells(service, specimen_id)[0]
    judge(client, specimen_id, cell, "ring")
    seen = Reviews(service.store).history(cell)[-1].review_id
    assert judge(client_as("reviewer"), specimen_id, cell, "debris", seen).status_code == 303
    assert [review.label for review in Reviews(service.store).history(cell)] == ["ring", "debris"]
    page = client.get(f"/specimens/{specimen_id}/review?cell={cell}").text
    assert value_of(page, "said") == "debris" and "Before: Ring (A. Reader)" in page


def test_second_of_two_reviewers_is_told_what_the_first_said(
    client_as: Callable[..., FlaskClient], service: ScreeningService, specimen_id: str
) -> None:
    ana, ben = client_as("reviewer", "Ana"), client_as("reviewer", "Ben")
    first, second = cells(service, specimen_id)[:2]
    assert judge(ana, specimen_id, first, "ring").status_code == 303
    late = judge(ben, specimen_id, first, "uninfected")
    assert late.status_code == 409
    assert "Ana judged this cell meanwhile" in late.text and value_of(late.text, "said") == "ring"
    part = judge(ben, specimen_id, first, "uninfected", **{"HX-Request": "true"})
    assert part.status_code == 200 and "Ana judged this cell meanwhile" in part.text
    assert len(Reviews(service.store).history(first)) == 1
    # Another cell is no conflict: two people share the work.
    assert judge(ben, specimen_id, second, "uninfected").status_code == 303


@pytest.mark.parametrize("label", [HOSTILE, "wbc?", ""])
def test_wrong_answers_are_refused(
    client: FlaskClient, service: ScreeningService, specimen_id: str, label: str
) -> None:
    cell = cells(service, specimen_id)[0]
    response = judge(client, specimen_id, cell, label)
    assert response.status_code == 422 and 'data-testid="problem"' in response.text
    assert "<script>alert" not in response.text
    assert Reviews(service.store).of_specimen(specimen_id) == []


def test_answer_without_token_is_refused(
    client: FlaskClient, service: ScreeningService, specimen_id: str
) -> None:
    cell = cells(service, specimen_id)[0]
    for what in (f"review/{cell}", "tally", "sign", "amend"):
        answer = client.post(f"/specimens/{specimen_id}/{what}", data={"label": "ring"})
        assert answer.status_code == 400
    assert Reviews(service.store).of_specimen(specimen_id) == []


def test_what_is_not_there_is_not_found(
    client: FlaskClient, service: ScreeningService, specimen_id: str
) -> None:
    other = screen(client, service)
    cell = cells(service, specimen_id)[0]
    for what in ("review", "tally", "tally/density", "sign", "amend", "report.pdf", "report.html"):
        assert client.get(f"/specimens/none/{what}").status_code == 404, what
    data = {"csrf_token": token(client), "label": "ring", "seen": "0"}
    for what in (f"review/{cell}", "tally", "sign", "amend"):
        assert client.post(f"/specimens/none/{what}", data=data).status_code in (404, 422), what
    assert client.get(f"/specimens/{other}/review?cell={cell}").status_code == 404
    assert judge(client, other, cell).status_code == 404
    assert judge(client, specimen_id, 2**70).status_code == 404


def test_signed_specimen_takes_no_more_answers(
    client: FlaskClient, service: ScreeningService, specimen_id: str
) -> None:
    judge_all(client, service, specimen_id, "ring")
    page = client.get(f"/specimens/{specimen_id}/review").text
    assert "Every suspect cell is reviewed" in page
    assert send(client, specimen_id, "sign").status_code == 303
    cell = cells(service, specimen_id)[0]
    seen = Reviews(service.store).history(cell)[-1].review_id
    assert judge(client, specimen_id, cell, "uninfected", seen=seen).status_code == 409
    page = client.get(f"/specimens/{specimen_id}/review?cell={cell}").text
    assert "The result is signed" in page and "button-answer" not in page


def test_hostile_name_of_a_reviewer_is_shown_as_text(
    client_as: Callable[..., FlaskClient], service: ScreeningService, specimen_id: str
) -> None:
    client = client_as("reviewer", HOSTILE)
    cell = cells(service, specimen_id)[0]
    assert judge(client, specimen_id, cell, "ring").status_code == 303
    for what in (f"review?cell={cell}", "sign", "tally", "report.html"):
        page = client.get(f"/specimens/{specimen_id}/{what}").text
        assert "<script>alert" not in page and "&lt;script&gt;" in page
