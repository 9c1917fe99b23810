"""The whole record as the command writes it; two of them compared; and the page."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge.bench.compare import NO_CHANGE, compare, read_record
from edge.bench.fields import FieldTime, slides_of
from edge.bench.lines import comparison_lines
from edge.bench.spread import Interval
from edge.cli import main
from edge.contract.errors import DataError
from edge.protocol import Protocol
from tests.conftest import SHIPPED
from tests.edge.bench.sensor_tree import write_pi, write_rapl

Run = Callable[..., tuple[int, str, str]]
PARTS = {
    "schema", "made_utc", "verdict", "ran_on", "batch", "models", "drift", "unsteadiness", "field",
    "slides", "cold", "overhead", "proof", "profiles", "agreement", "energy", "sustained",
    "single_stream", "machine", "before", "after", "load",
}  # fmt: skip


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    """One record of the shipped bundle on a drawn board, and its page; slow: all of it runs."""
    folder = tmp_path_factory.mktemp("record")
    root = write_pi(folder / "board", word="50000", governor="powersave")
    write_rapl(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLINICSCOPE_HOME", str(folder / "home"))
        patch.setattr("edge.bench.energy.SECONDS", 0.1)
        words = [
            "bench", "--runs", 50, "--fields", 3, "--minutes", 0.02, "--mlperf",
            "--mlperf-seconds", 0.1, "--mlperf-queries", 30, "--sensors-root", root,
            "--baseline", SHIPPED / "malaria-cells.int8.onnx",
            "--baseline", SHIPPED / "malaria-cells.int8.tflite",
            "--json", folder / "r.json", "--html", folder / "r.html",
        ]  # fmt: skip
        assert main([str(word) for word in words]) == 0
    assert not list((folder / "home").glob("bench-*"))
    return json.loads((folder / "r.json").read_text()), (folder / "r.html").read_text()


def test_record_joins_everything(measured: tuple[dict[str, Any], str]) -> None:
    record, _ = measured
    assert record.keys() == PARTS
    assert [model["role"] for model in record["models"]] == [
        "classifier", "novelty", "baseline", "baseline",
    ]  # fmt: skip
    for model in record["models"]:
        spread = model["spread"]
        order = [spread[name] for name in ("min", "p50", "p90", "p95", "p99", "p99_9", "max")]
        assert order == sorted(order) and spread["std"] >= 0
        assert [rate["batch"] for rate in model["throughput"]] == [1, 8, 32]
        assert len(model["sha256"]) == 64
    assert record["models"][2]["init_ms"] > 0 and record["models"][2]["first_ms"] > 0
    assert {one["role"] for one in record["cold"]} == {"classifier", "novelty", "finder"}
    assert {one["role"] for one in record["profiles"]} == {"classifier", "novelty", "finder"}
    assert [one["batch"] for one in record["overhead"]] == [1, 32]
    assert record["single_stream"]["queries"] >= 30
    assert len(record["sustained"]["windows"]) == 24
    assert [one["what"] for one in record["energy"]] == [
        "one cell", "one field, JPEG bytes to calls",
    ]  # fmt: skip
    assert record["machine"]["board"] == "Raspberry Pi 4 Model B Rev 1.4"


def test_fields_are_timed_from_the_camera_to_the_disk(
    measured: tuple[dict[str, Any], str],
) -> None:
    field = measured[0]["field"]
    assert field["stages_ms"].keys() >= {
        "decode", "quality", "cells", "preprocess", "infer", "call",
    }  # fmt: skip
    assert field["beside_ms"].keys() == {"capture", "persist"}
    assert min(field["beside_ms"].values()) > 0
    assert field["total_ms"] == pytest.approx(sum(field["stages_ms"].values()), abs=0.01)
    assert 0 < field["red_cells"] <= field["cells"]
    assert measured[0]["slides"]["an_hour"] > 0


def test_verdict_names_every_reason(measured: tuple[dict[str, Any], str]) -> None:
    reasons = "; ".join(measured[0]["verdict"]["reasons"])
    for reason in ("powersave", "too few runs: 50", "not valid by the SingleStream rules"):
        assert reason in reasons
    assert "under-voltage since boot, before this run" in measured[0]["verdict"]["notes"][0]


def test_page_is_whole_and_tells_the_verdict(measured: tuple[dict[str, Any], str]) -> None:
    record, page = measured
    assert "Not comparable" in page and "powersave" in page
    assert not re.search(r"(src|href)=|https?://|@import|url\(", page)
    assert page.count("<table>") >= 6 and "<svg" in page and 'name="viewport"' in page
    for model in record["models"]:
        assert model["sha256"] in page
    for word in ("slides an hour", "p99.9", "capture", "persist", "QUANTIZE", "RAPL", "LoadGen"):
        assert word in page
    assert "None" not in page and "undefined" not in page.lower()


def test_same_record_twice_claims_no_change(measured: tuple[dict[str, Any], str]) -> None:
    record = _comparable(measured[0])
    found = compare(record, record)
    assert (found.obstacles, found.differing, found.missing) == ((), (), ())
    assert {row.outcome for row in found.rows} == {NO_CHANGE}
    assert {row.ratio for row in found.rows} == {1.0}
    assert {row.unit for row in found.rows} == {"ms", "ratio"}


def test_change_is_claimed_where_intervals_part(measured: tuple[dict[str, Any], str]) -> None:
    first = _comparable(measured[0])
    second = _scaled(first, 2.0)
    (row,) = [one for one in compare(first, second).rows if one.what == "classifier"]
    assert row.outcome == "100.0 % slower"
    (back,) = [one for one in compare(second, first).rows if one.what == "classifier"]
    assert back.outcome == "50.0 % faster"


def test_no_change_is_claimed_of_records_that_are_not_comparable(
    measured: tuple[dict[str, Any], str],
) -> None:
    second = _scaled(measured[0], 2.0)
    found = compare(_comparable(measured[0]), second)
    assert "the second is not comparable because the governor is powersave" in found.obstacles[0]
    (row,) = [one for one in found.rows if one.what == "classifier"]
    assert row.outcome.startswith("no change can be claimed: records are not comparable")


def test_what_differs_is_named(measured: tuple[dict[str, Any], str]) -> None:
    first, second = _comparable(measured[0]), _comparable(measured[0])
    second["ran_on"]["bundle_sha256"] = "f" * 64
    second["machine"]["code_sha256"] = "e" * 64
    second["machine"]["kernel"] = "Linux 7.0"
    second["after"]["governors"] = ["performance"]
    second["models"][0]["sha256"] = "d" * 64
    second["models"].pop()
    found = compare(first, second)
    assert {one.what: one.second for one in found.differing} == {
        "bundle": "f" * 12,
        "code": "e" * 12,
        "kernel": "Linux 7.0",
        "governor": "performance",
        "file of malaria-cells-5": "d" * 12,
    }
    assert len(found.missing) == 2
    assert any(line.startswith("in one record alone: ") for line in comparison_lines(found))


def test_records_that_do_not_fit_are_refused(
    measured: tuple[dict[str, Any], str], tmp_path: Path
) -> None:
    other = copy.deepcopy(measured[0])
    other["batch"] = 8
    with pytest.raises(DataError, match="1 cells a call, the other 8"):
        compare(measured[0], other)
    del other["batch"]
    with pytest.raises(DataError, match="lacks 'batch'"):
        compare(measured[0], other)
    for text, message in (("{}", "schema None"), ("[", "is not JSON"), ('{"schema": 9}', "9")):
        (tmp_path / "other.json").write_text(text)
        with pytest.raises(DataError, match=message):
            read_record(tmp_path / "other.json")
    with pytest.raises(DataError, match="cannot be read"):
        read_record(tmp_path / "missing.json")


def test_compare_is_a_command(
    clinicscope: Run, measured: tuple[dict[str, Any], str], tmp_path: Path
) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(measured[0]))
    code, out, _ = clinicscope("bench", "compare", path, path)
    assert code == 0
    assert out.startswith("no change can be claimed: the first is not comparable because ")
    code, out, _ = clinicscope("bench", "compare", path, path, "--json")
    assert json.loads(out)["rows"]
    assert clinicscope("bench", "compare", path, tmp_path / "none.json")[0] == 3


def test_check_is_a_command(clinicscope: Run) -> None:
    model = SHIPPED / "malaria-cells.int8.onnx"
    code, out, err = clinicscope("bench", "check", model, "--runs", 20, "--rounds", 2)
    assert code == 0, err
    assert "ONNX Runtime, bound tensors" in out
    assert "agrees within noise" in out or "differs" in out


def test_text_has_the_models_first_and_ends_with_the_verdict(clinicscope: Run) -> None:
    code, out, err = clinicscope("bench", "--runs", 20, "--fields", 3)
    assert code == 0, err
    lines = out.strip().splitlines()
    assert lines[0].split()[:3] == ["model", "bytes", "median"]
    assert lines[1].startswith("malaria-cells-5 ")
    for word in ("field of", "slides an hour", "overhead of a call of 1:", "ran classifier:"):
        assert any(line.startswith(word) for line in lines), word
    assert any(line.startswith("verdict: not comparable because ") for line in lines)


def test_bench_of_another_camera_or_float_file_says_what_is_wrong(
    clinicscope: Run, tmp_path: Path
) -> None:
    words = ("bench", "--runs", 20, "--fields", 3)
    code, _, err = clinicscope(*words, "--camera", "nonesuch")
    assert code == 4 and "no camera 'nonesuch'" in err
    code, _, err = clinicscope(*words, "--float", tmp_path / "missing.onnx")
    assert code == 3 and "missing.onnx cannot be opened" in err


def test_slides_an_hour_are_of_the_protocols_cells() -> None:
    field = FieldTime(
        60, 50, {"decode": 10.0, "infer": 70.0}, 80.0, Interval(80, 79, 81),
        {"capture": 500.0, "persist": 20.0}, "simulated",
    )  # fmt: skip
    found = slides_of(field, Protocol())
    # 5,000 cells of 50 a field: 100 fields of 80 + 20 ms.
    assert found is not None
    assert (found.fields, found.seconds, found.an_hour) == (100, 10.0, 360.0)
    real = slides_of(FieldTime(**vars(field) | {"camera": "opencv"}), Protocol())
    assert real is not None and real.seconds == 60.0
    assert slides_of(FieldTime(**vars(field) | {"red_cells": 0}), Protocol()) is None


def _comparable(record: dict[str, Any]) -> dict[str, Any]:
    """The record as a quiet machine would have given it."""
    found = copy.deepcopy(record)
    found["verdict"] = {"comparable": True, "reasons": [], "notes": []}
    return found


def _scaled(record: dict[str, Any], factor: float) -> dict[str, Any]:
    """All times of the first model multiplied."""
    found = copy.deepcopy(record)
    interval = found["models"][0]["median_interval"]
    found["models"][0]["median_interval"] = {
        name: value * factor for name, value in interval.items()
    }
    # Narrow in both, so that the factor parts them.
    for one in (record, found):
        middle = one["models"][0]["median_interval"]["value"]
        one["models"][0]["median_interval"] |= {"low": middle * 0.99, "high": middle * 1.01}
    return found
