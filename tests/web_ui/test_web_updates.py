"""Updates on the page: who may bring them, what is taken, what is said of the rest."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import run

import pytest
from flask import Flask
from flask.testing import FlaskClient
from web_samples import ScriptedScreener
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from edge.config import DeviceConfig
from edge.contract.labels import MALARIA_CELLS
from edge.installed import list_bundles
from edge.screening.service import ScreeningService
from edge.store.users import OPERATOR, REVIEWER
from edge.updates.application import CURRENT, VERSION_FILE, Versions
from edge.updates.bundle_trial import read_trials
from edge.updates.incoming import waiting
from edge.updates.keys import make_key
from edge.updates.signature import APPLICATION
from edge.updates.signing import describe, sign_update
from edge.updates.stage import ASIDE_DIR, install_bundle
from tests.support.signed_updates import (
    NOW,
    Clinic,
    make_bundle,
    make_clinic,
    sign_bundle,
    zipped,
)
from web_ui import create_app
from web_ui.cli import open_service
from web_ui.settings import models

NEW = "malaria-cells-7"


@pytest.fixture
def clinic(service: ScreeningService, tmp_path: Path) -> Clinic:
    """The device of the page, which trusts the engineer's key."""
    made = make_clinic(tmp_path)
    assert made.home == service.store.home
    return made


@pytest.fixture
def app(service: ScreeningService) -> Flask:
    return create_app(service, max_upload_bytes=8_000_000)


