from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from clinic_samples import make_store, screen
from store_samples import make_field, make_report

from edge.contract.errors import ConflictError, DataError, NotFoundError
from edge.store.audit import Audit
from edge.store.records import DEVICE, FINAL
from edge.store.register import Register
from edge.store.results import Results
from edge.store.review import Reviews, Tallies
from edge.store.store import Store

NEGATIVE = make_report("negative").to_json()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = make_store(tmp_path / "home")
    yield store
    store.close()


def test_machines_result_is_preliminary_until_a_person_signs(store: Store) -> None:
    results, specimen_id = Results(store), screen(store)
    first = results.current(specimen_id)
    assert first is not None and (first.version, first.status, first.by) == (
        1,
        "preliminary",
        DEVICE,
    )
    signed = results.sign(specimen_id, " Dr Ota ")
    assert (signed.version, signed.status, signed.by) == (2, FINAL, "Dr Ota")
    assert signed.report == first.report
    assert store.specimen(specimen_id).result_status == FINAL
    assert results.history(specimen_id) == [first, signed]
    assert results.current(specimen_id) == signed


def test_signed_report_may_be_what_the_reviews_made_of_it(store: Store) -> None:
    specimen_id = screen(store, "positive")
    Results(store).sign(specimen_id, "Dr Ota", report=NEGATIVE)
    record = store.specimen(specimen_id)
    assert record.verdict == "negative"
    # The machine's own stays beside it.
    assert record.report is not None and record.report["verdict"] == "positive"


def test_amendment_needs_a_signature_before_it_and_a_reason(store: Store) -> None:
    results, specimen_id = Results(store), screen(store)
    with pytest.raises(ConflictError, match="not signed yet"):
        results.amend(specimen_id, "Dr Ota", "typing error")
    results.sign(specimen_id, "Dr Ota")
    with pytest.raises(ConflictError, match="is signed; amend it"):
        results.sign(specimen_id, "Dr Eze")
    for reason in ("", "  \n"):
        with pytest.raises(DataError, match="reason"):
            results.amend(specimen_id, "Dr Eze", reason)
    amended = results.amend(specimen_id, "Dr Eze", "read again", report=NEGATIVE)
    assert (amended.version, amended.status, amended.reason) == (3, "amended", "read again")
    assert [one.report["verdict"] for one in results.history(specimen_id)] == [
        "positive",
        "positive",
        "negative",
    ]


@pytest.mark.parametrize("by", ["", " ", "=1+1", "\x1b[31m"])
def test_nobody_cannot_sign(store: Store, by: str) -> None:
    specimen_id = screen(store)
    with pytest.raises(DataError, match="name of who signs"):
        Results(store).sign(specimen_id, by)
    current = Results(store).current(specimen_id)
    assert current is not None and current.version == 1


@pytest.mark.parametrize("report", [{}, {"why": "x"}, {"verdict": "healthy"}, {"verdict": None}])
def test_report_without_a_verdict_is_refused(store: Store, report: dict[str, object]) -> None:
    specimen_id = screen(store)
    with pytest.raises(DataError, match="verdict"):
        Results(store).sign(specimen_id, "Dr Ota", report=report)
    with pytest.raises(DataError, match="verdict"):
        Results(store).preliminary(specimen_id, report)


def test_specimen_at_work_cannot_be_signed(store: Store) -> None:
    specimen_id = store.start_specimen("S", "upload", {})
    assert Results(store).current(specimen_id) is None
    store.finish_specimen(specimen_id, make_report("negative"), "running")
    assert store.specimen(specimen_id).verdict is None
    with pytest.raises(ConflictError, match="still being screened"):
        Results(store).sign(specimen_id, "Dr Ota")


def test_what_a_signature_rests_on_stays_as_it_is(store: Store) -> None:
    specimen_id = screen(store)
    cell = store.suspect_cells(specimen_id)[0]
    (slide,) = Register(store).slides_of(specimen_id)
    Results(store).sign(specimen_id, "Dr Ota")
    changes = (
        lambda: store.save_field(specimen_id, 0, make_field(0), None),
        lambda: store.finish_specimen(specimen_id, make_report("negative")),
        lambda: Results(store).preliminary(specimen_id, NEGATIVE),
        lambda: Reviews(store).review_cell(cell.cell_id, "uninfected", "Eve"),
        lambda: Tallies(store).add(slide.slide_id, "Eve", parasites=0, rbc_counted=5000),
    )
    for change in changes:
        with pytest.raises(ConflictError, match="is signed"):
            change()
    assert store.check_integrity(deep=True) == []


