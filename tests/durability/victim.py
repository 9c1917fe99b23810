"""The program that is killed: one kind of work, over and over, each step told once it returned.

    python -m tests.durability.victim KIND HOME DRIVE [FHIR_URL]

A line on standard output is what an operator had been shown: by then it must be on the disk.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from store_samples import make_field, make_image, make_report
from test_store_migrations import FIELDS, SPECIMENS, fill_0001, upgrade

from edge.backup.make import make_backup
from edge.config import DeviceConfig
from edge.installed import load_screener
from edge.interop.settings import InteropSettings
from edge.protocol import Protocol
from edge.screening.service import ScreeningService
from edge.screening.state import SpecimenRequest
from edge.store.clinic_schema import digest
from edge.store.outbox import Outbox
from edge.store.records import SENT, Patient, SpecimenDetails
from edge.store.register import Register
from edge.store.results import Results
from edge.store.review import Reviews, Tallies
from edge.store.store import Store
from edge.sync.runner import sync_once
from edge.sync.settings import SyncSettings, Target

POLL_S = 0.005
LABELS = ("ring", "trophozoite", "uninfected", "platelet")


def say(kind: str, **told: Any) -> None:
    """What the operator is shown."""
    sys.stdout.write(json.dumps({"kind": kind, **told}) + "\n")
    sys.stdout.flush()


def capture(home: Path) -> None:
    """Screens simulated specimens as the appliance does; tells what the page polls."""
    service = ScreeningService(
        Store(home),
        lambda: load_screener(home, DeviceConfig(threads=1)),
        Protocol(minimum_rbc_count=600),
    )
    for seed in itertools.count(1):
        settings = {"seed": seed, "parasitaemia_fraction": 0.05}
        specimen_id = service.start(SpecimenRequest(f"S-{seed}", "simulated", settings))
        say("started", specimen_id=specimen_id)
        watch(service, specimen_id)


def watch(service: ScreeningService, specimen_id: str) -> None:
    """Until the specimen is done."""
    shown = -1
    while (progress := service.state().progress) is not None:
        report = progress.report
        if report.fields_read + report.fields_refused != shown:
            shown = report.fields_read + report.fields_refused
            counts = {"rbc_count": report.rbc_count, "positive_count": report.positive_count}
            say("shown", specimen_id=specimen_id, fields=shown, **counts)
        if not progress.running:
            say("finished", specimen_id=specimen_id, verdict=report.verdict, error=progress.error)
            return
        time.sleep(POLL_S)


def screen(store: Store, label: str, fields: int = 2) -> str:
    """A small specimen by the store's own calls."""
    specimen_id = store.start_specimen(label, "upload", {}, SpecimenDetails("P-1", "Ann"))
    say("started", specimen_id=specimen_id)
    for index in range(fields):
        image = make_image(index, 20_000)
        store.save_field(specimen_id, index, make_field(index), image)
        say("field", specimen_id=specimen_id, index=index, start=image[:16].hex())
        # Replacing a field must not lose it either.
        store.save_field(specimen_id, 0, make_field(0), make_image(0, 20_000 + index))
    store.finish_specimen(specimen_id, make_report("positive"))
    say("finished", specimen_id=specimen_id, verdict="positive", error="")
    return specimen_id


def open_clinic(home: Path) -> Store:
    """The records, with a patient."""
    store = Store(home)
    store.recover()
    register = Register(store)
    if not register.find_patient("P-1"):
        register.add_patient(Patient("P-1", "5-14", "female", "Kisumu"))
    return store


def specimens(store: Store, fields: int = 2) -> Iterator[str]:
    """One after the other, without end."""
    for number in itertools.count():
        yield screen(store, f"S-{number}", fields)


def save(home: Path) -> None:
    """Saves specimens of many fields."""
    for _ in specimens(open_clinic(home), fields=6):
        pass


def review(home: Path) -> None:
    """Reviews every suspect cell, some twice, and counts by hand."""
    store = open_clinic(home)
    reviews, tallies, register = Reviews(store), Tallies(store), Register(store)
    for specimen_id in specimens(store):
        for number, cell in enumerate(store.suspect_cells(specimen_id)):
            for label in LABELS[number % 4 :][:2]:
                say("review", **asdict(reviews.review_cell(cell.cell_id, label, "Ann")))
        slide = register.slides_of(specimen_id)[0]
        tally = tallies.add(slide.slide_id, "Bob", parasites=7, rbc_counted=5000)
        say("tally", **asdict(tally))


def sign(home: Path) -> None:
    """Signs and amends."""
    store = open_clinic(home)
    results = Results(store)
    for specimen_id in specimens(store):
        tell_result(results.sign(specimen_id, "Ann"))
        tell_result(results.amend(specimen_id, "Bob", "seen again"))


def tell_result(result: Any) -> None:
    """A version of a result, its report by its hash."""
    plain = asdict(result)
    say("result", report_sha256=digest(plain.pop("report")), **plain)


def migrate(home: Path) -> None:
    """Makes records as version 0001 did, and opens them."""
    folder = home / "old"
    for number in itertools.count(len(list(folder.glob("*")))):
        old = folder / str(number)
        old.mkdir(parents=True)
        upgrade(old, "0001", fill_0001)
        say("old", folder=str(old), specimens=SPECIMENS, fields=FIELDS)
        store = Store(old)
        say("migrated", folder=str(old))
        store.close()


def back_up(home: Path, drive: Path) -> None:
    """Backs up while there is more and more."""
    store = open_clinic(home)
    for number, specimen_id in enumerate(specimens(store)):
        report = make_backup(store, drive / f"{number % 3}.tar", plain=True)
        file, sha256 = str(report.path), report.sha256
        say("backup", file=file, sha256=sha256, specimen_id=specimen_id)


def sync(home: Path, url: str) -> None:
    """Signs, and sends what is signed."""
    store = open_clinic(home)
    settings = SyncSettings((Target("hub", "fhir", url),), retry_first_s=1, retry_longest_s=1)
    outbox = Outbox(store)
    for specimen_id in specimens(store, fields=1):
        tell_result(Results(store).sign(specimen_id, "Ann"))
        sync_once(store, settings, InteropSettings())
        for item in outbox.of_specimen(specimen_id):
            if item.state == SENT:
                say("sent", item_id=item.item_id, specimen_id=specimen_id)


def main() -> None:
    """Until it is killed."""
    kind, home, drive, *url = sys.argv[1:]
    say("ready")
    sys.stdin.readline()
    if kind == "backup":
        back_up(Path(home), Path(drive))
    elif kind == "sync":
        sync(Path(home), url[0])
    else:
        {"capture": capture, "save": save, "review": review, "sign": sign, "migrate": migrate}[
            kind
        ](Path(home))


if __name__ == "__main__":
    main()
