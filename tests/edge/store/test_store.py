from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from store_samples import (
    make_cell,
    make_doubtful_field,
    make_field,
    make_image,
    make_report,
    make_staged_field,
)

from edge.contract.errors import NotFoundError, StoreError
from edge.contract.results import field_to_json
from edge.contract.types import CellBox, CellCall, FieldQuality, FieldResult
from edge.store.records import (
    AGREED,
    DISPUTED,
    DONE,
    FAILED,
    INTERRUPTED,
    REFUSED,
    RUNNING,
    STOPPED,
)
from edge.store.store import Store

NOW = "2026-11-21T10:15:00+00:00"
EMPTY = FieldResult("f", FieldQuality(True, "", 1.0, 2.0, 0.0, 0.0))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "home", now=lambda: NOW)
    yield store
    store.close()


def test_specimen_round_trips(store: Store) -> None:
    settings = {"seed": 7, "parasitaemia_fraction": 0.01, "sources": [Path("/a/b.png")]}
    specimen_id = store.start_specimen("S-17", "camera:simulated", settings)
    running = store.specimen(specimen_id)
    assert re.fullmatch(r"20261121-101500-[0-9a-f]{6}", specimen_id)
    assert (running.label, running.source, running.status) == ("S-17", "camera:simulated", RUNNING)
    assert running.source_settings == settings | {"sources": ["/a/b.png"]}
    assert (running.started_utc, running.finished_utc, running.report) == (NOW, None, None)
    store.finish_specimen(specimen_id, make_report("positive"))
    done = store.specimen(specimen_id)
    assert (done.status, done.finished_utc, done.error) == (DONE, NOW, "")
    assert done.report == make_report("positive").to_json()


def test_id_is_in_utc_whatever_the_clock_says(tmp_path: Path) -> None:
    store = Store(tmp_path, now=lambda: "2026-11-21T01:15:00+03:00")
    assert store.start_specimen("a", "upload", {}).startswith("20261120-221500-")
    store.close()


def test_field_round_trips_after_reopening(store: Store) -> None:
    specimen_id = store.start_specimen("S", "upload", {})
    result, image = make_field(4), make_image(4)
    store.save_field(specimen_id, 4, result, image, ".jpg")
    store.close()
    again = Store(store.home)
    (record,) = again.fields(specimen_id)
    assert record == again.field(specimen_id, 4)
    plain = field_to_json(result)
    assert (record.index, record.name, record.usable) == (4, "field_4.png", True)
    assert (record.cells, record.quality) == (plain["cells"], plain["quality"])
    assert record.timings_ms == plain["timings_ms"]
    assert (record.rbc_count, record.positive_count) == (22, 2)
    assert record.image_file is not None and record.image_file.endswith(".jpg")
    assert again.image_bytes(record) == image
    assert again.check_integrity(deep=True) == []
    again.close()


def test_refused_field_without_image_keeps_its_reason(store: Store) -> None:
    specimen_id = store.start_specimen("S", "upload", {})
    quality = FieldQuality(False, "file is truncated", 0.0, 0.0, 0.0, 0.0)
    store.save_field(specimen_id, 0, FieldResult("bad.png", quality), None)
    record = store.field(specimen_id, 0)
    assert (record.usable, record.reason, record.cells) == (False, "file is truncated", [])
    assert (record.image_file, record.image_sha256) == (None, None)
    with pytest.raises(NotFoundError, match="truncated"):
        store.image_bytes(record)


def test_suspect_cells_come_highest_score_first_with_their_evidence(store: Store) -> None:
    specimen_id = store.start_specimen("S", "upload", {})
    for index in range(3):
        store.save_field(specimen_id, index, make_field(index, infected=4), make_image(index))
    suspects = store.suspect_cells(specimen_id)
    assert [cell.score for cell in suspects] == sorted([0.9, 0.91, 0.92, 0.93] * 3, reverse=True)
    assert len(store.suspect_cells(specimen_id, limit=5)) == 5
    best = store.suspect_cell(suspects[0].cell_id)
    assert (best.left_px, best.top_px, best.width_px, best.height_px) == (30, 7, 30, 31)
    assert (best.specimen_id, best.label, best.novelty) == (specimen_id, "parasitised", 0.125)
    expected = make_cell(3, "parasitised").cam
    assert best.cam is not None and expected is not None
    assert best.cam.dtype == np.float32
    np.testing.assert_array_equal(best.cam, expected)


