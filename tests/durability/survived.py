"""What must be there after a kill: all that was told, in records that are sound."""

from __future__ import annotations

import hashlib
import json
import tempfile
import urllib.request
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import select

from edge.backup.restore import restore_backup
from edge.contract.errors import ClinicScopeError
from edge.interop.settings import InteropSettings
from edge.store.audit import Audit
from edge.store.clinic_schema import OutboxRow, digest
from edge.store.outbox import Outbox
from edge.store.records import INTERRUPTED, SENT
from edge.store.results import Results
from edge.store.review import Reviews, Tallies
from edge.store.store import DATABASE_FILE, Store
from edge.sync.runner import retry_all, sync_once
from edge.sync.settings import SyncSettings, Target

Told = dict[str, Any]
ROUNDS = 5


def check_home(home: Path, told: list[Told]) -> tuple[list[str], list[str]]:
    """Opens the records as the next start does: (what was lost, what is damaged)."""
    if not (home / DATABASE_FILE).is_file():
        return [f"no records, and told was {told[0]}"] if told else [], []
    try:
        with closing(Store(home)) as store:
            store.recover()
            damaged = store.check_integrity(deep=True) + Audit(store).verify()
            damaged += _leftovers(home)
            return [fault for one in told if (fault := _lost(store, one))], damaged
    except ClinicScopeError as error:
        return [], [str(error)]


def _leftovers(home: Path) -> list[str]:
    return [f"{path} was left behind" for path in home.glob(".*.tmp*")]


def _lost(store: Store, told: Told) -> str:
    try:
        is_there = _CHECKS[told["kind"]](store, told)
    except ClinicScopeError as error:
        return f"{told}: {error}"
    return "" if is_there else f"{told} is not on record"


def _started(store: Store, told: Told) -> bool:
    return bool(store.specimen(told["specimen_id"]))


def _field(store: Store, told: Told) -> bool:
    field = store.field(told["specimen_id"], told["index"])
    return store.image_bytes(field)[:16].hex() == told["start"] and len(field.cells) == 22


def _shown(store: Store, told: Told) -> bool:
    """The counts that the page showed are those of so many fields."""
    fields = store.fields(told["specimen_id"])[: told["fields"]]
    usable = [field for field in fields if field.usable]
    return (
        len(fields) == told["fields"]
        and sum(field.rbc_count for field in usable) == told["rbc_count"]
        and sum(field.positive_count for field in usable) == told["positive_count"]
    )


def _finished(store: Store, told: Told) -> bool:
    record = store.specimen(told["specimen_id"])
    (first, *_) = Results(store).history(told["specimen_id"])
    return (
        record.status != INTERRUPTED
        and not told["error"]
        and first.report["verdict"] == told["verdict"]
    )


def _plain(told: Told) -> Told:
    return {name: value for name, value in told.items() if name != "kind"}


def _review(store: Store, told: Told) -> bool:
    return _plain(told) in [asdict(one) for one in Reviews(store).history(told["cell_id"])]


def _tally(store: Store, told: Told) -> bool:
    found = Tallies(store).of_specimen(told["specimen_id"])
    return _plain(told) in [asdict(one) for one in found]


def _result(store: Store, told: Told) -> bool:
    for one in Results(store).history(told["specimen_id"]):
        plain = asdict(one)
        plain["report_sha256"] = digest(plain.pop("report"))
        if plain == _plain(told):
            return True
    return False


def _sent(store: Store, told: Told) -> bool:
    return Outbox(store).item(told["item_id"]).state == SENT


def _backup(store: Store, told: Told) -> bool:
    # Of its file, `check_backups` asks: a later one may have replaced it.
    return bool(store.specimen(told["specimen_id"]))


_CHECKS = {
    "started": _started,
    "field": _field,
    "shown": _shown,
    "finished": _finished,
    "review": _review,
    "tally": _tally,
    "result": _result,
    "sent": _sent,
    "backup": _backup,
}


def check_old(told: list[Told]) -> tuple[list[str], list[str]]:
    """Every folder of old records opens, with all that was in it."""
    lost: list[str] = []
    damaged: list[str] = []
    for one in told:
        if one["kind"] != "old":
            continue
        try:
            with closing(Store(Path(one["folder"]))) as store:
                found = store.specimens()
                counts = [len(store.fields(item.specimen_id)) for item in found]
                damaged += store.check_integrity() + Audit(store).verify()
        except ClinicScopeError as error:
            damaged.append(str(error))
            continue
        if counts != [one["fields"]] * one["specimens"]:
            lost.append(f"{one['folder']} has fields {counts}")
    return lost, damaged


def check_backups(drive: Path, told: list[Told]) -> tuple[list[str], list[str]]:
    """Every file that has a backup's name is whole, and the last that was told is there.

    What a kill leaves of one that was being made has another name.
    """
    damaged: list[str] = []
    files = {str(path): path for path in drive.glob("*.tar") if not path.name.startswith(".")}
    for path in files.values():
        with tempfile.TemporaryDirectory() as folder:
            try:
                restore_backup(path, Path(folder) / "home")
            except ClinicScopeError as error:
                damaged.append(f"{path}: {error}")
    newest = {one["file"]: one["sha256"] for one in told if one["kind"] == "backup"}
    lost = [f"{file} is missing" for file in newest if file not in files]
    others = [file for file, sha256 in newest.items() if _sha256(Path(file)) != sha256]
    # The one that was being made when the kill came may have taken its place, whole.
    lost += [f"{file} is another one" for file in others[1:]]
    for path in drive.glob(".*.tmp"):
        path.unlink()
    return lost, damaged


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def check_server(home: Path, url: str) -> tuple[list[str], list[str]]:
    """After a few rounds more every signed result is at the server, once."""
    target = Target("hub", "fhir", url, timeout_s=60)
    settings = SyncSettings((target,), retry_first_s=1, retry_longest_s=1)
    if not (home / DATABASE_FILE).is_file():
        return [], []
    with closing(Store(home)) as store:
        for _ in range(ROUNDS):
            # What a busy server did not answer in time waits, and is no loss.
            retry_all(store, "harness")
            report = sync_once(store, settings, InteropSettings())
            if not report.waiting:
                break
        lost = [f"still waits: {item}" for item in report.waiting] + report.problems
        if lost:
            return lost, []
        doubled = []
        for specimen_id in sorted(_sent_specimens(store)):
            count = _reports_at(url, store, specimen_id)
            if count != 1:
                (lost if count == 0 else doubled).append(f"{specimen_id} is there {count} times")
    return lost, doubled


def _sent_specimens(store: Store) -> set[str]:
    with store.session() as session:
        return set(session.scalars(select(OutboxRow.specimen_id)))


def _reports_at(url: str, store: Store, specimen_id: str) -> int:
    item = Outbox(store).of_specimen(specimen_id)[-1]
    bundle = json.loads(Outbox(store).payload(item))
    (report,) = [
        entry["resource"]
        for entry in bundle["entry"]
        if entry["resource"]["resourceType"] == "DiagnosticReport"
    ]
    identifier = report["identifier"][0]
    token = quote(f"{identifier['system']}|{identifier['value']}", safe="")
    address = f"{url}/DiagnosticReport?identifier={token}"
    with urllib.request.urlopen(address, timeout=30) as answer:
        return len(json.load(answer).get("entry") or [])
