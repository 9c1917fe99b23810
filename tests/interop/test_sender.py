"""The appliance's sender: it sends by itself, tells why it cannot, and ends when it is told."""

from __future__ import annotations

import fcntl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest
from clinic import SETTINGS, screen
from lying_server import Reply, serve
from test_interop_fhir import search
from test_sync_queue import write_config

from edge.contract.errors import ConfigError
from edge.health import OK, WARNING
from edge.store.outbox import Outbox
from edge.store.records import SENT, WAITING
from edge.store.results import Results
from edge.store.store import Store
from edge.sync import sender as sending
from edge.sync.runner import LOCK_FILE
from edge.sync.sender import Sender, SenderState, check_sender
from edge.sync.settings import SyncSettings, Target
from web_ui.cli import open_sender

SOON_S = 20.0


@contextmanager
def running(store: Store, *targets: Target, **settings: float) -> Iterator[Sender]:
    sync = SyncSettings(targets, **settings)  # type: ignore[arg-type]
    found = Sender(store, lambda: (sync, SETTINGS))
    found.start()
    try:
        yield found
    finally:
        found.close()


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + SOON_S
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def signed(store: Store) -> str:
    specimen_id = screen(store)
    Results(store).sign(specimen_id, "Dr Achieng")
    return specimen_id


def test_what_is_signed_meanwhile_is_sent_by_itself(store: Store, fhir_url: str) -> None:
    with running(store, Target("hospital", "fhir", fhir_url), interval_s=1) as sender:
        until(lambda: sender.state().next_utc)
        specimen_id = signed(store)
        until(lambda: Outbox(store).counts()[SENT] == 1)
        until(lambda: sender.state().sent == 1 or sender.state().last_utc)
    (report,) = search(fhir_url, "DiagnosticReport", "report", specimen_id)
    assert report["status"] == "final"
    assert check_sender(sender.state()).state == OK


def test_round_comes_at_once_where_it_is_asked_for(store: Store, fhir_url: str) -> None:
    with running(store, Target("hospital", "fhir", fhir_url), interval_s=86_400) as sender:
        until(lambda: sender.state().next_utc)
        signed(store)
        sender.send_now()
        until(lambda: Outbox(store).counts()[SENT] == 1)


def test_server_that_fails_is_told_and_what_waits_stays(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    signed(store)
    caplog.set_level("DEBUG")
    with serve(lambda _: Reply(503, b"no Patient P-1")) as server:
        target = Target("hospital", "fhir", server.url)
        with running(store, target) as sender:
            until(lambda: sender.state().failed)
            state = sender.state()
    assert "503" in state.problems[0] and state.problem == ""
    found = check_sender(state)
    assert found.state == WARNING and "hospital; 1 items" in found.detail
    # What the server says is for who may see patients, not for the log and the file for support.
    assert "P-1" in state.problems[0] and "P-1" not in found.detail
    assert "hospital took not fhir" in caplog.text and "P-1" not in caplog.text
    (item,) = Outbox(store).waiting()
    assert (item.state, item.attempts) == (WAITING, 1)


def test_wrong_config_is_told_and_read_anew(
    store: Store, fhir_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "FIRST_WAIT_S", 0.05)
    signed(store)
    good = SyncSettings((Target("hospital", "fhir", fhir_url),))
    wrong = threading.Event()
    wrong.set()

    def settings() -> tuple[SyncSettings, object]:
        if wrong.is_set():
            raise ConfigError("url of target hospital is ''; give http(s)://...")
        return good, SETTINGS

    sender = Sender(store, settings)  # type: ignore[arg-type]
    sender.start()
    try:
        until(lambda: sender.state().failed_rounds > 2)
        state = sender.state()
        assert "give http(s)" in state.problem
        assert check_sender(state).state == WARNING
        wrong.clear()
        until(lambda: Outbox(store).counts()[SENT] == 1)
        until(lambda: not sender.state().sending)
        assert sender.state().problem == "" and sender.state().failed_rounds == 0
    finally:
        sender.close()


def test_waits_become_longer_up_to_an_hour(store: Store) -> None:
    sender = Sender(store, lambda: (SyncSettings(), SETTINGS))
    waits = [sender._hindered("why") for _ in range(9)]
    assert waits == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]


def test_fault_inside_ends_no_sending(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> tuple[SyncSettings, object]:
        raise ZeroDivisionError

    monkeypatch.setattr(sending, "FIRST_WAIT_S", 0.05)
    sender = Sender(store, broken)  # type: ignore[arg-type]
    sender.start()
    until(lambda: sender.state().failed_rounds > 1)
    sender.close()
    assert "the log of the device" in sender.state().problem


def test_another_process_that_sends_is_told(store: Store, fhir_url: str) -> None:
    with (store.home / LOCK_FILE).open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with running(store, Target("hospital", "fhir", fhir_url)) as sender:
            until(lambda: sender.state().problem)
            assert "another process sends" in sender.state().problem


def test_end_comes_between_two_items(store: Store) -> None:
    for _ in range(3):
        signed(store)
    asked = threading.Event()

    def answer(_: object) -> Reply:
        asked.set()
        time.sleep(0.3)
        return Reply(422, b"no")  # refused: the next one would be tried at once

    with serve(answer) as server:
        with running(store, Target("hospital", "fhir", server.url)) as sender:
            assert asked.wait(SOON_S)
        assert not sender._thread.is_alive()
        assert len(server.asked) < 3
    sender.close()  # twice is as once


def test_without_a_server_nothing_is_sent_and_nothing_is_wrong(store: Store) -> None:
    signed(store)
    with running(store) as sender:
        until(lambda: sender.state().next_utc)
    assert Outbox(store).waiting() == [] and sender.state().last_utc == ""
    assert check_sender(SenderState()).state == OK
    Sender(store, lambda: (SyncSettings(), SETTINGS)).close()


def test_appliance_sends_as_soon_as_its_config_names_a_server(store: Store, fhir_url: str) -> None:
    specimen_id = signed(store)
    with closing(open_sender(store.home, store)) as sender:
        until(lambda: sender.state().next_utc)
        assert Outbox(store).counts()[SENT] == 0
        (store.home / "config.toml").write_text("[[sync.targets]]\nname = 1\n")
        sender.send_now()
        until(lambda: "kind" in sender.state().problem)
        write_config(store.home, fhir_url)
        sender.send_now()
        until(lambda: Outbox(store).counts()[SENT] == 1)
    (report,) = search(fhir_url, "DiagnosticReport", "report", specimen_id)
    assert report["status"] == "final"
