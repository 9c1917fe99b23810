"""`records` and `doctor --repair` on a small clinic's data directory."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from clinic_samples import Clock, make_store, screen

from edge.config import DeviceConfig
from edge.health import FAILED, OK, WARNING
from edge.health.records import (
    check_clinic,
    check_clock,
    check_log,
    check_outbox,
    check_room,
    repair_records,
)
from edge.screening.lock import own_device
from edge.store.audit import Audit
from edge.store.outbox import Outbox
from edge.store.results import Results
from edge.store.store import Store

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    """A signed negative specimen from long ago."""
    store = make_store(home, Clock("2026-02-01T10:00:00+00:00"))
    Results(store).sign(screen(store, "negative"), "Dr Ota")
    yield store
    store.close()


def drop_a_trigger(store: Store) -> None:
    with closing(sqlite3.connect(store.path)) as connection:
        connection.execute("DROP TRIGGER audit_no_update")
        connection.execute("UPDATE audit SET by = 'Eve' WHERE number = 2")
        connection.commit()


def test_worklist_is_imported_and_bad_lines_are_told(
    home: Path, tmp_path: Path, clinicscope: Run
) -> None:
    file = tmp_path / "w.csv"
    file.write_text("barcode,patient_id,name\nB1,P-2,Jane\n=1,P-3,x\n")
    code, out, err = clinicscope("records", "import-worklist", file, "--by", "Ann")
    assert code == 3
    assert "1 added, 0 there already, 1 refused" in out
    assert "line 3: barcode is '=1'" in err and "not taken: columns 'name'" in err
    file.write_text("barcode,patient_id\nB1,P-2\n")
    code, out, _ = clinicscope("records", "import-worklist", file, "--json")
    assert (code, json.loads(out)["unchanged"]) == (0, 1)
    file.write_text("barcode\n")
    code, _, err = clinicscope("records", "import-worklist", file)
    assert code == 3 and "lacks the columns patient_id" in err
    assert (home / "records.db").is_file()


def test_log_is_shown_without_moving_the_cursor(store: Store, clinicscope: Run) -> None:
    Audit(store).write("Eve\x1b[2J", "note", "x\ny", {"what": "\x07"})
    code, out, _ = clinicscope("records", "audit", "--limit", 2)
    lines = out.splitlines()
    assert code == 0 and len(lines) == 2
    assert "Eve\\u001b[2J  note  x\\ny" in lines[0] and "Dr Ota  result.final" in lines[1]
    code, out, _ = clinicscope("records", "audit", "--subject", "P-1", "--json")
    assert [entry["action"] for entry in json.loads(out)] == ["patient.added"]


def test_log_is_proved_and_tampering_ends_with_an_error(store: Store, clinicscope: Run) -> None:
    code, out, _ = clinicscope("records", "verify")
    assert code == 0 and "the log is whole" in out
    head = out.split("its head is ")[1].split(": write")[0]
    assert clinicscope("records", "verify", "--head", head)[0] == 0
    code, _, err = clinicscope("records", "verify", "--head", f"3:{'0' * 64}")
    assert code == 3 and "written down elsewhere" in err
    code, _, err = clinicscope("records", "verify", "--head", "x")
    assert code == 3 and "NUMBER:SHA256" in err
    drop_a_trigger(store)
    code, out, _ = clinicscope("records", "verify", "--json")
    assert code == 3
    assert any("line 2 of the audit log was altered" in one for one in json.loads(out)["problems"])


def test_images_go_by_the_rule_of_the_config(store: Store, home: Path, clinicscope: Run) -> None:
    (home / "config.toml").write_text(
        "[retention]\nkeep_days = 30\nfree_at_least_gb = 0\nimages_at_most_gb = 1e-9\n"
        "require_sent = false\n"
    )
    (specimen,) = store.specimens()
    code, out, _ = clinicscope("records", "retention", "--dry-run")
    assert code == 0 and specimen.specimen_id in out and "1 specimens would go" in out
    assert store.image_bytes(store.field(specimen.specimen_id, 0))
    code, out, _ = clinicscope("records", "retention", "--json")
    assert (code, json.loads(out)["removed"]) == (0, [specimen.specimen_id])
    assert store.field(specimen.specimen_id, 0).image_file is None
    (home / "config.toml").write_text("[retention]\nfree_at_least_gb = 90000\n")
    code, _, err = clinicscope("records", "retention")
    assert code == 3 and "still short" in err
    (home / "config.toml").write_text("[retention]\nkeep_days = -1\n")
    code, _, err = clinicscope("records", "retention")
    assert code == 3 and "keep_days is -1" in err


def test_commands_need_records(home: Path, clinicscope: Run) -> None:
    for words in (["audit"], ["verify"], ["retention"]):
        code, _, err = clinicscope("records", *words)
        assert code == 3 and "no records in" in err
    assert not home.exists()
    assert check_clinic(home, DeviceConfig()) == repair_records(home) == []


def test_doctor_repairs_unless_the_appliance_runs(
    store: Store, home: Path, clinicscope: Run
) -> None:
    (specimen,) = store.specimens()
    file = store.field(specimen.specimen_id, 0).image_file
    assert file is not None
    (home / file).unlink()
    with own_device(home):
        code, _, err = clinicscope("doctor", "--repair")
    assert code == 3 and "is running" in err
    _, out, err = clinicscope("doctor", "--repair", "--json")
    assert "marked as missing" in err
    states = {check["name"]: check["state"] for check in json.loads(out)}
    assert [states[name] for name in ("records", "log", "clock", "outbox")] == [OK] * 4
    _, _, err = clinicscope("doctor", "--repair", "--json")
    assert "nothing had to be repaired" in err


def test_each_check_of_the_clinic_can_fail(store: Store) -> None:
    config = DeviceConfig()
    assert check_log(store).state == check_clock(store).state == check_outbox(store).state == OK
    assert check_room(store, config, free_bytes=2**40).state == OK
    assert check_room(store, config, free_bytes=0).state == WARNING
    item = Outbox(store).add("clinic", "fhir", "", 1, b"x")
    Outbox(store).mark_failed(item.item_id, "HTTP 400", None)
    assert check_outbox(store).detail == "0 wait to be sent, 1 were given up"
    assert check_outbox(store).state == WARNING
    store.now = Clock("1970-01-01T00:00:00+00:00")
    assert check_clock(store).state == WARNING
    drop_a_trigger(store)
    assert check_log(store).state == FAILED
    store.close()
    store.path.write_bytes(b"no database")
    (check,) = check_clinic(store.home, config)
    assert (check.name, check.state) == ("log", FAILED)
