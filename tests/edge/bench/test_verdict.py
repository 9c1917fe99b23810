"""Every reason against comparing, tripped by what a machine really tells."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge.bench.agreement import FLOAT, GOLDEN, Agreement
from edge.bench.machine import Load, LoadMeter
from edge.bench.sensors import read_sensors
from edge.bench.single_stream import OFFICIAL, Rules, invalid, run_single_stream
from edge.bench.sustained import Sustained, Window, run_sustained
from edge.bench.verdict import Facts, judge
from edge.contract.types import RanOn
from tests.edge.bench.sensor_tree import write_file, write_pi

QUIET = Load(0.02, 0.0, 0.05, 3)
RAN_ON = RanOn("bundle-1", "0" * 64, "litert", "cpu-xnnpack", False, 1)
AGREED = Agreement(GOLDEN, "stored answers", 16, None, 0.0, None, None)


@pytest.fixture()
def facts(tmp_path: Path) -> Facts:
    """A quiet board at its highest clock, and a run of 1,000 calls."""
    sensors = read_sensors(write_pi(tmp_path))
    return Facts(1000, 0.0, 0.02, sensors, sensors, QUIET, RAN_ON, AGREED)


def test_quiet_board_is_comparable(facts: Facts) -> None:
    found = judge(facts)
    assert (found.comparable, found.reasons, found.notes) == (True, (), ())
    assert str(found) == "comparable"


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("1", "reports under-voltage during the run"),
        ("4", "reports throttled during the run"),
        ("20000", "has noted clock capped since the run began"),
    ],
)
def test_throttle_word_after_the_run_speaks_against_it(
    facts: Facts, tmp_path: Path, word: str, reason: str
) -> None:
    found = judge(replace(facts, after=read_sensors(write_pi(tmp_path, word=word))))
    assert not found.comparable
    assert reason in str(found)
    assert str(found).startswith("not comparable because the firmware ")


def test_what_was_throttled_before_the_run_is_a_note(facts: Facts, tmp_path: Path) -> None:
    sensors = read_sensors(write_pi(tmp_path, word="50000"))
    found = judge(replace(facts, before=sensors, after=sensors))
    assert found.comparable
    assert "noted under-voltage since boot, before this run" in found.notes[0]


def test_counted_throttling_speaks_against_it(facts: Facts) -> None:
    before = replace(facts.before, throttle_events=2)
    found = judge(replace(facts, before=before, after=replace(before, throttle_events=5)))
    assert found.because == "the processor was throttled 3 times during the run"


def test_other_governor_speaks_against_it(facts: Facts, tmp_path: Path) -> None:
    sensors = read_sensors(write_pi(tmp_path, governor="ondemand"))
    assert judge(replace(facts, after=sensors)).because == (
        "the governor is ondemand, not performance"
    )


def test_clock_below_its_highest_speaks_against_it(facts: Facts, tmp_path: Path) -> None:
    write_file(tmp_path, "sys/devices/system/cpu/cpu2/cpufreq/scaling_cur_freq", "1200000\n")
    found = judge(replace(facts, after=read_sensors(tmp_path)))
    assert found.because == "a core ran at 67 % of its highest clock at the end"


def test_warming_speaks_against_it(facts: Facts, tmp_path: Path) -> None:
    write_file(tmp_path, "sys/class/thermal/thermal_zone0/temp", "71000\n")
    found = judge(replace(facts, after=read_sensors(tmp_path)))
    assert found.because == "thermal drift: the machine became 23 °C warmer"


@pytest.fixture()
def busy() -> Iterator[None]:
    """Another process that takes a processor."""
    child = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        child.kill()
        child.wait()


@pytest.mark.skipif(not Path("/proc/stat").exists(), reason="only Linux tells its load")
def test_another_process_at_work_speaks_against_it(facts: Facts, busy: None) -> None:
    import time

    meter = LoadMeter()
    time.sleep(1.0)
    load = meter.stop()
    assert load.others_cores is not None and load.others_cores > 0.15
    found = judge(replace(facts, load=load))
    assert found.because.startswith("load of the machine: other processes took ")


def test_few_runs_drift_and_unsteadiness_speak_against_it(facts: Facts) -> None:
    found = judge(replace(facts, runs=50, drift=0.12, unsteadiness=0.4))
    assert found.reasons == (
        "too few runs: 50, at least 300 are needed",
        "drift: calls were 12 % slower at the end than at the start",
        "unsteady: medians of the blocks span 40 %",
    )
    assert "12 % faster" in judge(replace(facts, drift=-0.12)).because


def test_fallback_speaks_against_it_and_says_why(facts: Facts) -> None:
    fallen = replace(RAN_ON, fallback=True, fallback_why="edgetpu: no device")
    found = judge(replace(facts, ran_on=fallen))
    assert found.because == "fallback: litert/cpu-xnnpack stood in (edgetpu: no device)"


def test_integers_that_call_otherwise_speak_against_it(facts: Facts) -> None:
    apart = Agreement(FLOAT, "parent.tflite", 200, 0.4, 2.0, 0.91, True)
    found = judge(replace(facts, agreement=apart))
    assert found.because == "INT8 and float call only 91.0 % of the cells alike"


def test_slowing_and_throttling_while_sustained_speak_against_it(facts: Facts) -> None:
    windows = (
        Window(1, 9, 1.0, 1.1, 50, 1800, ()),
        Window(2, 9, 1.3, 1.4, 80, 1500, ("throttled",)),
    )
    found = judge(replace(facts, sustained=Sustained("cells", 2, 1.0, 1.3, 0.3, windows)))
    assert found.reasons == (
        "thermal drift: 30 % slower once warm than at the start",
        "the firmware reports throttled while sustained",
    )


def test_what_is_not_told_is_noted(facts: Facts, tmp_path: Path) -> None:
    nothing = read_sensors(tmp_path / "empty")
    found = judge(replace(facts, before=nothing, after=nothing, load=Load(None, None, None, 0)))
    assert found.comparable
    assert found.notes == tuple(
        f"this machine tells no {what}"
        for what in ("temperature", "clock", "governor", "throttling", "load")
    )


def test_single_stream_meets_its_rules_and_short_runs_are_not_valid(facts: Facts) -> None:
    asked: list[int] = []
    samples = [lambda at=at: asked.append(at) for at in range(3)]
    found = run_single_stream(samples, Rules(min_queries=50, min_s=0.01))
    assert found.queries == len(asked) >= 50 and found.seconds >= 0.01
    assert asked[:4] == [0, 1, 2, 0]
    assert found.spread.min <= found.p90_ms <= found.spread.max
    judged = judge(replace(facts, single_stream=found))
    assert judged.because.startswith("not valid by the SingleStream rules: ")
    assert "1,024 and 600 s" in judged.because


@pytest.mark.parametrize(
    ("queries", "seconds", "valid"),
    [(1024, 600.0, True), (1023, 700.0, False), (5_000_000, 599.0, False)],
)
def test_official_rules_want_both_queries_and_time(
    queries: int, seconds: float, valid: bool
) -> None:
    assert (OFFICIAL.min_queries, OFFICIAL.min_s) == (1024, 600)
    assert (invalid(queries, seconds) == "") is valid


def test_p90_is_the_latency_that_nine_in_ten_stay_below(monkeypatch: pytest.MonkeyPatch) -> None:
    import itertools

    took = itertools.cycle(range(1, 11))
    monkeypatch.setattr("edge.bench.single_stream.timed_ms", lambda call: float(next(took)))
    assert run_single_stream([lambda: None], Rules(10, 0)).p90_ms == 9


def test_sustained_work_is_seen_window_by_window(tmp_path: Path) -> None:
    write_pi(tmp_path)
    calls: list[int] = []

    def call() -> None:
        calls.append(1)
        # A busy machine makes few calls in the time.
        heat = 40_000 + 10_000 * min(len(calls), 3)
        write_file(tmp_path, "sys/class/thermal/thermal_zone0/temp", f"{heat}\n")

    told: list[float] = []
    found = run_sustained("heating", call, 0.2, tmp_path, 4, told.append)
    assert len(found.windows) == len(told) == 4
    assert sum(window.calls for window in found.windows) == len(calls)
    assert found.windows[-1].temperature_c == 70
    assert found.windows[0].clock_mhz == 1800
    assert found.burst_ms == found.windows[0].median_ms
    assert found.seconds >= 0.2
