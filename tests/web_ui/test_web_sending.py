"""The page of what waits to be sent and why."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from record_samples import screen
from web_samples import token, value_of, wait_until

from edge.contract.errors import ConfigError
from edge.interop.settings import InteropSettings
from edge.screening.service import ScreeningService
from edge.store.outbox import Outbox
from edge.store.records import UNSENT, WAITING
from edge.sync.sender import Sender
from edge.sync.settings import SyncSettings, Target
from tests.support.people import logged_in
from web_ui import create_app

HOSTILE = "<script>alert(1)</script>"
# Nobody listens there.
NOBODY = Target("hospital", "fhir", "http://127.0.0.1:9/fhir", send="all", token="secret-token")
PACS = Target("pacs", "dicom", host="127.0.0.1", port=9)
DHIS2 = Target("ministry", "dhis2", "https://127.0.0.1:9", since="2026-01-01")


@pytest.fixture
def sender(service: ScreeningService) -> Iterator[Sender]:
    settings = SyncSettings((NOBODY, PACS, DHIS2))
    found = Sender(service.store, lambda: (settings, InteropSettings()))
    yield found
    found.close()


@pytest.fixture
def page_client(service: ScreeningService, sender: Sender) -> FlaskClient:
    return logged_in(create_app(service, sender=sender))


def post(client: FlaskClient, path: str = "", **form: str) -> int:
    data = {"csrf_token": token(client)} | form
    return int(client.post(f"/records/sending{path}", data=data).status_code)


def test_servers_and_what_waits_for_each_are_shown_without_secrets(
    page_client: FlaskClient, service: ScreeningService, sender: Sender
) -> None:
    screen(page_client, service)
    sender.start()
    wait_until(lambda: sender.state().failed > 0 and not sender.state().sending)
    page = page_client.get("/records/sending").text
    assert "127.0.0.1:9" in page and "secret-token" not in page
    assert "Every result, the unsigned ones marked so" in page and "Counts of signed" in page
    assert "no answer from" in page and "Not taken yet, is tried again" in page
    assert "from 2026-01-01 on" in page
    assert value_of(page, "unsigned") == "1"
    overview = page_client.get("/records").text
    assert (value_of(overview, "waiting"), value_of(overview, "failed")) == ("1", "0")


def test_item_is_tried_again_and_all_of_them_are(
    page_client: FlaskClient, service: ScreeningService
) -> None:
    specimen_id = screen(page_client, service)
    outbox = Outbox(service.store)
    first = outbox.add("old", "fhir", specimen_id, 1, b"{}")
    second = outbox.add("hospital", "dhis2-2026-11", "", 1, b"{1}")
    for item in (first, second):
        outbox.mark_failed(item.item_id, HOSTILE, None)
    page = page_client.get("/records/sending").text
    assert "&lt;script&gt;" in page and "<script>alert" not in page
    assert "Given up: a person must act" in page and "Counts of November 2026" in page
    assert page.count("no longer set in the config") == 2  # no round has read the config yet
    assert page_client.post(f"/records/sending/{first.item_id}/retry").status_code == 400
    assert post(page_client, f"/{first.item_id}/retry") == 303
    assert [one.state for one in outbox.waiting()] == [WAITING, UNSENT]
    assert post(page_client, all="1") == 303
    assert [one.state for one in outbox.waiting()] == [WAITING, WAITING]
    assert post(page_client, "/999/retry") == 404


def test_why_nothing_can_be_sent_is_told(service: ScreeningService) -> None:
    def wrong() -> tuple[SyncSettings, InteropSettings]:
        raise ConfigError("url of target x is ''; give http(s)://...")

    sender = Sender(service.store, wrong)
    client = logged_in(create_app(service, sender=sender))
    sender.start()
    wait_until(lambda: bool(sender.state().next_utc))
    for path in ("/records", "/records/sending"):
        assert "give http(s)" in client.get(path).text
    sender.close()


def test_device_without_servers_says_so(client: FlaskClient, service: ScreeningService) -> None:
    page = client.get("/records/sending").text
    assert "No server is set" in page and "Nothing waits." in page
    assert post(client) == 303
