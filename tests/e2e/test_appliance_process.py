"""The appliance as a process: asked to end, started twice, started on broken records."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from edge.certificate import read_certificate
from edge.store.records import RUNNING, STOPPED
from edge.store.store import Store
from tests.support.appliance import appliance, chromium, free_port, log_in


def run_again(home: Path, port: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from edge.cli import script; script()", "run", "--port", str(port)],
        env={**os.environ, "CLINICSCOPE_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.browser
def test_end_of_the_process_stops_the_specimen_and_keeps_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with appliance(home) as address, chromium() as browser:
        page = browser.new_page()
        page.goto(f"{address}/specimens/new")
        log_in(page)
        page.get_by_label("Label of the slide").fill("S-9")
        page.get_by_label("Fields at most").fill("60")
        page.get_by_role("button", name="Start screening").click()
        page.wait_for_selector("[data-testid=status][data-value=running]")
    store = Store(home)
    (record,) = store.specimens()
    fields = store.fields(record.specimen_id)
    store.close()
    assert record.status == STOPPED != RUNNING
    assert record.report is not None
    assert record.report["rbc_count"] == sum(field.rbc_count for field in fields)
    assert record.report["verdict"] != "negative"


def test_second_process_on_the_same_records_is_refused(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with appliance(home):
        done = run_again(home, free_port())
    assert done.returncode == 3
    assert "another ClinicScope is running" in done.stderr


def test_taken_port_is_said(tmp_path: Path) -> None:
    with appliance(tmp_path / "one") as address:
        done = run_again(tmp_path / "two", int(address.rpartition(":")[2]))
    assert done.returncode == 3
    assert "cannot listen on 127.0.0.1:" in done.stderr


def test_page_is_proved_by_the_devices_own_certificate(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with appliance(home, tls=True) as address:
        made = read_certificate(home)
        assert made is not None
        pem = made.path.read_text()
        trusting = ssl.create_default_context(
            cadata=pem[pem.index("-----BEGIN CERTIFICATE-----") :]
        )
        with urllib.request.urlopen(f"{address}/login", timeout=20, context=trusting) as page:
            assert "Secure" in page.headers["Set-Cookie"] and b"Password" in page.read()
        plain = address.replace("https", "http")
        with pytest.raises(urllib.error.HTTPError) as told:
            urllib.request.build_opener(NoRedirect).open(f"{plain}/login", timeout=20)
        assert told.value.headers["Location"] == f"{address}/login"
        told.value.close()
    assert made.fingerprint in (tmp_path / "appliance.log").read_text()
    # The page that says why nothing can start is at the same address, as well guarded.
    (home / "records.db").write_bytes(b"this is no database" * 100)
    with appliance(home, admin=False, tls=True) as address:
        with pytest.raises(urllib.error.HTTPError) as page:
            urllib.request.urlopen(f"{address}/", timeout=20, context=trusting)
        assert page.value.code == 503 and b"not a database" in page.value.read()
        page.value.close()


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """Shows where an answer leads to, and stays."""

    def redirect_request(self, *_: object) -> None:
        return None


def test_broken_records_give_a_page_that_says_why(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "records.db").write_bytes(b"this is no database" * 100)
    with appliance(home, admin=False) as address:
        with pytest.raises(urllib.error.HTTPError) as page:
            urllib.request.urlopen(address, timeout=10)
        text = page.value.read().decode()
        page.value.close()
        with pytest.raises(urllib.error.HTTPError) as health:
            urllib.request.urlopen(f"{address}/healthz", timeout=10)
        state = json.loads(health.value.read())
        health.value.close()
    assert page.value.code == health.value.code == 503
    assert "not a database" in text
    assert state["status"] != "ok"