def test_disputed_and_refused_cells_are_told_apart(store: Store) -> None:
    specimen_id = store.start_specimen("S", "upload", {})
    for index in range(2):
        store.save_field(specimen_id, index, make_doubtful_field(index), None)
    field = store.field(specimen_id, 1)
    counts = field.rbc_count, field.positive_count, field.disagreement_count
    assert (*counts, field.refused_cell_count) == (4, 2, 2, 2)
    assert [cell["disagrees"] for cell in field.cells] == [False, True, True, False, False, False]
    assert field.cells[4]["refused"] == "no red cell (foreign .8)"
    suspects = store.suspect_cells(specimen_id)
    found = {
        kind: [(cell.score, cell.novelty) for cell in suspects if cell.kind == kind]
        for kind in (AGREED, DISPUTED, REFUSED)
    }
    assert found[AGREED] == [(0.95, 0.9)] * 2
    assert found[DISPUTED] == [(0.8, 0.1)] * 2 + [(0.1, 0.97)] * 2
    assert found[REFUSED] == [(0.9, 0.125)] * 2
    assert len(suspects) == 8
    first = next(cell for cell in suspects if cell.kind == REFUSED)
    assert first.refused == "no red cell (foreign .9)" and not first.disagrees


def test_what_is_read_together_is_of_one_moment(store: Store) -> None:
    specimen_id = store.start_specimen("S", "upload", {})
    with store.reading():
        assert store.fields(specimen_id) == []
        store.save_field(specimen_id, 0, make_field(0), None)
        assert store.fields(specimen_id) == []
        with pytest.raises(NotFoundError), store.reading():
            store.specimen("nobody")
    assert len(store.fields(specimen_id)) == 1
    with pytest.raises(NotFoundError), store.reading():
        store.specimen("nobody")
    store.save_field(specimen_id, 1, make_field(1), None)
    assert len(store.fields(specimen_id)) == 2, "a moment that ended badly has ended"


def test_suspect_cell_without_map_or_score(store: Store) -> None:
    specimen_id = store.start_specimen("S", "upload", {})
    box = CellBox(1, 2, 3, 4, np.ones((4, 3), bool))
    cells = (CellCall(box, "ring", 0.5, counted=True), CellCall(box, "ring"))
    store.save_field(specimen_id, 0, FieldResult("f", EMPTY.quality, cells), None)
    (suspect,) = store.suspect_cells(specimen_id)
    assert (suspect.cam, suspect.novelty, suspect.left_px) == (None, None, 1)
    assert [cell["score"] for cell in store.field(specimen_id, 0).cells] == [0.5, None]


def test_saving_a_field_again_replaces_it(store: Store) -> None:
    specimen_id = store.start_specimen("S", "upload", {})
    store.save_field(specimen_id, 0, make_field(0, infected=3), make_image(0))
    old = store.suspect_cells(specimen_id)
    store.save_field(specimen_id, 0, make_field(0, infected=1), make_image(99))
    (record,) = store.fields(specimen_id)
    assert record.positive_count == 1
    assert store.image_bytes(record) == make_image(99)
    (suspect,) = store.suspect_cells(specimen_id)
    assert suspect.cell_id not in {cell.cell_id for cell in old}
    with pytest.raises(NotFoundError):
        store.suspect_cell(old[0].cell_id)
    assert len([path for path in (store.home / "fields").rglob("*") if path.is_file()]) == 1
    store.save_field(specimen_id, 0, make_field(0), make_image(99))
    assert store.check_integrity(deep=True) == []


