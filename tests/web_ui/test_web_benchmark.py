"""Benchmark: measured in a child, seen, and laid side by side."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from web_samples import ScriptedScreener, submit, token

from edge.bench import child
from edge.bench.compare import read_record
from edge.bench.schema import STEPS
from edge.contract.errors import DataError
from edge.screening.service import ScreeningService
from edge.store.users import OPERATOR
from web_ui import bench_view, benchmark
from web_ui.bench_view import FOLDER, list_records, record_name, remove_oldest, view_record
from web_ui.child_run import ChildState

KEPT = Path(__file__).parents[2] / "docs/bench/x86-2-cores.json"
FIRST, SECOND = "20261125T080000Z", "20261126T080000Z"


@pytest.fixture
def folder(service: ScreeningService) -> Path:
    made = service.store.home / FOLDER
    made.mkdir()
    return made


@pytest.fixture
def records(folder: Path) -> list[dict[str, Any]]:
    """Two records: the committed one, and one of a device that is twice as fast."""
    first = json.loads(KEPT.read_text())
    second = json.loads(KEPT.read_text())
    for model in second["models"]:
        model["median_ms"] /= 2
        model["median_interval"] = {k: v / 2 for k, v in model["median_interval"].items()}
    second["machine"]["board"] = "A <b>faster</b> board"
    for name, record in ((FIRST, first), (SECOND, second)):
        (folder / f"{name}.json").write_text(json.dumps(record))
    return [first, second]


def send(client: FlaskClient, address: str, **form: str) -> Any:
    return client.post(address, data={"csrf_token": token(client), **form})


def test_child_takes_the_flags_of_the_service(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(tmp_path / "out.json"), "--runs", "1", "--fields", "1", "--accelerator", "cpu"]
    assert child.main([*words, "--delegate", "/x.so?nothing"]) == 3
    assert "options of --delegate are 'nothing'" in capsys.readouterr().err


def test_measured_in_a_child_and_seen(
    client: FlaskClient, app: Flask, service: ScreeningService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(benchmark.LENGTHS, "short", (20, 3))
    assert "Nothing was measured" in client.get("/benchmark").text
    assert send(client, "/benchmark", length="short").status_code == 303
    assert "Being measured" in client.get("/benchmark").text
    assert "HX-Refresh" not in client.get("/benchmark/progress").headers
    assert send(client, "/benchmark", length="short").status_code == 409
    state = app.extensions["clinicscope.device"].bench.wait(240)
    assert state.exit_code == 0, state.error
    assert [json.loads(line)["step"] for line in state.output.splitlines()] == list(STEPS)
    assert client.get("/benchmark/progress").headers["HX-Refresh"] == "true"
    (record,) = list_records(service.store.home)
    assert "too few runs" in " ".join(record.reasons) and record.field_ms
    page = client.get(f"/benchmark/{record.name}").text
    assert "Not to be compared" in page and "malaria-cells-5" in page
    whole = client.get(f"/benchmark/{record.name}.json")
    assert "attachment" in whole.headers["Content-Disposition"] and whole.json["schema"] == 1
    whole.close()


def test_stopped_it_keeps_nothing_and_says_so(
    client: FlaskClient, app: Flask, service: ScreeningService
) -> None:
    send(client, "/benchmark", length="long")
    assert send(client, "/benchmark/stop").status_code == 303
    app.extensions["clinicscope.device"].bench.wait(30)
    assert "It was stopped; nothing was kept" in client.get("/benchmark").text
    assert list_records(service.store.home) == []


def test_a_child_that_fails_says_why(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home.mkdir()
    (home / "config.toml").write_text("threads = = 1")
    assert child.main([str(tmp_path / "out.json"), "--runs", "20", "--fields", "3"]) == 3
    told = capsys.readouterr()
    state = ChildState(False, "", 3, told.out, told.err, "then")
    assert "is not TOML" in benchmark.failure_of(state) and not list(tmp_path.glob("out*"))


def test_it_waits_for_a_specimen_and_for_an_admin(
    client: FlaskClient, client_as: Callable[..., FlaskClient], screener: ScriptedScreener
) -> None:
    operator = client_as(OPERATOR)
    assert operator.get("/benchmark").status_code == 200
    assert operator.post("/benchmark", data={"csrf_token": token(operator)}).status_code == 403
    screener.gate = threading.Event()
    submit(client, source="simulated", fields="3")
    response = send(client, "/benchmark")
    assert response.status_code == 409


def test_a_record_is_shown_with_what_may_be_said(
    client: FlaskClient, records: list[dict[str, Any]]
) -> None:
    page = client.get(f"/benchmark/{FIRST}").text
    assert records[0]["ran_on"]["bundle_id"] in page and records[0]["models"][0]["name"] in page
    assert "&lt;b&gt;faster" in client.get(f"/benchmark/{SECOND}").text
    listed = client.get("/benchmark").text
    assert listed.index(SECOND) < listed.index(FIRST) and "Lay side by side" in listed


def test_two_records_are_laid_side_by_side(
    client: FlaskClient, records: list[dict[str, Any]]
) -> None:
    page = client.get(f"/benchmark/compare?first={FIRST}&second={SECOND}").text
    assert "&lt;b&gt;faster" in page and "board" in page and "0.500" in page
    same = client.get(f"/benchmark/compare?first={FIRST}&second={FIRST}").text
    assert "are the same" in same and "the intervals overlap" in same


def test_records_that_cannot_be_compared_or_read_are_said(
    client: FlaskClient, folder: Path, records: list[dict[str, Any]]
) -> None:
    (folder / f"{FIRST}.json").write_text(json.dumps(records[0] | {"batch": 8}))
    page = client.get(f"/benchmark/compare?first={FIRST}&second={SECOND}").text
    assert "cells a call" in page and "This cannot be shown" in page
    for broken in ("{", json.dumps({"schema": 99}), json.dumps({"schema": 1})):
        (folder / f"{FIRST}.json").write_text(broken)
        page = client.get(f"/benchmark/{FIRST}")
        assert page.status_code == 200 and "This cannot be shown" in page.text
        assert FIRST not in client.get("/benchmark").text.replace("made", "")


def test_names_of_no_record_are_not_found(client: FlaskClient) -> None:
    for name in ("nothing", "..%2f..%2frecords", "20261125T080000", FIRST):
        assert client.get(f"/benchmark/{name}").status_code == 404
        assert client.get(f"/benchmark/{name}.json").status_code == 404
        assert client.get(f"/benchmark/compare?first={name}&second={name}").status_code == 404


def test_only_so_many_records_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_view, "MOST_KEPT", 2)
    (tmp_path / FOLDER).mkdir()
    for name in (FIRST, SECOND, "20261127T080000Z"):
        shutil.copy(KEPT, tmp_path / FOLDER / f"{name}.json")
    (tmp_path / FOLDER / "mine.json").write_text("{}")
    remove_oldest(tmp_path)
    assert {path.stem for path in (tmp_path / FOLDER).iterdir()} == {
        SECOND, "20261127T080000Z", "mine",
    }  # fmt: skip


def test_names_are_times_and_bars_have_lengths() -> None:
    assert record_name("2026-11-26T08:01:02+00:00") == "20261126T080102Z"
    assert bench_view.bar_share(1, [1]) == 100 and bench_view.bar_share(1, [1, 100]) == 4
    assert [bench_view.digits_of(value) for value in (0.05, 0.5, 5, 50)] == [4, 3, 2, 1]
    with pytest.raises(DataError, match="measure again"):
        view_record(FIRST, read_record(KEPT) | {"models": None})


def test_steps_and_failures_are_read_from_what_the_child_wrote() -> None:
    assert benchmark.step_of(ChildState(True, json.dumps({"step": STEPS[3]}))) == 3
    for line in ("", "noise", '{"step": "unknown"}', "{}"):
        assert benchmark.step_of(ChildState(True, line)) == 0
    assert benchmark.failure_of(ChildState(False, "", 1, "", "", "then")) == "It ended with code 1."
