"""A clinic's records for the browser: simulated slides, really screened, in every state.

No patient's picture is in them, so what is photographed of them may be published.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from edge.certificate import load_or_create_certificate
from edge.config import CONFIG_FILE, DeviceConfig, load_config
from edge.contract.images import encode_image
from edge.installed import load_screener
from edge.protocol import Protocol
from edge.screening.reading import unfinished
from edge.screening.service import ScreeningService
from edge.screening.state import SpecimenRequest
from edge.signing import amend, read_review, sign
from edge.store.records import FAILED, Patient, SpecimenDetails
from edge.store.register import Register
from edge.store.results import Results
from edge.store.review import Reviews, Tallies
from edge.store.store import Store
from tests.support.bad_fields import empty_field
from tests.support.clinic_specimens import REPORT
from web_ui.bench_view import FOLDER

RECORD = Path(__file__).parents[2] / "docs/bench/x86-2-cores.json"

# A count that few fields reach, and a camera that needs no hardware.
CONFIG = """\
protocol = "bsh-thin-1000"

[camera]
name = "simulated"

[camera.settings]
parasitaemia_fraction = 0.08
seed = 7
"""
READER = "Dr. Amina Otieno"
WORKLIST = """\
barcode,patient_id,age_band,sex,site,smear
KS-2207,P-0311,0-4,female,Kisumu,thin
KS-2208,P-0312,15+,male,Kisumu,thin
KS-2209,P-0313,5-14,female,Ahero,thick
"""
# Weeks back, age band, verdict: what the site's figures are drawn from.
_MONTHS_PAST = (
    (9, "0-4", "positive"),
    (8, "5-14", "positive"),
    (8, "15+", "negative"),
    (7, "0-4", "negative"),
    (6, "0-4", "positive"),
    (6, "15+", "inconclusive"),
    (5, "5-14", "negative"),
    (4, "15+", "positive"),
    (4, "0-4", "negative"),
    (3, "5-14", "positive"),
    (3, "0-4", "positive"),
    (2, "15+", "negative"),
    (2, "5-14", "refused"),
    (1, "0-4", "positive"),
)


class Clock:
    """The store's clock; tests turn it back."""

    def __init__(self) -> None:
        self.back = timedelta()

    def __call__(self) -> str:
        return (datetime.now(UTC) - self.back).isoformat(timespec="seconds")


def furnish(home: Path, fields: int = 2) -> dict[str, str]:
    """Fills an empty data directory; gives the id of a specimen of each kind.

    Args:
        home: the data directory of an appliance that is not running.
        fields: of each slide that is screened; more make the pictures richer.
    """
    home.mkdir(parents=True, exist_ok=True)
    (home / CONFIG_FILE).write_text(CONFIG, encoding="utf-8")
    config, clock = load_config(home), Clock()
    store = Store(home, now=clock)
    add_past(store, clock)
    service = ScreeningService(store, lambda: load_screener(home, config), config.protocol)
    try:
        assert service.state().ready, service.state().problem
        return add_specimens(service, config, home, fields) | add_benchmarks(home)
    finally:
        service.close()


def add_benchmarks(home: Path) -> dict[str, str]:
    """Two records of this program's own benchmark, and the certificate that a device makes."""
    load_or_create_certificate(home, ["clinic.local"])
    names = ("20261118T081500Z", "20261120T093000Z")
    (home / FOLDER).mkdir()
    for name in names:
        shutil.copy(RECORD, home / FOLDER / f"{name}.json")
    return {"bench": names[1], "compare": f"?first={names[0]}&second={names[1]}"}


