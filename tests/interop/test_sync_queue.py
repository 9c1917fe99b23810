"""Store and forward: what is queued, sent, kept, and arrives once."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from clinic import NOW, SETTINGS, screen
from lying_server import Asked, Dhis2, Reply, Server, serve
from real_servers import Orthanc, get_json
from test_interop_fhir import search

from edge.contract.errors import BusyError, ConfigError
from edge.interop.settings import Dhis2Codes
from edge.store.outbox import Outbox
from edge.store.records import SENT, UNSENT, WAITING, Patient
from edge.store.register import Register
from edge.store.results import Results
from edge.store.store import Store
from edge.sync import runner
from edge.sync.runner import SyncReport, sync_once, sync_until
from edge.sync.settings import SyncSettings, Target

Run = Callable[..., tuple[int, str, str]]


def sync(store: Store, *targets: Target, **settings: Any) -> SyncReport:
    return sync_once(store, SyncSettings(targets, **settings), SETTINGS)


def signed(store: Store, verdict: str = "positive", **options: Any) -> str:
    specimen_id = screen(store, verdict, **options)
    Results(store).sign(specimen_id, "Dr Achieng")
    return specimen_id


def later(store: Store, seconds: float) -> None:
    moment = (datetime.fromisoformat(NOW) + timedelta(seconds=seconds)).isoformat()
    store.now = lambda: moment


def states(store: Store, specimen_id: str) -> list[tuple[int, str]]:
    return [(one.version, one.state) for one in Outbox(store).of_specimen(specimen_id)]


def test_signed_results_reach_all_real_servers_once(
    store: Store, fhir_url: str, orthanc: Orthanc
) -> None:
    specimen_id = signed(store)
    targets = (
        Target("hospital", "fhir", fhir_url),
        Target("pacs", "dicomweb", orthanc.web_url),
        Target("node", "dicom", host="127.0.0.1", port=orthanc.dicom_port, ae_title="ORTHANC"),
    )
    first = sync(store, *targets)
    assert (first.queued, first.sent, first.failed, first.waiting) == (3, 3, 0, [])
    again = sync(store, *targets)
    assert (again.queued, again.sent) == (0, 0)
    (report,) = search(fhir_url, "DiagnosticReport", "report", specimen_id)
    assert report["status"] == "final"
    series = [
        one
        for one in get_json(f"{orthanc.url}/series?expand")
        if one["MainDicomTags"].get("SeriesDescription") == "positive, final, Dr Achieng"
    ]
    # Both ways brought the same objects, and it has them once.
    assert len(series) == 1 and len(series[0]["Instances"]) == 2
    # What was acknowledged is kept, too.
    assert all(Outbox(store).payload(one) for one in Outbox(store).of_specimen(specimen_id))


def test_amendment_follows_and_changes_the_one_record(store: Store, fhir_url: str) -> None:
    specimen_id, target = screen(store), Target("hospital", "fhir", fhir_url, send="all")
    for step in ("preliminary", "final", "amended"):
        if step == "final":
            Results(store).sign(specimen_id, "Dr Achieng")
        if step == "amended":
            Results(store).amend(specimen_id, "Dr Otieno", "read again")
        assert sync(store, target).sent == 1
        (report,) = search(fhir_url, "DiagnosticReport", "report", specimen_id)
        assert report["status"] == step
    assert states(store, specimen_id) == [(1, SENT), (2, SENT), (3, SENT)]


def test_unsigned_results_and_those_before_the_date_stay(store: Store, fhir_url: str) -> None:
    screen(store)
    signed(store)
    target = Target("hospital", "fhir", fhir_url, since="2026-11-22")
    assert sync(store, target).queued == 0
    assert sync(store, replace(target, since="2026-11-21")).queued == 1


def test_failure_waits_longer_each_time_and_is_never_deleted(store: Store) -> None:
    specimen_id, outbox = signed(store), Outbox(store)
    with serve(lambda _: Reply(500, b"down")) as server:
        target = Target("hospital", "fhir", server.url)
        waits = []
        seconds = 0.0
        for _ in range(4):
            report = sync(store, target, retry_first_s=30, retry_longest_s=100)
            assert report.failed == 1 and len(report.waiting) == 1
            (item,) = outbox.of_specimen(specimen_id)
            next_try = datetime.fromisoformat(item.next_try_utc) - datetime.fromisoformat(NOW)
            waits.append(next_try.total_seconds() - seconds)
            assert sync(store, target).failed == 0  # not due yet: the server is left alone
            seconds = next_try.total_seconds()
            later(store, seconds)
        assert waits == [30, 60, 100, 100]
        assert len(server.asked) == 4
    (item,) = outbox.of_specimen(specimen_id)
    assert (item.state, item.attempts) == (WAITING, 4) and "500" in item.last_error
    assert outbox.payload(item)


def test_refused_item_needs_a_person_and_can_be_retried(store: Store, fhir_url: str) -> None:
    specimen_id = signed(store)
    with serve(lambda _: Reply(422, b"no")) as server:
        report = sync(store, Target("hospital", "fhir", server.url))
    assert [one.state for one in report.waiting] == [UNSENT]
    good = Target("hospital", "fhir", fhir_url)
    assert sync(store, good).sent == 0
    assert runner.retry_all(store, "Ann") == 1
    assert sync(store, good).sent == 1 and states(store, specimen_id) == [(2, SENT)]


def test_one_dead_server_is_asked_once_and_keeps_no_other_waiting(
    store: Store, fhir_url: str
) -> None:
    for _ in range(3):
        signed(store)
    with serve(lambda _: Reply(503, b"")) as server:
        targets = Target("dead", "fhir", server.url), Target("hospital", "fhir", fhir_url)
        report = sync(store, *targets)
        assert len(server.asked) == 1
    assert (report.queued, report.sent, report.failed) == (6, 3, 1)
    assert {one.target for one in report.waiting} == {"dead"}


def test_older_version_never_undoes_a_newer_one(store: Store, fhir_url: str) -> None:
    specimen_id, outbox = screen(store), Outbox(store)
    with serve(lambda _: Reply(503, b"")) as server:
        sync(store, Target("hospital", "fhir", server.url, send="all"))
    Results(store).sign(specimen_id, "Dr Achieng")
    good = Target("hospital", "fhir", fhir_url, send="all")
    # The first one waits for its time; the second, due now, waits for the first.
    assert sync(store, good).sent == 0
    first, _ = outbox.of_specimen(specimen_id)
    outbox.mark_failed(first.item_id, "given up", None)
    assert sync(store, good).sent == 1
    outbox.retry(first.item_id)
    assert "newer version" in sync(store, good).problems[0]
    assert states(store, specimen_id) == [(1, UNSENT), (2, SENT)]
    (report,) = search(fhir_url, "DiagnosticReport", "report", specimen_id)
    assert report["status"] == "final"


def test_damaged_image_or_payload_is_said_and_keeps_nothing_else_waiting(
    store: Store, fhir_url: str, orthanc: Orthanc
) -> None:
    damaged, sound = signed(store), signed(store)
    (store.home / str(store.field(damaged, 0).image_file)).write_bytes(b"else")
    signed(store, fields=0)  # nothing to show: not for a PACS
    report = sync(store, Target("pacs", "dicomweb", orthanc.web_url))
    assert report.sent == 1 and states(store, sound) == [(2, SENT)]
    assert len(report.problems) == 1 and damaged in report.problems[0]
    with serve(lambda _: Reply(503, b"")) as server:
        sync(store, Target("hospital", "fhir", server.url))
    later(store, 60)
    item = next(one for one in Outbox(store).waiting() if one.target == "hospital")
    (store.home / item.payload_file).write_bytes(b"{}")
    report = sync(store, Target("hospital", "fhir", fhir_url))
    assert report.sent == 2 and any("damaged" in problem for problem in report.problems)


def test_counts_are_sent_again_when_they_change(store: Store) -> None:
    dhis2 = Dhis2()
    codes = Dhis2Codes(program="prog", program_stage="stage", data_elements={"verdict": "DE1"})
    interop = replace(SETTINGS, dhis2=codes)
    with serve(dhis2) as server:
        settings = SyncSettings((Target("moh", "dhis2", server.url),))
        assert sync_once(store, settings, interop).queued == 0  # nothing was tested
        first = signed(store)
        assert sync_once(store, settings, interop).sent == 2  # the counts and an event
        assert sync_once(store, settings, interop).sent == 0
        Register(store).add_patient(Patient("P-3", "15+", "male", "Kisumu"))
        signed(store, "negative", patient="P-3")
        Results(store).amend(first, "Dr Otieno", "read again")
        assert sync_once(store, settings, interop).sent == 3
    assert {key[:3] for key in dhis2.values} >= {("MAL_CASES_TEST_MICR", "Kisumu", "202611")}
    assert [value for value in dhis2.values.values() if value != "0"] == ["1", "1", "1"]
    assert len(dhis2.events) == 2  # the amended one is the same event
    assert all(len(uid) == 11 and uid[0].isalpha() for uid in dhis2.events)


def killing(server: Server, fhir_url: str) -> Callable[[Asked], Reply]:
    """Passes on to the real server, then kills who asked before it can hear the answer."""

    def answer(asked: Asked) -> Reply:
        import urllib.request

        headers = {"Content-Type": "application/fhir+json"}
        request = urllib.request.Request(fhir_url + asked.path, asked.body or None, headers)
        request.method = asked.method
        with urllib.request.urlopen(request, timeout=30) as response:
            body = response.read()
        os.kill(int(asked.headers["User-Agent"].split("/")[-1]), signal.SIGKILL)
        return Reply(200, body)

    return answer


def test_killed_between_acknowledgement_and_record_it_arrives_once(
    store: Store, fhir_url: str
) -> None:
    specimen_id = signed(store)
    program = """
