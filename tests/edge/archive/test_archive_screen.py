"""`archive screen` on this machine: its rows, what it does again, what it refuses."""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from edge.archive import task
from edge.contract.bundle import Bundle
from tests.support.painted_field import write_first_opinion, write_second_opinion
from tests.support.painted_slides import bytes_of, painted_jpeg, write_archive, write_slide

SLIDES = ["a", "a-b", "a/deeper/c", "z"]
# A machine's screening leaves these as they are; a person, or a chest X-ray, sets them.
NOT_OF_AN_ARCHIVE = {
    "reviewed_count", "confirmed_count", "rejected_count", "unreviewed_count", "person_counts",
    "finding", "finding_score", "radiographs",
}  # fmt: skip
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return write_second_opinion(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_archive(tmp_path_factory.mktemp("drawn") / "slides")


@pytest.fixture()
def source(drawn: Path, tmp_path: Path) -> Path:
    """An archive that a test may change."""
    return Path(shutil.copytree(drawn, tmp_path / "slides"))


@pytest.fixture()
def archive(clinicscope: Run, bundle: Bundle, tmp_path: Path) -> Callable[..., Any]:
    """Screens a source to `out`: exit code, report, standard error."""

    def run(source: object, *words: object, out: object = tmp_path / "out") -> Any:
        report = tmp_path / "report.json"
        report.unlink(missing_ok=True)
        code, _, said = clinicscope(
            "archive", "screen", source, "--out", out, "--bundle", bundle.path, "--retries", 1,
            "--json", report, *words,
        )  # fmt: skip
        return code, json.loads(report.read_text()) if report.exists() else None, said

    return run


def rows(out: Path, table: str) -> list[dict[str, Any]]:
    return pq.read_table(out / "tables" / table).to_pylist()


def listed(out: Path) -> dict[str, dict[str, str]]:
    with (out / "failures.csv").open() as file:
        return {row["slide"]: row for row in csv.DictReader(file)}


def test_rows_are_what_screen_says(
    archive: Any, clinicscope: Run, bundle: Bundle, drawn: Path, tmp_path: Path
) -> None:
    code, report, _ = archive(drawn)
    assert code == 0 and (report["slides"], report["screened"], report["fields"]) == (4, 4, 8)
    out = tmp_path / "out"
    slides, fields, cells = (rows(out, name) for name in ("slides", "fields", "cells"))
    assert [row["slide_id"] for row in slides] == SLIDES
    for slide in slides:
        # A folder with slides below it is read with them by `screen`, so only its own files here.
        own = sorted((drawn / slide["slide_id"]).glob("*.jpg"))
        clinicscope(
            "screen", *own, "--bundle", bundle.path, "--threads", 1, "--json", tmp_path / "one.json"
        )
        said = json.loads((tmp_path / "one.json").read_text())
        expected = {key: said["slide"][key] for key in set(said["slide"]) - NOT_OF_AN_ARCHIVE}
        assert {key: slide[key] for key in expected} == expected
        of_slide = [row for row in fields if row["slide_id"] == slide["slide_id"]]
        for at, (field, row) in enumerate(zip(said["fields"], of_slide, strict=True)):
            assert (row["field"], row["file"], row["decoded"]) == (at, field["file"], True)
            assert {key: row[key] for key in field["quality"]} == field["quality"]
            mine = [c for c in cells if (c["slide_id"], c["field"]) == (slide["slide_id"], at)]
            assert [row["cell"] for row in mine] == list(range(len(field["cells"])))
            assert row["cell_count"] == len(mine) and bool(mine) == row["usable"]
            for cell, one in zip(field["cells"], mine, strict=True):
                assert {key: one[key] for key in cell} == cell
                assert one["file"] == field["file"]
    assert [row["positive_count"] for row in slides] == [6, 0, 3, 0]
    assert [row["fields_refused"] for row in slides] == [0, 0, 0, 1]
    assert "seen before" in fields[-1]["reason"]
    assert report["tables"] == {"slides": 4, "fields": 8, "cells": len(cells)}


def test_second_run_screens_what_changed_and_no_more(
    archive: Any, source: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    archive(source)
    before = bytes_of(out)
    code, report, _ = archive(source)
    assert (code, report["screened"], report["skipped"]) == (0, 0, 4)
    assert bytes_of(out) == before
    (source / "z" / "f1.jpg").write_bytes(painted_jpeg(5, 2))
    write_slide(source / "new")
    code, report, _ = archive(source)
    assert (code, report["screened"], report["skipped"]) == (0, 2, 3)
    assert [row["slide_id"] for row in rows(out, "slides")] == [*SLIDES[:3], "new", "z"]
    archive(source, out=tmp_path / "anew")
    assert bytes_of(out / "tables") == bytes_of(tmp_path / "anew" / "tables")
    # No older state of a slide is left.
    assert bytes_of(out / "parts") == bytes_of(tmp_path / "anew" / "parts")


def test_slide_that_has_gone_leaves_the_tables(archive: Any, source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    archive(source)
    moved = (source / "z").rename(tmp_path / "z")
    code, report, said = archive(source)
    assert code == 0 and report["removed"] == ["z"] and "z" in said and "--prune" in said
    assert [row["slide_id"] for row in rows(out, "slides")] == SLIDES[:3]
    moved.rename(source / "z")
    assert archive(source)[1]["skipped"] == 4
    shutil.rmtree(source / "z")
    assert archive(source, "--prune")[1]["removed"] == ["z"]
    assert len(list((out / "parts").rglob("*.parquet"))) == 3
    assert archive(source)[1]["removed"] == []


def test_corrupt_slides_do_not_keep_the_others(archive: Any, source: Path, tmp_path: Path) -> None:
    good, out = painted_jpeg(), tmp_path / "out"
    mixed, hopeless, dangling = (source / name for name in ("mixed", "hopeless", "dangling"))
    for folder in (mixed, hopeless, dangling):
        folder.mkdir()
    (mixed / "good.jpg").write_bytes(good)
    huge = bytearray(good)
    at = huge.index(b"\xff\xc0")
    huge[at + 5 : at + 9] = b"\xff\xff\xff\xff"
    for folder in (mixed, hopeless):
        (folder / "cut.jpg").write_bytes(good[: len(good) // 2])
        (folder / "empty.png").write_bytes(b"")
        (folder / "huge.jpg").write_bytes(huge)
        (folder / "text.jpg").write_text("not a picture")
    (dangling / "good.jpg").write_bytes(good)
    (dangling / "gone.jpg").symlink_to(tmp_path / "nowhere.jpg")
    code, report, said = archive(source)
    assert code == 3 and report["screened"] == 6 and report["failed"] == 2
    slides = {row["slide_id"]: row for row in rows(out, "slides")}
    assert set(slides) == {*SLIDES, "mixed", "hopeless"}
    # What can be read and is no picture is a result: a refused field, as of `screen`.
    assert (slides["mixed"]["fields_read"], slides["mixed"]["fields_undecodable"]) == (1, 4)
    assert slides["hopeless"]["verdict"] == "refused"
    reasons = {row["file"]: row["reason"] for row in rows(out, "fields") if not row["decoded"]}
    assert "truncated" in reasons["cut.jpg"] and "megapixels" in reasons["huge.jpg"]
    assert "not an image" in reasons["text.jpg"] and "nothing" in reasons["empty.png"]
    # What cannot be read is none: it is tried again, now and by the next run.
    failures = listed(out)
    assert set(failures) == {"hopeless", "dangling"}
    assert failures["hopeless"]["what"] == "no readable field"
    assert "gone.jpg" in failures["dangling"]["value"] and failures["dangling"]["tries"] == "2"
    assert "failed dangling" in said
    (tmp_path / "nowhere.jpg").write_bytes(painted_jpeg(0, 2))
    code, report, _ = archive(source)
    assert code == 3 and report["screened"] == 1 and set(listed(out)) == {"hopeless"}


def test_folder_that_cannot_be_listed_is_said(archive: Any, source: Path, tmp_path: Path) -> None:
    archive(source)
    # Root may list whatever is there, but nobody a path longer than the system allows.
    deep, name = os.open(source / "a" / "deeper", os.O_RDONLY), "d" * 250
    for _ in range(17):
        os.mkdir(name, dir_fd=deep)
        deeper = os.open(name, os.O_RDONLY, dir_fd=deep)
        os.close(deep)
        deep = deeper
    os.close(deep)
    code, report, _ = archive(source)
    assert code == 3 and report["removed"] == [] and report["skipped"] == 4
    ((slide, failure),) = listed(tmp_path / "out").items()
    assert slide.startswith("a/deeper/ddd") and failure["what"] == "folder cannot be listed"
    assert "name too long" in failure["value"]


def test_names_that_are_no_text_are_said(archive: Any, source: Path, tmp_path: Path) -> None:
    for folder in (b"odd\xff", b"even"):
        (path := Path(os.fsdecode(os.fsencode(source) + b"/" + folder))).mkdir()
        (path / os.fsdecode(b"f\xfe.jpg")).write_bytes(painted_jpeg())
    code, report, _ = archive(source)
    assert code == 3 and report["screened"] == 4
    failures = listed(tmp_path / "out")
    assert set(failures) == {"'odd\\udcff'", "even"}
    assert "rename it" in failures["even"]["value"] and "udcfe" in failures["even"]["value"]


def test_source_that_goes_meanwhile_ends_the_run(
    archive: Any, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = task._read

    def read_and_go(*given: Any) -> Any:
        result = read(*given)
        source.rename(tmp_path / "unplugged")
        return result

    monkeypatch.setattr(task, "_read", read_and_go)
    code, _, said = archive(source)
    assert code == 3 and f"does not see SOURCE {source}" in said
    (tmp_path / "unplugged").rename(source)
    monkeypatch.setattr(task, "_read", read)
    assert archive(source)[0] == 0


def test_slide_that_grows_is_read_again_and_later_ones_are_said(
    archive: Any, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, grown = task._read, []

    def read_and_grow(*given: Any) -> Any:
        result = read(*given)
        if not grown:
            grown.append((source / "a" / "late.jpg").write_bytes(painted_jpeg(0, 3)))
            write_slide(source / "a" / "aa", 1)
        return result

    monkeypatch.setattr(task, "_read", read_and_grow)
    code, report, said = archive(source)
    assert code == 0 and report["screened"] == 4 and report["came_later"] == ["a/aa"]
    assert "a/aa" in said and "run again" in said
    assert rows(tmp_path / "out", "slides")[0]["fields_read"] == 3
    assert archive(source)[1]["screened"] == 1


def test_slide_that_never_rests_is_listed(
    archive: Any, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, number = task._read, iter(range(100))

    def read_and_grow(*given: Any) -> Any:
        result = read(*given)
        (source / "a-b" / "late.jpg").write_bytes(painted_jpeg() + bytes(next(number)))
        return result

    shutil.rmtree(source / "a")
    shutil.rmtree(source / "z")
    monkeypatch.setattr(task, "_read", read_and_grow)
    assert archive(source)[0] == 3
    assert listed(tmp_path / "out")["a-b"]["what"] == "keeps changing"


def test_fault_of_the_program_fails_one_slide(
    archive: Any, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, first = task._read, iter([True])

    def read_or_fail(*given: Any) -> Any:
        if next(first, False):
            raise ZeroDivisionError("a kind of slide\nthat nobody thought of")
        return read(*given)

    monkeypatch.setattr(task, "_read", read_or_fail)
    code, report, _ = archive(source)
    assert code == 3 and report["screened"] == 3
    failure = listed(tmp_path / "out")["a"]
    assert "ZeroDivisionError: a kind of slide that nobody" in failure["value"]
    assert failure["tries"] == "1"


def test_damaged_result_is_dropped_and_made_again(
    archive: Any, source: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    archive(source)
    before = bytes_of(out)
    part = next((out / "parts").rglob("*.parquet"))
    part.write_bytes(part.read_bytes()[:-100])
    (out / "tables").unlink()
    code, report, _ = archive(source)
    assert code == 3 and report["tables"]["slides"] == 3
    assert report["failures"][0]["what"] == "damaged result"
    code, report, _ = archive(source)
    assert code == 0 and report["screened"] == 1
    assert bytes_of(out) == before


def test_tables_that_are_no_longer_whole_are_made_again(
    archive: Any, source: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    archive(source)
    before = bytes_of(out / "tables")
    for harm in ("gone", "cut", "no link", "a folder for the link"):
        tables = (out / "tables").resolve()
        if harm == "gone":
            (tables / "cells" / "part-00000.parquet").unlink()
        elif harm == "cut":
            (tables / "fields" / "part-00000.parquet").write_bytes(b"cut")
        else:
            (out / "tables").unlink()
        if harm == "a folder for the link":
            # As a copy that was not finished has it.
            shutil.copytree(tables / "slides", out / "tables" / "slides")
        code, report, _ = archive(source)
        assert code == 0 and report["screened"] == 0
        assert bytes_of(out / "tables") == before and (out / "tables").is_symlink()
        assert len(list(out.glob(".tables*"))) == 1


def test_other_bundle_protocol_or_program_is_refused(
    archive: Any, drawn: Path, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    archive(drawn)
    before = bytes_of(out)
    other = write_first_opinion(tmp_path / "other")
    code, report, said = archive(drawn, "--bundle", other.path)
    assert code == 3 and report is None
    kept = json.loads((out / "archive.json").read_text())["ran_on"]["bundle_sha256"]
    assert kept in said and other.sha256 in said and "another --out" in said
    home.mkdir(exist_ok=True)
    (home / "config.toml").write_text('protocol = "who-thin-10000"\n')
    code, _, said = archive(drawn)
    assert code == 3 and "who-thin-10000" in said
    (home / "config.toml").unlink()
    monkeypatch.setattr("edge.commands.archive.version", lambda _: "99.0")
    code, _, said = archive(drawn)
    assert code == 3 and "program_version" in said and "99.0" in said
    assert bytes_of(out) == before
    (out / "archive.json").write_text("{")
    assert archive(drawn)[0] == 3


def test_two_runs_do_not_share_an_output(archive: Any, drawn: Path, tmp_path: Path) -> None:
    from edge.archive.lock import own_output
    from edge.archive.places import open_place

    with own_output(open_place(str(tmp_path / "out"))):
        code, _, said = archive(drawn)
    assert code == 3 and "another run writes to" in said
    assert archive(drawn)[0] == 0


def test_archive_without_slides_and_wrong_places_are_refused(
    archive: Any, drawn: Path, tmp_path: Path
) -> None:
    (tmp_path / "bare").mkdir()
    for source, word in ((tmp_path / "bare", "holds no PNG"), (tmp_path / "nowhere", "listed")):
        code, _, said = archive(source)
        assert code == 3 and word in said and str(source) in said
    assert archive(drawn, out=drawn / "results")[0] == 3
    assert "simulated:" in archive("simulated:slides=2&colour=red")[2]
    assert archive("simulated:slides=0")[0] == 3
    code, _, said = archive("unheard://of/it")
    assert code == 3 and "clinicscope[archive]" in said


def test_worker_that_does_not_see_the_output_ends_the_run(
    archive: Any, drawn: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task, "_TOKEN_WAIT_S", 0.0)
    monkeypatch.setattr("edge.archive.run.TOKEN_FILE", "elsewhere.token")
    code, _, said = archive(drawn)
    assert code == 3 and "does not see what the driver wrote" in said and "node" in said


def test_simulated_archive_needs_no_data(archive: Any, tmp_path: Path) -> None:
    small = "width_px=320&height_px=240&cells_per_field=12&parasitaemia_fraction=0.5"
    source = f"simulated:slides=3&fields=1&seed=2&{small}"
    assert archive(source)[1]["fields"] == 3
    assert archive(source, out=tmp_path / "again")[0] == 0
    assert bytes_of(tmp_path / "out") == bytes_of(tmp_path / "again")
    other = archive(source.replace("seed=2", "seed=3"))[1]
    assert other["screened"] == 3 and other["removed"] == []