@pytest.fixture(autouse=True)
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the service opens anew: networks of slides, which these tests have no use for."""
    found: list[str] = []

    def load(home: Path, config: DeviceConfig) -> ScriptedScreener:
        (active,) = (
            one.bundle_id for one in list_bundles(home) if one.active and one.task == MALARIA_CELLS
        )
        found.append(active)
        return ScriptedScreener()

    monkeypatch.setattr(models, "load_screener", load)
    return found


def send(client: FlaskClient, path: Path | None) -> tuple[int, str]:
    """Sends an update as the page does: status, and the page that it leads to."""
    page = client.get("/settings/models").text
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found, "no form"
    form: dict[str, object] = {"csrf_token": found[1]}
    if path:
        form["update"] = FileStorage(io.BytesIO(path.read_bytes()), path.name)
    # Encoded here: the client would leave a file of its own open.
    boundary, body = encode_multipart(form)
    sent = f'multipart/form-data; boundary="{boundary}"'
    response = client.post("/settings/models/install", data=body, content_type=sent)
    if response.status_code == 303:
        return 303, client.get(response.location).text
    return response.status_code, response.text


def test_a_signed_bundle_is_in_use_at_once_and_on_trial(
    client: FlaskClient, clinic: Clinic, opened: list[str]
) -> None:
    status, page = send(client, zipped(clinic.bundle(7)))
    assert status == 303 and 'data-testid="done"' in page and "On trial" in page
    assert opened == [NEW]
    assert read_trials(clinic.home).trials[MALARIA_CELLS].bundle_id == NEW
    assert not list((clinic.home / ASIDE_DIR).iterdir())
    card = client.get(f"/settings/models/{NEW}").text
    assert f"By the key {clinic.key.public.key_id}" in card
    assert "Comes with the program" in client.get("/settings/models/malaria-cells-5").text


def test_what_is_refused_is_said_and_changes_nothing(
    client: FlaskClient, clinic: Clinic, opened: list[str]
) -> None:
    stranger = zipped(sign_bundle(make_bundle(clinic.engineer, 7), make_key()))
    unsigned = zipped(make_bundle(clinic.engineer, 8))
    other = zipped(sign_bundle(make_bundle(clinic.engineer, 9), clinic.key, ("clinicscope-aaaa",)))
    for path, why in (
        (stranger, "is not trusted on this device"),
        (unsigned, "is not signed"),
        (other, "is for clinicscope-aaaa"),
        (None, "Choose a file first"),
    ):
        status, page = send(client, path)
        assert status == 422 and "Nothing was changed" in page and why in page
    assert not opened and not read_trials(clinic.home).trials


def test_only_an_admin_brings_updates(
    client_as: Callable[..., FlaskClient], clinic: Clinic
) -> None:
    for role in (OPERATOR, REVIEWER):
        client = client_as(role)
        assert 'name="update"' not in client.get("/settings/models").text
        found = re.search(
            r'name="csrf_token" value="([^"]+)"', client.get("/settings/password").text
        )
        assert found
        for address in ("install", "sticks"):
            data = {"csrf_token": found[1]}
            assert client.post(f"/settings/models/{address}", data=data).status_code == 403


def test_an_unsigned_one_that_an_engineer_let_in_is_shown_as_such(
    client: FlaskClient, clinic: Clinic
) -> None:
    make_bundle(clinic.home / "bundles", 7)
    assert "By nobody: an engineer let it in unsigned" in client.get(f"/settings/models/{NEW}").text


def test_an_update_of_the_program_waits_for_root(
    client: FlaskClient, clinic: Clinic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "opt"
    (root / "versions/0.1").mkdir(parents=True)
    (root / "versions/0.1" / VERSION_FILE).write_text(
        '{"program": "0.1", "number": 1, "records": ""}'
    )
    (root / CURRENT).symlink_to(root / "versions/0.1")
    monkeypatch.setattr("edge.updates.stick.Versions", lambda: Versions(root))
    path = clinic.engineer / "program"
    path.mkdir()
    (path / "application.json").write_text("{}")
    unsigned = describe(path, APPLICATION, "clinicscope", 2, ("any",), (), NOW)
    sign_update(path, unsigned, clinic.key)
    status, page = send(client, zipped(path))
    assert status == 200 and 'data-testid="outcomes"' in page and "Taken" in page
    assert [one.name for one in waiting(clinic.home)] == ["clinicscope-2.zip"]


@pytest.fixture
def stick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = tmp_path / "media" / "STICK"
    path.mkdir(parents=True)
    done = run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", path], check=False)
    if done.returncode:
        pytest.skip("this user may not mount a file system")
    monkeypatch.setattr("edge.drives.ROOTS", (tmp_path / "media",))
    yield path
    run(["umount", path], check=True)


def test_a_stick_is_looked_at_and_each_update_answered(
    client: FlaskClient, clinic: Clinic, stick: Path, opened: list[str]
) -> None:
    status, page = look(client)
    assert status == 422 and "No stick with a folder clinicscope-updates" in page
    folder = stick / "clinicscope-updates"
    folder.mkdir()
    shutil.move(zipped(clinic.bundle(7)), folder / "ours.zip")
    other = sign_bundle(make_bundle(clinic.engineer, 8), clinic.key, ("clinicscope-aaaa",))
    shutil.move(zipped(other), folder / "theirs.zip")
    (folder / "broken.zip").write_bytes(b"PK")
    status, page = look(client)
    assert status == 200 and opened == [NEW]
    for name, word in (("ours", "Taken"), ("theirs", "Not for here"), ("broken", "Refused")):
        assert re.search(rf"{name}\.zip.*?{word}", page, re.DOTALL)


def look(client: FlaskClient) -> tuple[int, str]:
    page = client.get("/settings/models").text
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found and "Look for updates on the stick" in page
    response = client.post("/settings/models/sticks", data={"csrf_token": found[1]})
    return response.status_code, response.text


def test_one_that_another_hand_chose_is_in_use_after_a_restart(
    client: FlaskClient, clinic: Clinic
) -> None:
    """`clinicscope bundle install` beside the running service, which screens on as it did."""
    said = "in use after a restart of the service"
    assert said in client.get("/settings/models").text  # the scripted screener is of no bundle


def test_the_service_starts_with_the_old_one_where_the_new_one_fails(
    clinic: Clinic, client: FlaskClient, service: ScreeningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    send_and_spoil(clinic, service)
    started = open_service(clinic.home)
    state = started.state()
    assert state.ready and state.ran_on is not None
    assert state.ran_on.bundle_id == "malaria-cells-5"
    started.close()
    page = client.get("/settings/models").text
    assert "Taken out of use by the device" in page and NEW in page


def send_and_spoil(clinic: Clinic, service: ScreeningService) -> None:
    found = install_bundle(service.store, DeviceConfig(threads=1), clinic.bundle(7), clinic.asked())
    (Path(found.path) / "MODEL_CARD.md").write_text("spoilt")