def test_two_who_sign_at_once_are_told(store: Store) -> None:
    specimen_id = screen(store)
    seen = store.specimen(specimen_id).version
    cell = store.suspect_cells(specimen_id)[0]
    Reviews(store).review_cell(cell.cell_id, "uninfected", "Ann", seen_version=seen)
    with pytest.raises(ConflictError, match="changed by someone else meanwhile"):
        Results(store).sign(specimen_id, "Dr Ota", seen_version=seen)
    signed = Results(store).sign(specimen_id, "Dr Ota", seen_version=seen + 1)
    with pytest.raises(ConflictError, match="changed by someone else meanwhile"):
        Results(store).amend(specimen_id, "Dr Eze", "why", seen_version=seen + 1)
    assert Results(store).current(specimen_id) == signed


def test_newest_review_of_a_cell_counts_and_the_older_ones_stay(store: Store) -> None:
    reviews, specimen_id = Reviews(store), screen(store)
    one, two, *_ = store.suspect_cells(specimen_id)
    first = reviews.review_cell(one.cell_id, one.label, "Ann")
    assert first.confirmed
    second = reviews.review_cell(one.cell_id, "uninfected", "Ben", note="stain\nprecipitate")
    third = reviews.review_cell(two.cell_id, "gametocyte", "Ben")
    assert not second.confirmed
    assert sorted(reviews.of_specimen(specimen_id), key=lambda one: one.review_id) == [
        second,
        third,
    ]
    assert reviews.history(one.cell_id) == [first, second]
    assert reviews.history(10**30) == []


def test_odd_reviews_are_refused(store: Store) -> None:
    reviews, specimen_id = Reviews(store), screen(store)
    cell_id = store.suspect_cells(specimen_id)[0].cell_id
    for values in ({"label": "vivax"}, {"by": ""}, {"note": "\x00"}):
        with pytest.raises(DataError):
            reviews.review_cell(**({"cell_id": cell_id, "label": "ring", "by": "Ann"} | values))
    with pytest.raises(NotFoundError):
        reviews.review_cell(10**30, "ring", "Ann")
    with pytest.raises(NotFoundError):
        reviews.of_specimen("none")
    assert reviews.of_specimen(specimen_id) == []


def test_counts_of_people_are_all_kept(store: Store) -> None:
    specimen_id = screen(store)
    tallies, register = Tallies(store), Register(store)
    thick = register.add_slide(specimen_id, "thick").slide_id
    first = tallies.add(thick, "Ann", parasites=100, wbc_counted=200)
    second = tallies.add(thick, "Ben", parasites=250, wbc_counted=500, wbc_per_ul=6200)
    assert tallies.of_specimen(specimen_id) == [first, second]
    assert (second.parasites, second.wbc_per_ul, second.gametocytes) == (250, 6200, 0)


@pytest.mark.parametrize(
    "counts",
    [
        {"parasites": -1, "wbc_counted": 200},
        {"parasites": 1, "wbc_counted": 10**12},
        {"parasites": 1},
        {"parasites": 1, "wbc_counted": 200, "wbc_per_ul": 8},
        {"parasites": 1, "wbc_counted": 200, "wbc_per_ul": 10**9},
    ],
)
def test_counts_out_of_range_are_refused(store: Store, counts: dict[str, int]) -> None:
    (slide,) = Register(store).slides_of(screen(store))
    with pytest.raises(DataError):
        Tallies(store).add(slide.slide_id, "Ann", **counts)
    for slide_id in (-1, 99, 10**30):
        with pytest.raises(NotFoundError):
            Tallies(store).add(slide_id, "Ann", parasites=1, wbc_counted=200)


def test_many_who_write_at_once_leave_one_whole_log(store: Store) -> None:
    ids = [screen(store, label=f"S-{number}") for number in range(4)]
    errors: list[BaseException] = []

    def work(specimen_id: str) -> None:
        try:
            for cell in store.suspect_cells(specimen_id):
                Reviews(store).review_cell(cell.cell_id, "ring", "Ann")
            Results(store).sign(specimen_id, "Dr Ota")
            for _ in range(5):
                Results(store).amend(specimen_id, "Dr Ota", "again")
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(one,)) for one in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert [len(Results(store).history(one)) for one in ids] == [7] * 4
    assert Audit(store).verify() == []


def test_one_of_two_who_sign_in_the_same_moment_is_told(store: Store) -> None:
    specimen_id = screen(store)
    seen = store.specimen(specimen_id).version
    outcomes: list[str] = []

    def sign(by: str) -> None:
        try:
            outcomes.append(Results(store).sign(specimen_id, by, seen_version=seen).by)
        except ConflictError:
            outcomes.append("told")

    threads = [threading.Thread(target=sign, args=(by,)) for by in ("Ann", "Ben")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes)[1] == "told"
    assert len(Results(store).history(specimen_id)) == 2
