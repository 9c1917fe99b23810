"""A matrix of records: measured in processes of their own, gone on with, and laid side by side."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge.bench.compare import NO_CHANGE
from edge.bench.matrix import Combination, Effort, Measured, combine, measure_all, measure_one
from edge.bench.matrix_table import Matrix, matrix_lines, tabulate
from edge.bench.page import render_matrix
from edge.cli import main
from edge.contract.errors import BundleError, DataError
from edge.engine import Done, Engine
from tests.conftest import SHIPPED

Run = Callable[..., tuple[int, str, str]]
XRAYS = SHIPPED.parent / "cxr-pneumonia-1"
EFFORT = Effort(20, 3)
CELLS = Combination("/nowhere", "malaria-cells-5", "c" * 64, "malaria-cells", "litert", 1)


def words(folder: Path, *more: object) -> list[str]:
    given = ("bench", "matrix", "--bundle", XRAYS, "--runs", 20, "--out", folder / "records", *more)
    return [str(word) for word in given]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], str]:
    """One combination that runs and one that cannot: the folder, the table and the page."""
    folder = tmp_path_factory.mktemp("matrix")
    more = ("--runtime", "litert", "--runtime", "nonesuch", "--threads", 2)
    out = ("--json", folder / "m.json", "--html", folder / "m.html")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLINICSCOPE_HOME", str(folder / "home"))
        assert main(words(folder, *more, *out)) == 0
    return folder, json.loads((folder / "m.json").read_text()), (folder / "m.html").read_text()


@pytest.fixture()
def record(made: tuple[Path, dict[str, Any], str]) -> dict[str, Any]:
    """A record of a quiet machine."""
    (path,) = (made[0] / "records").iterdir()
    found = json.loads(path.read_text())
    found["verdict"] = {"comparable": True, "reasons": [], "notes": []}
    return dict(found)


def test_each_combination_is_a_record_or_has_a_reason(
    made: tuple[Path, dict[str, Any], str],
) -> None:
    folder, table, page = made
    ((row,),) = [machine["rows"] for machine in table["machines"]]
    assert (row["bundle_id"], row["asked"], row["ran"]) == (
        "cxr-pneumonia-1", "litert, 2 threads", "litert/cpu-xnnpack",
    )  # fmt: skip
    assert row["median_ms"]["low"] <= row["median_ms"]["value"] <= row["median_ms"]["high"]
    assert row["no_field"] == "takes no fields of a smear"
    assert "too few runs: 25" in row["verdict"]
    (missing,) = table["missing"]
    assert missing["asked"] == "nonesuch, 2 threads"
    assert "nonesuch: unknown; this program knows litert" in missing["why"]
    kept = json.loads((folder / "records" / row["file"]).read_text())
    assert kept["ran_on"]["threads"] == 2
    for word in (row["file"], row["ran"], "nonesuch: unknown", "the first of cxr-pneumonia here"):
        assert word in page
    assert not re.search(r"(src|href)=|https?://|@import|url\(", page)
    assert "None" not in page and "undefined" not in page.lower()


def test_record_is_one_that_compare_takes(
    clinicscope: Run, made: tuple[Path, dict[str, Any], str]
) -> None:
    (path,) = (made[0] / "records").iterdir()
    code, out, err = clinicscope("bench", "compare", path, path)
    assert code == 0, err
    assert "classifier, ms" in out


def test_what_is_there_is_not_measured_again(
    clinicscope: Run, made: tuple[Path, dict[str, Any], str]
) -> None:
    folder, table, _ = made
    (path,) = (folder / "records").iterdir()
    before = path.stat().st_mtime_ns
    code, out, err = clinicscope(*words(folder, "--runtime", "litert", "--threads", 2))
    assert code == 0
    assert path.name in err
    assert path.stat().st_mtime_ns == before
    (row,) = table["machines"][0]["rows"]
    assert f"{row['median_ms']['value']:.4f} ms a call" in out


def test_nothing_that_can_be_measured_is_an_error(clinicscope: Run, tmp_path: Path) -> None:
    code, _, err = clinicscope(*words(tmp_path, "--runtime", "nonesuch"))
    assert code == 3
    assert "nothing was measured: cxr-pneumonia-1, nonesuch, 1 thread: no runtime opened" in err
    code, _, err = clinicscope("bench", "matrix", "--bundle", tmp_path / "no", "--out", tmp_path)
    assert code == 3


def test_bundle_that_is_another_on_a_machine_is_not_measured() -> None:
    (one,) = combine([XRAYS], [], [1])
    with pytest.raises(
        DataError, match=r"is another bundle \(.*\) than where the matrix was asked"
    ):
        measure_one(EFFORT, replace(one, bundle_sha256="e" * 64))
    with pytest.raises(BundleError):
        measure_one(EFFORT, replace(one, path="/nowhere"))


def test_combinations_come_in_the_order_given_and_once() -> None:
    found = combine([XRAYS, SHIPPED, XRAYS], ["onnx", "litert", "onnx"], [2, 1])
    assert [(one.bundle_id, one.runtime, one.threads) for one in found] == [
        (bundle, runtime, threads)
        for bundle in ("cxr-pneumonia-1", "malaria-cells-5")
        for runtime in ("onnx", "litert")
        for threads in (2, 1)
    ]
    assert [one.runtime for one in combine([XRAYS], [], [1])] == [""]


class _Cluster(Engine):
    """Two machines of four CPUs, the second piece first; notes what a piece takes."""

    name = "cluster"
    cpus = 8
    node_cpus = 4

    def __init__(self, record: dict[str, Any]) -> None:
        self.record, self.asked = record, [0]

    def run(self, task: Any, items: Sequence[Any], *, cpus: int = 1) -> Iterator[Done[Any]]:
        self.asked.append(cpus)
        for index in reversed(range(len(items))):
            if items[index].threads == 3:
                yield Done(index, error=DataError("three is not to be had"))
            else:
                yield Done(index, value=self.record)

    stream = run  # type: ignore[assignment]


def test_each_takes_a_whole_machine_and_is_kept_as_it_comes(
    record: dict[str, Any], tmp_path: Path
) -> None:
    engine, told = _Cluster(record), list[Measured]()
    asked = [replace(CELLS, threads=threads) for threads in (1, 2, 3)]
    found = measure_all(engine, asked, EFFORT, tmp_path, told.append)
    assert engine.asked[-1] == engine.node_cpus
    assert [one.combination for one in found] == asked
    assert [one.combination.threads for one in told] == [3, 2, 1]
    assert [one.why for one in found] == ["", "", "three is not to be had"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(one.file for one in found[:2])
    # Another effort, or another bundle of that name, is another record.
    others = [measure_all(engine, asked[:1], Effort(50, 3), tmp_path)[0]]
    others += measure_all(engine, [replace(asked[0], bundle_sha256="d" * 64)], EFFORT, tmp_path)
    assert len({one.file for one in (found[0], *others)}) == 3


def test_ratios_are_within_a_machine_and_a_task(record: dict[str, Any]) -> None:
    slow, elsewhere = _scaled(record, 2.0), copy.deepcopy(record)
    elsewhere["node"] = "another"
    stages = replace(CELLS, task="malaria-stages", bundle_id="malaria-stages-1")
    table = tabulate(
        [
            Measured(CELLS, "a", _scaled(record, 1.0)),
            Measured(stages, "b", record),
            Measured(replace(CELLS, threads=2), "c", elsewhere),
            Measured(replace(CELLS, runtime="onnx"), "d", slow),
            Measured(replace(CELLS, threads=4), "e", _scaled(record, 1.0)),
        ],
        EFFORT,
    )
    here, there = table.machines
    assert [row.file for row in here.rows] == ["a", "b", "d", "e"]
    assert [row.file for row in there.rows] == ["c"]
    first, other_task, onnx, same = here.rows
    assert first.network is other_task.network is there.rows[0].network is None
    assert onnx.network is not None and same.network is not None
    assert (onnx.network.ratio, onnx.network.outcome) == (2.0, "100.0 % slower")
    assert same.network.outcome == NO_CHANGE
    lines = "\n".join(matrix_lines(table))
    assert "x2.000  100.0 % slower" in lines
    assert lines.endswith("records of different machines, or code, are not compared")
    assert "Records of different machines, or code, are not compared" in render_matrix(table)


def test_no_ratio_is_claimed_of_a_busy_machine(record: dict[str, Any]) -> None:
    busy = _scaled(record, 2.0)
    busy["verdict"] = {"comparable": False, "reasons": ["load of the machine"], "notes": []}
    table: Matrix = tabulate(
        [Measured(CELLS, "a", record), Measured(replace(CELLS, threads=2), "b", busy)], EFFORT
    )
    (first, second) = table.machines[0].rows
    assert second.network is not None
    assert "no change can be claimed" in second.network.outcome
    assert (first.verdict, second.verdict) == (
        "comparable", "not comparable because load of the machine",
    )  # fmt: skip


def _scaled(record: dict[str, Any], factor: float) -> dict[str, Any]:
    """All times of the network multiplied, and narrow."""
    found = copy.deepcopy(record)
    (interval,) = [model["median_interval"] for model in found["models"]]
    value = interval["value"] * factor
    interval |= {"value": value, "low": value * 0.99, "high": value * 1.01}
    return found
