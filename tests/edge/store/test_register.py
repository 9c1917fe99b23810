from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from clinic_samples import PATIENT, make_store, screen

from edge.contract.errors import ConflictError, DataError, NotFoundError
from edge.store.audit import Audit
from edge.store.records import CHEST_XRAY, Patient, SpecimenDetails
from edge.store.register import Register
from edge.store.store import Store
from edge.store.text_rules import check_moment, check_name, check_note, check_text


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = make_store(tmp_path / "home")
    yield store
    store.close()


def test_patient_is_found_by_the_beginning_of_the_id(store: Store) -> None:
    register = Register(store)
    for name in ("P-10", "P-2", "p-1", "P%1"):
        register.add_patient(Patient(name)) if name != "P%1" else None
    assert register.patient("P-1") == PATIENT
    assert [one.patient_id for one in register.find_patient("P-1")] == ["P-1", "P-10"]
    assert register.find_patient("%") == register.find_patient("_") == []
    assert len(register.find_patient("", limit=2)) == 2
    with pytest.raises(NotFoundError, match="P-3"):
        register.patient("P-3")


def test_same_patient_again_changes_nothing_and_another_is_refused(store: Store) -> None:
    before = Audit(store).entries()
    Register(store).add_patient(PATIENT)
    assert Audit(store).entries() == before
    with pytest.raises(ConflictError, match="other values"):
        Register(store).add_patient(replace(PATIENT, sex="male"))
    Register(store).change_patient(replace(PATIENT, sex="male"), "Ann")
    assert Register(store).patient("P-1").sex == "male"
    newest = Audit(store).entries(1)[0]
    assert (newest.by, newest.action) == ("Ann", "patient.changed")
    assert newest.detail == {"sex": ["female", "male"]}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"patient_id": "=cmd|' /C calc'!A0"}, "patient_id"),
        ({"patient_id": "@SUM(A1)"}, "patient_id"),
        ({"patient_id": "Jane Doe"}, "patient_id"),
        ({"patient_id": "../../etc/passwd"}, "patient_id"),
        ({"patient_id": ""}, "patient_id"),
        ({"patient_id": "P\x001"}, "patient_id"),
        ({"patient_id": "x" * 65}, "patient_id"),
        ({"age_band": "7"}, "age_band"),
        ({"sex": "F"}, "sex"),
        ({"site": "+1+1"}, "formula"),
        ({"site": " \t=1"}, "control character"),
        ({"site": "  -1"}, "formula"),
        ({"site": "a\x1b[2Jb"}, "control character"),
        ({"site": "a\u202eb"}, "control character"),
        ({"site": "not \udcff utf-8"}, "control character"),
        ({"site": "x" * 101}, "101 characters"),
    ],
)
def test_hostile_text_is_refused(store: Store, changes: dict[str, str], why: str) -> None:
    with pytest.raises(DataError, match=why):
        Register(store).add_patient(replace(PATIENT, **{"patient_id": "P-9"} | changes))
    assert Register(store).find_patient("") == [PATIENT]


def test_names_of_all_scripts_are_taken() -> None:
    for name in ("Nguyễn Thị Hoa", "محمد", "می\u200cخواهم", "陳大文", "O'Brien-Smith"):
        assert check_name(f" {name} ", "name") == name
    with pytest.raises(DataError, match="empty"):
        check_name("  ", "name")
    assert check_text("", "site") == ""
    assert check_note("= two\n- lines") == "= two\n- lines"
    with pytest.raises(DataError, match="2001"):
        check_note("x" * 2001)


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("2026-11-21", "2026-11-21"),
        ("2026-11-21T09:30+03:00", "2026-11-21T06:30:00+00:00"),
        ("2026-11-21 09:30", "2026-11-21T09:30:00+00:00"),
    ],
)
def test_moments_are_kept_in_utc(given: str, stored: str) -> None:
    assert check_moment(given, "collected") == stored


@pytest.mark.parametrize("given", ["21/11/2026", "1970-01-01", "2026-13-01", "=NOW()", ""])
def test_odd_moments_are_refused(given: str) -> None:
    with pytest.raises(DataError, match="collected"):
        check_moment(given, "collected")


def test_specimen_keeps_its_details_and_has_a_thin_slide(store: Store) -> None:
    specimen_id = screen(store, barcode="B-7")
    record = store.specimen(specimen_id)
    assert (record.patient_id, record.operator, record.site) == ("P-1", "Ann", "Kisumu")
    assert (record.barcode, record.collected_utc, record.task) == ("B-7", "2026-11-20", "malaria")
    assert (record.verdict, record.result_status) == ("positive", "preliminary")
    (slide,) = Register(store).slides_of(specimen_id)
    assert (slide.smear, slide.barcode) == ("thin", "B-7")


def test_chest_x_ray_has_no_slide(store: Store) -> None:
    specimen_id = store.start_specimen("X", "upload", {}, SpecimenDetails(task=CHEST_XRAY))
    assert Register(store).slides_of(specimen_id) == []


@pytest.mark.parametrize(
    "details",
    [
        SpecimenDetails(patient_id="P-99"),
        SpecimenDetails(barcode="=1"),
        SpecimenDetails(operator="\x07"),
        SpecimenDetails(site="-x"),
        SpecimenDetails(task="urine"),
        SpecimenDetails(collected_utc="yesterday"),
    ],
)
def test_specimen_with_wrong_details_is_not_started(store: Store, details: SpecimenDetails) -> None:
    with pytest.raises(DataError):
        store.start_specimen("S", "upload", {}, details)
    assert store.specimens() == []


def test_thick_slide_is_added_once(store: Store) -> None:
    register, specimen_id = Register(store), screen(store)
    thick = register.add_slide(specimen_id, "thick", "B-8", "Ann")
    assert register.add_slide(specimen_id, "thick", "B-8", "Ann") == thick
    assert register.slides_of(specimen_id)[1] == thick
    with pytest.raises(ConflictError, match="B-8"):
        register.add_slide(specimen_id, "thick", "B-9")
    with pytest.raises(DataError, match="smear"):
        register.add_slide(specimen_id, "medium")
    with pytest.raises(NotFoundError):
        register.add_slide("none", "thick")


def test_two_who_describe_one_specimen_at_once_are_told(store: Store) -> None:
    register, specimen_id = Register(store), screen(store)
    seen = store.specimen(specimen_id)
    details = SpecimenDetails("P-1", "Ann", "Kisumu", "B-1")
    after = register.describe_specimen(specimen_id, "Ann", details, seen.version)
    assert (after.barcode, after.version) == ("B-1", seen.version + 1)
    other = replace(details, barcode="B-2")
    with pytest.raises(ConflictError, match="changed by someone else") as caught:
        register.describe_specimen(specimen_id, "Ben", other, seen.version)
    assert f"you saw version {seen.version}, it is {after.version} now" in str(caught.value)
    assert store.specimen(specimen_id).barcode == "B-1"
    register.describe_specimen(specimen_id, "Ben", other, after.version)
    newest = Audit(store).entries(1)[0]
    assert newest.detail == {"barcode": ["B-1", "B-2"]}
