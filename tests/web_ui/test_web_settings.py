"""Settings: who may, what is kept, what is in force at once, and what is refused."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from web_samples import ScriptedScreener, submit, wait_until

from edge.config import CONFIG_FILE, load_config
from edge.contract.errors import BundleError, HardwareError
from edge.screening.service import ScreeningService
from edge.store.audit import Audit
from edge.store.store import Store
from edge.store.tokens import Tokens
from edge.store.users import OPERATOR, Users
from tests.support.other_bundle import install_version
from tests.support.people import NAME, PASSWORD
from web_ui import create_app
from web_ui.device import Device, device_of
from web_ui.restarting import Restart
from web_ui.settings import models

NEW = "yellow river stone"
CLINIC = {"clinic": "A", "language": "", "lock_after_minutes": "15", "log_out_after_hours": "12"}


class Ends:
    """Counts how often the process was asked to end."""

    def __init__(self) -> None:
        self.count = 0
        self.clock: list[datetime] = []
        self.problem: HardwareError | None = None

    def end(self) -> None:
        self.count += 1

    def set_clock(self, utc: datetime) -> None:
        if self.problem:
            raise self.problem
        self.clock.append(utc)


@pytest.fixture
def ends() -> Ends:
    return Ends()


@pytest.fixture
def device(service: ScreeningService, ends: Ends) -> Device:
    made = device_of(service.store, restart=Restart(ends.end, delay_s=0))
    return replace(made, set_clock=ends.set_clock)


@pytest.fixture
def app(service: ScreeningService, device: Device) -> Flask:
    return create_app(service, max_upload_bytes=2_000_000, device=device)


@pytest.fixture
def home(service: ScreeningService) -> Path:
    return service.store.home


@pytest.fixture
def held(client: FlaskClient, screener: ScriptedScreener) -> Iterator[str]:
    """A specimen that is being screened."""
    screener.gate = threading.Event()
    yield str(submit(client, source="simulated", fields="3").location).rsplit("/", 1)[-1]


def post(client: FlaskClient, address: str, **form: object) -> tuple[int, str]:
    """Sends a form as the page has it: status, and the page that it leads to."""
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get("/settings/password").text)
    assert found
    response = client.post(address, data={"csrf_token": found[1], **form})
    if response.status_code == 303:
        return 303, client.get(response.location).text
    return response.status_code, response.text


def test_overview_shows_each_only_what_she_may_change(
    client: FlaskClient, client_as: Callable[..., FlaskClient]
) -> None:
    page = client.get("/settings").text
    for part in (
        "clinic",
        "users",
        "protocol",
        "camera",
        "models",
        "network",
        "tokens",
        "password",
    ):
        assert f'href="/settings/{part}"' in page
    assert "Restart the service" in page
    page = client_as(OPERATOR).get("/settings").text
    assert 'href="/settings/password"' in page and 'href="/settings/models"' in page
    assert 'href="/settings/users"' not in page and "Restart the service" not in page


def test_place_language_and_time_outs_are_in_force_at_once(
    client: FlaskClient, app: Flask, home: Path
) -> None:
    values = {
        "clinic": " Saint  Luke ", "language": "fr", "lock_after_minutes": "7",
        "log_out_after_hours": "9",
    }  # fmt: skip
    status, page = post(client, "/settings/clinic", **values)
    assert status == 303 and 'data-testid="done"' in page and 'value="Saint Luke"' in page
    stored = load_config(home).page
    assert (stored.clinic, stored.language) == ("Saint Luke", "fr")
    sessions = app.extensions["clinicscope"].sessions
    assert (sessions.settings.lock_after_minutes, sessions.settings.log_out_after_hours) == (7, 9)
    assert (
        "Connexion" in app.test_client().get("/login").text or app.config["DEVICE_LANGUAGE"] == "fr"
    )
    entry = next(
        one for one in Audit(client_store(app)).entries() if one.action == "settings.changed"
    )
    assert entry.by == NAME and entry.detail["page.clinic"] == "Saint Luke"


def client_store(app: Flask) -> Store:
    store: Store = app.extensions["clinicscope"].store
    return store


def test_wrong_values_are_said_and_nothing_is_kept(client: FlaskClient, home: Path) -> None:
    for wrong, said in (
        ({"lock_after_minutes": "0"}, "allowed: 1 to 240"),
        ({"lock_after_minutes": "soon"}, "allowed: 1 to 240"),
        ({"log_out_after_hours": "1.5"}, "allowed: 1 to 72"),
        ({"log_out_after_hours": "٣"}, "allowed: 1 to 72"),
        ({"language": "tlh"}, "page.language is"),
        ({"clinic": "x" * 200}, "at most 100"),
    ):
        status, page = post(client, "/settings/clinic", **(CLINIC | wrong))
        assert status == 422 and said in page and "Nothing was changed" in page, wrong
    assert not (home / CONFIG_FILE).exists()


def test_the_clock_is_set_by_the_phone_where_they_differ_and_it_is_wanted(
    client: FlaskClient, ends: Ends, app: Flask
) -> None:
    page = client.get("/settings/clinic").text
    assert "data-device-utc=" in page and "clock.js" in page
    later = datetime.now(UTC) + timedelta(hours=3)
    phone = later.isoformat()
    assert post(client, "/settings/clinic", **CLINIC, phone_time=phone)[0] == 303
    assert not ends.clock
    assert post(client, "/settings/clinic", **CLINIC, phone_time=phone, set_clock="1")[0] == 303
    assert ends.clock == [later]
    assert [one.action for one in Audit(client_store(app)).entries()].count("clock.set") == 1
    now = datetime.now(UTC).isoformat()
    assert post(client, "/settings/clinic", **CLINIC, phone_time=now, set_clock="1")[0] == 303
    typed = {"typed_time": "2027-01-01T12:00+03:00", "phone_time": now}
    assert post(client, "/settings/clinic", **CLINIC, **typed, set_clock="1")[0] == 303
    assert ends.clock[1:] == [datetime(2027, 1, 1, 9, tzinfo=UTC)]


def test_a_clock_that_may_not_be_set_or_cannot_be_is_said(client: FlaskClient, ends: Ends) -> None:
    ends.problem = HardwareError("this program may not set the clock of this device; who may, runs")
    later = (datetime.now(UTC) + timedelta(hours=3)).isoformat()
    status, page = post(client, "/settings/clinic", **CLINIC, phone_time=later, set_clock="1")
    assert status == 422 and "may not set the clock" in page
    status, page = post(client, "/settings/clinic", **CLINIC, phone_time="never", set_clock="1")
    assert status == 422 and "time is" in page


def test_people_are_added_and_may_log_in_with_their_role(client: FlaskClient, app: Flask) -> None:
    form = {"name": "Ben", "role": "reviewer", "password": NEW, "password_again": NEW}
    status, page = post(client, "/settings/users", **form)
    assert status == 303 and "Ben" in page
    users = Users(client_store(app))
    assert users.check_password("ben", NEW) is not None
    assert users.named("Ben").role == "reviewer"


def test_a_person_who_cannot_be_added_is_said(client: FlaskClient, app: Flask) -> None:
    for wrong, said in (
        ({"password_again": "another one"}, "The two passwords differ"),
        ({"password": "short", "password_again": "short"}, "characters"),
        ({"role": "king"}, "role"),
        ({"name": ""}, "name"),
        ({"name": NAME}, "there is a user"),
    ):
        form = {"name": "Ben", "role": "reviewer", "password": NEW, "password_again": NEW} | wrong
        status, page = post(client, "/settings/users", **form)
        assert status == 422 and said in page and NEW not in page, wrong
    assert len(Users(client_store(app)).all()) == 1


def test_role_password_and_access_of_another_person(client: FlaskClient, app: Flask) -> None:
    users = Users(client_store(app))
    ben = users.add("Ben", "operator", PASSWORD, "test").user_id
    assert post(client, f"/settings/users/{ben}/role", role="admin")[0] == 303
    assert users.get(ben).role == "admin"
    form = {"password": NEW, "password_again": NEW}
    assert post(client, f"/settings/users/{ben}/password", **form)[0] == 303
    assert users.check_password("Ben", NEW) is not None
    assert post(client, f"/settings/users/{ben}/access", disable="1")[0] == 303
    assert users.check_password("Ben", NEW) is None and users.get(ben).disabled
    assert "may not log in" in client.get("/settings/users").text
    assert post(client, f"/settings/users/{ben}/access", enable="1")[0] == 303
    assert not users.get(ben).disabled
    for action in ("role", "password", "access"):
        assert post(client, f"/settings/users/999/{action}", role="admin", **form)[0] == 404


def test_the_last_admin_stays_and_passwords_must_agree(client: FlaskClient, app: Flask) -> None:
    me = Users(client_store(app)).named(NAME).user_id
    for action, form in (("role", {"role": "operator"}), ("access", {"disable": "1"})):
        status, page = post(client, f"/settings/users/{me}/{action}", **form)
        assert status == 422 and "last admin" in page
    form = {"password": NEW, "password_again": "other words here"}
    status, page = post(client, f"/settings/users/{me}/password", **form)
    assert status == 422 and "The two passwords differ" in page


def test_ones_own_password_needs_the_old_one_and_keeps_one_logged_in(
    client_as: Callable[..., FlaskClient], app: Flask
) -> None:
    mine, other_phone = client_as(OPERATOR, "Ben"), client_as(OPERATOR, "Ben")
    form = {"password": NEW, "password_again": NEW}
    status, page = post(mine, "/settings/password", old_password="wrong", **form)
    assert status == 422 and "old password is not right" in page
    status, page = post(mine, "/settings/password", old_password=PASSWORD, **form)
    assert status == 303 and 'data-testid="done"' in page
    assert Users(client_store(app)).check_password("Ben", NEW) is not None
    assert other_phone.get("/settings").status_code == 303
    assert mine.get("/settings").status_code == 200


def test_another_protocol_counts_from_the_next_slide(
    client: FlaskClient, service: ScreeningService, home: Path
) -> None:
    page = client.get("/settings/protocol").text
    assert 'value="cdc-thin"' in page and "who-thick" not in page.replace("who-thick</", "")
    assert post(client, "/settings/protocol", protocol="cdc-thin")[0] == 303
    assert service.protocol.name == load_config(home).protocol.name == "cdc-thin"
    assert re.search(r'value="cdc-thin" required checked', client.get("/settings/protocol").text)
    for wrong in ("none-such", "who-thick", ""):
        status, page = post(client, "/settings/protocol", protocol=wrong)
        assert status == 422 and "protocol" in page
    assert service.protocol.name == "cdc-thin"


def test_a_sites_own_protocols_are_offered_and_a_broken_one_is_said(
    client: FlaskClient, home: Path
) -> None:
    folder = home / "protocols"
    folder.mkdir(exist_ok=True)
    (folder / "ours.toml").write_text('name = "ours"\nsmear = "thin"\ntitle = "Our own rule"\n')
    (folder / "bad.toml").write_text('name = "bad"\nsmear = "thin"\nminimum_rbc_count = -1\n')
    page = client.get("/settings/protocol").text
    assert "Our own rule" in page and "minimum_rbc_count is -1" in page
    assert post(client, "/settings/protocol", protocol="ours")[0] == 303


def test_a_protocol_written_into_the_config_is_named(client: FlaskClient, home: Path) -> None:
    (home / CONFIG_FILE).write_text("[protocol]\nminimum_rbc_count = 800\n")
    app = create_app(client.application.extensions["clinicscope"].service)
    from tests.support.people import logged_in

    assert "This site has a protocol of its own" in logged_in(app).get("/settings/protocol").text


def test_a_camera_is_opened_at_once_and_taken_away_again(
    client: FlaskClient, service: ScreeningService, home: Path
) -> None:
    page = client.get("/settings/camera?camera=v4l2").text
    assert 'name="setting-device"' in page and 'placeholder="/dev/video0"' in page
    assert post(client, "/settings/camera", camera="simulated")[0] == 303
    camera = service.camera
    assert camera is not None and camera.name == load_config(home).camera.name == "simulated"
    camera.wait_until_live(20)
    assert "camera/state" in client.get("/settings/camera").text
    assert post(client, "/settings/camera", camera="")[0] == 303
    assert service.camera is None and camera.status().state == "closed"
    assert load_config(home).camera.name == ""


def test_settings_of_a_camera_are_kept_in_their_types_and_secrets_are_not_shown(
    client: FlaskClient, home: Path
) -> None:
    form = {
        "camera": "network", "setting-url": "http://reader:hunter2@127.0.0.1:9/stream",
        "setting-connect_s": "0.5", "setting-um_per_px": "",
    }  # fmt: skip
    status, page = post(client, "/settings/camera", **form)
    assert status == 303 and "hunter2" not in page and "stored, not shown" in page
    assert dict(load_config(home).camera.settings) == {
        "url": "http://reader:hunter2@127.0.0.1:9/stream", "connect_s": 0.5,
    }  # fmt: skip
    form = {"camera": "network", "setting-url": "", "setting-connect_s": "0.7"}
    assert post(client, "/settings/camera", **form)[0] == 303
    settings = load_config(home).camera.settings
    assert "hunter2" in settings["url"] and settings["connect_s"] == 0.7
    assert post(client, "/settings/camera", camera="")[0] == 303


def test_a_wrong_camera_is_said_and_the_old_one_stays(client: FlaskClient, home: Path) -> None:
    for form, said in (
        ({"camera": "v4l2", "setting-width_px": "many"}, "give a whole number"),
        ({"camera": "v4l2", "setting-width_px": "640"}, "give both, or neither"),
        ({"camera": "v4l2", "setting-colour": "red"}, "has no setting"),
        ({"camera": "v4l2", "setting-device": "/etc/passwd"}, "device is"),
        ({"camera": "kite"}, "no camera"),
    ):
        status, page = post(client, "/settings/camera", **form)
        assert status == 422 and said in page.replace("&#39;", "'"), form
    assert not (home / CONFIG_FILE).exists()
    assert client.get("/settings/camera?camera=kite").status_code == 200


def test_what_a_running_specimen_rests_on_does_not_change_under_it(
    client: FlaskClient, held: str, home: Path, ends: Ends
) -> None:
    install_version(home, 3)
    for address, form in (
        ("/settings/camera", {"camera": "simulated"}),
        ("/settings/models/malaria-cells-3/activate", {}),
        ("/settings/models/roll-back", {"task": "malaria-cells"}),
        ("/settings/restart", {}),
    ):
        assert post(client, address, **form)[0] == 409, address
    assert not ends.count and not (home / CONFIG_FILE).exists()


def test_models_are_listed_with_their_cards(client: FlaskClient, home: Path) -> None:
    page = client.get("/settings/models").text
    assert "malaria-cells-5" in page and "malaria-superres-1" in page and "In use" in page
    card = client.get("/settings/models/malaria-cells-5").text
    assert "95 % interval" in card and "sensitivity" in card and "Use this one" not in card
    assert "Model card" in card
    assert client.get("/settings/models/nothing").status_code == 404
    assert client.get("/settings/models/malaria-superres-1").status_code == 200
    assert client.get("/settings/models/malaria-stages-1").status_code == 200


def test_a_model_is_activated_and_rolled_back(
    client: FlaskClient, service: ScreeningService, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_version(home, 3)
    opened: list[ScriptedScreener] = []

    def load(*_: object) -> ScriptedScreener:
        opened.append(ScriptedScreener())
        return opened[-1]

    monkeypatch.setattr(models, "load_screener", load)
    assert "Use this one" in client.get("/settings/models/malaria-cells-3").text
    status, page = post(client, "/settings/models/malaria-cells-3/activate")
    assert status == 303 and "Back to the one before" in page and len(opened) == 1
    status, page = post(client, "/settings/models/malaria-cells-3/activate")
    assert status == 422 and "is active already" in page
    assert post(client, "/settings/models/roll-back", task="malaria-cells")[0] == 303
    assert len(opened) == 2
    status, page = post(client, "/settings/models/roll-back", task="malaria-cells")
    assert status == 422 and "no other bundle was active" in page


def test_a_model_that_is_altered_is_neither_shown_as_sound_nor_used(
    client: FlaskClient, home: Path
) -> None:
    install_version(home, 3)
    (home / "bundles/malaria-cells-3/MODEL_CARD.md").write_text("altered")
    page = client.get("/settings/models/malaria-cells-3")
    assert page.status_code == 422 and "sha256" in page.text and "Use this one" not in page.text
    status, _ = post(client, "/settings/models/malaria-cells-3/activate")
    assert status == 422


def test_the_sharper_view_follows_the_choice_at_once(client: FlaskClient, home: Path) -> None:
    install_version(home, 0, "malaria-superres-1")
    assert "None: no enhancer is installed" in client.get("/about").text
    assert post(client, "/settings/models/malaria-superres-0/activate")[0] == 303
    assert "malaria-superres-0" in client.get("/about").text
    assert 'data-testid="pending"' not in client.get("/settings").text
    assert post(client, "/settings/models/malaria-superres-1/activate")[0] == 303
    about = client.get("/about").text
    assert "malaria-superres-1" in about and "malaria-superres-0" not in about
    assert post(client, "/settings/models/roll-back", task="malaria-superres")[0] == 303
    assert "malaria-superres-0" in client.get("/about").text


def test_a_network_that_cannot_be_opened_beside_the_old_one_waits_for_a_restart(
    client: FlaskClient, service: ScreeningService, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> ScriptedScreener:
        raise HardwareError("the accelerator is taken")

    install_version(home, 3)
    monkeypatch.setattr(models, "load_screener", fail)
    status, page = post(client, "/settings/models/malaria-cells-3/activate")
    assert status == 303 and "after a restart" in page
    assert service.state().ready


def test_the_new_network_replaces_the_old_one_in_the_service(
    service: ScreeningService, screener: ScriptedScreener
) -> None:
    def fail() -> ScriptedScreener:
        raise BundleError("no good")

    with pytest.raises(BundleError):
        service.reload(fail)  # type: ignore[arg-type]
    assert service.state().ready
    other = ScriptedScreener(ran_on=replace(screener.ran_on, bundle_id="other-1"))
    service.reload(lambda: other)  # type: ignore[arg-type,return-value]
    ran_on = service.state().ran_on
    assert ran_on is not None and ran_on.bundle_id == "other-1"


def test_a_hand_edited_config_is_told_before_it_counts(
    client: FlaskClient, home: Path, device: Device
) -> None:
    assert not device.live.pending()
    (home / CONFIG_FILE).write_text("threads = 2\n")
    assert 'data-testid="pending"' in client.get("/settings").text
    (home / CONFIG_FILE).write_text("threads = many\n")
    page = client.get("/settings").text
    assert "config.toml is wrong" in page and "is not TOML" in page


def test_restart_ends_the_process_once_and_the_page_waits(
    client: FlaskClient, ends: Ends, app: Flask
) -> None:
    status, page = post(client, "/settings/restart")
    assert status == 303 and "restart.js" in page and 'data-health="/healthz"' in page
    post(client, "/settings/restart")
    wait_until(lambda: ends.count > 0)
    assert ends.count == 1
    assert "service.restarted" in [one.action for one in Audit(client_store(app)).entries()]


def test_network_shows_where_the_device_is(client: FlaskClient) -> None:
    page = client.get("/settings/network").text
    assert "http://localhost/" in page and "not encrypted" in page
    code = client.get("/settings/network/code.svg")
    assert code.mimetype == "image/svg+xml" and b"<svg" in code.data


def test_network_says_that_a_certificate_is_broken(client: FlaskClient, home: Path) -> None:
    (home / "tls.pem").write_text("nonsense")
    page = client.get("/settings/network")
    assert page.status_code == 422 and "holds no key and certificate" in page.text


def test_tokens_are_shown_once_and_ended(client: FlaskClient, app: Flask) -> None:
    status, page = post(client, "/settings/tokens", name="lab", scope=["results", "health"])
    found = re.search(r'data-testid="secret">([^<]+)<', page)
    assert status == 200 and found
    tokens = Tokens(client_store(app))
    token = tokens.find(found[1])
    assert token is not None and token.scopes == ("health", "results")
    assert found[1] not in client.get("/settings/tokens").text
    assert post(client, f"/settings/tokens/{token.token_id}/revoke")[0] == 303
    assert tokens.find(found[1]) is None and "Ended" in client.get("/settings/tokens").text
    assert post(client, "/settings/tokens/999/revoke")[0] == 404


def test_a_token_without_name_or_scope_is_not_made(client: FlaskClient, app: Flask) -> None:
    for form in ({"name": "lab"}, {"name": "", "scope": "results"}, {"name": "x", "scope": "all"}):
        status, page = post(client, "/settings/tokens", **form)
        assert status == 422 and "Nothing was changed" in page, form
    assert Tokens(client_store(app)).all() == []


def test_a_new_specimen_carries_the_place(client: FlaskClient) -> None:
    post(client, "/settings/clinic", **(CLINIC | {"clinic": "Saint Luke"}))
    page = client.get("/specimens/new").text
    assert re.search(r'name="site"[^>]*value="Saint Luke"', page)
    assert re.search(
        r'name="site"[^>]*value="Saint Luke"', client.get("/specimens/new?barcode=B-1").text
    )
