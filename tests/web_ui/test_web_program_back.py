"""The program on the page: which version is in force, and the way back that an admin asks for."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from edge.screening.service import ScreeningService
from edge.store.audit import Audit
from edge.store.users import OPERATOR
from edge.updates.application import InstalledVersion, Versions
from edge.updates.as_owner import Owner
from edge.updates.asking import asked_file, take_asked
from edge.updates.standing import standing_of
from edge.updates.trial import LastUpdate, begin_trial, tell
from web_ui.settings import models, program

NOW = "2026-03-01T08:00:00+00:00"


@pytest.fixture
def versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Versions:
    """Version 0.2.0 in force and 0.1.0 before it, in a folder of the test's own."""
    found = Versions(tmp_path / "opt")
    for name in ("0.1.0", "0.2.0"):
        path = found.path_of(name)
        path.mkdir(parents=True)
        found.keep_way_back()
        found.switch(InstalledVersion(path, name))
    for place in (models, program):
        monkeypatch.setattr(place, "standing_of", lambda: standing_of(found.root))
    return found


def ask(client: FlaskClient, page: str = "/settings/models") -> tuple[int, str]:
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get(page).text)
    assert found
    data = {"csrf_token": found[1]}
    response = client.post("/settings/models/program-back", data=data)
    return response.status_code, response.text


def test_admin_asks_for_the_version_before(
    client: FlaskClient, versions: Versions, service: ScreeningService
) -> None:
    tell(versions, LastUpdate("x.zip", "0.3.0", 4, "taken back", "it was never well", NOW))
    begin_trial(versions, InstalledVersion(versions.path_of("0.2.0"), "0.2.0", 3), "")
    page = client.get("/settings/models").text
    assert "Back to version 0.1.0" in page and "On trial" in page and "it was never well" in page
    assert ask(client)[0] == 303
    home = service.store.home
    entry = Audit(service.store).entries(1, subject="0.1.0")[0]
    assert entry.detail == {"from": "0.2.0", "to": "0.1.0"}
    page = client.get("/settings/models").text
    assert "goes back to the version before" in page and "Back to version" not in page
    # Root takes it once.
    assert take_asked(Owner(home)) == entry.by
    assert not asked_file(home).exists()
    asked_file(home).write_text("{")
    assert take_asked(Owner(home)) == "somebody"


def test_where_there_is_no_version_before_nothing_is_asked(
    client: FlaskClient, versions: Versions, service: ScreeningService
) -> None:
    (versions.root / "previous").unlink()
    assert "Back to version" not in client.get("/settings/models").text
    status, text = ask(client)
    assert status == 422 and "no other version of the program" in text
    assert not asked_file(service.store.home).exists()


def test_only_an_admin_asks(client_as: Callable[..., FlaskClient], versions: Versions) -> None:
    client = client_as(OPERATOR)
    assert "Back to version" not in client.get("/settings/models").text
    assert ask(client, "/settings/password")[0] == 403
