"""The form by which a specimen's patient is corrected."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from flask.testing import FlaskClient
from record_samples import screen, sign_all
from web_samples import ScriptedScreener, token

from edge.screening.service import ScreeningService
from edge.store.records import AMENDED, Patient
from edge.store.register import Register
from edge.store.results import Results

HOSTILE = "<script>alert(1)</script>"


def signed(client: FlaskClient, service: ScreeningService) -> str:
    form = {"patient_id": "P-1", "age_band": "0-4", "sex": "female"}
    specimen_id = screen(client, service, fields=1, **form)
    sign_all(service, specimen_id)
    return specimen_id


def correct(client: FlaskClient, specimen_id: str, **form: str) -> Any:
    """Sends the form as it stands, with changes."""
    page = client.get(f"/specimens/{specimen_id}/correct").text
    values = dict(re.findall(r'name="(\w+)" type="text" value="([^"]*)"', page))
    for name, options in re.findall(r'<select id="(\w+)"[^>]*>(.*?)</select>', page, re.S):
        chosen = re.search(r'value="([^"]*)" selected', options)
        values[name] = chosen[1] if chosen else ""
    version = re.search(r'name="version" value="(\d+)"', page)
    values |= {"version": version[1] if version else "", "reason": "mixed up"}
    data = values | {"csrf_token": token(client)} | form
    return client.post(f"/specimens/{specimen_id}/correct", data=data)


def test_signed_specimen_goes_to_the_right_patient(
    client: FlaskClient, service: ScreeningService
) -> None:
    specimen_id = signed(client, service)
    assert "Correct whose it is" in client.get(f"/specimens/{specimen_id}").text
    answer = correct(client, specimen_id, patient_id="P-2", age_band="15+", reason=HOSTILE)
    assert answer.status_code == 303
    record = service.store.specimen(specimen_id)
    assert (record.patient_id, record.result_status) == ("P-2", AMENDED)
    page = client.get(f"/specimens/{specimen_id}").text
    assert "&lt;script&gt;" in page and "<script>alert" not in page
    newest = Results(service.store).current(specimen_id)
    assert newest and newest.by == "A. Reader" and newest.report["verdict"] == "positive"


def test_known_patient_is_taken_as_she_is_known(
    client: FlaskClient, service: ScreeningService
) -> None:
    register = Register(service.store)
    register.add_patient(Patient("P-2", "15+", "male", "Ward"))
    specimen_id = signed(client, service)
    # The form still shows the age of the wrong patient.
    again = correct(client, specimen_id, patient_id="P-2")
    assert again.status_code == 422 and "in the register with the age" in again.text
    assert re.search(r'value="15\+" selected', again.text)
    assert register.patient("P-2").age_band == "15+"
    answer = correct(client, specimen_id, patient_id="P-2", age_band="15+", sex="male")
    assert answer.status_code == 303
    unknown = {"age_band": "unknown", "sex": "unknown"}
    assert correct(client, signed(client, service), patient_id="P-2", **unknown).status_code == 303
    assert register.patient("P-2") == Patient("P-2", "15+", "male", "Ward")


def test_own_age_is_corrected_for_all_specimens(
    client: FlaskClient, service: ScreeningService
) -> None:
    first, second = signed(client, service), signed(client, service)
    assert "1 other specimen is" in client.get(f"/specimens/{first}/correct").text
    assert correct(client, first, age_band="5-14").status_code == 303
    assert Register(service.store).patient("P-1").age_band == "5-14"
    assert service.store.specimen(second).result_status == AMENDED


def test_what_cannot_be_stored_is_said(client: FlaskClient, service: ScreeningService) -> None:
    specimen_id = signed(client, service)
    assert "needs a reason" in correct(client, specimen_id, site="W", reason=" ").text
    assert "nothing is different" in correct(client, specimen_id).text
    wrong = correct(client, specimen_id, patient_id="=1+1", collected="soon")
    assert wrong.status_code == 422
    assert 'id="patient_id-error"' in wrong.text and 'id="collected-error"' in wrong.text
    late = correct(client, specimen_id, site="Ward", version="1")
    assert late.status_code == 409 and "changed by someone else" in late.text
    assert client.get("/specimens/none/correct").status_code == 404


def test_operator_corrects_until_it_is_signed(
    client: FlaskClient, client_as: Callable[..., FlaskClient], service: ScreeningService
) -> None:
    operator = client_as("operator")
    open_one = screen(operator, service, patient_id="P-5")
    assert correct(operator, open_one, patient_id="P-3").status_code == 303
    assert service.store.specimen(open_one).result_status == "preliminary"
    done = signed(client, service)
    assert "Only a reviewer" in operator.get(f"/specimens/{done}/correct").text
    assert correct(operator, done, site="Ward").status_code == 403


def test_running_specimen_is_left_alone(
    client: FlaskClient, service: ScreeningService, screener: ScriptedScreener
) -> None:
    import io
    import threading

    from web_samples import field_png, submit

    screener.gate = threading.Event()
    answer = submit(client, images=[(io.BytesIO(field_png()), "a.png")])
    specimen_id = answer.location.rsplit("/", 1)[-1]
    assert "It is being screened" in client.get(f"/specimens/{specimen_id}/correct").text
    late = correct(client, specimen_id, site="Ward")
    assert late.status_code == 409 and "is being screened" in late.text
    screener.gate.set()