def add_past(store: Store, clock: Clock) -> None:
    """Signed results of the past weeks, without pictures."""
    for number, (weeks, age_band, verdict) in enumerate(_MONTHS_PAST):
        clock.back = timedelta(weeks=weeks, hours=number)
        positive = 40 + 3 * number if verdict == "positive" else 0
        patient = Patient(f"P-02{number:02d}", age_band, ("female", "male")[number % 2], "Kisumu")
        Register(store).add_patient(patient, "Grace")
        details = SpecimenDetails(patient.patient_id, "Grace", "Kisumu", protocol="bsh-thin-1000@1")
        specimen_id = store.start_specimen(f"S-00{number:02d}", "simulated", {"seed": 1}, details)
        report = replace(
            REPORT,
            verdict=verdict,
            positive_count=positive,
            parasitaemia_fraction=positive / REPORT.rbc_count,
            ci_low=0.8 * positive / REPORT.rbc_count,
            ci_high=max(0.0005, 1.2 * positive / REPORT.rbc_count),
            fields_refused=number % 4,
        )
        store.finish_specimen(specimen_id, report)
        if number % 5:
            Results(store).sign(specimen_id, READER)
    clock.back = timedelta()


def add_specimens(
    service: ScreeningService, config: DeviceConfig, home: Path, fields: int
) -> dict[str, str]:
    """Slides in every state, the newest last."""
    store = service.store
    for number, age_band in ((107, "5-14"), (108, "0-4"), (109, "15+")):
        Register(store).add_patient(Patient(f"P-0{number}", age_band, "female", "Kisumu"), "Grace")
    (home / "worklist.csv").write_text(WORKLIST, encoding="utf-8")
    Register(store).import_worklist(home / "worklist.csv", "Grace")
    found = {
        "failed": _failed(store),
        "refused": _screen_dark(service, home),
        "clear": _screen(service, "S-0139", 21, 0.0, 2 * fields),
        "amended": _screen(service, "S-0140", 12, 0.1, fields, "P-0107"),
        "signed": _screen(service, "S-0141", 13, 0.12, fields, "P-0108"),
        "positive": _screen(service, "S-0142", 11, 0.08, fields, "P-0109"),
    }
    for name in ("signed", "amended"):
        _sign(store, found[name], config.protocol)
    reason = "Another patient's slide lay under the microscope."
    amend(store, found["amended"], READER, reason, "inconclusive", config.protocol)
    return found


def _screen(
    service: ScreeningService,
    label: str,
    seed: int,
    fraction: float,
    fields: int,
    patient: str | None = None,
) -> str:
    settings = {"seed": seed, "parasitaemia_fraction": fraction, "fields": fields}
    details = SpecimenDetails(patient, "Grace", "Kisumu")
    return _wait(service, SpecimenRequest(label, "simulated", settings, details))


def _screen_dark(service: ScreeningService, home: Path) -> str:
    folder = home / "glass"
    folder.mkdir()
    paths = []
    for seed in range(2):
        paths.append(folder / f"field-{seed + 1}.png")
        paths[-1].write_bytes(encode_image(empty_field(seed, 3)))
    sources = {"sources": [str(path) for path in paths]}
    return _wait(service, SpecimenRequest("S-0138", "upload", sources))


def _wait(service: ScreeningService, request: SpecimenRequest) -> str:
    specimen_id = service.start(request)
    assert service.wait(120), f"{request.label} was not screened in time"
    return specimen_id


def _failed(store: Store) -> str:
    specimen_id = store.start_specimen("S-0137", "camera:simulated", {})
    why = "USB microscope at /dev/video0 gives no pictures; is it unplugged?"
    store.finish_specimen(specimen_id, unfinished(REPORT, why), FAILED, why)
    return specimen_id


def _sign(store: Store, specimen_id: str, protocol: Protocol) -> None:
    for number, cell in enumerate(read_review(store, specimen_id, protocol).cells):
        label = "uninfected" if cell.disagrees else ("ring", "trophozoite")[number % 2]
        Reviews(store).review_cell(cell.cell_id, label, READER)
    (slide,) = Register(store).slides_of(specimen_id)
    Tallies(store).add(slide.slide_id, READER, parasites=61, rbc_counted=1000)
    sign(store, specimen_id, READER, protocol)