def test_values_that_are_no_numbers_are_refused_whole(store: Store) -> None:
    specimen_id = store.start_specimen("S", "upload", {})
    result = FieldResult("f", EMPTY.quality, (make_cell(0, score=float("nan")),))
    with pytest.raises(StoreError, match="cannot be stored"):
        store.save_field(specimen_id, 0, result, None)
    with pytest.raises(StoreError, match="cannot be stored"):
        store.start_specimen("S", "upload", {"what": object()})
    assert store.fields(specimen_id) == []
    assert len(store.specimens()) == 1


def test_replacement_that_fails_leaves_the_old_field_whole(store: Store) -> None:
    specimen_id = store.start_specimen("S", "upload", {})
    store.save_field(specimen_id, 0, make_field(0), make_image(0))
    before = store.field(specimen_id, 0)
    result = FieldResult("f", EMPTY.quality, (make_cell(0, score=float("nan")),))
    with pytest.raises(StoreError, match="cannot be stored"):
        store.save_field(specimen_id, 0, result, make_image(1))
    assert store.field(specimen_id, 0) == before
    assert store.image_bytes(before) == make_image(0)
    assert len(store.suspect_cells(specimen_id)) == 2


@pytest.mark.parametrize(
    "label",
    [
        "'; DROP TABLE specimens; --",
        "<script>alert(1)</script>",
        "\u202eمختبر 🩸 ' \" \\ %s {} \x00 \r\n",
        "not \udcff utf-8 \ud800",
        "../../etc/passwd",
        "x" * 100_000,
        "",
    ],
)
def test_hostile_text_is_stored_as_it_came(store: Store, label: str) -> None:
    specimen_id = store.start_specimen(label, label, {label: [label]})
    store.save_field(specimen_id, 0, FieldResult(label, EMPTY.quality), None)
    store.finish_specimen(specimen_id, make_report("positive", why=label), error=label)
    record = store.specimen(specimen_id)
    assert (record.label, record.source, record.error) == (label, label, label)
    assert record.source_settings == {label: [label]}
    assert record.report is not None and record.report["why"] == label
    assert store.field(specimen_id, 0).name == label
    assert store.check_integrity() == []


@pytest.mark.parametrize("specimen_id", ["", "../../x", "' OR 1=1 --", "\udcff", "\x00"])
def test_unknown_ids_are_not_found(store: Store, specimen_id: str) -> None:
    for ask in (store.specimen, store.fields, store.suspect_cells):
        with pytest.raises(NotFoundError):
            ask(specimen_id)
    with pytest.raises(NotFoundError):
        store.save_field(specimen_id, 0, EMPTY, b"image")
    with pytest.raises(NotFoundError):
        store.finish_specimen(specimen_id, make_report())
    assert list((store.home / "fields").iterdir()) == []


@pytest.mark.parametrize("number", [-1, 0, 2**63, 10**30])
def test_unknown_numbers_are_not_found(store: Store, number: int) -> None:
    specimen_id = store.start_specimen("S", "upload", {})
    with pytest.raises(NotFoundError):
        store.field(specimen_id, number)
    with pytest.raises(NotFoundError):
        store.suspect_cell(number)


@pytest.mark.parametrize("suffix", ["png", "/../x.png", ".", ".p/g", ".PNG\n"])
def test_odd_suffix_is_refused(store: Store, suffix: str) -> None:
    specimen_id = store.start_specimen("S", "upload", {})
    with pytest.raises(StoreError, match="suffix"):
        store.save_field(specimen_id, 0, EMPTY, b"image", suffix)


@pytest.mark.parametrize("index", [-1, 2**63])
def test_odd_index_is_refused(store: Store, index: int) -> None:
    specimen_id = store.start_specimen("S", "upload", {})
    with pytest.raises(StoreError, match=str(index)):
        store.save_field(specimen_id, index, EMPTY, b"image")


