"""Figures for monitoring: who may read them, that they are true, and that they name no patient."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from api_samples import Program, program
from flask import Flask
from flask.testing import FlaskClient
from web_samples import ScriptedScreener, screen_uploads, submit

from edge.screening.service import ScreeningService
from edge.store.records import Patient
from edge.store.register import Register
from edge.store.tokens import HEALTH, METRICS
from tests.edge.bench.sensor_tree import write_pi
from web_ui.metrics.exposition import COUNTER, GAUGE, Family, Sample, labelled, render, single
from web_ui.metrics.figures import machine_families, process_families
from web_ui.metrics.meter import BUCKETS, Meter

ELSEWHERE = {"REMOTE_ADDR": "192.168.4.7"}
_LABEL = r"\w+=\"(?:[^\"\\\n]|\\[\\n\"])*\""
LINE = re.compile(rf"# (?:HELP|TYPE) \w+ .+|[a-z_]+(?:\{{{_LABEL}(?:,{_LABEL})*\}})? -?[\d.e+-]+")


def figures_of(text: str) -> dict[str, float]:
    """By the whole name of each line; every line has its form."""
    assert text.endswith("\n")
    for line in text.splitlines():
        assert LINE.fullmatch(line), line
    lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}


def test_figures_are_for_a_token_or_for_the_device_itself(
    app: Flask, client: FlaskClient, service: ScreeningService
) -> None:
    assert client.get("/metrics").status_code == 200
    refused = Program(app.test_client()).get("/metrics", environ_base=ELSEWHERE)
    assert client.get("/metrics", environ_base=ELSEWHERE).status_code == 401
    for scopes, code in (([METRICS], 200), ([HEALTH], 403)):
        asked = program(app, service.store, scopes)
        answer = asked.ask("GET", "/metrics", environ_base=ELSEWHERE)
        assert answer.status_code == code
    del refused


def test_figures_follow_the_device(client: FlaskClient, service: ScreeningService) -> None:
    before = figures_of(client.get("/metrics").text)
    assert before["clinicscope_ready"] == 1 and before["clinicscope_screening"] == 0
    assert before["clinicscope_fallback"] == 0 and before["clinicscope_disk_free_bytes"] > 0
    assert before['clinicscope_outbox_items{state="waiting"}'] == 0
    assert before["process_resident_memory_bytes"] > 1e6 and before["process_open_fds"] > 3
    assert not any("specimens" in name for name in before if "http" not in name)
    assert submit(client, source="simulated", fields="2").status_code == 303
    assert service.wait(10)
    client.get("/specimens/none")
    after = figures_of(client.get("/metrics").text)
    assert after['clinicscope_specimens{status="done"}'] == 1
    answered = "clinicscope_http_requests_total"
    assert after[f'{answered}{{method="POST",endpoint="specimens.create",code="303"}}'] == 1
    assert after[f'{answered}{{method="GET",endpoint="specimens.show",code="404"}}'] == 1
    client.get("/nothing")
    nothing = figures_of(client.get("/metrics").text)
    assert nothing[f'{answered}{{method="GET",endpoint="none",code="404"}}'] == 1
    info = next(name for name in after if name.startswith("clinicscope_info"))
    assert 'bundle="malaria-cells-1.2.0"' in info and 'runtime="litert"' in info


def test_a_broken_device_says_so(
    service: ScreeningService, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_screener", None)
    found = figures_of(client.get("/metrics").text)
    assert found["clinicscope_ready"] == 0 and "clinicscope_fallback" not in found


def test_no_figure_names_a_patient_or_a_person(
    client: FlaskClient, service: ScreeningService, screener: ScriptedScreener
) -> None:
    import io

    from web_samples import field_png

    Register(service.store).add_patient(Patient("PATIENT-77", site="Moussoro"))
    files = [(io.BytesIO(field_png()), "PATIENT-77.png")]
    specimen_id = screen_uploads(client, service, files, label="LABEL-5", patient_id="PATIENT-77")
    client.get(f"/specimens/{specimen_id}?q=PATIENT-77")
    text = client.get("/metrics").text
    for secret in ("PATIENT-77", "LABEL-5", "Moussoro", specimen_id, "A. Reader"):
        assert secret not in text


def test_every_answer_tells_what_the_server_took(client: FlaskClient) -> None:
    for address in ("/", "/nothing", "/api/v1/health"):
        timing = client.get(address).headers["Server-Timing"]
        assert re.fullmatch(r"app;dur=\d+\.\d", timing)


def test_times_are_counted_in_cumulative_buckets() -> None:
    meter = Meter()
    for seconds in (0.001, BUCKETS[0], 0.09, 0.1, 7.0):
        meter.note("GET", "today.show", 200, seconds)
    found = figures_of(render(meter.families()))
    name = "clinicscope_http_request_duration_seconds"
    of = 'endpoint="today.show"'
    assert found[f'{name}_bucket{{{of},le="0.005"}}'] == 2
    assert found[f'{name}_bucket{{{of},le="0.05"}}'] == 2
    assert found[f'{name}_bucket{{{of},le="0.1"}}'] == 4
    assert found[f'{name}_bucket{{{of},le="5"}}'] == 4
    assert found[f'{name}_bucket{{{of},le="+Inf"}}'] == found[f"{name}_count{{{of}}}"] == 5
    assert found[f"{name}_sum{{{of}}}"] == pytest.approx(7.196)


def test_text_is_escaped_and_empty_families_are_left_out() -> None:
    odd = Family("odd", GAUGE, "Odd.", (Sample(2.5, (("name", 'a "b"\\\n'),)),))
    text = render([odd, labelled("none", GAUGE, "None.", "x", {}), single("n", COUNTER, "N.", 3)])
    assert text == (
        "# HELP odd Odd.\n# TYPE odd gauge\n"
        'odd{name="a \\"b\\"\\\\\\n"} 2.5\n'
        "# HELP n N.\n# TYPE n counter\nn 3\n"
    )
    assert render([]) == ""


def test_temperatures_come_from_files_alone(tmp_path: Path) -> None:
    write_pi(tmp_path)
    text = render(machine_families(tmp_path))
    assert figures_of(text)['clinicscope_temperature_celsius{sensor="cpu-thermal"}'] == 48.312
    assert render(machine_families(tmp_path / "none")) == ""


def test_the_process_is_told_under_the_usual_names() -> None:
    found = figures_of(render(process_families()))
    assert found["process_threads"] >= 1 and found["process_start_time_seconds"] > 1.6e9