import os, sys
from pathlib import Path
from edge.store.store import Store
from edge.interop.settings import InteropSettings
from edge.sync import http
from edge.sync.runner import sync_once
from edge.sync.settings import SyncSettings, Target
plain = http._authorised
http._authorised = lambda t, h: plain(t, h) | {"User-Agent": f"test/{os.getpid()}"}
base = InteropSettings(identifier_base="https://clinic.example/id")
sync_once(Store(Path(sys.argv[1])), SyncSettings((Target("hospital", "fhir", sys.argv[2]),)), base)
"""
    with serve(lambda _: Reply(500)) as server:
        server.answer = killing(server, fhir_url)
        done = subprocess.run(
            [sys.executable, "-c", program, str(store.home), server.url],
            check=False,
            timeout=60,
            capture_output=True,
        )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert states(store, specimen_id) == [(2, WAITING)]
    assert len(search(fhir_url, "DiagnosticReport", "report", specimen_id)) == 1
    later(store, 3600 * 24 * 365)
    assert sync(store, Target("hospital", "fhir", fhir_url)).sent == 1
    assert len(search(fhir_url, "DiagnosticReport", "report", specimen_id)) == 1


def test_one_process_sends_at_a_time(store: Store) -> None:
    with (store.home / runner.LOCK_FILE).open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(BusyError, match="another process sends"):
            sync(store)
    assert sync(store).sent == 0


def test_rounds_go_on_until_they_are_stopped(store: Store) -> None:
    stop = threading.Event()
    rounds = sync_until(store, SyncSettings(interval_s=1), SETTINGS, stop)
    next(rounds), next(rounds)
    stop.set()
    assert list(rounds) == []


@pytest.mark.parametrize(
    "values",
    [
        {"name": "two words"},
        {"kind": "smtp"},
        {"send": "some"},
        {"since": "yesterday"},
        {"timeout_s": 0},
        {"url": "ftp://x"},
        {"url": "https://"},
        {"url": "https://me:secret@x/fhir"},
        {"url": "https://x/fhir?a=b"},
        {"kind": "dicom", "host": ""},
        {"kind": "dicom", "host": "x", "port": 0},
        {"kind": "dicom", "host": "x", "ae_title": "longer than sixteen"},
        {"kind": "dicom", "host": "x", "own_ae_title": "a\\b"},
    ],
)
def test_target_with_a_wrong_value_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        Target(**({"name": "t", "kind": "fhir", "url": "https://x/fhir"} | values))


def test_sync_settings_with_a_wrong_value_are_refused() -> None:
    one = Target("t", "fhir", "https://x/fhir")
    for values in ({"targets": (one, one)}, {"retry_first_s": 0}, {"interval_s": 0}):
        with pytest.raises(ConfigError):
            SyncSettings(**values)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="months"):
        SyncSettings(months=0)


def write_config(home: Path, url: str) -> None:
    (home / "config.toml").write_text(
        '[interop]\nidentifier_base = "https://clinic.example/id"\n'
        f'[[sync.targets]]\nname = "hospital"\nkind = "fhir"\nurl = "{url}"\n'
    )


def test_command_sends_and_shows_what_waits(clinicscope: Run, store: Store, fhir_url: str) -> None:
    signed(store)
    code, _, err = clinicscope("sync", "--once")
    assert code == 3 and "no target" in err
    with serve(lambda _: Reply(500, b"\x1b[2Jdown")) as server:
        write_config(store.home, server.url)
        code, out, err = clinicscope("sync", "--once")
    assert code == 3 and "1 waiting" in out and "500" in err and "\x1b" not in out + err
    code, out, _ = clinicscope("sync", "--show")
    assert code == 3 and "hospital" in out and "next try" in out
    write_config(store.home, fhir_url)
    code, out, _ = clinicscope("sync", "--once", "--retry", "--json")
    told = json.loads(out)
    assert code == 0 and told["sent"] == 1 and told["counts"]["sent"] == 1
    assert clinicscope("sync", "--show")[0] == 0


def test_command_runs_until_it_is_told_to_end(store: Store, fhir_url: str) -> None:
    signed(store)
    write_config(store.home, fhir_url)
    process = subprocess.Popen(
        [sys.executable, "-c", "from edge.cli import script; script()", "sync", "--json"],
        stdout=subprocess.PIPE,
        env=os.environ | {"CLINICSCOPE_HOME": str(store.home), "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout
    first = json.loads(process.stdout.readline())
    assert first["sent"] == 1
    begun = time.monotonic()
    process.terminate()
    assert process.wait(60) == 0 and time.monotonic() - begun < 50
    process.stdout.close()