def test_pages_hold_every_specimen_once_newest_first(tmp_path: Path) -> None:
    seconds = itertools.count()
    store = Store(
        tmp_path, now=lambda: f"2026-11-21T10:{(n := next(seconds)) // 60:02}:{n % 60:02}+00:00"
    )
    made = [store.start_specimen(f"S{n}", "upload", {}) for n in range(1000)]
    seen: list[str] = []
    page = store.specimens(limit=64)
    while page:
        assert len(page) <= 64
        seen += [record.specimen_id for record in page]
        page = store.specimens(limit=64, before=seen[-1])
    assert seen == made[::-1]
    assert len(store.specimens()) == 50
    assert store.specimens(limit=0) == store.specimens(limit=-1) == []
    assert len(store.specimens(limit=10**30)) == 1000
    store.close()


def test_recover_interrupts_what_was_running(store: Store) -> None:
    done = store.start_specimen("done", "upload", {})
    store.finish_specimen(done, make_report("negative"))
    cut = store.start_specimen("cut", "upload", {})
    store.save_field(cut, 0, make_field(0), make_image(0))
    quality = FieldQuality(False, "blurred", 1.0, 2.0, 0.0, 0.0)
    store.save_field(cut, 1, FieldResult("b", quality), make_image(1))
    folder = store.home / "fields" / cut
    (folder / ".00002-ab.png.12345678.tmp").write_bytes(b"half")
    (folder / "00002-ab.png").write_bytes(b"its row was never written")
    (store.home / ".x.12345678.tmp").write_bytes(b"half")
    assert store.recover() == 1
    record = store.specimen(cut)
    assert record.status == INTERRUPTED and record.error
    assert record.report is not None
    assert set(record.report) == set(make_report().to_json())
    assert record.report["verdict"] == "inconclusive"
    assert (record.report["rbc_count"], record.report["positive_count"]) == (22, 2)
    assert (record.report["fields_read"], record.report["fields_refused"]) == (1, 1)
    assert len(list(folder.iterdir())) == 2
    assert not list(store.home.glob("*.tmp"))
    assert store.specimen(done).report == make_report("negative").to_json()
    assert store.recover() == 0
    assert store.check_integrity(deep=True) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("negative", "inconclusive"),
        ("positive", "positive"),
        ("refused", "refused"),
        ("inconclusive", "inconclusive"),
    ],
)
def test_recover_never_leaves_a_negative(store: Store, before: str, after: str) -> None:
    specimen_id = store.start_specimen("S", "upload", {})
    store.finish_specimen(specimen_id, make_report(before), RUNNING)
    assert store.specimen(specimen_id).finished_utc is None
    assert store.recover() == 1
    report = store.specimen(specimen_id).report
    assert report is not None and report["verdict"] == after
    assert report["rbc_count"] == 5000


def test_recovered_report_counts_what_was_disputed_and_refused(store: Store) -> None:
    specimen_id = store.start_specimen("S", "upload", {})
    store.save_field(specimen_id, 0, make_doubtful_field(0), None)
    store.save_field(specimen_id, 1, make_doubtful_field(1), None)
    store.recover()
    report = store.specimen(specimen_id).report
    assert report is not None
    assert (report["disagreement_count"], report["refused_cell_count"]) == (4, 4)


@pytest.mark.parametrize("status", [FAILED, INTERRUPTED])
def test_failure_is_never_negative(store: Store, status: str) -> None:
    specimen_id = store.start_specimen("S", "upload", {})
    store.finish_specimen(specimen_id, make_report("negative"), status, "camera unplugged")
    record = store.specimen(specimen_id)
    assert (record.status, record.error) == (status, "camera unplugged")
    assert record.report is not None
    assert (record.report["verdict"], record.report["why"]) == ("inconclusive", "camera unplugged")


def test_status_that_does_not_exist_is_refused(store: Store) -> None:
    specimen_id = store.start_specimen("S", "upload", {})
    with pytest.raises(StoreError, match="finished"):
        store.finish_specimen(specimen_id, make_report(), "finished")
    store.finish_specimen(specimen_id, make_report("negative"), STOPPED, "by the operator")
    report = store.specimen(specimen_id).report
    assert report is not None and report["verdict"] == "negative"


