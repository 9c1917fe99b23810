"""The site's figures over weeks."""

from __future__ import annotations

import re
from datetime import date

import pytest
from flask import Flask
from flask.testing import FlaskClient
from record_samples import screen, sign_all
from web_samples import value_of

from edge.screening.service import ScreeningService
from web_ui.statistics import short_day

HOSTILE = '"><script>alert(1)</script>'


def test_figures_of_signed_specimens_are_shown(
    client: FlaskClient, service: ScreeningService
) -> None:
    site = "<b>Ward</b>"
    signed = screen(client, service, site=site, patient_id="P-1", age_band="0-4")
    sign_all(service, signed)
    screen(client, service)
    page = client.get("/statistics").text
    assert (value_of(page, "specimens"), value_of(page, "positive")) == ("2", "1")
    assert page.count('<svg class="plot"') == 3 and "<b>Ward" not in page
    assert 'class="block-age-0"' in page and "style=" not in page
    assert "Both positive" in page and "1 / 1" in page
    only = client.get("/statistics", query_string={"age_band": "15+"}).text
    assert value_of(only, "specimens") == "0" and "No specimen was screened" in only
    here = client.get("/statistics", query_string={"site": site}).text
    assert value_of(here, "specimens") == "1"


def test_refused_fields_are_told_with_their_reason(
    client: FlaskClient, service: ScreeningService
) -> None:
    import io

    from web_samples import field_png, screen_uploads

    files = [(io.BytesIO(field_png()), "a.png"), (io.BytesIO(field_png(20)), "b.png")]
    screen_uploads(client, service, files)
    page = client.get("/statistics").text
    refused = re.search(r'data-testid="refused">([^<]+)<', page)
    assert refused and refused[1].endswith("of 2") and "too dark" in page


WRONG = (
    {"from": "yesterday"},
    {"from": HOSTILE},
    {"from": "2026-02-01", "to": "2026-01-01"},
    {"from": "1999-01-01", "to": "2026-01-01"},
    {"task": HOSTILE},
    {"age_band": "x"},
    {"sex": "x"},
)


def test_what_is_no_span_is_refused(client: FlaskClient) -> None:
    for query in WRONG:
        page = client.get("/statistics", query_string=query)
        assert page.status_code == 422 and 'data-testid="problem"' in page.text, query
        assert "<script>alert" not in page.text


def test_empty_device_has_a_page(client: FlaskClient) -> None:
    page = client.get("/statistics")
    assert page.status_code == 200 and "No specimen was screened" in page.text


@pytest.mark.parametrize(("language", "told"), [("en", "26 Nov"), ("fr", "26/11"), ("ar", "26/11")])
def test_days_below_the_bars_are_short(app: Flask, language: str, told: str) -> None:
    cookie = {"Cookie": f"clinicscope_language={language}"}
    with app.test_request_context("/statistics", headers=cookie):
        assert short_day(date(2026, 11, 26)) == told
