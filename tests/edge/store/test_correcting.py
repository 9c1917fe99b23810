"""Whose specimen it is, corrected: what is reached by it, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from clinic_samples import PATIENT, make_store, screen

from edge.contract.errors import ConflictError, DataError, NotFoundError
from edge.store.audit import Audit
from edge.store.correcting import correct_specimen
from edge.store.outbox import Outbox
from edge.store.records import AMENDED, FINAL, PRELIMINARY, Patient, SpecimenDetails
from edge.store.register import Register
from edge.store.results import Results
from edge.store.store import Store

OTHER = Patient("P-2", "0-4", "male", "Kisumu")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = make_store(tmp_path / "home")
    Register(found).add_patient(OTHER)
    yield found
    found.close()


def details(store: Store, specimen_id: str, **changes: Any) -> SpecimenDetails:
    record = store.specimen(specimen_id)
    kept = {name: getattr(record, name) for name in SpecimenDetails.__dataclass_fields__}
    return SpecimenDetails(**(kept | changes))


def correct(
    store: Store, specimen_id: str, patient: Patient | None = PATIENT, **changes: Any
) -> list[str]:
    named = {"patient_id": patient.patient_id if patient else None}
    given = details(store, specimen_id, **(named | changes))
    return correct_specimen(store, specimen_id, "Dr Otieno", "mixed up", given, patient)


def states(store: Store, specimen_id: str) -> list[str]:
    return [one.status for one in Results(store).history(specimen_id)]


def test_signed_result_is_amended_with_the_reason_and_the_same_verdict(store: Store) -> None:
    specimen_id = screen(store)
    signed = Results(store).sign(specimen_id, "Dr Achieng")
    assert correct(store, specimen_id, OTHER) == [specimen_id]
    assert states(store, specimen_id) == [PRELIMINARY, FINAL, AMENDED]
    newest = Results(store).current(specimen_id)
    assert newest and newest.report == signed.report
    assert (newest.by, newest.reason) == ("Dr Otieno", "mixed up")
    assert store.specimen(specimen_id).patient_id == "P-2"
    assert Register(store).patient("P-2") == OTHER
    changed = next(one for one in Audit(store).entries() if one.action == "specimen.changed")
    assert changed.detail["patient_id"] == ["P-1", "P-2"] and changed.by == "Dr Otieno"
    assert Audit(store).verify() == []


def test_patients_own_values_reach_every_specimen_of_hers(store: Store) -> None:
    signed, queued, fresh = screen(store), screen(store), screen(store)
    Results(store).sign(signed, "Dr Achieng")
    Outbox(store).add("hub", "fhir", queued, 1, b"{}")
    before = store.specimen(fresh).version
    other = screen(store)
    correct(store, other, OTHER)
    reached = correct(store, signed, replace(PATIENT, age_band="0-4", sex="male"))
    assert reached == sorted([signed, queued])
    # The machine's own was told to a server, so it is told anew; the other one nobody has.
    assert states(store, queued) == [PRELIMINARY, PRELIMINARY]
    assert states(store, fresh) == [PRELIMINARY] == states(store, other)
    assert store.specimen(fresh).version == before + 1
    assert Register(store).patient("P-1").age_band == "0-4"
    told = Results(store).of_machine_and_persons(queued)
    assert [one.version for one in told] == [1]
    assert Audit(store).verify() == []


def test_new_patient_is_registered_and_none_takes_the_old_one_away(store: Store) -> None:
    specimen_id = screen(store)
    correct(store, specimen_id, Patient("P-9", "15+", "female", "Ward"))
    assert Register(store).patient("P-9").age_band == "15+"
    correct(store, specimen_id, None)
    assert store.specimen(specimen_id).patient_id is None
    assert states(store, specimen_id) == [PRELIMINARY]


def test_glass_and_worklist_follow_the_barcode(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "w.csv"
    path.write_text("barcode,patient_id,age_band,sex,site\nBC-1,P-1,5-14,female,Kisumu\n"
                    "BC-2,P-2,0-4,male,Kisumu\n")  # fmt: skip
    register = Register(store)
    register.import_worklist(path)
    specimen_id = screen(store, barcode="BC-1")
    correct(store, specimen_id, OTHER, barcode="BC-2")
    assert register.expected("BC-1").specimen_id is None
    assert register.expected("BC-2").specimen_id == specimen_id
    assert [slide.barcode for slide in register.slides_of(specimen_id)] == ["BC-2"]
    # A barcode that is another specimen's stays with it.
    other = screen(store, barcode="BC-1")
    correct(store, specimen_id, OTHER, barcode="BC-1")
    assert register.expected("BC-1").specimen_id == other


def test_slip_in_one_specimen_changes_no_other_patient(store: Store) -> None:
    specimen_id = screen(store)
    with pytest.raises(ConflictError, match="with other values"):
        correct(store, specimen_id, replace(OTHER, age_band="15+"))
    assert Register(store).patient("P-2") == OTHER
    assert store.specimen(specimen_id).patient_id == "P-1"


def test_corrections_that_may_not_be_are_refused(store: Store) -> None:
    specimen_id = screen(store)
    given = details(store, specimen_id, site="Ward 3")
    with pytest.raises(DataError, match="needs a reason"):
        correct_specimen(store, specimen_id, "Ann", " \n", given, PATIENT)
    with pytest.raises(DataError, match="name of who corrects"):
        correct_specimen(store, specimen_id, "", "why", given, PATIENT)
    with pytest.raises(DataError, match="nothing is different"):
        correct(store, specimen_id)
    with pytest.raises(DataError, match="names patient 'P-1'"):
        correct_specimen(store, specimen_id, "Ann", "why", given, OTHER)
    with pytest.raises(DataError, match="age_band"):
        correct(store, specimen_id, replace(PATIENT, age_band="old"))
    with pytest.raises(ConflictError, match="changed by someone else"):
        correct_specimen(store, specimen_id, "Ann", "why", given, PATIENT, seen_version=99)
    with pytest.raises(ConflictError, match="changed by someone else"):
        older = replace(PATIENT, sex="other")
        correct_specimen(
            store, specimen_id, "Ann", "why", details(store, specimen_id), older, seen_version=99
        )
    with pytest.raises(NotFoundError):
        correct_specimen(store, "none", "Ann", "why", given, PATIENT)
    running = store.start_specimen("S", "upload", {}, SpecimenDetails("P-1"))
    with pytest.raises(ConflictError, match="is being screened"):
        correct(store, running, None)
    assert Register(store).patient("P-1") == PATIENT
    assert states(store, specimen_id) == [PRELIMINARY]
