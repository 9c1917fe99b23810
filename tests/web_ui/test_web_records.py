"""The page of the records: worklist, outbox, log."""

from __future__ import annotations

import io
import tempfile
from typing import Any

import pytest
from flask.testing import FlaskClient
from web_samples import token

from edge.screening.service import ScreeningService
from edge.store.register import Register

GOOD = b"barcode,patient_id,sex,name\nBC-1,P-1,f,Maria\nBC-2,P-2,m,Jose\n"
HOSTILE = "<script>alert(1)</script>"


def send(client: FlaskClient, data: bytes | None, name: str = "w.csv") -> Any:
    form: dict[str, Any] = {"csrf_token": token(client)}
    if data is not None:
        form["worklist"] = (io.BytesIO(data), name)
    return client.post("/records/worklist", data=form, content_type="multipart/form-data")


def test_worklist_is_imported_without_names(client: FlaskClient, service: ScreeningService) -> None:
    page = send(client, GOOD)
    assert page.status_code == 200 and "2 new, 0 there already, 0 refused" in page.text
    assert [item.barcode for item in Register(service.store).worklist()] == ["BC-1", "BC-2"]
    assert "0 new, 2 there already" in send(client, GOOD).text
    log = client.get("/records").text
    assert "worklist.imported" in log and "A. Reader" in log and "Maria" not in log


def test_lines_that_cannot_be_taken_are_listed(
    client: FlaskClient, service: ScreeningService
) -> None:
    page = send(client, GOOD + f"{HOSTILE},P-3,f,x\n".encode(), name=f"../{HOSTILE}.csv")
    assert "2 new, 0 there already, 1 refused" in page.text and "Line 4" in page.text
    assert "<script>alert" not in page.text
    assert len(Register(service.store).worklist()) == 2


@pytest.mark.parametrize("data", [None, b"", b"\x00\xff" * 50, b"a,b\n1,2\n"])
def test_what_is_no_worklist_is_refused(
    client: FlaskClient, service: ScreeningService, data: bytes | None
) -> None:
    page = send(client, data)
    assert page.status_code == 422 and 'data-testid="problem"' in page.text
    assert tempfile.gettempdir() not in page.text
    assert Register(service.store).worklist() == []
