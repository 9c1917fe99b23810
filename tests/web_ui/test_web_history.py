"""Finding specimens, what waits for a signature, and the month."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient
from record_samples import judge_all, screen, send, sign_all

from edge.screening.service import ScreeningService

HOSTILE = '"><script>alert(1)</script>'


def labels(page: str) -> list[str]:
    return re.findall(r'<span class="row-main"><strong>([^<]+)</strong>', page)


def test_specimens_are_found_by_label_barcode_and_patient(
    client: FlaskClient, service: ScreeningService
) -> None:
    screen(client, service, label="S-1", barcode="BC-7", patient_id="P-3")
    screen(client, service, label="S-2")
    for begins in ("S-1", "BC-", "P-3"):
        assert labels(client.get("/specimens", query_string={"q": begins}).text) == ["S-1"]
    assert labels(client.get("/specimens").text) == ["S-2", "S-1"]
    none = client.get("/specimens", query_string={"q": HOSTILE}).text
    assert "Nothing begins so" in none and "<script>alert" not in none


def test_what_waits_for_a_signature_is_listed(
    client: FlaskClient, service: ScreeningService
) -> None:
    first = screen(client, service, label="S-1")
    screen(client, service, label="S-2")
    judge_all(client, service, first, "ring")
    send(client, first, "sign")
    assert labels(client.get("/specimens?to_sign=1").text) == ["S-2"]
    assert "Parasites seen" in client.get("/specimens").text


def test_specimens_are_filtered(client: FlaskClient, service: ScreeningService) -> None:
    first = screen(client, service, label="S-1", site="Ward")
    screen(client, service, label="S-2")
    sign_all(service, first)
    today = service.store.now()[:10]
    for query, found in (
        ({"state": "final"}, ["S-1"]),
        ({"state": "preliminary", "verdict": "positive"}, ["S-2"]),
        ({"site": "Ward", "task": "malaria"}, ["S-1"]),
        ({"task": "chest-xray"}, []),
        ({"from": today, "to": today}, ["S-2", "S-1"]),
        ({"to": "2020-01-01"}, []),
        ({"from": "9999-12-31", "to": "9999-12-31"}, []),
    ):
        page = client.get("/specimens", query_string=query)
        assert page.status_code == 200 and labels(page.text) == found, query


WRONG = (
    {"verdict": HOSTILE},
    {"state": "x"},
    {"task": "tea"},
    {"from": HOSTILE},
    {"to": "2026-02-30"},
)


def test_filter_that_is_none_is_refused(client: FlaskClient) -> None:
    for query in WRONG:
        page = client.get("/specimens", query_string=query)
        assert page.status_code == 422 and 'data-testid="problem"' in page.text, query
        assert "<script>alert" not in page.text


def test_older_pages_keep_the_filter(
    client: FlaskClient, service: ScreeningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web_ui.specimens.PAGE_LENGTH", 1)
    for number in range(3):
        screen(client, service, label=f"S-{number}", site="Ward" if number < 2 else "")
    page = client.get("/specimens?site=Ward").text
    assert labels(page) == ["S-1"]
    older = re.search(r'rel="next" href="([^"]+)"', page)
    assert older and "site=Ward" in older[1]
    page = client.get(older[1].replace("&amp;", "&")).text
    assert labels(page) == ["S-0"] and 'rel="next"' not in page


def test_month_is_shown_and_printed(client: FlaskClient, service: ScreeningService) -> None:
    site = "<b>Ward</b>"
    specimen_id = screen(client, service, site=site, patient_id="P-1", age_band="0-4")
    judge_all(client, service, specimen_id, "ring")
    send(client, specimen_id, "sign")
    page = client.get("/summary").text
    assert "Positive share by site" in page and "1 / 1" in page and "<b>Ward" not in page
    assert page.count('<svg class="plot"') == 4
    month = service.store.now()[:7]
    pdf = client.get(f"/summary/{month}.pdf")
    assert pdf.status_code == 200 and pdf.data.startswith(b"%PDF-")
    assert client.get("/summary?month=2020-01").status_code == 200
    wrong = client.get("/summary", query_string={"month": HOSTILE})
    assert wrong.status_code == 422 and "<script>alert" not in wrong.text
    assert client.get("/summary/2020-13.pdf").status_code == 404
