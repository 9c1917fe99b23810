"""A screened specimen whose suspect cells a person reviews, counts and signs."""

from __future__ import annotations

import io
import re
from typing import Any

from flask.testing import FlaskClient
from web_samples import field_png, screen_uploads, token

from edge.screening.service import ScreeningService
from edge.signing import read_review, sign
from edge.store.review import Reviews


def screen(client: FlaskClient, service: ScreeningService, fields: int = 2, **form: Any) -> str:
    """Screens drawn fields; gives the specimen's id."""
    files = [(io.BytesIO(field_png()), f"field-{number}.png") for number in range(fields)]
    return screen_uploads(client, service, files, **form)


def judge(
    client: FlaskClient,
    specimen_id: str,
    cell_id: int,
    label: str = "uninfected",
    seen: int = 0,
    **headers: str,
) -> Any:
    """Says something of a cell."""
    data = {"label": label, "seen": seen, "csrf_token": token(client)}
    address = f"/specimens/{specimen_id}/review/{cell_id}"
    return client.post(address, data=data, headers=headers)


def judge_all(
    client: FlaskClient, service: ScreeningService, specimen_id: str, label: str = "uninfected"
) -> None:
    """Says the same of every suspect cell."""
    found = read_review(service.store, specimen_id, service.protocol)
    for cell in found.waiting:
        assert judge(client, specimen_id, cell.cell_id, label).status_code == 303


def send(client: FlaskClient, specimen_id: str, what: str, **form: Any) -> Any:
    """Sends the form of a page of a specimen, as a person does who has just opened it."""
    address = f"/specimens/{specimen_id}/{what}"
    page = client.get(address).text
    version = re.search(r'name="version" value="(\d+)"', page)
    data = {"csrf_token": token(client)}
    if version:
        data["version"] = version[1]
    return client.post(address, data=data | form)


def sign_all(service: ScreeningService, specimen_id: str, by: str = "A. Reader") -> None:
    """Every suspect cell is a ring, and the result signed; by the records, not by the page."""
    for cell in read_review(service.store, specimen_id, service.protocol).waiting:
        Reviews(service.store).review_cell(cell.cell_id, "ring", by)
    sign(service.store, specimen_id, by, service.protocol)
