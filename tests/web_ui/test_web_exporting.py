"""Exports and backups from the page: started, watched, fetched, and what is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import run
from typing import Any

import pyrage
import pytest
from flask import Flask
from flask.testing import FlaskClient
from record_samples import screen
from web_samples import token, value_of

import edge.drives
from edge.backup.freshness import check_backup
from edge.backup.restore import restore_backup
from edge.contract.errors import StorageFullError
from edge.health import WARNING
from edge.interop.export import DHIS2, FORMATS
from edge.screening.service import ScreeningService
from edge.store.audit import Audit
from edge.store.files import write_durably
from web_ui.context import Context
from web_ui.jobs import BACKUP, Job, Jobs

HOSTILE = '"><script>alert(1)</script>'


@pytest.fixture
def jobs(app: Flask) -> Jobs:
    here: Context = app.extensions["clinicscope"]
    return here.jobs


@pytest.fixture
def identity() -> Any:
    return pyrage.x25519.Identity.generate()


@pytest.fixture
def stick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A drive that is plugged in."""
    path = tmp_path / "media" / "stick"
    path.mkdir(parents=True)
    monkeypatch.setattr(edge.drives, "ROOTS", (tmp_path / "media",))
    if run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", path], check=False).returncode:
        pytest.skip("this user may not mount a file system")
    yield path
    run(["umount", path], check=True)


def send(client: FlaskClient, what: str, **form: Any) -> Any:
    data = {"csrf_token": token(client), "to": "here", "format": "csv"} | form
    return client.post(f"/records/{what}", data=data)


def month(service: ScreeningService) -> str:
    return service.store.now()[:7]


def test_export_is_fetched_by_its_recipient_alone(
    client: FlaskClient, service: ScreeningService, jobs: Jobs, identity: Any
) -> None:
    screen(client, service, label="S-1")
    key = str(identity.to_public())
    answer = send(client, "export", month=month(service), recipients=f" {key}\n")
    assert answer.status_code == 303 and answer.location == "/records/job"
    assert jobs.wait(20)
    page = client.get("/records/job").text
    assert 'data-testid="done"' in page and "Who has the secret key" in page
    with client.get("/records/job/file") as file:
        assert file.status_code == 200 and file.headers["Cache-Control"] == "no-store"
        assert ".csv.age" in file.headers["Content-Disposition"]
        assert hashlib.sha256(file.data).hexdigest() in page
        assert b"S-1" in pyrage.decrypt(file.data, [identity])
    told = {(line.action, line.by) for line in Audit(service.store).entries()}
    assert ("export.written", "A. Reader") in told


def test_one_specimen_or_a_month_in_each_format_goes_to_the_drive(
    client: FlaskClient, service: ScreeningService, jobs: Jobs, stick: Path
) -> None:
    specimen_id = screen(client, service, site="Ward")
    assert "stick" in client.get(f"/records?specimen={specimen_id}").text
    for kind in FORMATS:
        what = {"specimen": specimen_id, "month": ""}
        if kind == DHIS2:
            what = {"month": month(service)}
        answer = send(client, "export", format=kind, to=str(stick), plain="1", **what)
        assert answer.status_code == 303, answer.text
        assert jobs.wait(20)
        page = client.get("/records/job").text
        assert "may be pulled out now" in page and "Anyone" in page
        assert client.get("/records/job/file").status_code == 404
    assert {path.name.split("-")[1] for path in stick.iterdir()} == set(FORMATS)


def test_backup_to_the_drive_is_read_back_and_restores(
    client: FlaskClient,
    service: ScreeningService,
    jobs: Jobs,
    stick: Path,
    identity: Any,
    tmp_path: Path,
) -> None:
    screen(client, service)
    send(client, "backup", to=str(stick), recipients=str(identity.to_public()))
    assert jobs.wait(30)
    page = client.get("/records/job").text
    assert "read back: it is whole" in page and "1 specimens" in page
    (file,) = stick.iterdir()
    key = tmp_path / "key"
    key.write_text(f"{identity}\n")
    assert restore_backup(file, tmp_path / "new", key).manifest.specimens == 1
    assert "A. Reader" in client.get("/records").text


def test_fetched_backup_counts_once_someone_has_it(
    client: FlaskClient, service: ScreeningService, jobs: Jobs
) -> None:
    screen(client, service)
    send(client, "backup", plain="1")
    assert jobs.wait(30)
    with client.get("/records/job/file") as file:
        assert file.data[:11] == b"backup.json"
    assert check_backup(service.store).state == WARNING
    assert "never backed up" in client.get("/records").text
    for _ in range(2):
        send(client, "job/arrived")
    assert check_backup(service.store).state != WARNING
    made = [one for one in Audit(service.store).entries() if one.action == "backup.made"]
    assert len(made) == 1
    assert "count as backed up" in client.get("/records/job").text


WRONG_EXPORTS = (
    ({"month": ""}, "export-month"),
    ({"month": "2026-13"}, "export-month"),
    ({"month": HOSTILE}, "export-month"),
    ({"month": "", "specimen": "../../etc"}, "export-specimen"),
    ({"format": "xml"}, "export-month"),
    ({"to": "/etc"}, "export-to"),
    ({"to": HOSTILE}, "export-to"),
    ({"plain": ""}, "export-recipients"),
    ({"plain": "", "recipients": "age1nonsense"}, "export-recipients"),
    ({"plain": "", "recipients": "AGE-SECRET-KEY-1ABC"}, "export-recipients"),
)


