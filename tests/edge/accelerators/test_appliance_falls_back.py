"""A specimen whose accelerator fails is read to its end, and record, page and doctor say so."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from edge.cameras.smear import draw_field
from edge.cameras.smear_settings import SmearSettings
from edge.config import DeviceConfig
from edge.contract.types import Frame
from edge.health import ABSENT, OK, PRESENT, WARNING
from edge.health.networks import check_bundle, list_accelerators
from edge.installed import load_screener
from edge.protocol import Protocol
from edge.screening.service import ScreeningService
from edge.screening.state import SpecimenRequest
from edge.store.records import DONE
from edge.store.store import Store
from tests.edge.accelerators.drawn_delegate import NAME, drawn_settings
from tests.support.people import logged_in
from web_ui import create_app

Run = Callable[..., tuple[int, str, str]]


def test_specimen_goes_on_and_each_field_says_what_read_it(tmp_path: Path, library: Path) -> None:
    settings = drawn_settings(library, "lost", after=70, restarts=0)
    config = DeviceConfig(threads=1, accelerators=settings)
    home = tmp_path / "home"
    service = ScreeningService(
        Store(home), lambda: load_screener(home, config), Protocol(minimum_rbc_count=1500)
    )
    try:
        before = service.state().ran_on
        assert before and not before.fallback and before.accelerator.startswith(NAME)
        specimen_id = service.start(SpecimenRequest("S-1", "simulated", {"seed": 3}))
        assert service.wait(120)
        record = service.store.specimen(specimen_id)
        assert (record.status, record.error) == (DONE, "")
        assert record.report and record.report["fallback"] is True
        assert "the device is gone" in record.report["fallback_why"]
        assert record.report["accelerator"].startswith("cpu")
        fields = service.store.fields(specimen_id)
        ran = [field.ran_on["accelerator"] for field in fields if field.ran_on]
        assert len(ran) == len(fields) > 4
        assert ran[0].startswith(NAME) and ran[-1].startswith("cpu")
        # One change, and every field on one side of it.
        changes = [first != second for first, second in pairwise(ran)]
        assert sum(changes) == 1
        assert fields[0].ran_on and fields[0].ran_on["fallback"] is False
        page = logged_in(create_app(service)).get("/").get_data(as_text=True)
        assert "Running on a fallback" in page and "the device is gone" in page
    finally:
        service.close()


def test_field_read_by_halves_is_read_again(tmp_path: Path, library: Path) -> None:
    # Of a known scale, so that the finder does not learn it from field to field.
    frame = Frame(draw_field(SmearSettings(), 4, 0).image, "drawn", um_per_px=0.12)
    plain = load_screener(tmp_path / "plain", DeviceConfig(threads=1)).screen(frame)
    settings = drawn_settings(library, "lost", after=66, restarts=0)
    screener = load_screener(tmp_path, DeviceConfig(threads=1, accelerators=settings))
    results = [screener.screen(frame) for _ in range(8)]
    assert results[-1].ran_on and results[-1].ran_on.fallback
    for result in results:
        assert [cell.label for cell in result.cells] == [cell.label for cell in plain.cells]
    screener.close()


def test_screen_says_what_it_fell_back_from(
    clinicscope: Run, library: Path, tmp_path: Path
) -> None:
    path = tmp_path / "result.json"
    code, out, _ = clinicscope(
        "screen", "camera:simulated?seed=3&fields=1", "--json", path,
        "--delegate", f"{library}?fault=refuse",
    )  # fmt: skip
    assert code == 0 and "fallback: litert/delegate: delegate libdrawn.so refuses to load" in out
    slide = json.loads(path.read_text())["slide"]
    assert slide["fallback"] is True and "no device is attached" in slide["fallback_why"]


def test_named_accelerator_is_used(clinicscope: Run, library: Path) -> None:
    code, out, _ = clinicscope("selftest", "--delegate", f"{library}?fault=none", "--json")
    assert code == 0
    told = json.loads(out)
    assert told["accelerator"] == f"{NAME}; novelty: cpu-xnnpack"
    assert (told["fallback"], told["fallback_why"]) == (False, "")
    code, out, _ = clinicscope("selftest", "--accelerator", "onnx/cpu", "--json")
    assert json.loads(out)["runtime"] == "onnx"


def test_unknown_accelerator_is_refused(clinicscope: Run) -> None:
    code, _, said = clinicscope("selftest", "--accelerator", "abacus")
    assert code == 3 and "accelerator is 'abacus'; known: litert/cpu" in said


def test_doctor_lists_and_warns(clinicscope: Run, home: Path, library: Path) -> None:
    code, out, _ = clinicscope("doctor", "--json", "--delegate", f"{library}?fault=none")
    found = {check["name"]: check for check in json.loads(out)}
    assert code == 0
    assert found["litert/cpu"]["state"] == found["litert/delegate"]["state"] == PRESENT
    assert found["tflite_runtime/edgetpu"]["state"] == ABSENT
    assert found["tflite_runtime/edgetpu"]["detail"]
    assert found["bundle"]["state"] == OK
    assert "operations on the device: 1 of 12 of classifier" in found["bundle"]["detail"]
    wrong = DeviceConfig(accelerators=drawn_settings(library, "wrong"))
    check = check_bundle(home, wrong)
    assert check.state == WARNING and "a fallback: litert/delegate: golden" in check.detail


def test_doctor_asks_the_library_for_edge_tpus(
    tmp_path: Path, library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No Edge TPU can be attached here: only what the kernel lists is set.
    monkeypatch.setattr("edge.accelerators.probing.edgetpu_devices", lambda: ["USB 2-1"])
    settings = drawn_settings(library)
    config = DeviceConfig(accelerators=settings.__class__(edgetpu_library=str(library)))
    told = {check.name: check for check in list_accelerators(tmp_path, config)}["litert/edgetpu"]
    assert told.state == PRESENT
    assert told.detail.endswith("USB 2-1; Drawn 1.0; it finds USB drawn-tpu")
