"""A database of 100,000 specimens with 2,000,000 fields, and how long it takes to look into it.

    python -m tests.durability.many_specimens FOLDER [--specimens N] [--json FILE]

Makes the database in FOLDER, unless it is there, by the statements that the store itself uses but
in one transaction; cells are few, images none. Then asks what the pages ask, on a cold and a warm
connection, and prints the median and the slowest of each in milliseconds. Exit code 1 where one
took longer than the bound.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import click
from sqlalchemy import insert

from edge.contract.types import CellBox, CellCall, FieldQuality, FieldResult, RanOn, SlideReport
from edge.store.audit import START, Audit, sha256_of
from edge.store.clinic_schema import AuditRow, PatientRow, ResultRow, SlideRow, digest
from edge.store.records import DEVICE, DONE, FINAL, MALARIA, PRELIMINARY
from edge.store.register import Register
from edge.store.results import Results
from edge.store.review import Reviews
from edge.store.schema import FieldRow, SpecimenRow, SuspectCellRow, field_row, suspect_rows
from edge.store.search import Search, SpecimenFilter
from edge.store.store import Store

FIELDS = 20
VERDICTS = ("negative", "negative", "negative", "positive", "inconclusive")
FIRST = datetime(2024, 1, 1, 6, tzinfo=UTC)
BATCH = 1000
BOUND_MS = 150.0
RAN_ON = RanOn("malaria-1", "ab" * 32, "litert", "cpu", fallback=False, threads=2)


def fill(store: Store, count: int) -> None:
    """Adds `count` specimens of twenty fields each, signed but for the last hundred."""
    previous = START
    numbers = iter(range(count))
    done, audit_number = 0, 0
    while batch := list(islice(numbers, BATCH)):
        with store.session(writes=True) as session:
            made = [_specimen(number, count) for number in batch]
            session.execute(insert(PatientRow), [_patient(number) for number in batch])
            session.execute(insert(SpecimenRow), made)
            session.execute(insert(SlideRow), [_slide(row) for row in made])
            session.execute(insert(FieldRow), list(_fields(made)))
            session.execute(insert(SuspectCellRow), list(_suspects(made)))
            results, lines = [], []
            for row in made:
                for result in _results(row):
                    audit_number += 1
                    line = _line(audit_number, result, previous)
                    previous = line["sha256"]
                    results.append(result | {"audit_number": audit_number})
                    lines.append(line)
            session.execute(insert(AuditRow), lines)
            session.execute(insert(ResultRow), results)
        done += len(batch)
        click.echo(f"\r{done:,} of {count:,} specimens", nl=False, err=True)
    click.echo(err=True)


def _patient(number: int) -> dict[str, Any]:
    ages, sexes = ("0-4", "5-14", "15+"), ("female", "male")
    return {
        "patient_id": f"P-{number:06}",
        "age_band": ages[number % 3],
        "sex": sexes[number % 2],
        "site": f"site {number % 7}",
    }


def _specimen(number: int, count: int) -> dict[str, Any]:
    started = FIRST + timedelta(minutes=9 * number)
    verdict = random.Random(number).choice(VERDICTS)
    return {
        "specimen_id": f"{started:%Y%m%d-%H%M%S}-{number:06x}",
        "label": f"S-{number}",
        "source": "camera:simulated",
        "source_settings": {"seed": number},
        "status": DONE,
        "started_utc": started.isoformat(timespec="seconds"),
        "finished_utc": (started + timedelta(minutes=4)).isoformat(timespec="seconds"),
        "report": _report(verdict, number),
        "error": "",
        "patient_id": f"P-{number:06}",
        "operator": "Operator A",
        "site": f"site {number % 7}",
        "barcode": f"B{number:08}",
        "task": MALARIA,
        "collected_utc": f"{started:%Y-%m-%d}",
        "protocol": "who-thin@1",
        "consent": bool(number % 2),
        "verdict": verdict,
        "result_status": FINAL if number < count - 100 else PRELIMINARY,
        "sequence": number + 1,
        "version": 1,
    }


def _report(verdict: str, number: int) -> dict[str, Any]:
    return SlideReport(
        verdict=verdict,
        why="5,000 red cells were read",
        rbc_count=5000 + number % 100,
        positive_count=3,
        parasitaemia_fraction=0.0006,
        ci_low=0.0,
        ci_high=0.002,
        observed_fraction=0.0006,
        fields_read=FIELDS,
        fields_refused=0,
        minimum_rbc_count=5000,
        protocol="who-thin",
        ran_on=RAN_ON,
    ).to_json()


def _slide(row: dict[str, Any]) -> dict[str, Any]:
    return {"specimen_id": row["specimen_id"], "smear": "thin", "barcode": row["barcode"]}


def _result_of_a_field() -> FieldResult:
    box = CellBox(10, 7, 30, 31, None)  # type: ignore[arg-type]  # a mask is not stored
    cells = (
        CellCall(box, "uninfected", 0.25, counted=True),
        CellCall(box, "parasitised", 0.9, counted=True),
    )
    return FieldResult(
        "0.jpg", FieldQuality(True, "", 41.5, 200.0, 0.001, 0.3), cells, {"all": 9.0}
    )


_FIELD = field_row("", 0, _result_of_a_field(), None, None).values()
_SUSPECT = suspect_rows("", 0, _result_of_a_field())[0].values()


def _fields(specimens: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for row in specimens:
        for index in range(FIELDS):
            yield _FIELD | {"specimen_id": row["specimen_id"], "field_index": index}


def _suspects(specimens: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for row in specimens:
        if row["verdict"] == "positive":
            for index in range(FIELDS):
                found = _SUSPECT | {"specimen_id": row["specimen_id"], "field_index": index}
                del found["cell_id"]
                yield found


def _results(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    common = {"specimen_id": row["specimen_id"], "report": row["report"], "reason": ""}
    at_utc = row["finished_utc"]
    yield common | {"version": 1, "status": PRELIMINARY, "by": DEVICE, "at_utc": at_utc}
    if row["result_status"] == FINAL:
        yield common | {"version": 2, "status": FINAL, "by": "Dr A", "at_utc": at_utc}


def _line(number: int, result: dict[str, Any], previous: str) -> dict[str, Any]:
    detail = {name: value for name, value in result.items() if name != "report"}
    row = AuditRow(
        number=number,
        at_utc=result["at_utc"],
        by=result["by"],
        action=f"result.{result['status']}",
        subject=result["specimen_id"],
        detail=detail | {"report_sha256": digest(result["report"])},
        previous_sha256=previous,
    )
    row.sha256 = sha256_of(row)
    return row.values()


def questions(store: Store, count: int) -> dict[str, Callable[[int], Any]]:
    """What the pages ask, each for a different specimen every time."""
    search, register = Search(store), Register(store)

    def page(**wanted: Any) -> Callable[[int], Any]:
        return lambda _: _some(search.page(SpecimenFilter(**wanted)))

    def day(number: int) -> Any:
        start = FIRST + timedelta(minutes=9 * number)
        end = start + timedelta(days=1)
        wanted = SpecimenFilter(from_utc=start.isoformat(), before_utc=end.isoformat())
        return _some(search.page(wanted))

    def open_one(number: int) -> Any:
        specimen_id = _specimen(number, count)["specimen_id"]
        store.specimen(specimen_id), _some(store.fields(specimen_id))
        store.suspect_cells(specimen_id), register.slides_of(specimen_id)
        _some(Results(store).history(specimen_id)), Reviews(store).of_specimen(specimen_id)
        return Audit(store).entries(subject=specimen_id)

    return {
        "list, first page": page(),
        "list, a page deep inside": lambda number: _some(
            store.specimens(before=_specimen(max(number, 100), count)["specimen_id"])
        ),
        "search by barcode": lambda number: _some(
            search.page(SpecimenFilter(barcode=f"B{number:08}"))
        ),
        "search by the beginning of a barcode, label or patient": lambda number: _some(
            search.page(SpecimenFilter(begins=f"B{number:08}"[:6]))
        ),
        "search by patient": lambda number: _some(
            search.page(SpecimenFilter(patient_id=f"P-{number:06}"))
        ),
        "search by day": day,
        "search by verdict": page(verdict="positive"),
        "search by verdict, site and month": page(
            verdict="positive", site="site 3", from_utc="2024-01", before_utc="2024-02"
        ),
        "search that finds nothing": lambda _: search.page(
            SpecimenFilter(verdict="refused", site="nowhere")
        ),
        "what is not signed": page(result_status=PRELIMINARY),
        "count of a verdict": lambda _: search.count(SpecimenFilter(verdict="positive")),
        "open one": open_one,
    }


def _some(found: list[Any]) -> list[Any]:
    if not found:
        raise SystemExit("a question found nothing; the database is not the one of this program")
    return found


def measure(home: Path, count: int, repeats: int = 15) -> dict[str, dict[str, float]]:
    """Median and slowest of each question in ms; the first of each is on a fresh connection.

    `slowest_cpu_ms` is the processor's time alone, which other programs do not lengthen.
    """
    measured = {}
    with closing(Store(home)) as store:
        names = list(questions(store, count))
    for name in names:
        store = Store(home)
        ask = questions(store, count)[name]
        numbers = random.Random(name).sample(range(count), repeats)
        taken, computed = [], []
        for number in numbers:
            started, busy = time.perf_counter(), time.process_time()
            ask(number)
            taken.append((time.perf_counter() - started) * 1000)
            computed.append((time.process_time() - busy) * 1000)
        store.close()
        measured[name] = {
            "first_ms": round(taken[0], 1),
            "median_ms": round(statistics.median(taken), 1),
            "slowest_ms": round(max(taken), 1),
            "slowest_cpu_ms": round(max(computed), 1),
        }
    return measured


def main(argv: list[str] | None = None) -> int:
    """Makes what is missing, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--specimens", type=int, default=100_000)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args(argv)
    store = Store(given.folder)
    if not store.specimens(1):
        started = time.perf_counter()
        fill(store, given.specimens)
        click.echo(f"made in {time.perf_counter() - started:.0f} s")
    store.close()
    measured = measure(given.folder, given.specimens)
    size = (given.folder / "records.db").stat().st_size
    click.echo(
        f"{given.specimens:,} specimens, {given.specimens * FIELDS:,} fields, {size:,} bytes"
    )
    for name, figures in measured.items():
        click.echo(f"{name:56} " + "  ".join(f"{what} {ms:7.1f}" for what, ms in figures.items()))
    if given.json:
        given.json.write_text(json.dumps(measured, indent=1) + "\n")
    return int(max(figures["slowest_ms"] for figures in measured.values()) > BOUND_MS)


if __name__ == "__main__":
    sys.exit(main())