def test_export_that_cannot_be_is_refused_at_its_entry(
    client: FlaskClient, service: ScreeningService, jobs: Jobs
) -> None:
    for form, field in WRONG_EXPORTS:
        answer = send(client, "export", **({"month": month(service), "plain": "1"} | form))
        assert answer.status_code == 422, form
        assert 'data-testid="export-problem"' in answer.text
        assert f'id="{field}-error"' in answer.text, form
        assert "<script>alert" not in answer.text and jobs.last() is None


def test_backup_that_cannot_be_is_refused(client: FlaskClient, jobs: Jobs) -> None:
    for form in ({}, {"to": "/etc", "plain": "1"}, {"recipients": "age1x"}):
        answer = send(client, "backup", **form)
        assert answer.status_code == 422 and 'data-testid="backup-problem"' in answer.text
    assert jobs.last() is None


def test_missing_specimen_and_missing_work_are_not_found(client: FlaskClient) -> None:
    assert send(client, "export", month="", specimen="none", plain="1").status_code == 404
    for path in ("", "/part", "/file"):
        assert client.get(f"/records/job{path}").status_code == 404
    assert send(client, "job/arrived").status_code == 404


def test_failure_is_told_and_leaves_nothing(
    client: FlaskClient, service: ScreeningService, jobs: Jobs, stick: Path
) -> None:
    specimen_id = screen(client, service)
    (service.store.home / str(service.store.field(specimen_id, 0).image_file)).unlink()
    send(client, "export", format="dicom", month="", specimen=specimen_id, to=str(stick), plain="1")
    assert jobs.wait(20)
    page = client.get("/records/job").text
    assert "Nothing was exported" in page and "cannot be read" in page
    assert list(stick.iterdir()) == []


def test_full_drive_is_told(
    client: FlaskClient, service: ScreeningService, jobs: Jobs, stick: Path
) -> None:
    screen(client, service)
    with (stick / "ballast").open("wb") as file, pytest.raises(OSError):
        while True:
            file.write(bytes(1 << 16))
            file.flush()
    send(client, "backup", to=str(stick), plain="1")
    assert jobs.wait(20)
    assert "no room" in client.get("/records/job").text
    assert [path.name for path in stick.iterdir()] == ["ballast"]


def test_work_is_watched_and_one_at_a_time(
    client: FlaskClient, service: ScreeningService, jobs: Jobs
) -> None:
    import threading

    gate = threading.Event()

    def work(told: Any) -> Any:
        told("reading", 1_500, 3_000)
        assert gate.wait(20)
        raise StorageFullError("no room for it")

    jobs.start(Job(BACKUP, "Ann", service.store.now(), fetched=True), work)
    page = client.get("/records/job").text
    assert value_of(page, "step") in ("", "reading") and "hx-get" in page
    while 'value="1500"' not in client.get("/records/job/part").text:
        pass
    assert "HX-Refresh" not in client.get("/records/job/part").headers
    assert "A backup is being made" in client.get("/records").text
    busy = send(client, "export", month=month(service), plain="1")
    assert busy.status_code == 409
    gate.set()
    assert jobs.wait(20)
    assert client.get("/records/job/part").headers["HX-Refresh"] == "true"
    assert "There is no backup" in client.get("/records/job").text


def test_fault_inside_ends_the_work(
    client: FlaskClient, service: ScreeningService, jobs: Jobs
) -> None:
    jobs.start(Job(BACKUP, "Ann", service.store.now(), fetched=True), lambda _: 1 / 0)  # type: ignore[arg-type,return-value]
    assert jobs.wait(20)
    assert "the log of the device" in client.get("/records/job").text


def test_what_was_to_be_fetched_is_deleted_after_its_time(
    client: FlaskClient, service: ScreeningService, monkeypatch: pytest.MonkeyPatch, jobs: Jobs
) -> None:
    monkeypatch.setattr("web_ui.jobs.KEPT_S", 0.0)
    screen(client, service)
    send(client, "export", month=month(service), plain="1")
    assert jobs.wait(20)
    while jobs.folder.exists():
        pass
    while "deleted from the device since" not in client.get("/records/job").text:
        pass
    assert client.get("/records/job/file").status_code == 404


def test_device_starts_without_what_was_left_to_fetch(tmp_path: Path) -> None:
    write_durably(tmp_path / "downloads" / "old.csv", b"P-1")
    assert not Jobs(tmp_path).folder.exists()


def test_operator_takes_nothing_out(
    client_as: Callable[..., FlaskClient], service: ScreeningService
) -> None:
    operator = client_as("operator")
    page = operator.get("/records")
    assert page.status_code == 200 and 'id="export"' not in page.text
    for what in ("export", "backup", "job/arrived"):
        assert send(operator, what, plain="1").status_code == 403
    for path in ("", "/part", "/file"):
        assert operator.get(f"/records/job{path}").status_code == 403


def test_mistake_in_the_config_is_told_and_backups_go_on(
    client: FlaskClient, service: ScreeningService, jobs: Jobs
) -> None:
    (service.store.home / "config.toml").write_text("[interop]\nidentifier_base = 7\n")
    assert client.get("/records").status_code == 200
    answer = send(client, "export", month=month(service), plain="1")
    assert answer.status_code == 422 and "identifier_base" in answer.text
    assert send(client, "backup", plain="1").status_code == 303
    assert jobs.wait(30) and 'data-testid="done"' in client.get("/records/job").text
