"""A new specimen's register: patient, site, operator, barcodes, smears, and the worklist."""

from __future__ import annotations

import html
from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from record_samples import screen
from web_samples import submit

from edge.screening.service import ScreeningService
from edge.store.records import THICK, Patient
from edge.store.register import Register

WORKLIST = """barcode,patient_id,age_band,sex,site,smear,collected
BC-1,P-1,0-4,f,Ward 1,thin,2026-11-20
BC-2,P-2,15+,m,Ward 2,thick,
"""
HOSTILE = '"><script>alert(1)</script>'


@pytest.fixture
def worklist(service: ScreeningService, tmp_path: Path) -> None:
    path = tmp_path / "worklist.csv"
    path.write_text(WORKLIST)
    assert Register(service.store).import_worklist(path).added == 2


def test_register_is_stored_with_the_specimen(
    client: FlaskClient, service: ScreeningService
) -> None:
    specimen_id = screen(
        client,
        service,
        barcode="BC-9",
        patient_id="P-9",
        age_band="5-14",
        sex="female",
        site="Ward 3",
        collected="2026-11-20",
        smears="both",
        thick_barcode="BC-9T",
    )
    record = service.store.specimen(specimen_id)
    assert (record.patient_id, record.site, record.operator) == ("P-9", "Ward 3", "A. Reader")
    assert (record.barcode, record.collected_utc) == ("BC-9", "2026-11-20")
    assert record.protocol == service.protocol.label
    register = Register(service.store)
    assert register.patient("P-9") == Patient("P-9", "5-14", "female", "Ward 3")
    slides = {slide.smear: slide.barcode for slide in register.slides_of(specimen_id)}
    assert slides == {"thin": "BC-9", "thick": "BC-9T"}
    page = client.get(f"/specimens/{specimen_id}").text
    assert "P-9" in page and "Ward 3" in page and "A. Reader" in page


def test_barcode_alone_is_label_enough(client: FlaskClient, service: ScreeningService) -> None:
    specimen_id = screen(client, service, label="", barcode="BC-7")
    assert service.store.specimen(specimen_id).label == "BC-7"


def test_worklist_fills_the_form_and_is_taken(
    client: FlaskClient, service: ScreeningService, worklist: None
) -> None:
    assert "barcode=BC-1" in client.get("/specimens/new").text
    page = client.get("/specimens/new?barcode=BC-1").text
    assert 'data-testid="expected"' in page
    assert 'value="P-1"' in page and 'value="Ward 1"' in page and 'value="0-4" selected' in page
    thick = client.get("/specimens/new?barcode=BC-2").text
    assert 'value="both" selected' in thick
    specimen_id = screen(
        client, service, barcode="BC-1", patient_id="P-1", age_band="0-4", sex="female"
    )
    assert Register(service.store).expected("BC-1").specimen_id == specimen_id
    again = client.get("/specimens/new?barcode=BC-1").text
    assert "screened already" in again and f"/specimens/{specimen_id}" in again


def test_unknown_barcode_is_kept_and_said(client: FlaskClient, worklist: None) -> None:
    page = client.get("/specimens/new", query_string={"barcode": f"BC-8{HOSTILE}"}).text
    assert "Not on the worklist" in page
    assert "<script>alert" not in page and html.escape(HOSTILE, quote=False)[5:] in page


def test_known_patient_is_not_changed_by_a_form(
    client: FlaskClient, service: ScreeningService
) -> None:
    Register(service.store).add_patient(Patient("P-1", "0-4", "female", "Ward 1"))
    wrong = submit(
        client, source="simulated", patient_id="P-1", age_band="15+", sex="male", site="Ward 1"
    )
    assert wrong.status_code == 422 and "in the register with other values" in wrong.text
    assert service.store.specimens() == []
    specimen_id = screen(client, service, patient_id="P-1")
    assert service.store.specimen(specimen_id).patient_id == "P-1"
    assert Register(service.store).patient("P-1").age_band == "0-4"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("patient_id", HOSTILE),
        ("patient_id", "P" * 65),
        ("barcode", HOSTILE),
        ("barcode", "=1+1"),
        ("site", "=cmd|'/c calc'!A1"),
        ("site", "x" * 101),
        ("collected", "yesterday"),
        ("collected", "1999-01-01"),
        ("thick_barcode", HOSTILE),
        ("age_band", "7"),
        ("sex", HOSTILE),
        ("smears", "neither"),
    ],
)
def test_wrong_entries_are_marked_and_nothing_starts(
    client: FlaskClient, service: ScreeningService, name: str, value: str
) -> None:
    response = submit(client, **{"source": "simulated", name: value})
    assert response.status_code == 422
    assert "Please look at the marked entries" in response.text
    assert "<script>alert" not in response.text
    assert service.store.specimens() == []


def test_hostile_names_are_shown_as_text(
    client_as: Callable[..., FlaskClient], service: ScreeningService
) -> None:
    name = "<img src=x onerror=alert(1)>"
    client = client_as("operator", name)
    specimen_id = screen(client, service, site=name, smears="both", patient_id="P-1")
    for address in (f"/specimens/{specimen_id}", "/specimens/new", "/specimens"):
        assert "<img src=x" not in client.get(address).text
    assert "&lt;img src=x" in client.get(f"/specimens/{specimen_id}").text
    slides = Register(service.store).slides_of(specimen_id)
    assert [slide.smear for slide in slides if not slide.barcode] == ["thin", THICK]
