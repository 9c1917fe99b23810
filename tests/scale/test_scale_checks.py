"""What the harnesses look at would be found: rows twice, other bytes, memory that grows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.scale.archives import IDS, differences, read_output
from tests.scale.costs import Costs, Sizing
from tests.scale.machines import Machine, two_machines
from tests.scale.memory import figures, slope
from tests.scale.speed import seconds_per_slide


def write_output(out: Path, slides: list[str]) -> Path:
    for table, ids in IDS.items():
        (out / "tables" / table).mkdir(parents=True)
        columns = {name: slides if name == "slide_id" else [0] * len(slides) for name in ids}
        pq.write_table(pa.table(columns), out / "tables" / table / "part-00000.parquet")
    (out / "parts" / "ab").mkdir(parents=True)
    for slide in slides:
        (out / "parts" / "ab" / f"{slide}.parquet").write_text(slide)
    return out


def test_the_same_output_has_no_differences(tmp_path: Path) -> None:
    one, other = (write_output(tmp_path / name, ["a", "b"]) for name in ("one", "other"))
    assert read_output(one).rows == {"slides": 2, "fields": 2, "cells": 2}
    assert differences(read_output(one), read_output(other)) == []
    assert read_output(one).sha256 == read_output(other).sha256


def test_rows_that_stand_twice_are_found(tmp_path: Path) -> None:
    wanted = read_output(write_output(tmp_path / "one", ["a", "b"]))
    found = differences(wanted, read_output(write_output(tmp_path / "other", ["a", "b", "b"])))
    assert "1 rows of slides stand twice" in found
    assert "1 rows of cells stand twice" in found
    assert found[-1].startswith("rows are {'slides': 3")


def test_other_bytes_and_files_are_found(tmp_path: Path) -> None:
    wanted = read_output(write_output(tmp_path / "one", ["a", "b"]))
    other = write_output(tmp_path / "other", ["a", "b"])
    (other / "parts" / "ab" / "a.parquet").write_text("A")
    (other / "parts" / "ab" / "b.parquet").rename(other / "parts" / "ab" / ".b.parquet.tmp")
    assert differences(wanted, read_output(other)) == [
        "parts/ab/a.parquet: differs",
        "parts/ab/b.parquet: is missing",
        "parts/ab/.b.parquet.tmp: nobody asked for it",
    ]


def test_memory_that_grows_is_found() -> None:
    assert slope([(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)]) == 2.0
    samples = [
        {"slides": at, "driver_mb": 100 + at, "workers_mb": 5.0, "others_mb": 1.0}
        for at in range(100)
    ]
    found = figures(samples, 100, 1_000_000)
    assert found["driver_first_mb"] == 120
    assert found["driver_growth_mb"] == 79
    assert found["driver_slope_mb_per_million_crops"] == pytest.approx(100)


def test_a_rate_leaves_the_start_out(tmp_path: Path) -> None:
    parts = tmp_path / "parts" / "ab"
    parts.mkdir(parents=True)
    for at in range(11):
        (parts / f"{at}.parquet").touch()
        os.utime(parts / f"{at}.parquet", (0, 0 if at == 0 else 1000 + 2 * at))
    assert seconds_per_slide(tmp_path) == 2.0


def test_on_paper_the_slower_of_two_counts() -> None:
    costs = Costs(0.1, 10.0, 0.01, 0.005, 100.0, 10.0, 10.0, 200.0)
    one, hundred = Sizing(costs, 1_000_000), Sizing(costs, 1_000_000, nodes=100)
    assert (one.bound, hundred.bound) == ("work", "driver")
    assert one.work_s == pytest.approx(1_000_000 * 0.1 / 16)
    assert hundred.total_s == pytest.approx(10 + 100 + 50 + 50)
    assert Sizing(costs, 1_000, nodes=10).work_s == pytest.approx(10), (
        "of 160 CPUs ten have a slide"
    )


def reaches(one: Machine, address: str) -> bool:
    code = f"import socket; socket.create_connection(({address!r}, 9), 1)"
    done = subprocess.run(
        one.words(sys.executable, "-c", code), capture_output=True, text=True, check=False
    )
    assert done.returncode
    # Where it is reached, nobody listens there.
    return "ConnectionRefusedError" in done.stderr


def test_a_machine_that_is_cut_off_is_not_reached() -> None:
    with two_machines() as (head, worker):
        assert reaches(head, worker.address) and reaches(worker, head.address)
        worker.cut_off()
        assert not reaches(head, worker.address) and not reaches(worker, head.address)
        assert reaches(worker, worker.address), "its own processes are not cut off"
        worker.connect()
        assert reaches(head, worker.address)
        (sleeper,) = worker.processes("sleep")
        assert Path(f"/proc/{sleeper}").exists()
    assert not Path(f"/proc/{sleeper}").exists()
