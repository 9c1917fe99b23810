"""The one-page report of a specimen: what is on it, as HTML and as PDF, and the command."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.cli import main
from edge.contract.errors import ConflictError, NotFoundError
from edge.protocol import default_protocol
from edge.reports.content import SpecimenContent, read_content
from edge.reports.lines import NOTICE, caption, lines_of, moment
from edge.reports.page import render, render_html
from edge.reports.paper import printable
from edge.reports.pdf import render_pdf
from edge.reports.wording import SMEAR
from edge.signing import amend, sign
from edge.store.records import FAILED, THICK, Patient, SpecimenDetails
from edge.store.register import Register
from edge.store.review import Reviews, Tallies
from edge.store.store import Store
from tests.support.clinic_specimens import store_specimen

HOSTILE = "<script>alert(1)</script>"
PROTOCOL = default_protocol()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = Store(tmp_path / "home")
    yield found
    found.close()


def content(store: Store, specimen_id: str) -> SpecimenContent:
    return read_content(store, specimen_id, PROTOCOL)


def page_count(data: bytes) -> int:
    assert data.startswith(b"%PDF-") and data.rstrip().endswith(b"%%EOF")
    return len(re.findall(rb"/Type /Page\b(?!s)", data))


def signed_specimen(store: Store, **details: str) -> str:
    Register(store).add_patient(Patient("P-1", "0-4", "female", "Ward 1"))
    given = SpecimenDetails(patient_id="P-1", **{"site": "Ward 1", "barcode": "BC-1"} | details)  # type: ignore[arg-type]
    specimen_id = store_specimen(store, 8, verdict="positive", details=given)
    for number, cell in enumerate(store.suspect_cells(specimen_id)):
        label = "ring" if number == 7 else "uninfected"
        Reviews(store).review_cell(cell.cell_id, label, "Ana Ouédraogo")
    slide = Register(store).add_slide(specimen_id, THICK)
    Tallies(store).add(slide.slide_id, "Ben", parasites=100, wbc_counted=200)
    sign(store, specimen_id, "Ana Ouédraogo", PROTOCOL)
    return specimen_id


def test_signed_report_tells_all_of_it(store: Store) -> None:
    specimen_id = signed_specimen(store)
    found = content(store, specimen_id)
    page = render_html(found)
    for expected in (
        NOTICE, "FINAL", "Malaria parasites seen", "P-1", "0-4, female", "Ward 1", "BC-1",
        "8 of 8 by Ana Ouédraogo", "1 infected, 7 not", "100 parasites", "4,000 per µL",
        "8,000 white cells per µL, assumed", "Final, signed by Ana Ouédraogo at", "who-thin-5000@1",
        "malaria-cells-4 (abababababab)", "litert, cpu-xnnpack", "SIMULATED",
        "1. positive, preliminary, the device", "2. positive, final, Ana Ouédraogo",
    ):  # fmt: skip
        assert expected in page, expected
    assert page.count("data:image/jpeg;base64,") == 12 and "<svg" in page
    assert not re.search(r"(?:src|href)=\"(?!data:)", page), "the file needs no other"
    # The cell that a person confirmed comes first, though its score is the least.
    assert caption(found.pictures[0], SMEAR)[1] == "ring: Ana Ouédraogo"
    assert page_count(render_pdf(found)) == 1


def test_unsigned_report_says_so(store: Store) -> None:
    specimen_id = store_specimen(store, 3, verdict="positive")
    lines = lines_of(content(store, specimen_id))
    assert lines.title == "Malaria parasites suspected" and lines.state == "PRELIMINARY"
    assert "No person has signed it" in lines.signature and "must confirm" in lines.advice
    assert lines.versions == ()


def test_report_of_failure_is_no_negative(store: Store) -> None:
    specimen_id = store_specimen(store, 0, status=FAILED, error="the camera is gone")
    lines = lines_of(content(store, specimen_id))
    assert lines.title == "Not enough to decide" and "not a negative" in lines.advice
    assert ("Screening", "failed") in lines.specimen
    assert page_count(render_pdf(content(store, specimen_id))) == 1


def test_amended_report_has_its_reason(store: Store) -> None:
    specimen_id = signed_specimen(store)
    amend(store, specimen_id, "Ben", f"Wrong slide.\n{HOSTILE}", "inconclusive", PROTOCOL)
    lines = lines_of(content(store, specimen_id))
    assert (lines.state, lines.title) == ("AMENDED", "Not enough to decide")
    assert lines.counts[0] == ("Figures", "as they were signed, not amended")
    assert "Reason: Wrong slide." in lines.signature and len(lines.versions) == 3
    page = render_html(content(store, specimen_id))
    assert "<script>alert" not in page and "&lt;script&gt;" in page


def test_hostile_text_stays_text(store: Store) -> None:
    name = "<img src=x onerror=alert(1)>"
    details = SpecimenDetails(site=name, operator=name)
    specimen_id = store_specimen(
        store, 1, label=f"{HOSTILE}\x07\ud800 مرحبا ሰላም 😀", details=details, why=HOSTILE
    )
    found = content(store, specimen_id)
    page = render_html(found)
    assert "<script>alert" not in page and "<img src=x" not in page
    assert render(found, "html").decode().count("?") > 0
    assert page_count(render_pdf(found)) == 1
    assert printable("a\x07\ud800b\nc") == "a ?b\nc"


def test_long_reason_takes_more_pages_and_loses_nothing(store: Store) -> None:
    specimen_id = signed_specimen(store)
    for number in range(3):
        amend(store, specimen_id, "Ben", f"{number} " + "word " * 390, "refused", PROTOCOL)
    data = render_pdf(content(store, specimen_id))
    assert page_count(data) > 1
    texts = [zlib.decompress(part) for part in re.findall(rb"stream\n(.*?)\nendstream", data, re.S)
             if part.startswith(b"x")]  # fmt: skip
    assert texts


def test_report_without_images_keeps_its_counts(store: Store) -> None:
    specimen_id = store_specimen(store, 2)
    image = store.field(specimen_id, 0).image_file
    assert image is not None
    (store.home / image).unlink()
    found = content(store, specimen_id)
    assert found.pictures == () and "6,000 of 5,000 asked" in render_html(found)
    assert page_count(render_pdf(found)) == 1


def test_running_or_missing_specimen_has_no_report(store: Store) -> None:
    with pytest.raises(ConflictError, match="is being screened"):
        content(store, store.start_specimen("S-1", "simulated", {}))
    with pytest.raises(NotFoundError):
        content(store, "none")


def test_times_are_said_in_words() -> None:
    assert moment("2026-11-21T09:30:00+03:00") == "21 Nov 2026, 06:30 UTC"
    assert [moment(text) for text in ("2026-11-21", "T", None)] == ["2026-11-21", "T", ""]


def test_command_writes_pdf_and_html(
    store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("CLINICSCOPE_HOME", str(store.home))
    specimen_id = signed_specimen(store)
    for name in ("a.pdf", "b.HTML"):
        assert main(["report", specimen_id, "--out", str(tmp_path / "new" / name)]) == 0
    assert "positive, final" in capsys.readouterr().out
    assert page_count((tmp_path / "new/a.pdf").read_bytes()) == 1
    assert "Final, signed by" in (tmp_path / "new/b.HTML").read_text()
    assert main(["report", specimen_id, "--out", str(tmp_path / "a.txt")]) == 2
    assert main(["report", "none", "--out", str(tmp_path / "a.pdf")]) == 3
    assert not (tmp_path / "a.pdf").exists()
    monkeypatch.setenv("CLINICSCOPE_HOME", str(tmp_path / "nowhere"))
    assert main(["report", specimen_id, "--out", str(tmp_path / "a.pdf")]) == 3