def test_flipped_byte_of_an_image_is_found(store: Store) -> None:
    specimen_id = store.start_specimen("S", "upload", {})
    store.save_field(specimen_id, 0, make_field(0), make_image(0))
    record = store.field(specimen_id, 0)
    assert record.image_file is not None
    path = store.home / record.image_file
    data = bytearray(path.read_bytes())
    data[1234] ^= 0x10
    path.write_bytes(data)
    with pytest.raises(StoreError, match="damaged"):
        store.image_bytes(record)
    assert store.check_integrity() == []
    (problem,) = store.check_integrity(deep=True)
    assert str(path) in problem and "damaged" in problem


def test_missing_image_is_found(store: Store) -> None:
    specimen_id = store.start_specimen("S", "upload", {})
    store.save_field(specimen_id, 0, make_field(0), make_image(0))
    record = store.field(specimen_id, 0)
    assert record.image_file is not None
    (store.home / record.image_file).unlink()
    with pytest.raises(StoreError, match="cannot be read"):
        store.image_bytes(record)
    (problem,) = store.check_integrity()
    assert "missing" in problem


def test_one_thread_writes_while_others_read(store: Store) -> None:
    specimen_id = store.start_specimen("S", "upload", {})
    errors: list[BaseException] = []
    written = threading.Event()

    def write() -> None:
        try:
            for index in range(50):
                store.save_field(specimen_id, index, make_field(index), make_image(index, 2000))
        except BaseException as error:
            errors.append(error)
        finally:
            written.set()

    def read() -> None:
        try:
            seen = 0
            while not written.is_set():
                fields = store.fields(specimen_id)
                assert len(fields) >= seen
                seen = len(fields)
                assert len(store.suspect_cells(specimen_id)) >= 2 * seen
                for field in fields[-1:]:
                    assert store.image_bytes(field) == make_image(field.index, 2000)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for work in (write, read, read)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert [field.index for field in store.fields(specimen_id)] == list(range(50))


def test_two_threads_may_write(store: Store) -> None:
    errors: list[BaseException] = []

    def work(name: str) -> None:
        try:
            specimen_id = store.start_specimen(name, "upload", {})
            for index in range(15):
                store.save_field(specimen_id, index, make_field(index), None)
            store.finish_specimen(specimen_id, make_report())
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert [len(store.fields(record.specimen_id)) for record in store.specimens()] == [15, 15]


def test_closed_store_says_so(store: Store) -> None:
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.specimens()
    assert sorted(path.name for path in store.home.iterdir()) == ["fields", "records.db"]


def test_stages_of_a_field_and_its_suspect_cells_round_trip(store: Store) -> None:
    specimen_id = store.start_specimen("S", "upload", {})
    store.save_field(specimen_id, 0, make_staged_field(0, ["ring", "ring", "gametocyte"]), None)
    store.save_field(specimen_id, 1, make_field(1), None)
    staged, plain = store.fields(specimen_id)
    assert staged.stage_counts == {"ring": 2, "trophozoite": 0, "schizont": 0, "gametocyte": 1}
    assert (staged.positive_count, plain.stage_counts) == (4, None)
    labels = {cell.label for cell in store.suspect_cells(specimen_id) if cell.field_index == 0}
    assert labels == {"ring", "gametocyte", "parasitised"}


@pytest.mark.parametrize("with_unread", [False, True])
def test_recovered_report_counts_gametocytes_where_all_fields_tell(
    store: Store, with_unread: bool
) -> None:
    specimen_id = store.start_specimen("S", "upload", {})
    store.save_field(specimen_id, 0, make_staged_field(0), None)
    store.save_field(specimen_id, 1, make_staged_field(1, ["schizont"]), None)
    if with_unread:
        store.save_field(specimen_id, 2, make_field(2), None)
    store.recover()
    report = store.specimen(specimen_id).report
    assert report is not None
    known = {"ring": 1, "trophozoite": 0, "schizont": 1, "gametocyte": 1}
    expected = (None, {}) if with_unread else (1, known)
    assert (report["gametocyte_count"], report["stage_counts"]) == expected
